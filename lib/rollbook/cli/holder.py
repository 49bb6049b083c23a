"""Whether a process carries a run out at this moment, and which."""

import fcntl
import os

from ..journal import held_still
from ..runs import RunFolder


def require_free(folder: RunFolder) -> None:
    """Raise `LockHeld` when somebody carries the run out."""
    with held_still(folder.journal):
        pass


def holder_of(folder: RunFolder) -> str:
    """
    Say who carries the run out, empty when nobody does.

    Only looks: unlike opening the journal, it writes nothing and repairs nothing.
    """
    try:
        file = os.open(folder.journal, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        told = folder.path / "holder"
        return (told.read_text(errors="replace").strip() if told.exists() else "") or "another process"
    finally:
        os.close(file)
    return ""
