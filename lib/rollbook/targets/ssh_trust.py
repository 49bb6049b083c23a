"""Which host keys are believed: those pinned or known, and no others."""

import base64
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import TargetError, Unreachable

if TYPE_CHECKING:
    from paramiko import PKey, SSHClient

_SYSTEM = "/etc/ssh/ssh_known_hosts"


def fingerprint(key: "PKey") -> str:
    """Give a host key's fingerprint as ssh prints it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key.asbytes()).digest()).decode().rstrip("=")


def trust(name: str, client: "SSHClient", known_hosts: tuple[str, ...], pinned: str | None, host: str) -> None:
    """Make *client* believe the pinned key, or else the known_hosts files (the user's and the system's by default)."""
    client.set_missing_host_key_policy(_policy(name))
    client.get_host_keys().clear()
    if pinned is not None:
        _pin(name, client, pinned, host)
        return
    for path in known_hosts or (str(Path.home() / ".ssh" / "known_hosts"), _SYSTEM):
        place = Path(path).expanduser()
        if place.is_file():
            client.load_system_host_keys(str(place))
        elif known_hosts:
            raise TargetError(f"{name}: there is no {place}", advice="Correct known_hosts: of the target.")


def _pin(name: str, client: "SSHClient", pinned: str, host: str) -> None:
    from paramiko import PKey, SSHException, UnknownKeyType

    kind, _, rest = pinned.strip().partition(" ")
    try:
        key = PKey.from_type_string(kind, base64.b64decode(rest.split()[0], validate=True))
    except (ValueError, IndexError, SSHException, UnknownKeyType) as error:
        raise TargetError(
            f"{name}: host_key is no public host key",
            advice="Write it as in /etc/ssh/ssh_host_ed25519_key.pub of the host: ssh-ed25519 AAAA…",
        ) from error
    client.get_host_keys().add(host, kind, key)


def _policy(name: str) -> Any:  # noqa: ANN401  # paramiko has no types
    from paramiko import MissingHostKeyPolicy

    class Refusing(MissingHostKeyPolicy):  # type: ignore[misc]  # paramiko has no types
        """Refuses a host that is not known, and says how to get to know it."""

        def missing_host_key(self, client: object, hostname: str, key: "PKey") -> None:  # noqa: ARG002
            raise unknown_host(name, hostname, key)

    return Refusing()


def unknown_host(name: str, hostname: str, key: "PKey") -> Unreachable:
    """Make the error for a host whose key nobody vouched for."""
    host, _, port = hostname.strip("[").partition("]:")
    scan = f"ssh-keyscan -p {port} {host}" if port else f"ssh-keyscan {host}"
    return Unreachable(
        f"{name}: {hostname} is not a known host; it shows {key.get_name()} {fingerprint(key)}",
        advice=f"Get its key with `{scan} >> ~/.ssh/known_hosts` and compare the fingerprint with the one that its "
        "owner, or its console (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub), tells you. "
        "Or pin it: host_key: in the inventory.",
    )


def changed_key(name: str, hostname: str, got: "PKey", wanted: "PKey") -> Unreachable:
    """Make the error for a host that shows another key than it did."""
    return Unreachable(
        f"{name}: {hostname} shows another host key ({fingerprint(got)}) than is known ({fingerprint(wanted)})",
        advice="Either the host was set up anew, or somebody stands between. Ask its owner before you change anything.",
    )
