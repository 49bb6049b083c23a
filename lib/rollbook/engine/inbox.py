"""What other processes tell a run: notes, answers and the wish to pause, as files that its holder takes in."""

import json
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, Literal

from ..beside import write_beside
from ..dataclass import dataclass
from ..errors import LockHeld, RefusedError
from ..journal import Journal, held_still, utc_now
from ..runs import RunFolder
from ..values import Plain

Kind = Literal["note", "answer", "pause"]
_TEXTS: Final[Mapping[str, tuple[str, ...]]] = {
    "note": ("section", "text", "by"),
    "answer": ("step", "text", "by", "reason"),
    "pause": ("by",),
}
_LARGEST: Final = 1_000_000  # bytes


@dataclass(frozen=True, slots=True)
class Message:
    """One file of the inbox."""

    kind: Kind
    content: Mapping[str, Plain]
    path: Path

    def done(self) -> None:
        """Remove it: what it says is in the journal."""
        self.path.unlink(missing_ok=True)


def put(folder: RunFolder, kind: Kind, content: Mapping[str, Plain]) -> None:
    """
    Leave a message: written beside, fsynced and renamed, so the holder never sees half of one.

    Raises `RefusedError` where it cannot be written.
    """
    name = f"{utc_now():%Y%m%dT%H%M%S%f}-{os.urandom(3).hex()}"
    try:
        folder.inbox.mkdir(mode=0o700, exist_ok=True)
        write_beside(folder.inbox / f"{name}.json", (json.dumps({"kind": kind, **content}).encode(),))
    except OSError as error:
        raise RefusedError(
            f"The {kind} could not be left for run {folder.id}, in {folder.inbox}: {error.strerror}.",
            advice="Nothing of it was kept. Make room there, or see to the folder's owner, and say it again.",
        ) from error


def take(inbox: Path) -> Iterator[Message]:
    """
    Yield a run's messages in order; each file is removed once its turn is over, so it is journalled before.

    An answer stays until its question took it, however many resumes later: see `Message.done`.
    """
    for message in _messages(inbox):
        yield message
        if message.kind != "answer":
            message.done()


def _messages(inbox: Path) -> Iterator[Message]:
    if not inbox.is_dir():
        return
    for path in sorted(inbox.glob("*.json")):
        message = _read(path)
        if message is None:
            path.rename(path.with_suffix(".unreadable"))
        else:
            yield message


def _read(path: Path) -> Message | None:
    """Read a message; None for what is none: no regular file of at most 1 MB, or without its texts."""
    try:
        if not stat.S_ISREG(path.lstat().st_mode) or path.lstat().st_size > _LARGEST:
            return None
        content = json.loads(path.read_bytes())
        kind = content.pop("kind")
        texts = {name: content.get(name, "") for name in _TEXTS[kind]}
    except (OSError, ValueError, KeyError, AttributeError, TypeError, RecursionError):
        return None
    if not all(isinstance(text, str) for text in texts.values()) or (kind == "answer" and not texts["step"]):
        return None
    return Message(kind, texts, path)


def put_note(folder: RunFolder, section: str, text: str, by: str) -> None:
    """Add a note to a run, whether or not somebody is carrying it out."""
    put(folder, "note", {"section": section, "text": text, "by": by})
    take_if_free(folder)


def put_answer(folder: RunFolder, address: str, text: str, by: str, reason: str = "") -> None:
    """Answer a question of a run; it is judged by whoever carries the run on."""
    put(folder, "answer", {"step": address, "text": text, "by": by, "reason": reason})


def put_pause(folder: RunFolder, by: str) -> None:
    """Ask whoever carries out the run to stop at the next step boundary. Raises `RefusedError` when nobody does."""
    if not held(folder):
        raise RefusedError(f"Run {folder.id} is not being carried out now.", advice="`status RUN` says where it is.")
    put(folder, "pause", {"by": by})


def held(folder: RunFolder) -> bool:
    """Tell whether a process is carrying out the run."""
    try:
        with held_still(folder.journal):
            return False
    except LockHeld:
        return True


def take_if_free(folder: RunFolder) -> None:
    """Take notes into the journal when nobody carries out the run; answers wait for `resume`."""
    try:
        with Journal(folder.journal) as journal:
            for message in _messages(folder.inbox):
                if message.kind == "note":
                    journal.append("note", **message.content)
                    message.done()
    except LockHeld:
        return
