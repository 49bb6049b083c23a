"""Fixtures of the engine's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rollbook.targets.base import TargetSpec

from .scenes import SCENE, WORD, other
from .workshop import Workshop


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workshop]:
    """A workshop in a folder of its own, which is the working folder."""
    monkeypatch.chdir(tmp_path)
    made = Workshop(tmp_path)
    yield made
    for pool in made.pools:
        pool.close()


@pytest.fixture
def scene(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    """Give a workshop with a playbook over three environments; other tests on this machine use locks of these names."""
    monkeypatch.setattr("rollbook.engine.locks.FOLDER", workshop.folder / "locks")
    workshop.targets = {"box": TargetSpec("box", "local")}
    workshop.variables = {"colour": "blue"}
    workshop.others = (other("stage", "red"), other("prod", "green"))
    workshop.write("word", WORD)
    workshop.write_playbook("scene", SCENE)
    return workshop
