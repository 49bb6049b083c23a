"""Where a value stands in a text, or would."""

import re
from typing import Final, Literal, TypeAlias

from ..dataclass import dataclass

Scalar: TypeAlias = str | int | float | bool | None
Format = Literal["env", "ini", "toml", "json", "yaml"]

_NAME: Final = re.compile(r'"([^"]+)"|([^."]+)')
_KEY: Final = re.compile(r'(?:"[^"]+"|[^."]+)(?:\.(?:"[^"]+"|[^."]+))*')


class Unfit(ValueError):  # named for what happened, as the errors are
    """The text is not as its format says, or holds at the key what cannot be edited; the message says what."""


class Shared(Unfit):
    """The text at the key counts at other keys too; *now* says what to do instead."""

    def __init__(self, message: str, now: str) -> None:
        super().__init__(message)
        self.now = now


@dataclass(frozen=True, slots=True)
class Place:
    """
    A span of a text: where the value stands, or with *there* False, where it is to be put in.

    *before* and *after* go around a value that is put in. *shared* is why nothing may be written there, where the
    text at the place counts at others too.
    """

    start: int
    end: int
    there: bool = True
    before: str = ""
    after: str = ""
    shared: Shared | None = None

    def filled(self, text: str, raw: str) -> str:
        """Give *text* with *raw* at the place, lines broken as in the text. Raises `Shared` where it is."""
        if self.shared:
            raise self.shared
        before, after = (_broken_as(text, part) for part in (self.before, self.after))
        return f"{text[: self.start]}{before}{raw}{after}{text[self.end :]}"


def _broken_as(text: str, part: str) -> str:
    returns = text.count("\r\n") * 2 > text.count("\n")
    return re.sub(r"(?<!\r)\n", "\r\n", part) if returns else part


def names_of(key: str) -> tuple[str, ...]:
    """Split a key into its names. Raises ValueError for what is no key."""
    if not _KEY.fullmatch(key):
        raise ValueError("expected names joined by dots")
    return tuple(quoted or plain for quoted, plain in _NAME.findall(key))


def end_of_line(text: str, at: int) -> int:
    """Give the end of the line in which *at* is, before its break."""
    found = text.find("\n", at)
    return len(text) if found < 0 else found - (text[found - 1 : found] == "\r")


def on_a_line_of_its_own(text: str, at: int, head: str) -> Place:
    """Give a place at *at*, the end of a line or of the text, for a line that begins with *head*."""
    if at >= len(text):
        broken = not text or text.endswith("\n")
        return Place(len(text), len(text), False, f"{'' if broken else chr(10)}{head}", "\n")
    return Place(at, at, False, f"\n{head}")
