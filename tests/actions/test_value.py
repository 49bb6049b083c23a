"""One value in a configuration file of this machine."""

import os
from pathlib import Path
from typing import Any

import pytest

from rollbook.errors import SchemaError, TargetError
from rollbook.schema import encode

from .conftest import Machine, use

TOML = b'# kept\n[tool]\nlevel = "quiet please" # told\r\nodd = "\xc3\xa4"\n'


def test_a_value_is_set_and_the_file_comes_back(machine: Machine, tmp_path: Path) -> None:
    """Only the value changes, with mode and owner as they were; the undo brings the file back byte for byte."""
    path = tmp_path / "app.toml"
    path.write_bytes(TOML)
    path.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(path, 1, 2)
    before = path.stat()
    action = use("config.value", path=str(path), key="tool.level", value="loud")

    change = machine.apply(action)
    edited, after = path.read_bytes(), path.stat()
    again = machine.plan(action).ops
    machine.undo(action, change)
    back = path.stat()

    assert edited == TOML.replace(b"quiet please", b"loud")
    assert again == ()
    assert path.read_bytes() == TOML
    for stat in (after, back):
        assert (stat.st_mode, stat.st_uid, stat.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert [entry.name for entry in tmp_path.iterdir()] == ["app.toml"]


def test_a_text_that_stood_there_is_not_shown(machine: Machine, tmp_path: Path) -> None:
    """What stood there may be a password; numbers and plain words are shown."""
    (tmp_path / ".env").write_text("URL=postgres://ada:lovelace@db/x\nDEBUG=off\n")

    hidden = machine.plan(use("config.value", path=str(tmp_path / ".env"), key="URL", value="sqlite"))
    plain = use("config.value", path=str(tmp_path / ".env"), key="DEBUG", value="on")

    assert "lovelace" not in str(encode(hidden))
    assert plain.details(machine.plan(plain))[0] == "DEBUG: off → on"


def test_an_alias_is_told_with_the_place_to_set_instead(machine: Machine, tmp_path: Path) -> None:
    """A plan refuses what would change other keys, and says which key is meant to be set."""
    path = tmp_path / "app.yaml"
    path.write_text("default: &d\n  level: info\nweb: *d\n")

    with pytest.raises(TargetError, match=r"web\.level of .* cannot be set: web is an alias of default") as caught:
        machine.plan(use("config.value", path=str(path), key="web.level", value="debug"))

    assert str(caught.value.advice).startswith("Set default.level if that is meant")


def test_a_file_that_is_not_there_or_not_so_is_told(machine: Machine, tmp_path: Path) -> None:
    """Neither a missing file nor one of another format is made up."""
    (tmp_path / "a.json").write_text("a = 1")

    with pytest.raises(TargetError, match="is not there"):
        machine.plan(use("config.value", path=str(tmp_path / "b.json"), key="a", value=1))
    with pytest.raises(TargetError, match="not JSON"):
        machine.plan(use("config.value", path=str(tmp_path / "a.json"), key="a", value=1))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"path": "/x.conf"}, "one of env"), ({"key": ""}, "name of the value"), ({"value": [1]}, "value")],
)
def test_misuse_is_refused(arguments: dict[str, Any], message: str) -> None:
    """What makes no sense is refused before anything runs."""
    with pytest.raises(SchemaError, match=message):
        use("config.value", **{"path": "/x.ini", "key": "a.b", "value": 1, **arguments})
