"""Cells as COPY writes them: they are compared and passed on as they are, and read only to be shown."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

NULL: Final = b"\\N"

Cells = tuple[bytes, ...]

_ESCAPED: Final = re.compile(rb"\\(.)", re.DOTALL)
_MEANT: Final = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}


def cells(line: bytes | bytearray | memoryview) -> Cells:
    """Take a line of COPY's text apart."""
    return tuple(bytes(line)[:-1].split(b"\t"))


def line(row: Sequence[bytes]) -> bytes:
    """Put a line of COPY's text together."""
    return b"\t".join(row) + b"\n"


def value(cell: bytes) -> str | None:
    """Read one cell; None is SQL's NULL."""
    if cell == NULL:
        return None
    return _ESCAPED.sub(lambda found: _MEANT.get(found[1], found[1]), cell).decode()


def values(names: Sequence[str], row: Sequence[bytes] | None) -> Mapping[str, str | None] | None:
    """Read a row; names beyond its end are left out."""
    return None if row is None else {name: value(cell) for name, cell in zip(names, row, strict=False)}
