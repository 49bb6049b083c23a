"""
Expressions: `{{ inputs.course_id }}` in a value, `when: steps.look.outputs.size > 0` in a condition.

Only `{{ }}` is special; `{%` and `{#` are text, so shell and Go templates keep most of theirs. An
expression sees plain values and the few filters of `filters.py`, and can neither write nor reach
anything else. What is not defined is an error; what is not known yet makes the value Unknown.
"""

from .evaluate import condition, dotted, names_used, paths_used, render
from .filters import FILTER_NAMES
from .text import in_shell_quotes

__all__ = ["FILTER_NAMES", "condition", "dotted", "in_shell_quotes", "names_used", "paths_used", "render"]
