"""`sql.snapshot`: what it saves comes back bit for bit by `sql.recover`, by way of `sql.snapshot_load`."""

import stat
from pathlib import Path

import pytest

from .conftest import BACKUP, Taken
from .snapshots import carry_out, drop, load, save, use
from .test_recover import DEPLOY, SITE, TABLES

pytestmark = pytest.mark.server

COLUMNS = [f"users.{name}" for name in ("mood", "nick", "score", "born", "doc", "size")]
CELLS = "SELECT id, mood, nick, score, born, doc::text, size FROM users ORDER BY id"


def test_what_a_deploy_takes_comes_back(taken: Taken, tmp_path: Path) -> None:
    """Tables, rows with their ids, columns, cells, keys, indexes, triggers, grants and comments are as before."""
    taken.both(SITE)

    path = save(taken, tmp_path / "kept", tables=TABLES, columns=COLUMNS)
    taken.execute(DEPLOY)
    database = load(taken, path)
    taken.carry_out(*taken.plan(taken.recover(source=database)).ops)
    drop(taken, database)

    assert taken.differences() == ()
    for name in TABLES:
        assert taken.rows(f"TABLE {name} ORDER BY 1") == taken.rows(f"TABLE {name} ORDER BY 1", BACKUP)
    assert taken.rows(CELLS) == taken.rows(CELLS, BACKUP)


def test_its_files_are_for_their_owner_only(taken: Taken, tmp_path: Path) -> None:
    """Folders are 0700 and files 0600."""
    taken.both(SITE)

    path = Path(save(taken, tmp_path / "kept", tables=TABLES))

    assert {stat.S_IMODE(file.stat().st_mode) for file in (path, *path.rglob("*")) if file.is_dir()} == {0o700}
    assert {stat.S_IMODE(file.stat().st_mode) for file in path.rglob("*") if file.is_file()} == {0o600}


def test_nothing_named_is_nothing_to_do(taken: Taken, tmp_path: Path) -> None:
    """Without a table or column there is no snapshot, and no path."""
    taken.both(SITE)

    outputs = carry_out(taken, use("sql.snapshot", into=str(tmp_path / "kept"), run="r"))

    assert outputs["path"] == ""
    assert not (tmp_path / "kept").exists()
