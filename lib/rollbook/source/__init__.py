"""
Read YAML files written by people: text in, plain content and the place of every part out.

Only what reads the same to every reader is accepted. YAML 1.1's surprises (`no`, `010`,
`12:30:00`), duplicate keys, aliases and tags are refused, each with what to write instead.
"""

from .document import Document, Mark, Problem
from .reader import MAX_BYTES, load_yaml, read_yaml

__all__ = ["MAX_BYTES", "Document", "Mark", "Problem", "load_yaml", "read_yaml"]
