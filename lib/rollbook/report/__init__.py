"""The report: (Run) → Report → Markdown, HTML, JSON; and a runbook as a checklist for hand execution."""

from .account import Report
from .checklist import to_checklist
from .html import to_html
from .json import to_json
from .markdown import to_markdown
from .model import report_of

__all__ = ["Report", "report_of", "to_checklist", "to_html", "to_json", "to_markdown"]
