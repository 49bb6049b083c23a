"""What a command prints: redacted, shown as it comes, its end and a bounded part of it kept."""

import hashlib
from collections.abc import Callable
from typing import Final

from ..ops import OutputRecord
from .redaction import Redactor

TAIL: Final = 4096


class CommandOutput:
    """
    Collects the output of one command.

    *show* gets redacted bytes as they come. Of each stream the first *keep* bytes are kept; *cut* names those that had
    more. With *hidden* nothing is shown or kept.
    """

    __slots__ = ("_digest", "_hidden", "_keep", "_show", "_streams", "_tail", "cut", "errors", "kept", "size")

    def __init__(
        self, redactor: Redactor, show: Callable[[bytes], None] | None = None, *, keep: int, hidden: bool = False
    ) -> None:
        self._streams = (redactor.stream(), redactor.stream())
        self._show = show
        self._keep = keep
        self._hidden = hidden
        self._digest = hashlib.sha256()
        self._tail = b""
        self.kept = bytearray()
        self.errors = bytearray()
        self.size = 0
        self.cut: set[str] = set()

    def stdout(self, chunk: bytes) -> None:
        """Take a chunk of stdout."""
        self._take(self._streams[0].feed(chunk), self.kept)

    def stderr(self, chunk: bytes) -> None:
        """Take a chunk of stderr."""
        self._take(self._streams[1].feed(chunk), self.errors)

    def end(self) -> None:
        """Take what redaction still held back."""
        self._take(self._streams[0].end(), self.kept)
        self._take(self._streams[1].end(), self.errors)

    def _take(self, shown: bytes, kept: bytearray) -> None:
        if not shown or self._hidden:
            return
        room = self._keep - len(kept)
        kept += shown[:room] if room > 0 else b""
        if len(shown) > room:
            self.cut.add("stdout" if kept is self.kept else "stderr")
        self.size += len(shown)
        self._digest.update(shown)
        self._tail = (self._tail + shown)[-TAIL:]
        if self._show is not None:
            self._show(shown)

    @property
    def tail(self) -> str:
        """The last 4 KiB of both streams, redacted."""
        return self._tail.decode(errors="replace")

    def record(self) -> OutputRecord | None:
        """Describe the output, None when there was none; the engine fills in the path."""
        if not self.size:
            return None
        return OutputRecord(path="", size=self.size, sha256=self._digest.hexdigest(), tail=self.tail)
