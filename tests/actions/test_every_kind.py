"""No kind escapes the laws, wherever its cases stand."""

import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType

from rollbook.registry import BUILTINS
from rollbook.testing import LAWS

HERE = Path(__file__).parent


def test_every_kind_has_a_case() -> None:
    """Each built-in kind is held to every law by a test of this folder."""
    held = {kind for test in _law_tests() for kind in _kinds(test)}

    assert held == set(BUILTINS)


def test_a_law_test_tells_its_kinds() -> None:
    """A test of the laws has its kinds, and all laws, as parameters: else nobody sees which kinds it holds to what."""
    tests = list(_law_tests())

    assert len(tests) > 10
    assert {test.__module__: set(LAWS) - _laws(test) for test in tests} == {test.__module__: set() for test in tests}
    assert [test.__module__ for test in tests if not _kinds(test)] == []


def _law_tests() -> Iterator[FunctionType]:
    """Give the tests that take a law, from every file of this folder."""
    for path in sorted(HERE.rglob("test_*.py")):
        name = ".".join(path.relative_to(HERE.parent).with_suffix("").parts)
        for test in vars(importlib.import_module(name)).values():
            if inspect.isfunction(test) and test.__module__ == name and "law" in inspect.signature(test).parameters:
                yield test


def _given(test: FunctionType) -> Iterator[object]:
    """Give every value of its parameters, those of one row one by one."""
    for mark in getattr(test, "pytestmark", ()):
        if mark.name == "parametrize":
            for value in mark.args[1]:
                yield from value if isinstance(value, tuple) else (value,)


def _laws(test: FunctionType) -> set[object]:
    return {value for value in _given(test) if inspect.isfunction(value)}


def _kinds(test: FunctionType) -> set[str]:
    """Give the kinds among them: a name, a case, or what has a kind besides."""
    named = {value if isinstance(value, str) else getattr(value, "kind", None) for value in _given(test)}
    return {str(kind) for kind in named & set(BUILTINS)}
