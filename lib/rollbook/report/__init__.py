"""
The report: (Run) → Report → Markdown, HTML, JSON; and a runbook as a checklist for hand execution.

Renderers are imported when they are first asked for: a plan needs none of them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .account import Report
    from .checklist import to_checklist
    from .html import html_pieces, to_html
    from .json import json_pieces, to_json
    from .markdown import markdown_pieces, to_markdown
    from .model import report_of

__all__ = [
    "Report",
    "html_pieces",
    "json_pieces",
    "markdown_pieces",
    "report_of",
    "to_checklist",
    "to_html",
    "to_json",
    "to_markdown",
]

_PLACES: Final = {
    "Report": "account",
    "html_pieces": "html",
    "json_pieces": "json",
    "markdown_pieces": "markdown",
    "report_of": "model",
    "to_checklist": "checklist",
    "to_html": "html",
    "to_json": "json",
    "to_markdown": "markdown",
}


def __getattr__(name: str) -> object:
    if name not in _PLACES:
        raise AttributeError(name)
    return getattr(import_module(f".{_PLACES[name]}", __name__), name)
