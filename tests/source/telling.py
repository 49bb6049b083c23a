"""What the operator is told about a text."""

import pytest

from rollbook.errors import SourceError
from rollbook.source import Problem, load_yaml


def told(text: bytes | str) -> str:
    """Return what the operator is told about *text*."""
    with pytest.raises(SourceError) as caught:
        load_yaml(text, "f.yml")
    return str(caught.value)


def problems_of(text: str) -> tuple[Problem, ...]:
    """Give the problems of *text*."""
    with pytest.raises(SourceError) as caught:
        load_yaml(text, "f.yml")
    return caught.value.problems


def first_line(text: bytes | str) -> str:
    return told(text).partition("\n")[0]
