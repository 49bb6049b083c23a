"""Files of lines that appear only when they are complete, with their size and checksum."""

import hashlib
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from ..beside import make_folder, written_beside
from ..errors import TargetError


class LinesFile:
    """A file that is written line by line beside *path*, mode 0600, and renamed to it when left without an error."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._digest = hashlib.sha256()
        self._stack = ExitStack()
        self.lines = 0
        self.size = 0

    def __enter__(self) -> Self:
        try:
            make_folder(self._path.parent)
            self._file: IO[bytes] = self._stack.enter_context(written_beside(self._path, 0o600))
        except OSError as error:
            raise self._refused(error) from error
        return self

    def add(self, line: str) -> None:
        """Write one line."""
        self.write(line.encode() + b"\n")
        self.lines += 1

    def write(self, content: bytes) -> None:
        """Write a piece, whatever lines it is made of; they are not counted."""
        try:
            self._file.write(content)
        except OSError as error:
            raise self._refused(error) from error
        self._digest.update(content)
        self.size += len(content)

    @property
    def sha256(self) -> str:
        """The checksum of what was written."""
        return self._digest.hexdigest()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._stack.__exit__(kind, error, trace)
        except OSError as failure:
            raise self._refused(failure) from failure

    def _refused(self, error: OSError) -> TargetError:
        return TargetError(
            f"cannot write {self._path}: {error.strerror or error}", advice="Look at the folder and the space left."
        )
