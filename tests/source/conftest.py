"""The parsers that YAML is read with."""

import pytest
import yaml

from rollbook.source import walk


@pytest.fixture(params=["CSafeLoader", "SafeLoader"])
def _loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parse in C, and again in Python, as where libyaml is missing."""
    monkeypatch.setattr(walk, "_LOADER", getattr(yaml, request.param))
