"""`sql.recover` with `existing: fill`: rows and cells that a reverse migration cannot bring back are put back."""

from pathlib import Path
from typing import Any

import pytest

from rollbook.errors import ConflictError, RefusedError, SchemaError, StepFailed
from rollbook.registry import action_type
from rollbook.schema import build
from rollbook.targets.postgres import settling
from rollbook.targets.postgres.put_in import PutIn
from rollbook.targets.postgres.refilling import _Refill
from rollbook.values import Unknown

from .conftest import BACKUP, Taken
from .snapshots import carry_out

pytestmark = pytest.mark.server

SITE = """
    CREATE TABLE users (id serial PRIMARY KEY, name text NOT NULL, nick text, code text NOT NULL, level integer DEFAULT 3,
        boss integer, UNIQUE (nick));
    INSERT INTO users (name, nick, code, level) SELECT 'n' || i, 'nick' || i, 'code' || i, i FROM generate_series(1, 40) i;
    CREATE TABLE boards (id serial PRIMARY KEY, title varchar(20) UNIQUE, owner integer NOT NULL REFERENCES users,
        helper integer REFERENCES users, parent integer REFERENCES boards, top bigint, at timestamptz DEFAULT now(),
        twice integer GENERATED ALWAYS AS (id * 2) STORED);
    CREATE TABLE posts (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, board integer NOT NULL REFERENCES boards
        DEFERRABLE INITIALLY DEFERRED, body bytea);
    ALTER TABLE boards ADD CONSTRAINT boards_top FOREIGN KEY (top) REFERENCES posts;
    INSERT INTO boards (title, owner, helper) SELECT 't' || i, i, i + 1 FROM generate_series(1, 30) i;
    UPDATE boards SET parent = 31 - id;
    INSERT INTO posts (board, body) SELECT i % 30 + 1, '\\x00ff' FROM generate_series(1, 300) i;
    UPDATE boards SET top = id * 2;
    CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.title := NEW.title || ''!''; RETURN NEW; END';
    CREATE TRIGGER shouted BEFORE INSERT ON boards FOR EACH ROW EXECUTE FUNCTION shout();
"""
# What migrating backwards leaves: tables made anew, and columns with what they are made with.
BACKWARDS = """
    UPDATE boards SET top = NULL; DELETE FROM posts; DELETE FROM boards;
    ALTER SEQUENCE boards_id_seq RESTART; ALTER TABLE posts ALTER id RESTART;
    UPDATE users SET nick = NULL, code = '', level = 3;
"""
NAMES = ("boards", "posts", "users.nick", "users.code", "users.level")
EVERYTHING = ("users", "boards", "posts")


def _back(taken: Taken, since: str = "") -> None:
    taken.both("DROP FUNCTION IF EXISTS shout CASCADE;" + SITE)
    taken.execute(BACKWARDS)
    taken.execute(since)


def _fill(taken: Taken, **arguments: Any) -> Any:
    return taken.recover(**{"only": NAMES, "existing": "fill", "left": {"users.code": ""}, **arguments})


def test_an_undo_is_planned_while_the_source_is_away(taken: Taken) -> None:
    """What came back counts as it came until the source is there again; what takes it out looks first."""
    _back(taken)
    action = _fill(taken)
    change = taken.do(action)
    gone = action_type("sql.recover")
    away = build(gone, {"source": "taken_gone", "folder": str(taken.folder), "only": list(NAMES), "existing": "fill"})

    found = away.probe_for(taken.read, change.before)

    assert (found.tables, found.columns, found.fill) == ((), (), ())
    assert [op.op for op in away.ops(found, change.before)] == ["postgres.refill_out"]


def test_each_table_and_column_is_counted(taken: Taken) -> None:
    """What came back is told table by table and column by column, and is not known before."""
    _back(taken)
    action = _fill(taken, left={"users.code": "", "users.level": 3})
    change = taken.plan(action)

    planned = action.outputs(change.after, ())
    given = carry_out(taken, action)

    assert isinstance(planned["rows"], Unknown)
    told = {one["thing"]: one["count"] for one in given["tally"]}
    assert told == {"boards": 30, "posts": 300, "users.nick": 40, "users.code": 40, "users.level": 39}


def test_rows_and_cells_come_back(taken: Taken) -> None:
    """Tables that point at each other in a circle are as in the backup, bit for bit, and no trigger fired."""
    _back(taken)
    change = taken.plan(_fill(taken))

    taken.carry_out(*change.ops)

    assert [op.op for op in change.ops] == ["postgres.refill_rows", *["postgres.refill_cells"] * 3]
    assert taken.contents(EVERYTHING, "taken_live") == taken.contents(EVERYTHING, BACKUP)
    assert taken.differences() == ()


def test_new_rows_get_new_ids(taken: Taken) -> None:
    """Sequences go on behind the rows that were put back."""
    _back(taken)
    taken.do(_fill(taken))

    taken.execute("INSERT INTO boards (title, owner) VALUES ('new', 1); INSERT INTO posts (board) VALUES (1)")

    assert taken.rows("SELECT (SELECT max(id) FROM boards), (SELECT max(id) FROM posts)") == [(31, 301)]


def test_twice_changes_nothing(taken: Taken) -> None:
    """Once all is back there is nothing to do."""
    since = "INSERT INTO boards (id, title, owner) VALUES (200, 'x', 2); UPDATE boards SET title = 't9' WHERE id = 200;"
    _back(taken, f"{since} UPDATE users SET nick = 'mine' WHERE id = 7;")
    action = _fill(taken, parents_gone="settle")
    taken.do(action)

    again = taken.plan(action)

    assert (again.ops, again.before.fill) == ((), ())


def test_nothing_is_filled_unless_it_is_asked_for(taken: Taken) -> None:
    """Rows of tables that are there are not missing by themselves: users may have deleted them."""
    _back(taken)

    assert taken.plan(taken.recover(only=NAMES)).ops == ()


def test_what_is_to_be_filled_has_to_be_named() -> None:
    """Without names every row that users deleted anywhere would come back."""
    with pytest.raises(SchemaError, match="rows that users deleted would come back"):
        build(action_type("sql.recover"), {"source": BACKUP, "folder": "kept", "existing": "fill"})


def test_rows_that_are_there_are_left_and_told(taken: Taken) -> None:
    """A key that somebody used anew, and a unique value that is taken, stay as they are; a file has both sides."""
    _back(taken, "INSERT INTO boards (id, title, owner) VALUES (3, 'mine', 1);")

    taken.do(_fill(taken, parents_gone="settle"))

    assert taken.rows("SELECT id, title, owner FROM boards WHERE id IN (3, 9) ORDER BY id") == [
        (3, "mine!", 1),
        (9, "t9", 9),
    ]
    (changed,) = taken.told("rows-changed-boards.csv")
    assert (changed["id"], changed["title there"], changed["title here"]) == ("3", "t3", "mine!")


def test_a_unique_value_that_is_taken_keeps_a_row_out(taken: Taken) -> None:
    """Its children are settled: left out, or without their reference."""
    _back(
        taken,
        "INSERT INTO boards (id, title, owner) VALUES (200, 'x', 2); UPDATE boards SET title = 't9' WHERE id = 200;",
    )

    taken.do(_fill(taken, parents_gone="settle"))

    assert taken.rows("SELECT count(*) FROM boards WHERE id = 9") == [(0,)]
    assert [row["id"] for row in taken.told("rows-taken-boards.csv")] == ["9"]
    assert taken.rows("SELECT count(*) FROM posts") == [(290,)]
    assert taken.rows("SELECT parent FROM boards WHERE id = 22") == [(None,)]


def test_rows_without_a_parent_stop_it(taken: Taken) -> None:
    """Where a user deleted a parent, nothing is put back unless the runbook says what to do."""
    _back(taken, "DELETE FROM users WHERE id = 5;")

    with pytest.raises(StepFailed, match=r"1 rows of boards point at rows of users"):
        taken.do(_fill(taken))

    assert taken.rows("SELECT count(*) FROM boards") == [(0,)]


def test_cells_that_somebody_wrote_stay(taken: Taken) -> None:
    """Only cells that hold what the reverse migration left are filled; a value that is taken is not written twice."""
    _back(
        taken, "UPDATE users SET nick = 'nick8', code = 'mine' WHERE id = 7; UPDATE users SET level = 99 WHERE id = 8;"
    )

    taken.do(_fill(taken))

    assert taken.rows("SELECT id, nick, code, level FROM users WHERE id IN (7, 8, 9) ORDER BY id") == [
        (7, "nick8", "mine", 7),
        (8, None, "code8", 99),
        (9, "nick9", "code9", 9),
    ]
    assert sorted(row["nick"] for row in taken.told("cells-kept-users-nick.csv")) == ["nick7", "nick8"]
    assert [row["level"] for row in taken.told("cells-kept-users-level.csv")] == ["8"]


def test_references_come_back_into_a_table_with_a_trigger(taken: Taken) -> None:
    """Keys whose check waits, as Django makes them, are checked before the users' triggers act again; and so on the way out."""
    taken.both(
        "CREATE TABLE gone (id int PRIMARY KEY); CREATE TABLE keep (id int PRIMARY KEY, note text, gone_id int"
        " REFERENCES gone DEFERRABLE INITIALLY DEFERRED); INSERT INTO gone VALUES (1), (2);"
        "INSERT INTO keep VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', NULL); CREATE TABLE seen (id int);"
        "CREATE OR REPLACE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN INSERT INTO public.seen VALUES (NEW.id); RETURN NULL; END';"
        "CREATE TRIGGER noted AFTER UPDATE ON keep FOR EACH ROW EXECUTE FUNCTION note()"
    )
    taken.execute("UPDATE keep SET gone_id = NULL, note = NULL; DELETE FROM gone; TRUNCATE seen")
    action = taken.recover(existing="fill", only=["gone", "keep.gone_id", "keep.note"])

    change = taken.do(action)
    back = taken.rows("SELECT id, note, gone_id FROM keep ORDER BY id")
    taken.undo(action, change)

    assert back == [(1, "a", 1), (2, "b", 2), (3, "c", None)]
    assert taken.rows("SELECT count(gone_id), count(note) FROM keep") == [(0, 0)]
    assert taken.rows("TABLE seen") == []


def test_what_was_left_has_to_be_told(taken: Taken) -> None:
    """Of a column that may not be NULL and has no default, nothing tells which cells nobody wrote but who looked."""
    _back(taken)

    with pytest.raises(RefusedError, match=r"users\.code") as raised:
        _fill(taken, left={}).probe(taken.read)

    assert "See SELECT DISTINCT code FROM users" in raised.value.advice
    told = _fill(taken, left={"users.code": "wrong"}, said=["users.code="]).probe(taken.read)
    assert told == _fill(taken).probe(taken.read)


@pytest.mark.parametrize(
    ("kind", "was", "left"),
    [
        ("boolean", "false", True),
        ("boolean", "true", False),
        ("inet", "10.0.0.1", "::1"),
        ("char(4)", "abc", "x"),
        ("double precision", "0.1", 0.5),
        ("integer[]", "{1,NULL}", "{}"),
        ("jsonb", '{"a": null}', "{}"),
        ("interval", "1 day", "0"),
        ("timestamptz", "2020-01-01 00:00:00.000001+00", "2000-01-01"),
    ],
)
def test_cells_come_back_whatever_type_says_how_they_were_left(taken: Taken, kind: str, was: str, left: object) -> None:
    """What a way back put into a column that must have a value is known again, however its type is written."""
    taken.both(
        f"CREATE TABLE flags (id integer PRIMARY KEY, one {kind} NOT NULL); INSERT INTO flags VALUES (1, '{was}')"
    )
    taken.execute(f"UPDATE flags SET one = '{left}'")

    taken.do(_fill(taken, only=["flags.one"], left={"flags.one": left}))

    assert taken.rows(f"SELECT one = '{was}' FROM flags") == [(True,)]


def test_rows_come_back_whatever_their_columns_are_called_and_turn_into(taken: Taken) -> None:
    """A column that is called as a row is in a query, and a type with a JSON of its own, come back like any other."""
    taken.both(
        "CREATE TYPE feel AS ENUM ('good', 'bad');"
        "CREATE FUNCTION as_json(feel) RETURNS json LANGUAGE sql AS $$SELECT '{\"felt\": 1}'::json$$;"
        "CREATE CAST (feel AS json) WITH FUNCTION as_json(feel);"
        "CREATE TABLE flags (id integer PRIMARY KEY, r integer[], s feel, t jsonb, k text[]);"
        """INSERT INTO flags VALUES (1, '{1,NULL}', 'bad', '"x"', '{"a\\"b",NULL}'), (2, NULL, NULL, 'null', NULL)"""
    )
    taken.execute("DELETE FROM flags WHERE id = 1; UPDATE flags SET s = 'bad', t = NULL")

    taken.do(_fill(taken, only=["flags"]))
    taken.do(_fill(taken, only=["flags.s", "flags.t"], left={"flags.s": "bad"}))

    every = "SELECT f::text FROM flags f ORDER BY id"
    assert taken.rows(every) == taken.rows(every, BACKUP)


def test_partitions_may_be_named(taken: Taken) -> None:
    """A table in partitions comes back with all of them where they are named as well, as a snapshot does."""
    taken.both(
        "CREATE TABLE flags (id integer PRIMARY KEY) PARTITION BY RANGE (id);"
        "CREATE TABLE flags_rest PARTITION OF flags DEFAULT; INSERT INTO flags VALUES (1)"
    )
    taken.execute("DROP TABLE flags")

    taken.do(_fill(taken, only=["flags", "flags_rest"]))

    assert taken.rows("SELECT id FROM flags_rest") == [(1,)]


@pytest.mark.parametrize("done", range(5))
def test_what_is_left_is_planned_from_where_a_crash_left_it(taken: Taken, done: int) -> None:
    """After any number of the ops, the rest of them is what is planned, and leads to the same end."""
    _back(taken)
    action = _fill(taken)
    change = taken.plan(action)
    taken.carry_out(*change.ops[:done])

    rest = action.ops(action.probe(taken.read), change.after)

    assert rest == change.ops[done:]


def test_the_undo_takes_out_exactly_what_was_put_in(taken: Taken) -> None:
    """Rows and cells that were there before stay, whether or not the backup has the same."""
    _back(
        taken,
        "UPDATE users SET nick = 'nick4' WHERE id = 4; INSERT INTO boards (id, title, owner) VALUES (50, 'x', 1);",
    )
    before = taken.contents(EVERYTHING, "taken_live")
    action = _fill(taken)
    change = taken.do(action)

    goal = taken.undo(action, change)

    assert taken.contents(EVERYTHING, "taken_live") == before
    assert action.probe(taken.read).fill == goal.fill


@pytest.mark.parametrize(
    "written",
    [
        "UPDATE boards SET title = 'mine' WHERE id = 4",
        "UPDATE users SET nick = 'mine' WHERE id = 4",
        "INSERT INTO posts (board) VALUES (4)",
    ],
)
def test_the_undo_loses_nothing_that_was_written_since(taken: Taken, written: str) -> None:
    """Where somebody wrote into what was put back, or points at it, nothing is taken out."""
    _back(taken)
    action = _fill(taken)
    change = taken.do(action)
    taken.execute(written)

    with pytest.raises(ConflictError, match="somebody wrote since"):
        taken.undo(action, change)

    assert taken.rows("SELECT count(*) FROM boards") == [(30,)]


@pytest.mark.parametrize(
    ("since", "due"),
    [("UPDATE users SET nick = NULL WHERE id = 4", "users.nick"), ("DELETE FROM posts WHERE id = 27", "posts")],
    ids=["emptied", "deleted"],
)
def test_the_undo_heeds_nothing_that_is_gone_again(taken: Taken, since: str, due: str) -> None:
    """A cell that is empty again, or a row that somebody deleted, has nothing to lose, and the others go out."""
    _back(taken)
    before = taken.contents(EVERYTHING, "taken_live")
    action = _fill(taken)
    change = taken.do(action)
    taken.execute(since)
    assert action.probe(taken.read).fill == (due,)

    taken.undo(action, change)

    assert taken.contents(EVERYTHING, "taken_live") == before


def test_what_it_writes_down_is_for_its_owner(taken: Taken) -> None:
    """Keys and rows are people's data."""
    _back(taken, "INSERT INTO boards (id, title, owner) VALUES (3, 'mine', 1);")

    taken.do(_fill(taken))

    modes = {path.name: path.stat().st_mode & 0o777 for path in (taken.folder, *Path(taken.folder).iterdir())}
    assert modes.pop("recovered") == 0o700
    assert set(modes.values()) == {0o600}


def test_a_parent_that_goes_meanwhile_does_not_stop_it(taken: Taken, monkeypatch: pytest.MonkeyPatch) -> None:
    """Deleted after all was looked at, it is done anew: what pointed at it is settled, and told."""
    _back(taken)
    action = _fill(taken, parents_gone="settle")
    adopt, going = _Refill.adopt, iter(("DELETE FROM users WHERE id = 7",))

    def adopted(self: _Refill) -> None:
        adopt(self)
        taken.execute(next(going, ""))

    monkeypatch.setattr(_Refill, "adopt", adopted)

    given = carry_out(taken, action)

    assert taken.rows("SELECT count(*) FROM boards WHERE owner = 7 OR helper = 7") == [(0,)]
    assert taken.rows("SELECT id FROM boards WHERE helper IS NULL") == [(6,)]
    assert taken.rows("SELECT id FROM boards WHERE id = 7") == []
    assert any("boards_owner" in path for path in given["files"])


def test_a_batch_that_is_not_smooth_is_told_cell_by_cell(taken: Taken, monkeypatch: pytest.MonkeyPatch) -> None:
    """After batches of which each cell had its place, those that somebody wrote into and those without a row are found."""
    monkeypatch.setattr(settling, "_BATCH", 10)
    taken.both(
        "CREATE TABLE flags (id integer PRIMARY KEY, one integer); INSERT INTO flags SELECT i, i FROM generate_series(1, 50) i"
    )
    taken.execute(
        "UPDATE flags SET one = NULL; UPDATE flags SET one = 7 WHERE id = 35; DELETE FROM flags WHERE id = 36"
    )
    action = taken.recover(only=["flags.one"], existing="fill")
    change = taken.plan(action)

    outputs = action.outputs(change.after, taken.carry_out(*change.ops))

    assert (outputs["cells"], outputs["conflicts"], outputs["rowless"]) == (48, 1, 1)
    assert taken.rows("SELECT id, one FROM flags WHERE one IS DISTINCT FROM id") == [(35, 7)]
    taken.undo(action, change)
    assert taken.rows("SELECT id, one FROM flags WHERE one IS NOT NULL") == [(35, 7)]


@pytest.mark.parametrize("torn", [0, 1, 200_000])
def test_keys_are_added_without_reading_all_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, torn: int) -> None:
    """What a kill tore is cut, however long; the keys before it are not read for that."""
    put_in = PutIn(str(tmp_path), "flags")
    with put_in.adding() as write:
        write(b"1\n2\n")
    with put_in.path.open("ab") as file:
        file.write(b"x" * torn)
    with monkeypatch.context() as patched:
        patched.delattr(PutIn, "lines")
        with put_in.adding() as write:
            write(b"3\n")

    assert list(put_in.lines()) == [b"1\n", b"2\n", b"3\n"]
