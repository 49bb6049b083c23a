"""Rows of two sides told apart by key, in files of this machine: of 5,000,000 rows, some 40,000 are in memory."""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from tempfile import SpooledTemporaryFile
from types import TracebackType
from typing import IO, Final, NamedTuple, Self

_PARTS: Final = 128  # each is an open file, on both sides; one of them at a time is in memory
_IN_MEMORY: Final = 1 << 15  # bytes of a part before it goes to a file
_PENDING: Final = 250


class Tally(NamedTuple):
    """How many rows of the second side are new, differ from the first side's, or are missing."""

    added: int
    changed: int
    deleted: int


class Spill:
    """The keys of one side's rows, each with a hash of its row, parted by the key's hash; holds files until closed."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._parts = [self._part() for _ in range(_PARTS)]
        self._pending: list[list[bytes]] = [[] for _ in range(_PARTS)]
        self.rows = 0

    def _part(self) -> IO[bytes]:
        return self._stack.enter_context(SpooledTemporaryFile(_IN_MEMORY))

    def __enter__(self) -> Self:
        return self

    def add(self, key: bytes, digest: int) -> None:
        """Take in one row; *key* has no line end in it."""
        at = hash(key) % _PARTS
        pending = self._pending[at]
        pending.append(b"%x %s\n" % (digest & 0xFFFFFFFFFFFFFFFF, key))
        self.rows += 1
        if len(pending) == _PENDING:
            self._flush(at)

    def _flush(self, at: int) -> None:
        self._parts[at].write(b"".join(self._pending[at]))
        self._pending[at].clear()

    def parts(self) -> Iterator[Iterator[tuple[bytes, bytes]]]:
        """Give, part by part, each row's key and hash; once, at the end."""
        for at in range(_PARTS):
            self._flush(at)
            self._parts[at].seek(0)
            yield _records(self._parts[at])

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()


def _records(part: IO[bytes]) -> Iterator[tuple[bytes, bytes]]:
    for line in part:
        digest, _, key = line[:-1].partition(b" ")
        yield key, digest


def by_key(first: Spill, second: Spill) -> Tally:
    """Tell the rows apart by keys of which each side has every one once."""
    added = changed = deleted = 0
    for old, new in zip(first.parts(), second.parts(), strict=True):
        before = dict(old)
        for key, digest in new:
            found = before.pop(key, None)
            if found is None:
                added += 1
            elif found != digest:
                changed += 1
        deleted += len(before)
    return Tally(added, changed, deleted)


def by_row(first: Spill, second: Spill) -> Tally:
    """Count whole rows: one that changed is one deleted and one added."""
    added = deleted = 0
    for old, new in zip(first.parts(), second.parts(), strict=True):
        before, after = Counter(old), Counter(new)
        added += (after - before).total()
        deleted += (before - after).total()
    return Tally(added, 0, deleted)
