"""A destructive migration on MariaDB, typed as an operator types it: forth, back, and as if it had never been."""

import re
from pathlib import Path

import pytest
from servers import SqlServer

from .board import GONE, MIGRATE, RECOVER, Board, Desk, database, page

pytestmark = pytest.mark.server


def test_what_a_migration_took_comes_back(mariadb_server: SqlServer, tmp_path: Path) -> None:
    """Every row, value, key and definition is as before, dump against dump; once more changes nothing; an undo takes it out."""
    with database(mariadb_server.url, "rb_forth") as url, Board(tmp_path, url).opened() as board, page() as address:
        board.build(3)
        desk, before, dump = Desk(tmp_path / "desk", board, address), board.contents(), board.dump()

        said = desk.does(*MIGRATE)
        migrated = board.contents()
        desk.does(*RECOVER)
        recovered, first = (board.contents(), board.dump()), desk.last()
        desk.does(*RECOVER, "--set=backwards=leave")
        again, second = board.contents(), desk.last()
        board.execute("INSERT INTO board_note (text) VALUES ('new')")
        (newest,) = board.rows("SELECT max(id), count(*) FROM board_note WHERE text = 'new'")
        board.execute("DELETE FROM board_note WHERE text = 'new'")
        desk.does("undo", second.id, "--yes")
        desk.does("undo", first.id, "--yes")

        assert re.search("board_note +40 rows", said)
        assert re.search(r"board_kept\.version +40 of 40 rows have a value", said)
        assert not {*GONE} & {*migrated}
        assert recovered == (before, dump)
        assert again == before
        assert {step.address: step.status for step in second.steps}["recover"] == "ok"
        assert newest[0] > max(row["id"] for row in before["board_note"]["rows"])
        assert board.contents() == migrated
        assert board.beside() == []
