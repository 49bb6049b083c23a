"""Columns that were made to hold less and taken back, with values of hypothesis's making."""

from datetime import datetime
from typing import Any

from hypothesis import strategies as st

from .taken import Beside

FLOATS = st.floats(-1e6, 1e6, allow_subnormal=False) | st.integers(-2000, 2000).map(lambda number: number / 2)
DECIMALS = st.decimals(-99999, 99999, places=4) | st.integers(-2000, 2000).map(lambda number: f"{number / 2:.4f}")
_FIRST = datetime(1000, 1, 1)  # noqa: DTZ001  # columns without a time zone
MOMENTS = st.datetimes(_FIRST).map(lambda at: at.isoformat(" ", "microseconds"))
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=9) | st.text(
    " é😀a", max_size=9
)

# What it was, what it became one after the other, and values that all of these take.
Narrowed = tuple[str, tuple[str, ...], st.SearchStrategy[Any]]

ALIKE: dict[str, Narrowed] = {
    "decimal rounded": ("numeric(12, 4)", ("numeric(10, 2)",), DECIMALS),
    "decimal rounded twice": ("numeric(12, 4)", ("numeric(10, 2)", "integer"), DECIMALS),
    "decimal to integer": ("numeric(12, 4)", ("bigint",), DECIMALS),
    "float to integer": ("double precision", ("integer",), FLOATS),
    "float to decimal": ("double precision", ("numeric(12, 3)",), FLOATS),
    "decimal to float": ("numeric(30, 10)", ("double precision",), st.decimals(-(10**18), 10**18, places=10)),
    "float to integer to decimal": ("double precision", ("bigint", "numeric(20, 2)"), FLOATS),
    "text shortened": ("varchar(40)", ("varchar(4)",), TEXTS),
}


def fill_narrowed(taken: Beside, types: tuple[str, ...], **more: Any) -> Any:
    """Build a recovery of the column that was made *types* one after the other."""
    narrowing = [{"column": "t.v", "to": one} for one in types]
    return taken.recover(only=["t.v"], existing="fill", narrowing=narrowing, **more)


def require_there_and_back(taken: Beside, types: tuple[str, ...], databases: tuple[str, str]) -> None:
    """See that every cell of the first of *databases* becomes that of the other, and what it was again by an undo."""
    live, backup = databases
    left = taken.exact("t", live)
    action = fill_narrowed(taken, types)

    change = taken.do(action)

    assert taken.exact("t", live) == taken.exact("t", backup)
    taken.undo(action, change)
    assert taken.exact("t", live) == left
