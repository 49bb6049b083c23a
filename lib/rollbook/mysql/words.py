"""Takes what SHOW CREATE TABLE writes apart, minding its quotes and parentheses."""

import re
from typing import Final

_PART: Final = re.compile(
    r"""
    (?P<space>\s+) | (?P<quoted>'(?:[^'\\]|''|\\.)*' | "(?:[^"\\]|""|\\.)*" | `(?:[^`]|``)*`)
    | (?P<open>\() | (?P<close>\)) | (?P<other>[^\s'"`()]+)
    """,
    re.VERBOSE | re.DOTALL,
)
_NAME: Final = re.compile(r"`((?:[^`]|``)*)`")


def words(text: str) -> tuple[str, ...]:
    """Part *text* at blanks that are neither quoted nor within parentheses."""
    found: list[str] = []
    depth, begun = 0, False
    for part in _PART.finditer(text):
        if part["space"] and not depth:
            begun = False
            continue
        if not begun:
            found.append("")
            begun = True
        found[-1] += part[0]
        depth += 1 if part["open"] else -1 if part["close"] else 0
    return tuple(found)


def names(text: str) -> tuple[str, ...]:
    """Give the quoted names in *text*, in their order."""
    return tuple(one.replace("``", "`") for one in _NAME.findall(text))


def lines(create: str) -> tuple[str, ...]:
    """Give what stands between the parentheses of a CREATE TABLE, one column, key or constraint each."""
    _, *body = create.split("\n")
    return tuple(line.strip().removesuffix(",") for line in body if line.startswith("  "))


def options(create: str) -> str:
    """Give what follows the parenthesis at the end of a CREATE TABLE, partitions included."""
    at = create.rindex("\n)")
    return create[at + 2 :].strip()
