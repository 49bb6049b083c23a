"""Who is typing: the account of the process, not what its environment says."""

import os
import pwd
from pathlib import Path


def operator() -> str:
    """
    Name who is typing, as `user@host`: the account of the process, whatever the environment says.

    Who logged in, as the kernel keeps it, stands before it: `ada as root@host`. SUDO_USER is shown where
    there is no such record, and counts for nothing: `root (sudo from ada)@host`.
    """
    user, login, behind = account(os.getuid()), _login(), os.environ.get("SUDO_USER", "")
    if login and login != user:
        user = f"{login} as {user}"
    elif behind and behind != user and not login:
        user = f"{user} (sudo from {behind})"
    return f"{user}@{os.uname().nodename}"


def told_apart() -> bool:
    """Tell whether the kernel keeps who logged in, so that people who go by sudo into one account are known."""
    return bool(_login())


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
