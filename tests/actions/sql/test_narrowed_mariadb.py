"""`sql.recover` of columns that a migration made hold less, on MariaDB: what ALTER TABLE left of each cell is known."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from servers import SqlServer

from rollbook.errors import ConflictError
from rollbook.recovering import kept_cells

from .narrowings import ALIKE, MOMENTS, TEXTS, Narrowed, fill_narrowed, require_there_and_back
from .snapshots import carry_out
from .taken_mariadb import BACKUP, LIVE, TakenOnMariadb, open_taken

pytestmark = pytest.mark.server

STRICT = "SET sql_mode = 'STRICT_TRANS_TABLES,NO_AUTO_VALUE_ON_ZERO'"
LENIENT = "SET sql_mode = ''"  # one that shortens texts
NARROWED: dict[str, Narrowed] = {
    **ALIKE,
    "moment to date": ("datetime(6)", ("date",), MOMENTS),
    "moment to seconds": ("datetime(6)", ("datetime",), MOMENTS),
    "moment to seconds to date": ("datetime(6)", ("datetime(3)", "date"), MOMENTS),
    "text to short text": ("longtext", ("varchar(4)",), TEXTS),
    "latin text shortened": ("varchar(40) CHARACTER SET latin1", ("varchar(3)",), st.text("abÄé ", max_size=9)),
}


@pytest.fixture
def taken(mariadb_server: SqlServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TakenOnMariadb]:
    """Give both schemas, empty."""
    found = open_taken(mariadb_server.url, tmp_path_factory.mktemp("narrowed") / "recovered")
    yield found
    found.pool.close()


def _narrow(taken: TakenOnMariadb, was: str, types: tuple[str, ...], values: list[Any], since: str = "") -> None:
    """Give both schemas a table of values, and take live's column there and back as Django does."""
    rows = ", ".join(f"({at}, {_literal(one)})" for at, one in enumerate(values))
    made = f"CREATE OR REPLACE TABLE t (id int PRIMARY KEY, v {was}) CHARACTER SET utf8mb4"
    taken.both(f"{made};\nINSERT INTO t VALUES {rows}")
    mode = LENIENT if any("char" in one for one in types) else STRICT
    charset = " CHARACTER SET latin1" if "latin1" in was else ""
    steps = [*(f"{one}{charset}" for one in (*types, *reversed(types[:-1]))), was]
    taken.execute(";\n".join([mode, *(f"ALTER TABLE t MODIFY v {one} NULL" for one in steps)]))
    taken.execute(since)


def _literal(value: Any) -> str:
    return "NULL" if value is None else "'" + str(value).replace("\\", "\\\\").replace("'", "''") + "'"


@pytest.mark.parametrize("case", NARROWED)
@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_every_value_comes_back_and_goes_out_again(taken: TakenOnMariadb, case: str, data: st.DataObject) -> None:
    """Whatever ALTER TABLE made of cells, each is as it was before, and after an undo as ALTER TABLE left it."""
    was, types, values = NARROWED[case]
    _narrow(taken, was, types, data.draw(st.lists(values | st.none(), min_size=20, max_size=60)))

    require_there_and_back(taken, types, (LIVE, BACKUP))


def test_what_somebody_wrote_since_stays(taken: TakenOnMariadb) -> None:
    """A cell that holds something else than the narrowing left is not touched, and is told; the undo leaves it, too."""
    since = "UPDATE t SET v = 99999999 WHERE id = 1"
    _narrow(taken, "decimal(12,4)", ("numeric(6, 2)",), ["1.2345", "2.3456", "9"], since)
    action = fill_narrowed(taken, ("numeric(6, 2)",))
    change = taken.plan(action)

    given = carry_out(taken, action)

    assert [str(v) for _, v in taken.rows("SELECT id, v FROM t ORDER BY id")] == ["1.2345", "99999999.0000", "9.0000"]
    assert (given["cells"], given["conflicts"]) == (1, 1)
    taken.undo(action, change)
    assert [str(v) for _, v in taken.rows("SELECT id, v FROM t ORDER BY id")] == ["1.2300", "99999999.0000", "9.0000"]


def test_an_undo_keeps_what_somebody_wrote_over_it(taken: TakenOnMariadb) -> None:
    """A value that came back and was changed again is not rounded away."""
    _narrow(taken, "decimal(12,4)", ("numeric(10, 2)",), ["1.2345", "2.3456"])
    action = fill_narrowed(taken, ("numeric(10, 2)",))
    change = taken.do(action)
    taken.execute("UPDATE t SET v = 7.7777 WHERE id = 0")

    with pytest.raises(ConflictError, match=r"1 cells of t\.v"):
        taken.undo(action, change)

    assert [str(v) for _, v in taken.rows("SELECT id, v FROM t ORDER BY id")] == ["7.7777", "2.3456"]


@pytest.mark.parametrize("to", ["tinytext", "integer", "no_such_type", "char(3)"])
def test_cells_that_cannot_be_computed_are_told(taken: TakenOnMariadb, to: str) -> None:
    """Where nobody knows what a type makes of a cell, cells that differ are listed."""
    _narrow(taken, "varchar(90)", (), ["1 x"], "UPDATE t SET v = '1'")

    change = taken.plan(fill_narrowed(taken, (to,)))

    assert change.ops == ()
    assert change.before.found.kept == (kept_cells("t.v", 1),)
