"""The script that is sent into a Django site."""

from pathlib import Path


def inside() -> str:
    """Give it, with what makes it answer."""
    text = (Path(__file__).parent / "inside.py").read_text(encoding="utf-8")
    return f"{text}\nmain(given, answer)\n"
