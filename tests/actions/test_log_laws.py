"""The kinds that read logs keep the laws, on real files of this machine."""

import shutil
from pathlib import Path

import pytest

from rollbook.testing import LAWS, Case, FakeWorld, Law, law_id

from .conftest import Machine
from .real_world import RealWorld

USES: list[tuple[str, dict[str, object]]] = [
    ("log.mark", {"files": ["{folder}/*.log", "{folder}/none"]}),
    (
        "log.scan",
        {"since": {"files": {"{folder}/app.log": None}, "patterns": [], "units": [], "cursor": ""}, "shown": 1},
    ),
]


def _filled(value: object, folder: Path) -> object:
    match value:
        case str():
            return value.replace("{folder}", str(folder))
        case list():
            return [_filled(part, folder) for part in value]
        case dict():
            return {_filled(key, folder): _filled(part, folder) for key, part in value.items()}
    return value


@pytest.mark.parametrize("law", LAWS, ids=law_id)
@pytest.mark.parametrize(("kind", "arguments"), USES, ids=lambda value: value if isinstance(value, str) else "")
def test_laws(kind: str, arguments: dict[str, object], law: Law, machine: Machine, tmp_path: Path) -> None:
    """A kind keeps each law."""

    def world() -> FakeWorld:
        folder = tmp_path / "logs"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        (folder / "app.log").write_text("fine\nERROR\n")
        return RealWorld(machine, folder)

    filled = _filled(arguments, tmp_path / "logs")
    assert isinstance(filled, dict)
    law(Case(kind, kind, filled, world))
