"""
Migrations that died half way, seen by comparing what they do with the catalog.

Where DDL does not roll back (MySQL, MariaDB; PostgreSQL outside of a transaction), a migration that failed is not
recorded, and what it did before stays. Its parts come one after the other, so there is a point between two of them at
which the catalog stands. What Django runs last, when all of them are over, has not been run where one failed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from ..dataclass import dataclass
from .deed import Deed
from .judging import Told
from .standing import Catalog, Ends, Late, lacking

# What is looked at: a table, or a table's column, whether that may be NULL, or the name of an index or constraint.
Key = tuple[str, ...]
_NO_ENDS: Final[Mapping[str, Ends]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Half:
    """
    A migration that began: what it has done, what is left, and what the catalog cannot show.

    *partly* is the operation of which a part is done. *forwards* finishes it by hand, *backwards* takes back what it
    has done. *puzzle* says what stands otherwise than at any point of it; then nothing else is told. One that is
    *recorded* as applied died on its way back: what is left of it stands, and the rest is taken back. *ends* are the
    indexes and constraints that must be there when either way has come to its end.
    """

    migration: str
    done: tuple[str, ...] = ()
    partly: str = ""
    unseen: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    forwards: tuple[str, ...] = ()
    backwards: tuple[str, ...] = ()
    puzzle: tuple[str, ...] = ()
    recorded: bool = False
    ends: Ends = Ends()

    @property
    def standing(self) -> str:
        """Say how it stands."""
        if self.recorded:
            seen = ", as far as can be seen," if self.unseen else ""
            return "died on its way back" if self.done or self.partly else f"is taken back{seen} and still recorded"
        return "died half way" if self.left or self.partly else "is done and not recorded"


def find_halves(operations: Sequence[Told], catalog: Catalog, ends: Mapping[str, Ends] = _NO_ENDS) -> tuple[Half, ...]:
    """Find, among pending migrations, those of which the catalog shows a part."""
    names = list(dict.fromkeys((one.app, one.migration) for one in operations))
    found: list[Half] = []
    touched: set[str] = set()
    for app, name in names:
        mine = [one for one in operations if (one.app, one.migration) == (app, name)]
        tables = {table for one in mine for deed in one.deeds for table in (deed.table, deed.to) if table}
        # What builds on an earlier one that is pending too cannot have begun.
        late = ends.get(f"{app}.{name}", Ends())
        half = None if tables & touched else _half(f"{app}.{name}", mine, catalog, late)
        touched |= tables
        found += [half] if half is not None else []
    return tuple(found)


def find_half_back(
    operations: Sequence[Told], catalog: Catalog, after: str, ends: Mapping[str, Ends] = _NO_ENDS
) -> tuple[Half, ...]:
    """Find, among applied migrations that a way back to *after* takes back, one of which it did a part: the last."""
    if not operations:
        return ()
    app, name = operations[-1].app, operations[-1].migration
    # What they leave to the end comes at the end of them all: none of it was run, whatever is taken back already.
    mine = [replace(one, behind=()) for one in operations if (one.app, one.migration) == (app, name)]
    before = [one.migration for one in operations if one.app == app and one.migration != name]
    late = ends.get(f"{app}.{name}", Ends())
    half = _half(f"{app}.{name}", mine, catalog, late, back_to=before[-1] if before else after)
    return (half,) if half is not None else ()


def _half(migration: str, mine: Sequence[Told], catalog: Catalog, ends: Ends, *, back_to: str = "") -> Half | None:
    deeds = [(number, deed) for number, one in enumerate(mine) for deed in one.deeds if tuple(_touches(deed))]
    only = [deed for _, deed in deeds]
    points = [point for point in range(len(only) + 1) if not tuple(_mismatches(only, point, catalog))]
    # As it is when nothing began: not applied at all, or, on the way back, as a whole.
    if not deeds or (len(only) if back_to else 0) in points:
        return None
    if not points:
        said = tuple(_mismatches(only, len(only) if back_to else 0, catalog))
        # Where nothing is as it would be afterwards either, it is another thing that is wrong.
        return Half(migration, puzzle=said, recorded=bool(back_to))
    return _told(migration, mine, _point(deeds, points, len(mine)), catalog, ends, back_to)


def _point(deeds: Sequence[tuple[int, Deed]], points: Sequence[int], count: int) -> tuple[int, int]:
    """Give the last operation of which something is done, and the first of which something is left."""
    over = [number for number, _ in deeds[: min(points)]]
    ahead = [number for number, _ in deeds[max(points) :]]
    return max(over, default=-1), min(ahead, default=count)


def _told(
    migration: str, mine: Sequence[Told], point: tuple[int, int], catalog: Catalog, ends: Ends, back_to: str
) -> Half:
    last, first = point
    partly = (last,) if last == first else ()
    # They are carried out in order, so what comes before one that is done is done, whatever can be seen of it.
    done = [number for number in range(last + 1) if number not in partly]
    unseen = [number for number in range(last + 1, first) if _matters(mine[number])]
    left = [number for number in range(max(first, last + 1), len(mine)) if _matters(mine[number])]
    back = [*partly, *reversed(done)]
    ends = ends if back_to else replace(ends, backwards=tuple(_behind([mine[number] for number in back])))
    return Half(
        migration,
        done=tuple(_name(mine[number]) for number in done if _matters(mine[number])),
        partly="".join(_name(mine[number]) for number in partly),
        unseen=tuple(_name(mine[number]) for number in unseen),
        left=tuple(_name(mine[number]) for number in left),
        forwards=(
            *_forwards(mine, (*partly, *unseen, *left), partly),
            *(late.sql for late in lacking(ends.forwards, catalog)),
            f"-- {'it is recorded as applied already' if back_to else f'then: {_noted(migration)}'}",
        ),
        backwards=(
            *_unseen(mine, unseen),
            *_backwards(mine, back, partly, catalog),
            *((late.sql for late in lacking(ends.backwards, catalog)) if back_to else ()),
            *((f"-- then: {_noted(migration, back_to)}",) if back_to else ()),
        ),
        recorded=bool(back_to),
        ends=ends,
    )


def _behind(back: Sequence[Told]) -> Iterator[Late]:
    """Give what these leave behind that are taken back in this order, by the names that tables have at the end."""
    for number, one in enumerate(back):
        later = [deed for other in back[number + 1 :] for deed in other.deeds if deed.deed == "rename_table"]
        for late in one.behind:
            table = late.table
            for deed in later:
                table = deed.table if deed.to == table else table
            yield replace(late, table=table)


def _matters(told: Told) -> bool:
    """Say whether an operation does anything to the database."""
    return bool(told.deeds or told.forwards)


def _name(told: Told) -> str:
    about = ", ".join(
        dict.fromkeys(f"{deed.table}.{deed.column}" if deed.column else deed.table for deed in told.deeds if deed.table)
    )
    return f"{told.operation} {about}".strip()


def _noted(migration: str, name: str = "") -> str:
    """Give the command that has Django take a migration, or another of its app, for the last that is applied."""
    app, _, own = migration.partition(".")
    return f"manage.py migrate --fake {app} {name or own}"


def _forwards(mine: Sequence[Told], numbers: Sequence[int], partly: Sequence[int]) -> Iterator[str]:
    for number in numbers:
        one = mine[number]
        if number in partly:
            yield f"-- of {_name(one)} a part is done already: leave that out"
        if one.untold and _matters(one):
            yield f"-- {_name(one)}: {one.untold}; do it by hand"
        yield from one.forwards


def _unseen(mine: Sequence[Told], numbers: Sequence[int]) -> Iterator[str]:
    """Give what takes back operations of which nothing tells whether they are done, to be looked at by a person."""
    for number in reversed(numbers):
        one = mine[number]
        how = ", by" if one.backwards else "; no statement of it can be written without that"
        yield f"-- of {_name(one)} it cannot be seen what was done: look, and take that back first{how}"
        statements = (*one.backwards, *(late.sql for late in one.behind))
        yield from (f"--   {line}" for sql in statements for line in sql.splitlines())


def _backwards(mine: Sequence[Told], numbers: Sequence[int], partly: Sequence[int], catalog: Catalog) -> Iterator[str]:
    for number in numbers:
        one = mine[number]
        if number in partly:
            yield f"-- of {_name(one)} only a part was done: leave out what was not"
        if one.irreversible:
            yield f"-- {_name(one)} cannot be reversed: recover it from a backup or snapshot"
        yield from one.backwards
        yield from (late.sql for late in lacking(one.behind, catalog))
        if any(deed.deed in ("drop_table", "drop_column") for deed in one.deeds):
            yield f"-- {_name(one)} comes back empty: recover the rows from a backup or snapshot"


def _touches(deed: Deed) -> Iterator[tuple[Key, bool, bool]]:
    """Give what a deed changes that can be seen: how it is before, and after."""
    table, column = deed.table, deed.column
    match deed.deed:
        case "create_table" | "drop_table":
            made = deed.deed == "create_table"
            yield ("table", table), not made, made
        case "rename_table":
            yield ("table", table), True, False
            yield ("table", deed.to), False, True
        case "add_column" | "drop_column":
            made = deed.deed == "add_column"
            yield ("column", table, column), not made, made
        case "add_name" | "drop_name":
            made = deed.deed == "add_name"
            yield ("name", table, column), not made, made
        case "rename_column":
            yield ("column", table, column), True, False
            yield ("column", table, deed.to), False, True
        case "alter_column" if None not in (deed.was_null, deed.null) and deed.was_null != deed.null:
            yield ("null", table, column), bool(deed.was_null), bool(deed.null)


def _mismatches(deeds: Sequence[Deed], point: int, catalog: Catalog) -> Iterator[str]:
    """Say what of the catalog is otherwise than after the first *point* of these deeds."""
    wanted: dict[Key, bool] = {}
    for deed in reversed(deeds[point:]):
        wanted.update({key: before for key, before, _ in _touches(deed)})
    for deed in deeds[:point]:
        wanted.update({key: after for key, _, after in _touches(deed)})
    for key, there in wanted.items():
        table = key[1]
        if key[0] != "table" and not wanted.get(("table", table), True):
            continue
        found = _found(key, catalog)
        if found != there:
            yield _said(key, there=found)


def _found(key: Key, catalog: Catalog) -> bool | None:
    """Look something up; None for a column, or what is said of it, where that itself is not there."""
    table = catalog.get(key[1])
    match key[0]:
        case "table":
            return table is not None
        case "column" if table is not None:
            return key[2] in table.columns
        case "name" if table is not None:
            return key[2] in table.names
        case "null" if table is not None:
            return table.columns.get(key[2])
    return None


def _said(key: Key, *, there: bool | None) -> str:
    what = ".".join(key[1:])
    match key[0], there:
        case _, None:
            return f"{key[1]} or what is looked for in it is not there"
        case "null", _:
            return f"{what} {'may' if there else 'may not'} be NULL"
    return f"{what} {'is there' if there else 'is not there'}"
