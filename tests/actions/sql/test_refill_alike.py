"""Laws of filling what a way back left empty that hold on every server alike."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
from servers import SqlServer

from rollbook.action import Leave

from .conftest import Taken
from .taken_mariadb import TakenOnMariadb, open_taken

pytestmark = pytest.mark.server

Both = Taken | TakenOnMariadb

_ALIKE: Final = (
    "CREATE INDEX flags_one ON flags (one)",
    "ALTER TABLE flags ADD CONSTRAINT above CHECK (one > 0)",
)
_PARTS: Final[dict[type, tuple[str, ...]]] = {
    Taken: (
        *_ALIKE,
        "CREATE TRIGGER quiet BEFORE UPDATE ON flags FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        "GRANT SELECT ON flags TO PUBLIC",
        "ALTER TABLE flags ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY above ON flags USING (one > 0)",
        "COMMENT ON TABLE flags IS 'our flags'",
    ),
    TakenOnMariadb: (
        *_ALIKE,
        "CREATE TRIGGER flagged BEFORE UPDATE ON flags FOR EACH ROW SET NEW.one = 9",
        "ALTER TABLE flags COMMENT = 'our flags'",
    ),
}


@pytest.fixture(params=["postgres", "mariadb"], name="taken")
def on_each(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Both]:
    """Give two databases beside each other, empty, on a server of each kind."""
    if request.param == "postgres":
        yield request.getfixturevalue("taken")
        return
    server: SqlServer = request.getfixturevalue("mariadb_server")
    found = open_taken(server.url, tmp_path / "recovered")
    yield found
    found.pool.close()


def test_a_reference_comes_back_with_what_it_points_at(taken: Both) -> None:
    """Cells of a column that points at rows which come back with it go back and out again in one go."""
    taken.both(
        "CREATE TABLE marks (id integer PRIMARY KEY);\n"
        "CREATE TABLE flags (id integer PRIMARY KEY, mark integer NULL, FOREIGN KEY (mark) REFERENCES marks (id));\n"
        "INSERT INTO marks VALUES (7), (8);\n"
        "INSERT INTO flags VALUES (1, 7), (2, 8), (3, NULL)"
    )
    taken.execute("UPDATE flags SET mark = NULL;\nDELETE FROM marks")
    action = taken.recover(existing="fill", only=["marks", "flags.mark"])

    change = taken.do(action)
    back = taken.rows("SELECT id, mark FROM flags ORDER BY id")

    assert set(change.before.fill) == {"marks", "flags.mark"}
    assert back == [(1, 7), (2, 8), (3, None)]
    assert taken.plan(action).ops == ()
    taken.undo(action, change)
    assert taken.rows("SELECT mark FROM flags WHERE mark IS NOT NULL") == taken.rows("SELECT id FROM marks") == []


def test_what_cannot_be_put_back_is_told(taken: Both) -> None:
    """Cells that are neither as they were nor as the way back left them, and rows without a place, are named with counts."""
    taken.both(
        "CREATE TABLE flags (id integer PRIMARY KEY, one integer, two varchar(9) UNIQUE);\n"
        "INSERT INTO flags VALUES (1, 1, 'a'), (2, NULL, 'b'), (3, 3, 'c')"
    )
    taken.execute("UPDATE flags SET one = 5")
    rows = taken.recover(existing="fill", only=["flags"])
    cells = taken.recover(existing="fill", only=["flags.one"])

    told = taken.plan(cells)
    taken.execute("DELETE FROM flags WHERE id = 3;\nINSERT INTO flags VALUES (4, 4, 'c')")
    missing = taken.plan(rows)
    said = taken.recover(existing="fill", only=["flags.one"], said=["flags.one=5"])

    assert (told.ops, missing.ops) == ((), ())
    (kept,) = cells.outputs(told.after, ())["kept"]
    assert kept.startswith("flags.one: 3 cells are not as they were, nor as the way back leaves them (left: flags.one=")
    assert taken.plan(said).before.fill == ("flags.one",)
    told_rows = rows.details(missing)
    assert "left as it is: flags: 1 rows are missing, and have no place" in told_rows
    assert "left as it is: flags: 2 rows are not as they were, in one, and stay as they are" in told_rows


def test_cells_whose_row_is_gone_are_told(taken: Both) -> None:
    """Cells of rows that are gone are counted and written down, also where they were the only ones; they are no conflicts."""
    taken.both(
        "CREATE TABLE flags (id integer PRIMARY KEY, one integer);\nINSERT INTO flags VALUES (1, 1), (2, 2), (3, 3)"
    )
    taken.execute("UPDATE flags SET one = NULL;\nDELETE FROM flags WHERE id > 1")
    action = taken.recover(existing="fill", only=["flags.one"])
    change = taken.plan(action)

    results = taken.carry_out(*change.ops)
    again = taken.plan(action)

    outputs = action.outputs(change.after, results)
    assert (outputs["cells"], outputs["conflicts"], outputs["rowless"]) == (1, 0, 2)
    assert sorted(row["one"] for row in taken.told("cells-without-row-flags-one.csv")) == ["2", "3"]
    assert action.outputs(again.after, ())["kept"] == ["flags.one: 2 rows that had a cell of it are not there any more"]


def test_rows_and_cells_of_one_table_come_back(taken: Both) -> None:
    """Where a table and a column of it are named, rows that are gone and cells of rows that stayed both come back."""
    taken.both(
        "CREATE TABLE flags (id integer PRIMARY KEY, one integer, two integer);\n"
        "INSERT INTO flags VALUES (1, 1, 1), (2, 2, 2), (3, 3, 3)"
    )
    taken.execute(
        "UPDATE flags SET one = NULL;\nDELETE FROM flags WHERE id = 3;\nUPDATE flags SET two = 9 WHERE id = 2"
    )
    action = taken.recover(existing="fill", only=["flags", "flags.one"])
    change = taken.plan(action)

    results = taken.carry_out(*change.ops)

    assert taken.rows("SELECT id, one, two FROM flags ORDER BY id") == [(1, 1, 1), (2, 2, 9), (3, 3, 3)]
    assert action.outputs(change.after, results)["conflicts"] == 1  # what somebody wrote into two, and no cell of one
    assert taken.plan(action).ops == ()
    taken.undo(action, change)
    assert taken.rows("SELECT id, one, two FROM flags ORDER BY id") == [(1, None, 1), (2, None, 9)]


def made_anew(taken: Both) -> None:
    """Have a table in live that is empty, and lacks what it had besides."""
    taken.both("CREATE TABLE flags (id integer PRIMARY KEY, one integer);\nINSERT INTO flags VALUES (1, 1)")
    for part in _PARTS[type(taken)]:
        taken.execute(part, taken.backup)
    taken.execute("DELETE FROM flags")


def test_what_a_table_made_anew_lacks_is_told(taken: Both) -> None:
    """What it had besides and has no more is told by a statement that makes it, and that can be sent as it is."""
    made_anew(taken)
    action = taken.recover(existing="fill", only=["flags"], remake=[])

    taken.do(action)
    kept = action.outputs(taken.plan(action).after, ())["kept"]

    assert len(kept) == len(_PARTS[type(taken)]), kept
    assert all(one.startswith("flags is there without ") for one in kept)
    for one in kept:
        statement = one.removeprefix("flags is there without ")
        if mode := re.match(r"/\* (SET SESSION sql_mode = '[A-Z_,]*') before \*/ ", statement):  # the trigger's own
            statement = f"{mode[1]};\n{statement[mode.end() :]}"
        taken.execute(statement)
    assert action.outputs(taken.plan(action).after, ())["kept"] == []


@pytest.mark.parametrize("remake", [["comments"], ["comments", "grants"], ["comments", "grants", "rest"]])
def test_what_a_table_made_anew_lacks_is_made_again_as_asked(taken: Both, remake: list[str]) -> None:
    """Comments by themselves, grants and the rest on request; once more changes nothing, and an undo takes rows only."""
    made_anew(taken)
    action = taken.recover(existing="fill", only=["flags"], remake=remake)

    change = taken.do(action)
    again = taken.plan(action)
    taken.undo(action, change)

    words = {"comments": ("COMMENT",), "grants": ("GRANT",), "rest": ("INDEX", "KEY", "CHECK", "POLICY", "ROW LEVEL")}
    told = " ".join(action.outputs(again.after, ())["kept"])
    assert again.ops == ()
    assert not [word for sort in remake for word in words[sort] if word in told]
    assert ("TRIGGER" in told) == ("rest" not in remake or isinstance(taken, TakenOnMariadb))
    assert ("CHECK" in told) == ("rest" not in remake)
    assert taken.rows("SELECT id FROM flags") == []


def test_a_comment_that_somebody_wrote_since_stays(taken: Both) -> None:
    """What was there before is told then, and nothing is written over."""
    made_anew(taken)
    taken.execute(
        "COMMENT ON TABLE flags IS 'new'" if isinstance(taken, Taken) else "ALTER TABLE flags COMMENT = 'new'"
    )
    action = taken.recover(existing="fill", only=["flags"])

    taken.do(action)

    again = taken.plan(action)
    assert again.ops == ()
    assert "our flags" in " ".join(action.outputs(again.after, ())["kept"])


def test_what_cannot_be_made_again_is_told(taken: Both) -> None:
    """A check that rows which came since do not pass is told with the server's words, and the rest goes on."""
    made_anew(taken)
    taken.execute("INSERT INTO flags VALUES (7, -1)")
    action = taken.recover(existing="fill", only=["flags"], remake=["comments", "rest"])
    change = taken.plan(action)

    results = taken.carry_out(*change.ops)

    (told,) = action.outputs(change.after, results)["unsettled"]
    assert "CHECK" in told
    assert "flags_one" not in " ".join(action.outputs(taken.plan(action).after, ())["kept"])


def test_what_was_made_anew_may_stay(taken: Both) -> None:
    """An undo leaves what was made anew where it stays for a migration to drop, and takes out what was filled."""
    taken.both(
        "CREATE TABLE flags (id integer PRIMARY KEY, one integer);\n"
        "CREATE TABLE marks (id integer PRIMARY KEY, two integer, three integer);\n"
        "INSERT INTO flags VALUES (1, 1);\nINSERT INTO marks VALUES (1, 2, 3)"
    )
    taken.execute("DROP TABLE flags;\nALTER TABLE marks DROP COLUMN two;\nUPDATE marks SET three = NULL")
    only = ["flags", "marks.two", "marks.three"]
    action = taken.recover(existing="fill", only=only, stays=True)

    change = taken.do(action)
    undo = action.undo(change)
    taken.undo(action, change)

    assert "flags, marks.two stay" in undo.reason
    assert taken.rows("SELECT id, two, three FROM marks") == [(1, 2, None)]
    assert taken.rows("SELECT id, one FROM flags") == [(1, 1)]
    made = taken.recover(existing="fill", only=["flags"], stays=True)
    assert isinstance(made.undo(replace(change, before=replace(change.before, fill=()))), Leave)
