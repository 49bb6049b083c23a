"""The script that is sent into a Django site."""

from pathlib import Path
from typing import Final

_IMPORT: Final = "from .teller import Step, Teller, is_own\n"


def inside() -> str:
    """Give it as one text, with what makes it answer."""
    teller, text = ((Path(__file__).parent / name).read_text(encoding="utf-8") for name in ("teller.py", "inside.py"))
    before, after = text.split(_IMPORT)
    return f"{teller}\n{before}\n{after}\nmain(given, answer)\n"
