"""Tables of hypothesis's making: the types of their keys and columns, and rows."""

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

World = tuple[list[str], list[str], list[tuple[Any, ...]]]
Cells = Mapping[str, st.SearchStrategy[Any]]


@st.composite
def worlds(draw: st.DrawFn, keys: Cells, types: Cells) -> World:
    """Draw the types of a table's key and of its other columns, of which strategies give the values, and rows."""
    key = draw(st.lists(st.sampled_from(sorted(keys)), min_size=1, max_size=2))
    others = draw(st.lists(st.sampled_from(sorted(types)), min_size=1, max_size=6))
    cells = [*(keys[one] for one in key), *(st.none() | types[one] for one in others)]
    rows = draw(st.lists(st.tuples(*cells), max_size=25, unique_by=lambda row: row[: len(key)]))
    return key, others, rows


def definitions(world: World, quote: str) -> str:
    """Write the columns and the key of its table, with the *quote* that names take."""
    keys, types, _ = world
    names = [f"k{at}" for at in range(len(keys))]
    columns = [f"{name} {kind} NOT NULL" for name, kind in zip(names, keys, strict=True)]
    columns += [f"{quote}c {at}{quote} {kind}" for at, kind in enumerate(types)]
    return f"({', '.join(columns)}, PRIMARY KEY ({', '.join(names)}))"
