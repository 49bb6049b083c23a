"""Reads which rows and cells of tables that are there can be put back from a database that still has them."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

from ...dataclass import dataclass
from ...migrations.narrowed import left_on_postgres
from ...postgres.catalog import Catalog, Table
from ...postgres.copytext import Cells, value
from ...postgres.names import Name, beside_parameters, equal, listed, literal, quote
from ...postgres.order import flat, in_order
from ...postgres.refilling import CellRefill, RowRefill, clashing, keys_over, left_in, parentless, uniques_over
from ...postgres.shape import Shape, shape
from ...recovering import CELL, Asked, kept_cells, kept_changed, kept_rowless, kept_rows
from .differences import Difference, Side, differences

if TYPE_CHECKING:
    from .session import Connection

_BATCH: Final = 1000
_ROWS: Final = "‹rows›"  # where rows are put into a query

Connect = Callable[[str], "Connection"]


@dataclass(frozen=True, slots=True)
class Filling:
    """Tables, and columns by their table, that both sides have and a recovery is to fill."""

    tables: Collection[Name]
    columns: Mapping[Name, Sequence[str]]


class Refills(NamedTuple):
    """
    What can be put back now, and the columns of which nothing tells what their cells hold that nobody wrote.

    *kept* are tables and columns, each with a count, of which rows are missing or cells differ and stay as they are.
    """

    rows: tuple[RowRefill, ...] = ()
    cells: tuple[CellRefill, ...] = ()
    untold: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()


def find_filling(ours: Catalog, theirs: Catalog, asked: Asked) -> Filling:
    """Give what of the tables that both sides have is to be filled."""
    both = [name for name in sorted(theirs.tables) if name in ours.tables]
    lined = {name: shape(theirs.tables[name], ours.tables[name], theirs.tables[name], decided=True) for name in both}
    columns = {
        name: [one for one in lined[name].carried if one not in lined[name].key and asked.fills_cells(str(name), one)]
        for name in both
    }
    return Filling(
        [name for name in both if asked.fills_rows(str(name))],
        {name: found for name, found in columns.items() if found},
    )


def read_refills(
    ours: Catalog, theirs: Catalog, filling: Filling, asked: Asked, connect: Connect, live: str
) -> Refills:
    """
    Give the tables with rows, and the columns with cells, that can be put back now; tables in order, parents first.

    *connect* opens a database by its name, of which *live* is one. What cannot be put back, for its place is taken
    or its parent gone, does not count.
    """
    look = _Look(ours, theirs, filling, asked, connect, live)
    return Refills(tuple(look.tables()), tuple(look.columns()), tuple(look.untold), tuple(look.kept))


class _Look:
    """Compares live with the source, with connections of its own for each table."""

    def __init__(
        self, ours: Catalog, theirs: Catalog, filling: Filling, asked: Asked, connect: Connect, live: str
    ) -> None:
        self._ours, self._theirs, self._wanted, self._asked = ours, theirs, filling, asked
        self._connect, self._live, self._source = connect, live, asked.source
        self._filling: set[Name] = set()  # tables of which rows will come
        self.untold: list[str] = []
        self.kept: list[str] = []

    def tables(self) -> Iterator[RowRefill]:
        """Look at tables, parents first."""
        order = flat(in_order(self._wanted.tables, self._ours.foreign_keys))
        for at, name in enumerate(order):
            lined = self._shape(name)
            one = RowRefill(name, lined.key, lined.carried, tuple(self._wanted.columns.get(name, ())))
            # Of tables that point at each other in a circle, rows of the later ones are taken to come.
            if self._lacks(one, lined, order[at + 1 :]):
                self._filling.add(name)
                yield one

    def columns(self) -> Iterator[CellRefill]:
        """Look at columns."""
        for name, columns in sorted(self._wanted.columns.items()):
            lined = self._shape(name)
            for column in columns:
                left = self._left(name, column) or left_in(self._ours.tables[name], column, self._asked.left)
                one = CellRefill(name, column, lined.key, left or "")
                if self._fillable(one, lined):
                    yield one

    def _left(self, name: Name, column: str) -> str | None:
        """Give what a narrowing left of cells, unless somebody told; None where cells of the source do not fit it."""
        said = f"{name}.{column}"
        types, filled = self._asked.narrowed.get(said, ()), self._asked.filled.get(said)
        if said in self._asked.left or (not types and filled is None):
            return None
        back = self._ours.tables[name].column(column).type
        left = left_on_postgres(types, back) if types else CELL
        if left is None:
            return None
        if filled is not None:
            left = f"COALESCE({left}, {literal(filled)}::{back})"
        made = left.replace(CELL, quote(column))
        with closing(self._connect(self._source)) as source:
            return (
                left if _computes(source, f"SELECT count({made}) FROM {self._theirs.tables[name].relation}") else None
            )

    def _shape(self, name: Name) -> Shape:
        old, new = self._theirs.tables[name], self._ours.tables[name]
        return shape(old, new, old, decided=True)

    def _differences(self, stack: ExitStack, lined: Shape, carried: Sequence[str]) -> Iterator[Difference]:
        old, new = self._theirs.tables[lined.table], self._ours.tables[lined.table]
        source = stack.enter_context(closing(self._connect(self._source)))
        live = stack.enter_context(closing(self._connect(self._live)))
        compared = replace(lined, carried=tuple(carried), only_live=())
        return differences(compared, Side(source, old, old.relation), Side(live, new, new.relation))

    def _lacks(self, one: RowRefill, lined: Shape, later: Collection[Name]) -> bool:
        """Say whether the source has rows that live lacks and can take."""
        with ExitStack() as stack:
            lacking = (d.base for d in self._differences(stack, lined, one.key) if d.live is None and d.base)
            source = stack.enter_context(closing(self._connect(self._source)))
            live = stack.enter_context(closing(self._connect(self._live)))
            missed = 0
            for keys in iter(lambda: list(islice(lacking, _BATCH)), []):
                if self._takes(source, live, one, keys, later):
                    return True
                missed += len(keys)
        if missed:
            self.kept.append(kept_rows(one.table, missed))
        self._tell_changed(one, lined)
        return False

    def _tell_changed(self, one: RowRefill, lined: Shape) -> None:
        """Tell which rows are there on both sides and differ; where others are put back, that writes them down."""
        rows, columns = 0, set[str]()
        with ExitStack() as stack:
            for found in self._differences(stack, lined, (*one.key, *one.compared)) if one.compared else ():
                if found.base and found.live:
                    rows += 1
                    sides = zip((*one.key, *one.compared), found.base, found.live, strict=True)
                    columns.update(name for name, base, live in sides if base != live)
        if rows:
            self.kept.append(kept_changed(one.table, rows, [name for name in one.compared if name in columns]))

    def _takes(
        self, source: "Connection", live: "Connection", one: RowRefill, keys: Sequence[Cells], later: Collection[Name]
    ) -> bool:
        table = self._ours.tables[one.table]
        given = self._json(source, one, one.columns, keys)
        staged = f"(SELECT * FROM json_populate_recordset(NULL::{one.table.sql}, {_ROWS}::json))"
        refused = list(clashes(table, one, one.columns, staged))
        if self._asked.parents_gone == "settle":
            for key in keys_over(self._ours, table, one.columns):
                if not self._ours.nullable(key) and key.parent not in self._filling and key.parent not in later:
                    refused.append(
                        f"SELECT {listed(one.key, 's')} FROM {staged} s WHERE "
                        + parentless(key, "s", (self._ours.tables[key.parent].relation,))
                    )
        return _some(live, f"SELECT {listed(one.key)} FROM {staged} a", refused, given)

    def _fillable(self, one: CellRefill, lined: Shape) -> bool:
        """Say whether live has cells as they were left that differ from the source's and can take their value."""
        with ExitStack() as stack:
            source = stack.enter_context(closing(self._connect(self._source)))
            live = stack.enter_context(closing(self._connect(self._live)))
            as_left = _AsLeft(live, one, self._ours.tables[one.table])
            found = self._differences(stack, lined, (*one.key, one.name))
            both = _Paired(found)
            if not one.left:
                if next(iter(both), None) is not None:
                    self.untold.append(str(one))
                return False
            differing = 0
            pairs = iter(both)
            for batch in iter(lambda: list(islice(pairs, _BATCH)), []):
                keys = as_left.keys(batch)
                if keys and self._takes_cell(source, live, one, keys):
                    return True
                differing += len(batch)
        self.kept += [kept_cells(one, differing)] if differing else []
        self.kept += [kept_rowless(one, both.rowless)] if both.rowless else []
        return False

    def _takes_cell(self, source: "Connection", live: "Connection", one: CellRefill, keys: Sequence[Cells]) -> bool:
        table = self._ours.tables[one.table]
        given = self._json(source, one, (*one.key, one.name), keys)
        cells = f"json_populate_recordset(NULL::{one.table.sql}, {_ROWS}::json)"
        staged = f"({with_cells(table, one, cells)})"
        refused = list(cell_guards(table, self._ours, one, staged, coming=self._filling))
        return _some(live, f"SELECT {listed(one.key)} FROM {staged} a", refused, given)

    def _json(
        self, source: "Connection", one: RowRefill | CellRefill, columns: Sequence[str], keys: Sequence[Cells]
    ) -> str:
        """Give the source's rows with these keys; live makes rows of its own table of them."""
        table = self._theirs.tables[one.table]

        def told(name: str) -> str:
            """Give a cell as text, which its type reads again: some, as hstore, have a JSON of their own to go to."""
            cast = "" if table.column(name).type in ("json", "jsonb") else "::text"
            return f"t.{quote(name)}{cast} AS {quote(name)}"

        parts = [f"%s::text[]::{table.column(name).type}[]" for name in one.key]
        names = [f"k{at}" for at in range(len(one.key))]
        on = " AND ".join(f"t.{quote(name)} = k.{alias}" for name, alias in zip(one.key, names, strict=True))
        cells = ", ".join(map(told, columns))
        of, on = beside_parameters(f"{cells} FROM {table.relation} t"), beside_parameters(on)
        query = (
            f"SELECT json_agg(r.*)::text FROM (SELECT {of}"
            f" JOIN unnest({', '.join(parts)}) k({', '.join(names)}) ON {on}) r"
        )
        arrays = [list(map(value, cells)) for cells in zip(*keys, strict=True)]
        row = source.execute(query.encode(), arrays).fetchone()
        return str(row[0]) if row and row[0] else "[]"


def with_cells(table: Table, one: CellRefill, cells: str) -> str:
    """Give the rows of live as they would be with the cell of *cells*."""
    parts = (f"c.{quote(name.name)}" if name.name == one.name else f"t.{quote(name.name)}" for name in table.columns)
    return f"SELECT {', '.join(parts)} FROM {table.relation} t JOIN {cells} c ON {equal(one.key, 't', 'c')}"


def untouched(one: CellRefill, alias: str) -> str:
    """Say that a cell of `t` is as that of *alias* was left; by its text, for not every type can be compared."""
    left = one.left_of(f"{alias}.{quote(one.name)}")
    return f"t.{quote(one.name)}::text IS NOT DISTINCT FROM ({left})::text"


def cell_guards(
    table: Table, catalog: Catalog, one: CellRefill, staged: str, *, coming: Collection[Name] = ()
) -> Iterator[str]:
    """
    Give the queries of keys of *staged* rows whose cell has no place: a unique value is taken, a parent gone.

    Parents in tables that are *coming* are taken to be there: their rows are put in first.
    """
    yield from clashes(table, one, (one.name,), staged)
    for key in keys_over(catalog, table, (one.name,)):
        if key.parent in coming:
            continue
        parent = catalog.tables[key.parent].relation
        yield f"SELECT {listed(one.key, 's')} FROM {staged} s WHERE {parentless(key, 's', (parent,))}"


def clashes(table: Table, one: RowRefill | CellRefill, columns: Sequence[str], staged: str) -> Iterator[str]:
    """Give the queries of keys of *staged* rows that want a unique value which another row has."""
    for unique in uniques_over(table, columns):
        if {*unique.columns} != {*one.key} or unique.predicate is not None:
            yield clashing(unique, one.key, staged, table.relation)


def _some(live: "Connection", every: str, refused: Sequence[str], given: str) -> bool:
    query = " EXCEPT ".join([every, *(f"({one})" for one in refused)])
    text = beside_parameters(f"SELECT EXISTS ({query})").replace(_ROWS, "%(rows)s")
    row = live.execute(text.encode(), {"rows": given}).fetchone()
    return bool(row and row[0])


class _Paired:
    """Streams differences of rows that both sides have, and counts those that live lacks on the way."""

    def __init__(self, found: Iterator[Difference]) -> None:
        self._found = found
        self.rowless = 0

    def __iter__(self) -> Iterator[tuple[Cells, Cells]]:
        for one in self._found:
            if one.base and one.live:
                yield one.base, one.live
            elif one.base:
                self.rowless += 1


class _AsLeft:
    """Tells which cells of live are as they were left."""

    def __init__(self, live: "Connection", one: CellRefill, table: Table) -> None:
        self._live, self._one, self._type = live, one, table.column(one.name).type
        self._left = None if CELL in one.left or not one.left else written_as(live, one.left)

    def keys(self, pairs: Sequence[tuple[Cells, Cells]]) -> list[Cells]:
        """Give the keys of rows, as the source and live have them with the cell last, that live has as it was left."""
        if CELL not in self._one.left:
            return [base[:-1] for base, live in pairs if value(live[-1]) == self._left]
        made = beside_parameters(self._one.left_of(f"(u.base::{self._type})"))
        query = (
            "SELECT u.at FROM unnest(%s::text[], %s::text[]) WITH ORDINALITY u(base, live, at)"
            f" WHERE u.live::{self._type}::text IS NOT DISTINCT FROM ({made})::text"
        )
        given = [[value(side[-1]) for side in sides] for sides in zip(*pairs, strict=True)]
        return [pairs[at - 1][0][:-1] for (at,) in self._live.execute(query.encode(), given)] if pairs else []


def _computes(source: "Connection", query: str) -> bool:
    """Say whether every value can be computed: one that a narrowing would have refused was changed before it."""
    import psycopg

    try:
        source.execute(query.encode())
    except (psycopg.DataError, psycopg.ProgrammingError):
        return False
    return True


def written_as(live: "Connection", expression: str) -> str | None:
    """Give a value as COPY writes it; a cast to text says `true` where that says `t`, and adds a mask to addresses."""
    text = f"SELECT CASE WHEN ({expression}) IS DISTINCT FROM NULL THEN format('%s', {expression}) END"
    row = live.execute(text.encode()).fetchone()
    return row[0] if row else None
