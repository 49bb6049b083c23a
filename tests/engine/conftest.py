"""Fixtures of the engine's tests."""

from pathlib import Path

import pytest

from .workshop import Workshop


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    """A workshop in a folder of its own, which is the working folder."""
    monkeypatch.chdir(tmp_path)
    return Workshop(tmp_path)
