r"""
How programs write a text where they escape it: JSON, HTML, XML, URLs, shells, SQL, CSV, Python and C.

A program escapes what its own rules name, so that one text is written in many mixtures: Go's JSON has `\u003c` for `<`
and leaves `'`, PHP's and .NET's the other way round. So each character is known with all of its spellings.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain, groupby
from typing import Final, Self, TypeAlias

from ..dataclass import dataclass

Unit: TypeAlias = tuple[bytes, ...]
"""The spellings of one character, or of several that nobody escapes; the longest first."""

_NESTED: Final = (1, 2, 3, 4, 7)  # backslashes: JSON in JSON doubles them, and puts one more before a quote
_SHORT: Final = {"\n": "n", "\r": "r", "\t": "t", "\b": "b", "\f": "f", "\v": "v", "\0": "0", "\a": "a", "\x1b": "e"}
_NAMED: Final = {"&": "amp", "<": "lt", ">": "gt", '"': "quot", "'": "apos", "\xa0": "nbsp"}
_QUOTES: Final = {"'": ("''", "'\\''", "'\"'\"'", "\\'\\'"), '"': ('""', '"\'"\'"')}


@dataclass(frozen=True, slots=True)
class Written:
    """
    A text as it may be written: its *units* one after the other. No way of writing does without the *anchor*.

    *longest* are the bytes that it may take; *plain* is the first unit that nobody escapes, and within *reach* bytes.
    """

    units: tuple[Unit, ...]
    anchor: bytes
    longest: int
    plain: bytes
    reach: int

    @classmethod
    def of(cls, value: str) -> Self:
        """Know a text, which is not empty."""
        found: list[Unit] = []
        for plain, run in groupby(value, key=lambda one: one.isascii() and one.isalnum()):
            part = "".join(run)
            found += [(part.encode(),)] if plain else [_spellings(char) for char in part]
        return cls.of_units(*found)

    @classmethod
    def of_units(cls, *found: Unit) -> Self:
        """Know a sequence of spellings."""
        anchor = max((unit[0] for unit in found if len(unit) == 1), key=len, default=b"")
        place = next((place for place, unit in enumerate(found) if len(unit) == 1), None)
        lengths = [len(unit[0]) for unit in found]
        plain = b"" if place is None else found[place][0]
        return cls(found, anchor, sum(lengths), plain, sum(lengths if place is None else lengths[: place + 1]))

    def find(self, content: bytes) -> Iterator[tuple[int, int]]:
        """Give where it stands, from and to."""
        if self.anchor in content:
            yield from (match.span() for match in _pattern(self.units).finditer(content))

    def begun(self, content: bytes) -> int:
        """Give the length of the longest end of *content* with which it may begin, but which is not all of it."""
        window = content[-(self.longest - 1) :] if self.longest > 1 else b""
        if self.plain not in window:  # as in a table of dashes, where a key may begin at each of them
            window = window[-self.reach :]
        cut = max(0, len(window) - len(self.units[0][0]) + 1)  # from here on its first unit may be cut off
        whole, head = _beginning(self.units[0])
        places = chain(whole.finditer(window), head.finditer(window, cut))
        found = (place.start() for place in places if _may_go_on(window, place.start(), self.units))
        return len(window) - next(found, len(window))


@lru_cache(maxsize=4096)
def _pattern(units: Sequence[Unit]) -> re.Pattern[bytes]:
    """Compile it when it is needed, which is where an anchor was found."""
    parts = (re.escape(one[0]) if len(one) == 1 else b"(?:%b)" % b"|".join(map(re.escape, one)) for one in units)
    return re.compile(b"".join(parts))


@lru_cache(maxsize=4096)
def _beginning(unit: Unit) -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
    """Find each place where a unit stands, also within another; and each where it may begin."""
    spellings, heads = b"|".join(map(re.escape, unit)), bytes({spelling[0] for spelling in unit})
    return re.compile(b"(?=%b)" % spellings), re.compile(b"[%b]" % re.escape(heads))


def _may_go_on(window: bytes, start: int, units: Sequence[Unit]) -> bool:
    """Tell whether *window* ends within the units, by way of any spellings."""
    places = {start}
    for unit in units:
        if any(_cut_off(unit, window[at:]) for at in places if len(window) - at < len(unit[0])):
            return True
        places = {at + len(spelling) for at in places for spelling in unit if window.startswith(spelling, at)}
        if not places:
            return False
    return False


def _cut_off(unit: Unit, rest: bytes) -> bool:
    return any(len(rest) < len(spelling) and spelling.startswith(rest) for spelling in unit)


@lru_cache(maxsize=4096)
def _spellings(char: str) -> Unit:
    raw = _bytes(char)
    found = {raw, *_backslashed(char), *_percent(raw), *_entities(char)}
    found.update(quotes.encode() for quotes in _QUOTES.get(char, ()))
    if char == "\n":
        found |= {b"\r\n", *_percent(b"\r\n")}
    if char == " ":
        found.add(b"+")
    found.update(_bytes(twice) for once in _usual(char) for twice in _again(once))
    return tuple(sorted(found, key=lambda spelling: (-len(spelling), spelling)))


def _usual(char: str) -> Iterator[str]:
    """Give the ways of one character that are often escaped once more: a page in JSON, JSON in an address."""
    from urllib.parse import quote

    code = ord(char)
    yield from _QUOTES.get(char, ())
    yield from ("".join(form % half for half in _halves(char)) for form in ("\\u%04x", "\\u%04X"))
    yield from (f"\\{char}", f"&#{code};", f"&#x{code:x};", f"&#x{code:X};")
    yield from (f"&{_NAMED[char]};",) if char in _NAMED else ()
    yield from (f"\\{_SHORT[char]}",) if char in _SHORT else ()
    yield quote(char, safe="", errors="surrogateescape")


def _again(text: str) -> Iterator[str]:
    """Escape a text as JSON of two makes, HTML, an address and CSV do."""
    # Not imported before there is a secret.
    from html import escape
    from urllib.parse import quote

    quoted = json.dumps(text, ensure_ascii=False)[1:-1]
    marked = escape(text, quote=False).replace('"', "&quot;")
    yield quoted
    yield "".join(f"\\u{ord(one):04x}" if one in "<>&" else one for one in quoted)
    yield "".join(f"\\u{ord(one):04X}" if not one.isalnum() and one not in "#;%\\" else one for one in quoted)
    yield from (marked, marked.replace("'", "&#x27;"), marked.replace("'", "&#39;").replace("&quot;", "&#34;"))
    yield quote(text, safe="", errors="surrogateescape")
    yield text.replace('"', '""')


def _backslashed(char: str) -> Iterator[bytes]:
    """Give JSON's, Python's, C's and shells' ways; of a backslash, as often as it was doubled."""
    code = ord(char)
    words = [f"u{code:04x}", f"U{code:08x}", f"x{code:02x}", f"u{{{code:x}}}"]
    words += [char] if char != "\\" else []
    words += [_SHORT[char]] if char in _SHORT else []
    for slashes in _NESTED:
        before = b"\\" * slashes
        if char == "\\":
            yield before
        for word in words:
            yield before + _bytes(word)
            yield before + _bytes(word[:1] + word[1:].upper())
        for form, parts in _BY_PARTS:
            yield b"".join(before + (form % part).encode() for part in parts(char))


def _bytes(char: str) -> bytes:
    return char.encode("utf-8", "surrogateescape")


def _halves(char: str) -> tuple[int, ...]:
    """Give the two words of UTF-16 that JSON writes for what lies beyond U+FFFF."""
    words = char.encode("utf-16-be", "surrogatepass")
    return tuple(int.from_bytes(words[at : at + 2]) for at in range(0, len(words), 2))


# How a part is written, and what has the parts of a character.
_BY_PARTS: Final[tuple[tuple[str, Callable[[str], Iterable[int]]], ...]] = (
    ("x%02x", _bytes),
    ("x%02X", _bytes),
    ("%03o", _bytes),
    ("u%04x", _halves),
    ("u%04X", _halves),
)


def _percent(raw: bytes) -> Iterator[bytes]:
    for percent in ("%", "%25"):
        for form in ("%02X", "%02x"):
            yield "".join(percent + form % byte for byte in raw).encode()


def _entities(char: str) -> Iterator[bytes]:
    code = ord(char)
    words = [f"#{code}", f"#{code:02}", f"#{code:03}", f"#x{code:x}", f"#x{code:X}", f"#x{code:02x}", f"#x{code:02X}"]
    words += [f"#X{code:X}", *([_NAMED[char]] if char in _NAMED else [])]
    for ampersand in ("&", "&amp;"):
        yield from (f"{ampersand}{word};".encode() for word in words)
