"""Who is typing: the account of the process, not what its environment says."""

import os
import pwd
import socket
from pathlib import Path


def operator() -> str:
    """
    Name who is typing, as `user@host`: the account of the process, whatever the environment says.

    For root, who stands behind sudo is taken from the login (or, where none is kept, from SUDO_USER,
    which root alone could forge): `ada as root@host`.
    """
    user = account(os.getuid())
    behind = _login() or os.environ.get("SUDO_USER", "") if os.getuid() == 0 else ""
    who = f"{behind} as {user}" if behind and behind != user else user
    return f"{who}@{socket.gethostname()}"


def account(number: int) -> str:
    """Name the account with this number; `uid1234` where it has no name."""
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"uid{number}"


def _login() -> str:
    """Name the account that logged in, which sudo and su do not change; empty where the kernel keeps none."""
    try:
        number = int(Path("/proc/self/loginuid").read_text())
    except (OSError, ValueError):
        return ""
    return "" if number in (0, 2**32 - 1) else account(number)
