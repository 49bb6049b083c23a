"""Repositories for the command line."""

from pathlib import Path

import pytest

from .program import ASKING, SLOW, run


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """Give an operator's own repository, with two more runbooks."""
    folder = tmp_path / "own"
    assert run(tmp_path, "init", "own").returncode == 0
    (folder / "runbooks/slow.yml").write_text(SLOW)
    (folder / "runbooks/asking.yml").write_text(ASKING)
    return folder
