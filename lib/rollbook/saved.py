"""What backups and snapshots have in common: a path that names one, and the refusal of one that is damaged."""

from collections.abc import Sequence


def check_saved_path(field: str, path: str) -> None:
    """Raise `ValueError` for what a program would take for an option, or for nothing."""
    if not path or path.startswith("-"):
        raise ValueError(f"{field}: expected a path")


def refuse_damaged(path: str, problems: Sequence[str]) -> str | None:
    """Say why the one at *path* cannot bring anything back; None where it has no problems."""
    return f"{path} is not to be relied on: {'; '.join(problems)}." if problems else None
