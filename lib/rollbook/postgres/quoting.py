"""Follows what is quoted in SQL, as psql follows it: within texts, names, dollar quotes and comments nothing counts."""

import re
from collections.abc import Iterator
from typing import Final

# What opens a quote, ends a statement or begins a command for psql; a dollar needs to stand apart from a name.
_SPECIAL: Final = re.compile(rb"""['"\\;]|--|/\*|(?<![\w$\x80-\xff])\$(?:[^\W\d]\w*)?\$""")
_COMMENT: Final = re.compile(rb"/\*|\*/")


class Quoting:
    """Takes SQL in line by line; *inside* is what ends the quote that the next line begins in, empty outside of one."""

    def __init__(self) -> None:
        self.inside = b""
        self._escapes = False  # a backslash in it takes the next letter's meaning away
        self._depth = 0

    def follow(self, line: bytes) -> Iterator[tuple[int, int]]:
        """
        Take in a line, and give where each part of it that is not quoted begins and ends.

        At its end stands what opens a quote, a semicolon, or a backslash: a command for psql, which takes the rest
        of the line. The line is taken in only when the last part has been asked for.
        """
        at = 0
        while at < len(line):
            if self.inside:
                at = self._close(line, at)
                continue
            found = _SPECIAL.search(line, at)
            if found is None:
                yield at, len(line)
                return
            yield at, found.start()
            if found[0] in (b"--", b"\\"):
                return
            if found[0] != b";":
                self._open(line, found)
            at = found.end()

    def _open(self, line: bytes, found: re.Match[bytes]) -> None:
        self.inside, self._depth = (b"*/" if found[0] == b"/*" else found[0]), 1
        before = line[max(0, found.start() - 2) : found.start()]
        self._escapes = found[0] == b"'" and before[-1:] in (b"e", b"E") and not _joined(before)

    def _close(self, line: bytes, at: int) -> int:
        if self.inside == b"*/":
            return self._close_comment(line, at)
        end = line.find(self.inside, at)
        if self._escapes and 0 <= (escape := line.find(b"\\", at)) < (end if end >= 0 else len(line)):
            return escape + 2
        if end < 0:
            return len(line)
        # A doubled quote closes and opens again, which comes to the same; but what opens again has the old escapes.
        if self._escapes and line[end + 1 : end + 2] == b"'":
            return end + 2
        at, self.inside = end + len(self.inside), b""
        return at

    def _close_comment(self, line: bytes, at: int) -> int:
        found = _COMMENT.search(line, at)  # they nest
        if found is None:
            return len(line)
        self._depth += 1 if found[0] == b"/*" else -1
        self.inside = b"*/" if self._depth else b""
        return found.end()


def _joined(before: bytes) -> bool:
    """Tell whether the E before a quote is the end of a longer name, after which a quote opens an ordinary text."""
    return len(before) == 2 and (before[:1].isalnum() or before[:1] in b"_$" or before[0] > 127)
