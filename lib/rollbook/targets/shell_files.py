"""The files of a host that is reached by commands only: POSIX sh, and stat and sha256sum of GNU or busybox."""

import stat
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from ..errors import TargetError
from .absence import ABSENCE, ABSENT
from .base import FileStat, Owner
from .hosts import too_large
from .local_files import kind_of
from .process import Launch, Sink

_SECONDS: Final = 300.0

_THERE: Final = ABSENCE + '[ -e "$1" ] || [ -L "$1" ] || absent -- "$1"\n'
_LED_TO: Final = ABSENCE + '[ -e "$1" ] || absent -L -- "$1"\n'
_STAT: Final = _THERE + 'exec stat -c "%f %s %Y %u:%g %U:%G" -- "$1"'
_READ: Final = _LED_TO + 'exec head -c "$2" < "$1"'
_HASH: Final = _LED_TO + 'exec sha256sum < "$1"'
_NAMES: Final = (
    _LED_TO
    + """\
[ -d "$1" ] || exit 44
if ! [ -r "$1" ] || ! [ -x "$1" ]; then echo 'Permission denied' >&2; exit 1; fi
cd -- "$1" || exit
for name in * .[!.]* ..?*; do
  if [ -e "$name" ] || [ -L "$name" ]; then printf '%s\\000' "$name"; fi
done
"""
)
_REMOVE: Final = """\
if [ -d "$1" ] && ! [ -L "$1" ]; then echo "$1 is a folder" >&2; exit 1; fi
rm -f -- "$1"
"""
# A copy that a lost connection cut off is never renamed: its size is compared first. `set -C` follows no link there.
_PLACE: Final = """\
set -e
place=$1 mode=$2 size=$3 source=$4 owner=$5 required=$6
if [ -d "$place" ]; then echo "$place is a folder" >&2; exit 1; fi
folder=$(dirname -- "$place")
mkdir -p -- "$folder"
new=$folder/.$(basename -- "$place").$$.new
rm -f -- "$new"
trap 'rm -f -- "$new"' EXIT
(umask 077; set -C; if [ -n "$source" ]; then cat < "$source"; else cat; fi > "$new")
if [ -n "$source" ]; then size=$(wc -c < "$source"); fi
if [ "$(wc -c < "$new")" -ne "$size" ]; then echo "only part of it arrived" >&2; exit 1; fi
if [ -z "$mode" ]; then mode=$(stat -c %a -- "$source"); fi
if [ -n "$owner" ] && ! chown "$owner" "$new" 2>/dev/null; then
  if [ -n "$required" ]; then
    echo "only root may give it to $owner, if that is an account there; nothing was changed" >&2; exit 1
  fi
  chgrp "${owner#*:}" "$new" 2>/dev/null || true
  echo kept
fi
chmod "$mode" "$new"
sync "$new" 2>/dev/null || sync
mv -f -- "$new" "$place"
sync "$folder" 2>/dev/null || sync
trap - EXIT
"""


class _Collected:
    """Keeps raw output."""

    def __init__(self) -> None:
        self.out = bytearray()
        self.errors = bytearray()

    def stdout(self, chunk: bytes) -> None:
        self.out += chunk

    def stderr(self, chunk: bytes) -> None:
        self.errors += chunk


def _named(numbers: str, names: str) -> str:
    """Give user:group by name, and what has none by its number: `stat` calls that UNKNOWN."""
    pairs = zip(names.split(":"), numbers.split(":"), strict=True)
    return ":".join(number if name == "UNKNOWN" else name for name, number in pairs)


def _asked(owner: Owner | None) -> tuple[str, str]:
    return (owner.name, "required" if owner.required else "") if owner else ("", "")


class ShellFiles:
    """Reads and writes files through commands; *launch* runs them, *safe* takes secrets out of messages."""

    def __init__(self, launch: Callable[[Launch, Sink], int], safe: Callable[[object], str]) -> None:
        self._launch = launch
        self._safe = safe

    def _run(self, what: str, script: str, *arguments: str, stdin: bytes | None = None) -> bytes | None:
        collected = _Collected()
        argv = ("sh", "-c", script, "sh", *arguments)
        exited = self._launch(Launch(argv, stdin=stdin, timeout=_SECONDS), collected)
        if exited == ABSENT:
            return None
        if exited:
            said = self._safe(collected.errors.decode(errors="replace"))
            raise TargetError(
                f"cannot {what} {arguments[0]}: {said or f'exit code {exited}'}",
                advice="Look at the path, its owner and the space left.",
            )
        return bytes(collected.out)

    def stat(self, path: str) -> FileStat | None:
        """Look at a path without following a link; None when nothing is there."""
        found = self._run("look at", _STAT, path)
        if found is None:
            return None
        mode, size, modified, numbers, names = found.decode().split(maxsplit=4)
        bits = int(mode, 16)
        at = datetime.fromtimestamp(int(modified), UTC)
        return FileStat(kind_of(bits), int(size), f"{stat.S_IMODE(bits):04o}", at, _named(numbers, names.strip()))

    def read(self, path: str, limit: int) -> bytes | None:
        """Read a file; None when it is not there. Raises `TargetError` above *limit* bytes."""
        content = self._run("read", _READ, path, str(limit + 1))
        if content is not None and len(content) > limit:
            raise too_large(path, limit)
        return content

    def sha256(self, path: str) -> str | None:
        """Hash a file where it is; None when it is not there."""
        found = self._run("read", _HASH, path)
        return None if found is None else found.decode().split()[0]

    def names(self, path: str) -> tuple[str, ...]:
        """Name what a folder holds, sorted; nothing when it is not there."""
        found = self._run("list", _NAMES, path)
        return tuple(sorted(name.decode(errors="surrogateescape") for name in (found or b"").split(b"\0") if name))

    def write(self, path: str, content: bytes, mode: str, owner: Owner | None = None) -> bool:
        """Put a file in place: written beside, fsynced, renamed; parents are made. None leaves it to its writer."""
        return not self._run("write", _PLACE, path, mode, str(len(content)), "", *_asked(owner), stdin=content)

    def copy(self, source: str, path: str, mode: str | None, owner: Owner | None = None) -> bool:
        """Copy a file: written beside, fsynced, renamed; None keeps the source's mode, and leaves it to its writer."""
        return not self._run(f"copy {source} to", _PLACE, path, mode or "", "0", source, *_asked(owner))

    def remove(self, path: str) -> None:
        """Remove a file; one that is gone already is fine. Never a folder."""
        self._run("remove", _REMOVE, path)
