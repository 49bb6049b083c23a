"""`sql.recover` of columns that a migration made hold less, on PostgreSQL: what ALTER TABLE left of each cell is known."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rollbook.errors import ConflictError
from rollbook.recovering import kept_cells

from .conftest import BACKUP, LIVE, Taken
from .narrowings import ALIKE, MOMENTS, TEXTS, Narrowed, fill_narrowed, require_there_and_back
from .snapshots import carry_out

pytestmark = pytest.mark.server

NARROWED: dict[str, Narrowed] = {
    **ALIKE,
    "moment to date": ("timestamptz", ("date",), MOMENTS),
    "moment without a zone to date": ("timestamp", ("date",), MOMENTS),
    "text to short text": ("text", ("varchar(4)",), TEXTS),
    "moment to seconds": ("timestamp(6)", ("timestamp(0)",), MOMENTS),
}


def _narrow(taken: Taken, was: str, types: tuple[str, ...], values: list[Any], since: str = "") -> None:
    """Give both databases a table of values, and take live's column there and back as Django does."""
    rows = ", ".join(f"({at}, {_literal(one)})" for at, one in enumerate(values))
    taken.both(f"DROP TABLE IF EXISTS t; CREATE TABLE t (id int PRIMARY KEY, v {was}); INSERT INTO t VALUES {rows}")
    steps = (*types, *reversed(types[:-1]), was)
    taken.execute(
        "SET TIME ZONE 'UTC';" + "".join(f"ALTER TABLE t ALTER v TYPE {one} USING v::{one};" for one in steps)
    )
    taken.execute(since)


def _literal(value: Any) -> str:
    return "NULL" if value is None else "'" + str(value).replace("'", "''") + "'"


@pytest.mark.parametrize("case", NARROWED)
@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_every_value_comes_back_and_goes_out_again(taken: Taken, case: str, data: st.DataObject) -> None:
    """Whatever a narrowing made of cells, each is as it was before, and after an undo as the narrowing left it."""
    was, types, values = NARROWED[case]
    _narrow(taken, was, types, data.draw(st.lists(values | st.none(), min_size=20, max_size=60)))

    require_there_and_back(taken, types, (LIVE, BACKUP))


def test_what_somebody_wrote_since_stays(taken: Taken) -> None:
    """A cell that holds something else than the narrowing left is not touched, and is told; the undo leaves it, too."""
    _narrow(
        taken, "numeric(12, 4)", ("numeric(6, 2)",), ["1.2345", "2.3456", "9"], "UPDATE t SET v = 99999999 WHERE id = 1"
    )
    action = fill_narrowed(taken, ("numeric(6, 2)",))
    change = taken.plan(action)

    given = carry_out(taken, action)

    assert [str(v) for _, v in taken.exact("t", LIVE)] == ["1.2345", "99999999.0000", "9.0000"]
    assert (given["cells"], given["conflicts"]) == (1, 1)
    taken.undo(action, change)
    assert [str(v) for _, v in taken.exact("t", LIVE)] == ["1.2300", "99999999.0000", "9.0000"]


def test_an_undo_keeps_what_somebody_wrote_over_it(taken: Taken) -> None:
    """A value that came back and was changed again is not rounded away."""
    _narrow(taken, "numeric(12, 4)", ("numeric(10, 2)",), ["1.2345", "2.3456"])
    action = fill_narrowed(taken, ("numeric(10, 2)",))
    change = taken.do(action)
    taken.execute("UPDATE t SET v = 7.7777 WHERE id = 0")

    with pytest.raises(ConflictError, match=r"1 cells of t\.v"):
        taken.undo(action, change)

    assert [str(v) for _, v in taken.exact("t", LIVE)] == ["7.7777", "2.3456"]


@pytest.mark.parametrize("to", ["integer", "no_such_type", "numeric(10, 2)) --", "uuid"])
def test_cells_that_cannot_be_computed_are_told(taken: Taken, to: str) -> None:
    """Where the source has what the type would have refused, or nobody knows the type, cells that differ are listed."""
    taken.both("DROP TABLE IF EXISTS t; CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'x')")
    taken.execute("UPDATE t SET v = '1'")

    change = taken.plan(fill_narrowed(taken, (to,)))

    assert change.ops == ()
    assert change.before.found.kept == (kept_cells("t.v", 1),)
