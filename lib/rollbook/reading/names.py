"""Names out of a closed set, and what was probably meant by one that is not in it."""

from collections.abc import Collection

from ..schema import Problems
from ..source.document import Path


def nearest_of(name: str, known: Collection[str]) -> str:
    """End a sentence about an unknown *name*: with what was meant, or with what there is."""
    from difflib import get_close_matches  # only mistakes need it

    if near := get_close_matches(name, list(known), n=1, cutoff=0.6):
        return f"; did you mean {near[0]!r}?"
    return f"; there is {', '.join(sorted(known)[:12])}" if known else ""


def check_kind(kind: str, known: Collection[str], path: Path, problems: Problems) -> bool:
    """Check that *kind* is one of the kinds of target."""
    if kind in known:
        return True
    problems.add(path, f"there is no kind of target {kind!r}{nearest_of(kind, known)}")
    return False
