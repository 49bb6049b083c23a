"""Desks over real stores; the exhaustive crash tests only where they are asked for."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from rollbook.demo.sample import Sample

pytest.register_assert_rewrite(f"{__package__}.killing")

from .desk import Desk  # noqa: E402  # once what it asserts is to be told

MakeDesk = Callable[..., Desk]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave the hours of `invoke torture` out of a usual test run."""
    if os.environ.get("ROLLBOOK_TORTURE") == "1":
        return
    for item in items:
        if item.get_closest_marker("torture"):
            item.add_marker(pytest.mark.skip(reason="exhaustive: run by `invoke torture`"))


@pytest.fixture
def desk(tmp_path: Path, sample: Sample) -> Desk:
    """Give a desk over a sample whose ledger is on each of the three databases."""
    return Desk(tmp_path / "desk", sample)


@pytest.fixture
def sqlite_desk(tmp_path: Path, sqlite_sample: Sample) -> Desk:
    """Give a desk over a sample whose ledger is on SQLite."""
    return Desk(tmp_path / "desk", sqlite_sample)
