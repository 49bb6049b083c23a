"""
Lint: what a runbook or an inventory may say, and should not.

A file that cannot be read gives its problems as RB000; what can be read is put to the rules.
"""

from .check import lint_file
from .rule import UNREADABLE, Finding, Rule, Severity
from .table import RULES

__all__ = ["RULES", "UNREADABLE", "Finding", "Rule", "Severity", "lint_file"]
