"""Files of rows, packed and sealed as they are written, with how many they are and their sum."""

import os
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import IO, Final, Self

from ...errors import TargetError
from ...snapshots.manifest import Sealed
from .sealing import opening, sealing

_PIECE: Final = 1 << 18
_UNPACKED: Final = 1 << 20
_LEVEL: Final = 1  # a tenth more room than gzip's own, at a third of the time
_GZIP: Final = zlib.MAX_WBITS | 16


class RowSum:
    """Counts rows and adds them up, in whatever order they come: the first eight bytes of each one's SHA-256."""

    __slots__ = ("_sum", "rows")

    def __init__(self) -> None:
        self.rows = 0
        self._sum = 0

    def add(self, rows: Sequence[bytes]) -> None:
        """Count rows; many at once, for what is done for each takes longer than its hash."""
        self.rows += len(rows)
        digests = b"".join([sha256(row).digest() for row in rows])
        self._sum += sum(struct.unpack(f">{4 * len(rows)}Q", digests)[::4])

    @property
    def sum(self) -> str:
        """The sum, as sixteen hexadecimal digits."""
        return shown_sum(self._sum)


def shown_sum(total: int) -> str:
    """Write a sum as sixteen hexadecimal digits, whatever has run over."""
    return f"{total & 0xFFFF_FFFF_FFFF_FFFF:016x}"


def batched(rows: Iterable[bytes], size: int = _PIECE, count: int = 1 << 20) -> Iterator[list[bytes]]:
    """Give rows together, until they are *count* or have *size* bytes: few long ones, so that memory stays bounded."""
    some: list[bytes] = []
    filled = 0
    for row in rows:
        some.append(row)
        filled += len(row)
        if filled >= size or len(some) >= count:
            yield some
            some, filled = [], 0
    if some:
        yield some


@contextmanager
def packed(path: Path, recipient: str) -> Iterator["Packer"]:
    """Give a file that packs what is written to it, and seals it; on disk, and for its owner only, when left."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb", buffering=_PIECE) as file:
        if recipient:
            with sealing(recipient, file) as stream, Packer(stream) as packer:
                yield packer
        else:
            with Packer(file) as packer:
                yield packer
        file.flush()
        os.fsync(file.fileno())


class Packer:
    """Writes pieces to a stream, as gzip."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._packing = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)

    def __enter__(self) -> Self:
        return self

    def write(self, piece: bytes) -> None:
        """Write one piece."""
        self._stream.write(self._packing.compress(piece))

    def rows(self, rows: Iterable[bytes]) -> Iterator[RowSum]:
        """Write rows, and give their sum so far after each that ends a piece; the last one is of all."""
        found = RowSum()
        for some in batched(rows):
            found.add(some)
            self.write(b"".join(some))
            yield found
        yield found

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._stream.write(self._packing.flush())


@contextmanager
def unpacked(path: Path, sealed: Sealed, identity: str) -> Iterator[Iterator[bytes]]:
    """Give the pieces of a file's content. Raises `TargetError` where it is damaged or cut off."""
    with path.open("rb") as file:
        if sealed:
            with opening(sealed, file, identity) as stream:
                yield _pieces(path, stream)
        else:
            yield _pieces(path, file)


def _pieces(path: Path, stream: IO[bytes]) -> Iterator[bytes]:
    unpacking = zlib.decompressobj(_GZIP)
    try:
        while piece := stream.read(_PIECE):
            # A thousand times as much may come of it, so it is taken in parts.
            while found := unpacking.decompress(piece, _UNPACKED):
                yield found
                piece = unpacking.unconsumed_tail
    except zlib.error as error:
        raise TargetError(f"{path} is damaged: {error}", advice="Take another copy of the snapshot.") from error
    if not unpacking.eof or unpacking.unused_data:
        what = "goes on after its end" if unpacking.eof else "is cut off"
        raise TargetError(f"{path} {what}", advice="Take another copy of the snapshot.")


def lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Give the lines of pieces, each with its end."""
    begun: list[bytes] = []  # of a line, which may go over many pieces
    for piece in pieces:
        first, *others = piece.split(b"\n")
        begun.append(first)
        if not others:
            continue
        yield b"".join([*begun, b"\n"])
        *whole, last = others
        for line in whole:
            yield line + b"\n"
        begun = [last]
    if rest := b"".join(begun):
        yield rest
