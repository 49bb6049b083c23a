"""Filling columns that came back, on a real server."""

from contextlib import closing
from typing import Any

import pytest

from rollbook.postgres.definition import ColumnDefinition
from rollbook.postgres.names import Name
from rollbook.targets.postgres.session import connect
from rollbook.targets.postgres.settling import _update

pytestmark = pytest.mark.server


def test_the_planner_expects_that_most_cells_are_to_be_filled(trio: Any) -> None:
    """Expecting next to none, it may go through all cells again for each row of the table."""
    table = Name("public", "t")
    column = ColumnDefinition(table, "a", "ADD COLUMN a text", None, None, None, required=False, generated=False)
    with closing(connect(trio.live)) as live:
        live.autocommit = True
        live.execute("CREATE TABLE public.t (id bigint PRIMARY KEY, b text)")
        live.execute("INSERT INTO public.t SELECT g, repeat('x', 60) FROM generate_series(1, 200000) g")
        live.execute("VACUUM ANALYZE public.t")
        live.execute("ALTER TABLE public.t ADD COLUMN a text")
        live.execute("CREATE TEMP TABLE cells AS SELECT id, a FROM public.t WITH NO DATA")
        live.execute("INSERT INTO cells SELECT g, 'y' FROM generate_series(1, 10000) g")

        plan = live.execute(f"EXPLAIN (FORMAT json) {_update(table, ('id',), (column,))}".encode()).fetchone()

    assert plan is not None
    assert plan[0][0]["Plan"]["Plans"][0]["Plan Rows"] > 1000
