"""One choice for each of several things, as people type it: one for all, or THING=CHOICE with commas between."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from ...values import Plain
from .words import plain_word

_OTHERS: Final = "others"


def assigned(text: str, things: Sequence[str], choose: Callable[[str], Plain]) -> dict[str, Plain]:
    """
    Give the choice for each of *things*, which *choose* reads.

    A thing is named by its number, by all of it, or by words that it has, which may name several. Raises ValueError.
    """
    parts = [part for part in re.split(r"[,;\n]", text) if part.strip()]
    if not any("=" in part for part in parts):
        return dict.fromkeys(things, choose(text))
    found: dict[str, Plain] = {}
    for part in sorted(parts, key=_is_others):
        name, _, word = part.rpartition("=")
        value = choose(word)
        named = [one for one in things if one not in found] if _is_others(part) else list(_named(name, things))
        found.update(dict.fromkeys(named, value))
    missing = [one for one in things if one not in found]
    if missing:
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        raise ValueError(f"nothing is said of {', '.join(missing[:5])}{more}; {_OTHERS}=… is for all that are left")
    return {one: found[one] for one in things}


def _is_others(part: str) -> bool:
    return plain_word(part.rpartition("=")[0]) == _OTHERS


def _named(name: str, things: Sequence[str]) -> Iterator[str]:
    word = plain_word(name)
    same = [one for one in things if plain_word(one) == word]
    if not same and word.isdecimal() and 1 <= int(word) <= len(things):
        same = [things[int(word) - 1]]
    words = set(word.split())
    same = same or [one for one in things if words and words <= set(plain_word(one).split())]
    if not same:
        raise ValueError(f"{name.strip()!r} is none of what is asked about")
    yield from same
