"""Laws of filling what a way back left empty that hold on every server alike."""

from .conftest import Taken
from .taken_mariadb import TakenOnMariadb

Both = Taken | TakenOnMariadb


def require_reference_back(taken: Both) -> None:
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


def require_kept_told(taken: Both) -> None:
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

    assert (told.ops, missing.ops) == ((), ())
    assert cells.outputs(told.after, ())["kept"] == [
        "flags.one: 3 cells are not as they were, nor as the way back leaves them"
    ]
    assert "left as it is: flags: 1 rows are missing, and have no place" in rows.details(missing)
