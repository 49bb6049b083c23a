"""Writes down which rows and cells a recovery put into tables that were there, so that its undo takes out no others."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ...beside import make_folder
from ...errors import TargetError

_BLOCK: Final = 1 << 16


def _whole(path: Path) -> int:
    """Give the length of a file up to the end of its last whole line; its beginning is not read again each time."""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        while end:
            start = max(end - _BLOCK, 0)
            file.seek(start)
            if (found := file.read(end - start).rfind(b"\n")) >= 0:
                return start + found + 1
            end = start
    return 0


def still_in(folder: str, parts: Iterable[str]) -> tuple[str, ...]:
    """Name those of *parts* into which something was put that nobody took out again."""
    return tuple(part for part in parts if next(PutIn(folder, part).lines(), None) is not None)


class PutIn:
    """
    The keys of what was put into one table or column, as COPY writes them, in a file of a recovery's folder.

    They are written before they are committed: a key in it that never was is looked for and not found.
    """

    def __init__(self, folder: str, what: str) -> None:
        safe = "".join(letter if letter.isalnum() or letter in "._-" else "_" for letter in what)
        self.path = Path(folder) / f"put-in-{safe[:150]}"

    @contextmanager
    def adding(self) -> Iterator[Callable[[bytes], object]]:
        """Give what adds lines; they are on the disk when the block ends. For its owner only."""
        try:
            make_folder(self.path.parent)
            opened = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        except OSError as error:
            raise TargetError(
                f"cannot write {self.path}: {error.strerror}", advice="Look at the folder and the space left."
            ) from error
        with os.fdopen(opened, "ab") as file:
            file.truncate(_whole(self.path))  # a line that was torn was not committed
            yield file.write
            file.flush()
            os.fsync(file.fileno())

    def lines(self) -> Iterator[bytes]:
        """Give the keys, some of them maybe twice; none where nothing was put in."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            yield from (line for line in file if line.endswith(b"\n"))

    def clear(self) -> None:
        """Forget what was taken out again."""
        self.path.unlink(missing_ok=True)
