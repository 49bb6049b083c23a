"""Plain text inside Markdown: whatever it holds, it stays text, and stays readable."""

import re
from functools import lru_cache
from typing import Final

from .wording import visible

# An underscore between letters, a lone ampersand and a > inside a line mean nothing in Markdown:
# they are left alone, for many people read the file as it is.
_SPECIAL: Final = r"[\\`*\[\]<|~$]|(?<![^\W_])_|_(?![^\W_])|&(?=[#\w]+;)|:(?=//)|(?i:(?<=www)\.)"
_SUSPECT: Final = frozenset("\\`*[]<|~$_&:")
_SPLITTING: Final = frozenset("|\\`")
_REMEMBERED: Final = 256  # texts: names, kinds and states come again at every step
_OPENING: Final = r"^([-+#=>])"
_NUMBERED: Final = r"^(\d+)([.)])"


@lru_cache(maxsize=_REMEMBERED)
def text(value: str) -> str:
    """Write *value* on one line, for the middle of a line or a table's cell."""
    return _special(" ".join(visible(value).split()))


def item(value: str) -> str:
    """Write *value* on one line, for the beginning of a line or of a list's item."""
    return _opening(text(value))


def quote(value: str) -> str:
    """Write *value*, which may have many lines, as a block quote that keeps them."""
    lines = [_quoted(line) for line in visible(value).strip("\n").split("\n")]
    ends = ["  " if line and after else "" for line, after in zip(lines, (*lines[1:], ""), strict=True)]
    return "\n".join(f"> {line}{end}" if line else ">" for line, end in zip(lines, ends, strict=True))


@lru_cache(maxsize=_REMEMBERED)
def code(value: str) -> str:
    """Write *value* on one line as code; in a table use `cell`."""
    line = " ".join(visible(value).split()) or " "
    fence = "`" * (_longest(line) + 1)
    pad = " " if "`" in (line[0], line[-1]) else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def cell(value: str) -> str:
    """Write *value* in a table's cell: as code where no reader can split the cell there."""
    return text(value) if not value.strip() or not _SPLITTING.isdisjoint(value) else code(value)


def block(value: str) -> str:
    """Write *value* as a fenced block that it cannot break out of."""
    content = visible(value).rstrip("\n")
    fence = "`" * max(_longest(content) + 1, 3)
    return f"{fence}text\n{content}\n{fence}"


def row(*cells: str) -> str:
    """Write a table's row of cells that are Markdown already."""
    return f"| {' | '.join(cells)} |"


def table(*head: str) -> list[str]:
    """Write a table's head."""
    return [row(*head), row(*("---" for _ in head))]


def _quoted(line: str) -> str:
    bare = line.strip(" \t")
    indent = "\u00a0" * len(line[: len(line) - len(line.lstrip(" \t"))].expandtabs(4)) if bare else ""
    return indent + _opening(_special(bare))


def _special(line: str) -> str:
    # Most lines hold nothing that could be special, and a look is cheaper than a search.
    if _SUSPECT.isdisjoint(line) and "www." not in line.lower():
        return line
    return re.sub(_SPECIAL, r"\\\g<0>", line)


def _opening(line: str) -> str:
    return re.sub(_NUMBERED, r"\1\\\2", re.sub(_OPENING, r"\\\1", line))


def _longest(content: str) -> int:
    return max(map(len, re.findall("`+", content)), default=0) if "`" in content else 0
