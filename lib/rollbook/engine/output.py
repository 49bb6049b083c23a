"""The file of a step's output: its beginning and its end, so that no command can fill the disk."""

import hashlib
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from ..beside import make_folder

HEAD: Final = 32 << 20
"""Bytes that a step's file takes as they come."""

END: Final = 8 << 20
"""Bytes that are kept of an attempt's end where the beginning is full."""

_PIECE: Final = 1 << 20
_FLAGS: Final = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW


class OutputFile:
    """
    Takes the output of one attempt, behind that of earlier ones (0600, made when the first byte comes).

    Past *head* bytes the output goes to two files beside it in turn, at most twice *end* bytes; `close` puts the last
    *end* bytes of them behind a line that says how many were left out. A process that was killed leaves both
    files there: `.older.log` and `.newer.log`, and the next attempt takes them in.
    """

    def __init__(self, path: Path, *, head: int = HEAD, end: int = END) -> None:
        self.path = path
        self._head = head
        self._end = end
        self._file = -1
        self._room = 0
        self._spill = -1
        self._spilt = 0
        self._over = 0
        self._digest = hashlib.sha256()
        self.size = 0

    @property
    def sha256(self) -> str:
        """The hash of what the file keeps of this attempt, *size* bytes."""
        return self._digest.hexdigest()

    @property
    def _older(self) -> Path:
        return self.path.with_suffix(".older.log")

    @property
    def _newer(self) -> Path:
        return self.path.with_suffix(".newer.log")

    def write(self, chunk: bytes) -> None:
        """Add *chunk*. Raises OSError."""
        if self._file < 0:
            self._open()
        if self._room:
            self._keep(chunk[: self._room])
            chunk, self._room = chunk[self._room :], max(0, self._room - len(chunk))
        self._over += len(chunk)
        while chunk:
            chunk = self._spilling(chunk)

    def close(self) -> None:
        """Put the end in its place; may be called twice. Raises OSError and leaves what is there."""
        if self._file < 0:
            return
        try:
            if self._over:
                self._take_in(self._over)
        finally:
            for file in (self._file, self._spill):
                if file >= 0:
                    os.close(file)
            self._file = self._spill = -1

    def _open(self) -> None:
        make_folder(self.path.parent)
        self._file = os.open(self.path, _FLAGS, 0o600)
        if self._older.exists() or self._newer.exists():
            self._take_in(None)  # whoever wrote them was killed
            self._digest, self.size = hashlib.sha256(), 0
        self._room = max(0, self._head - os.fstat(self._file).st_size)

    def _keep(self, chunk: bytes) -> None:
        _write_all(self._file, chunk)
        self._digest.update(chunk)
        self.size += len(chunk)

    def _spilling(self, chunk: bytes) -> bytes:
        """Put what fits into the newer file; give the rest."""
        if self._spill >= 0 and self._spilt >= self._end:
            os.close(self._spill)
            self._spill, self._spilt = -1, 0
            self._newer.replace(self._older)
        if self._spill < 0:
            self._spill = os.open(self._newer, _FLAGS, 0o600)
        part = chunk[: self._end - self._spilt]
        _write_all(self._spill, part)
        self._spilt += len(part)
        return chunk[len(part) :]

    def _take_in(self, over: int | None) -> None:
        """Put the end of the two files behind the beginning; *over* bytes came past it, None where nobody knows."""
        sizes = [path.stat().st_size if path.exists() else 0 for path in (self._older, self._newer)]
        left_out = max(0, sum(sizes) - self._end)
        missing = None if over is None else over - sum(sizes) + left_out
        if missing is None:
            self._keep(b"\n[rollbook: some bytes may be left out here: the process was killed]\n")
        elif missing:
            self._keep(f"\n[rollbook: {missing} bytes are left out here]\n".encode())
        for path, size in zip((self._older, self._newer), sizes, strict=True):
            if size > left_out:
                self._take_from(path, left_out)
            left_out = max(0, left_out - size)
        for path in (self._older, self._newer):
            with suppress(FileNotFoundError):
                path.unlink()

    def _take_from(self, path: Path, start: int) -> None:
        with path.open("rb") as file:
            file.seek(start)
            while piece := file.read(_PIECE):
                self._keep(piece)


def _write_all(file: int, chunk: bytes) -> None:
    view = memoryview(chunk)
    while view:
        view = view[os.write(file, view) :]
