"""`sql.recover` with `existing: fill` on MariaDB: rows and cells that a reverse migration cannot bring back."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from servers import SqlServer

from rollbook.errors import ConflictError, RefusedError, StepFailed
from rollbook.targets.mysql import batches

from .taken_mariadb import BACKUP, LIVE, TakenOnMariadb, open_taken

pytestmark = pytest.mark.server

SITE = """
    CREATE TABLE users (id int NOT NULL AUTO_INCREMENT PRIMARY KEY, name varchar(30) NOT NULL, nick varchar(20) UNIQUE,
        code varchar(20) CHARACTER SET latin1 NOT NULL, level int DEFAULT 3, odd float, bits bit(4) NOT NULL DEFAULT b'0101',
        seen timestamp NOT NULL DEFAULT current_timestamp() ON UPDATE current_timestamp());
    INSERT INTO users (name, nick, code, level, odd, bits, seen)
        SELECT CONCAT('n', seq), CONCAT('nick', seq), CONCAT('é', seq), seq, seq / 7, seq % 16, '2020-01-01' FROM seq_1_to_40;
    CREATE TABLE boards (id int NOT NULL AUTO_INCREMENT PRIMARY KEY, title varchar(20) UNIQUE, owner int NOT NULL, helper int,
        parent int, top bigint, twice int AS (helper * 2) STORED, CONSTRAINT owned FOREIGN KEY (owner) REFERENCES users (id),
        CONSTRAINT helped FOREIGN KEY (helper) REFERENCES users (id), CONSTRAINT under FOREIGN KEY (parent) REFERENCES boards (id));
    CREATE TABLE posts (id bigint NOT NULL AUTO_INCREMENT, board int NOT NULL, body blob, size double, PRIMARY KEY (id, board),
        KEY (board), CONSTRAINT within FOREIGN KEY (board) REFERENCES boards (id));
    ALTER TABLE boards ADD CONSTRAINT topped FOREIGN KEY (top) REFERENCES posts (id);
    INSERT INTO boards (title, owner, helper) SELECT CONCAT('t', seq), seq, seq + 1 FROM seq_1_to_30;
    UPDATE boards SET parent = 31 - id;
    INSERT INTO posts (board, body, size) SELECT seq % 30 + 1, x'00ff', seq / 3e0 FROM seq_1_to_300;
    UPDATE boards SET top = id * 2
"""
BACKWARDS = """
    UPDATE boards SET top = NULL, parent = NULL;
    DELETE FROM posts;
    DELETE FROM boards;
    ALTER TABLE boards AUTO_INCREMENT = 1;
    ALTER TABLE posts AUTO_INCREMENT = 1;
    UPDATE users SET nick = NULL, code = '', level = 3, odd = NULL, bits = DEFAULT(bits), seen = seen
"""
NAMES = ("boards", "posts", "users.nick", "users.code", "users.level", "users.odd", "users.bits")
EVERYTHING = ("users", "boards", "posts")


@pytest.fixture
def taken(mariadb_server: SqlServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TakenOnMariadb]:
    """Give both schemas as they are after the reverse migration; batches are small."""
    monkeypatch.setattr(batches, "_BATCH", 7)
    found = open_taken(mariadb_server.url, tmp_path / "recovered")
    found.both(SITE)
    found.execute(BACKWARDS)
    yield found
    found.pool.close()


def _fill(taken: TakenOnMariadb, **arguments: Any) -> Any:
    return taken.recover(**{"only": NAMES, "existing": "fill", "left": {"users.code": ""}, **arguments})


def test_rows_and_cells_come_back(taken: TakenOnMariadb) -> None:
    """Tables that point at each other in a circle, and at themselves, are as in the source, bit for bit."""
    change = taken.plan(_fill(taken))

    taken.carry_out(*change.ops)

    assert [op.op for op in change.ops] == ["mysql.refill_rows", *["mysql.refill_cells"] * 5]
    assert taken.contents(EVERYTHING, LIVE) == taken.contents(EVERYTHING, BACKUP)
    assert taken.differences() == set()


def test_new_rows_get_new_ids(taken: TakenOnMariadb) -> None:
    """AUTO_INCREMENT goes on behind what both sides gave."""
    taken.execute("ALTER TABLE boards AUTO_INCREMENT = 70", BACKUP)
    taken.do(_fill(taken))

    taken.execute("INSERT INTO boards (title, owner) VALUES ('new', 1)")

    assert taken.rows("SELECT max(id) FROM boards") == [(70,)]


def test_twice_changes_nothing(taken: TakenOnMariadb) -> None:
    """Once all is back that has a place, there is nothing to do."""
    taken.execute(
        "INSERT INTO boards (id, title, owner) VALUES (200, 't9', 1);\nUPDATE users SET nick = 'mine' WHERE id = 7"
    )
    action = _fill(taken, parents_gone="settle")
    taken.do(action)

    again = taken.plan(action)

    assert (again.ops, again.before.fill) == ((), ())
    assert [row["id"] for row in taken.told("rows-taken-boards.csv")] == ["9"]
    assert taken.rows("SELECT count(*) FROM posts") == [(290,)]


def test_nothing_is_filled_unless_it_is_asked_for(taken: TakenOnMariadb) -> None:
    """Rows of tables that are there are not missing by themselves: users may have deleted them."""
    assert taken.plan(taken.recover(only=NAMES)).ops == ()


def test_rows_that_are_there_are_left_and_told(taken: TakenOnMariadb) -> None:
    """A key that somebody used anew stays as it is; a file has both sides."""
    taken.execute("INSERT INTO boards (id, title, owner) VALUES (3, 'mine', 1)")

    taken.do(_fill(taken))

    assert taken.rows("SELECT id, title, owner FROM boards WHERE id IN (3, 9) ORDER BY id") == [
        (3, "mine", 1),
        (9, "t9", 9),
    ]
    (changed,) = taken.told("rows-changed-boards.csv")
    assert (changed["id"], changed["title there"], changed["title here"]) == ("3", "t3", "mine")


def test_rows_without_a_parent_stop_it(taken: TakenOnMariadb) -> None:
    """Where a user deleted a parent, nothing is put back unless the runbook says what to do, and nothing is left behind."""
    taken.execute("DELETE FROM users WHERE id = 5")
    before = taken.rows("SHOW TABLES")

    with pytest.raises(StepFailed, match=r"1 rows of boards point at rows of users"):
        taken.do(_fill(taken))

    assert taken.rows("SELECT count(*) FROM boards") == [(0,)]
    assert taken.rows("SHOW TABLES") == before


def test_cells_that_somebody_wrote_stay(taken: TakenOnMariadb) -> None:
    """Only cells that hold what was left are filled, whatever collations hold for equal; a taken value is told."""
    taken.execute("UPDATE users SET nick = 'NICK8', code = ' ' WHERE id = 7;\nUPDATE users SET level = 99 WHERE id = 8")

    taken.do(_fill(taken))

    assert taken.rows("SELECT id, nick, code, level FROM users WHERE id IN (7, 8, 9) ORDER BY id") == [
        (7, "NICK8", " ", 7),
        (8, None, "é8", 99),
        (9, "nick9", "é9", 9),
    ]
    assert sorted(row["nick"] for row in taken.told("cells-kept-users-nick.csv")) == ["nick7", "nick8"]
    assert [row["level"] for row in taken.told("cells-kept-users-level.csv")] == ["8"]


def test_what_was_left_has_to_be_told(taken: TakenOnMariadb) -> None:
    """Of a column that may not be NULL and has no default, nothing tells which cells nobody wrote but who looked."""
    with pytest.raises(RefusedError, match=r"users\.code") as raised:
        _fill(taken, left={}).probe(taken.read)

    assert "See SELECT DISTINCT code FROM users" in raised.value.advice
    told = _fill(taken, left={"users.code": "wrong"}, said=["users.code="]).probe(taken.read)
    assert told == _fill(taken).probe(taken.read)


def test_a_trigger_of_a_table_that_came_back_is_no_hindrance(taken: TakenOnMariadb) -> None:
    """Once the table is whole again nothing is to be filled that would fire it, and the undo takes it out again."""
    taken.both(
        "CREATE TABLE flags (id integer PRIMARY KEY, one integer);\n"
        "INSERT INTO flags VALUES (1, 1);\n"
        "CREATE TRIGGER flagged BEFORE INSERT ON flags FOR EACH ROW SET NEW.one = 9"
    )
    taken.execute("DROP TABLE flags")
    action = _fill(taken, only=["flags"])
    change = taken.do(action)
    back = taken.rows("SELECT one FROM flags")

    again = taken.plan(action)
    taken.undo(action, change)

    assert (back, again.ops) == ([(1,)], ())
    assert taken.rows("SHOW TABLES LIKE 'flags'") == []


@pytest.mark.parametrize("at", [1, 2, 5, 20, 46])
def test_a_kill_between_batches_is_resumed(taken: TakenOnMariadb, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """What was committed stays, and the rest follows; the undo knows all of it."""
    before = taken.contents(EVERYTHING, LIVE)
    action = _fill(taken)
    change = taken.plan(action)
    passed = 0

    class Killed(BaseException):
        """Stands for the process's end."""

    def counting(self: object, done: int, what: str) -> None:
        nonlocal passed
        passed += 1
        if passed == at:
            raise Killed

    monkeypatch.setattr(batches.Pace, "rest", counting)
    with pytest.raises(Killed):
        taken.carry_out(*change.ops)
    monkeypatch.undo()

    rest = action.ops(action.probe(taken.read), change.after)
    assert rest == change.ops[len(change.ops) - len(rest) :]
    taken.carry_out(*rest)

    assert taken.contents(EVERYTHING, LIVE) == taken.contents(EVERYTHING, BACKUP)
    assert taken.differences() == set()
    taken.undo(action, change)
    assert taken.contents(EVERYTHING, LIVE) == before


def test_the_undo_takes_out_exactly_what_was_put_in(taken: TakenOnMariadb) -> None:
    """Rows and cells that were there before stay, whether or not the source has the same."""
    taken.execute(
        "UPDATE users SET nick = 'nick4' WHERE id = 4;\nINSERT INTO boards (id, title, owner) VALUES (50, 'x', 1)"
    )
    before = taken.contents(EVERYTHING, LIVE)
    action = _fill(taken)
    change = taken.do(action)

    goal = taken.undo(action, change)

    assert taken.contents(EVERYTHING, LIVE) == before
    assert action.probe(taken.read).fill == goal.fill


@pytest.mark.parametrize(
    "written",
    [
        "UPDATE boards SET title = 'T4' WHERE id = 4",
        "UPDATE users SET code = 'E4' WHERE id = 4",
        "INSERT INTO posts (board) VALUES (4)",
        "INSERT INTO boards (title, owner, parent) VALUES ('new', 1, 4)",
    ],
)
def test_the_undo_loses_nothing_that_was_written_since(taken: TakenOnMariadb, written: str) -> None:
    """Where somebody wrote into what was put back, or points at it, nothing is taken out."""
    action = _fill(taken)
    change = taken.do(action)
    taken.execute(written)

    with pytest.raises(ConflictError, match="somebody wrote since"):
        taken.undo(action, change)

    assert taken.rows("SELECT count(*) FROM boards WHERE id <= 30") == [(30,)]


@pytest.mark.parametrize(
    ("since", "due"),
    [
        ("UPDATE users SET nick = NULL, seen = seen WHERE id = 4", "users.nick"),
        ("DELETE FROM posts WHERE id = 27", "posts"),
    ],
    ids=["emptied", "deleted"],
)
def test_the_undo_heeds_nothing_that_is_gone_again(taken: TakenOnMariadb, since: str, due: str) -> None:
    """A cell that is empty again, or a row that somebody deleted, has nothing to lose, and the others go out."""
    before = taken.contents(EVERYTHING, LIVE)
    action = _fill(taken)
    change = taken.do(action)
    taken.execute(since)
    assert action.probe(taken.read).fill == (due,)

    taken.undo(action, change)

    assert taken.contents(EVERYTHING, LIVE) == before


def test_the_undo_fires_no_trigger(taken: TakenOnMariadb) -> None:
    """A trigger that somebody made again since would write what nobody asked for: nothing is taken out then."""
    taken.both(
        "CREATE TABLE flags (id integer PRIMARY KEY, one integer);\nCREATE TABLE told (id integer);\n"
        "INSERT INTO flags VALUES (1, 1), (2, 2)"
    )
    taken.execute("DELETE FROM flags")
    action = taken.recover(existing="fill", only=["flags"])
    change = taken.do(action)
    taken.execute("CREATE TRIGGER telling AFTER DELETE ON flags FOR EACH ROW INSERT INTO told VALUES (OLD.id)")

    with pytest.raises(ConflictError, match=r"would fire triggers.*: telling \(on flags\)"):
        taken.undo(action, change)

    assert taken.rows("SELECT count(*) FROM flags") == [(2,)]
    taken.execute("DROP TRIGGER telling")
    taken.undo(action, change)
    assert taken.rows("SELECT * FROM flags") == taken.rows("SELECT * FROM told") == []


def test_what_it_writes_down_is_for_its_owner(taken: TakenOnMariadb) -> None:
    """Keys and rows are people's data; keys are written so that they are read as they were."""
    taken.execute("INSERT INTO boards (id, title, owner) VALUES (3, 'mine', 1)")

    taken.do(_fill(taken))

    modes = {path.name: path.stat().st_mode & 0o777 for path in (taken.folder, *taken.folder.iterdir())}
    assert modes.pop("recovered") == 0o700
    assert set(modes.values()) == {0o600}
    assert json.loads((taken.folder / "put-in-posts").read_text().splitlines()[0]) == ["1", "2"]
