"""A keyboard on which the answers were typed beforehand."""

from collections.abc import Iterator

from rollbook.cli.keyboard import Keyboard
from rollbook.cli.screen import Screen


def hands(*typed: str | None) -> Keyboard:
    """Give a keyboard that types these lines, None for Ctrl-D; it fails when asked for more."""
    lines: Iterator[str | None] = iter(typed)

    def read(_: str) -> str:
        line = next(lines)
        if line is None:
            raise EOFError
        return line

    return Keyboard(Screen(), read=read)
