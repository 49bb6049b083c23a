"""The systemd journal of a host from a cursor onwards."""

from typing import Final

from ...errors import StepFailed, TargetError
from ...targets.base import HostReader

_MOST: Final = 6_000_000
_SECONDS: Final = 120.0
_CURSOR: Final = "-- cursor: "


def cursor_of(host: HostReader) -> str:
    """Note where the journal ends now; empty where it holds nothing yet."""
    last = _journalctl(host, "--lines=1", "--show-cursor", "--output=cat").splitlines()
    return next((line.removeprefix(_CURSOR) for line in reversed(last) if line.startswith(_CURSOR)), "")


def lines_since(host: HostReader, unit: str, cursor: str) -> str:
    """Read what a unit said since *cursor*. Raises `StepFailed` where that is more than can be looked through."""
    after = (f"--after-cursor={cursor}",) if cursor else ()
    text = _journalctl(host, f"--unit={unit}", "--output=short-iso", *after)
    if len(text) >= _MOST:
        raise StepFailed(
            f"{host.name}: {unit} wrote more than {_MOST // 1_000_000} MB to the journal since the mark.",
            advice="Set the mark later, or have it write to a file.",
        )
    return text


def _journalctl(host: HostReader, *arguments: str) -> str:
    script = 'most=$1; shift; command -v journalctl >/dev/null || exit 127; journalctl "$@" | head -c "$most"'
    argv = ("sh", "-c", script, "sh", str(_MOST), "--quiet", "--no-pager", *arguments)
    result = host.run(argv, timeout=_SECONDS)
    if result.exited or result.stderr.strip():
        said = result.stderr.strip()[-500:] or "there is no journalctl"
        raise TargetError(
            f"{host.name}: the journal cannot be read: {said}",
            advice="Does it run systemd, and is the account in the group systemd-journal?",
        )
    return result.stdout
