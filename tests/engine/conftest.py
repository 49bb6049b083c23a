"""Fixtures of the engine's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from .workshop import Workshop


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workshop]:
    """A workshop in a folder of its own, which is the working folder."""
    monkeypatch.chdir(tmp_path)
    made = Workshop(tmp_path)
    yield made
    for pool in made.pools:
        pool.close()
