"""Desks over real stores."""

from collections.abc import Callable
from pathlib import Path

import pytest

from rollbook.demo.sample import Sample

pytest.register_assert_rewrite(f"{__package__}.killing")

from .desk import Desk  # noqa: E402  # once what it asserts is to be told

MakeDesk = Callable[..., Desk]


@pytest.fixture
def desk(tmp_path: Path, sample: Sample) -> Desk:
    """Give a desk over a sample whose ledger is on each of the three databases."""
    return Desk(tmp_path / "desk", sample)


@pytest.fixture
def sqlite_desk(tmp_path: Path, sqlite_sample: Sample) -> Desk:
    """Give a desk over a sample whose ledger is on SQLite."""
    return Desk(tmp_path / "desk", sqlite_sample)
