"""Lengths of time, sizes and columns of both, as people read them."""

from collections.abc import Iterator, Sequence
from typing import Final

_UNITS: Final = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
_SIZES: Final = ("B", "KiB", "MiB", "GiB", "TiB")


def aligned(cells: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield lines in whose columns the cells stand below each other."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        yield "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()


def span(length: str | float) -> str:
    """Print a length of time in its two largest units."""
    if isinstance(length, str):
        return length
    seconds = round(length)
    parts = []
    for unit, many in _UNITS:
        count, seconds = divmod(seconds, many)
        parts += [f"{count} {unit}"] if count else []
    return " ".join(parts[:2]) or "0 s"


def size(count: str | int) -> str:
    """Print a number of bytes."""
    if isinstance(count, str):
        return count
    amount, units = float(count), iter(_SIZES)
    unit = next(units)
    while amount >= 1024 and unit != _SIZES[-1]:
        amount, unit = amount / 1024, next(units)
    return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
