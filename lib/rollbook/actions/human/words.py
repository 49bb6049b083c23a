"""The words that people may answer with."""

import json
from typing import Final

from ...values import Plain

YES: Final = frozenset({"yes", "y", "true"})
NO: Final = frozenset({"no", "n", "false"})
DONE: Final = frozenset({"done", "yes", "y", "ok", "true"})
FAILED: Final = frozenset({"failed", "not done", "no", "n", "false"})


def plain_word(text: str) -> str:
    """Take the blanks and capitals out of an answer."""
    return " ".join(text.split()).casefold()


def yes_or_no(text: str) -> bool:
    """Read a yes or no; raises ValueError saying that these are accepted."""
    word = plain_word(text)
    if word in YES:
        return True
    if word in NO:
        return False
    raise ValueError("answer yes or no")


def as_data(text: str) -> Plain:
    """Read an answer that is a mapping or a list written as JSON; None where it is none."""
    try:
        return json.loads(text) if text.lstrip()[:1] in ("{", "[") else None
    except (ValueError, RecursionError):
        return None


def check_text(text: str) -> None:
    """Raise ValueError when a question asks nothing."""
    if not text.strip():
        raise ValueError("text: expected what people are to read")
