"""Lists the addresses of the users whose rows were lost, left out, or did not fit."""

import csv
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from ...errors import TargetError
from ...ops import Execution, Op, OpResult, WrittenFile
from ...postgres.affected import HEAD, AffectedUsers, Users, owners, table_named
from ...postgres.catalog import Catalog, Table
from ...postgres.names import beside_parameters, quote
from ...postgres.passes import Exported
from ..export import LinesFile
from .catalog import read_catalog
from .exporting import CELLS_OF, COLUMNS_OF, ROWS_OF
from .wording import asked

if TYPE_CHECKING:
    from .session import Connection
    from .target import PostgresTarget

_AT_ONCE: Final = 10_000

T = TypeVar("T")
Cells = Mapping[str, str | None]


def affected_users(target: "PostgresTarget", op: Op, execution: Execution) -> OpResult:  # noqa: ARG001  # it takes moments
    """Carry out an `AffectedUsers` in one read-only snapshot. Raises `TargetError` or `Unreachable`."""
    if not isinstance(op, AffectedUsers):
        raise target.misplaced(op)
    with ExitStack() as stack:
        stack.enter_context(asked(f"listing whom it concerns to {op.path}"))
        connection = stack.enter_context(closing(target.connect(op.database, reading=True)))
        found = _Concerned(connection, op.users)
        for one in op.exported:
            found.file(one)
        for name in op.tables:
            found.taken(name)
        file = stack.enter_context(LinesFile(Path(op.path)))
        outputs = found.write(file)
    return OpResult(outputs, (WrittenFile(op.path, file.size, file.sha256),))


class _Concerned:
    """Counts what concerns whom, by the user's key as text: memory grows with the users concerned, not with rows."""

    def __init__(self, connection: "Connection", users: Users) -> None:
        self._connection, self._users = connection, users
        self._catalog: Catalog = read_catalog(connection)
        table = table_named(self._catalog, users.table)
        lacks = {users.key, users.email} - {column.name for column in table.columns} if table is not None else set()
        if table is None or lacks:
            what = f"column {', '.join(sorted(lacks))} of {users.table}" if lacks else f"table {users.table}"
            raise TargetError(
                f"{connection.info.dbname} has no {what}",
                advice="Correct users: of the step (vars.users of the inventory): table, key and email.",
            )
        self._table: Table = table
        self._counts: dict[str, Counter[str]] = {}
        self._tables: dict[str, set[str]] = {}
        self._untold: set[str] = set()

    def file(self, one: Exported) -> None:
        """Take in whose rows a file has."""
        csv.field_size_limit(sys.maxsize)
        try:
            with Path(one.path).open(newline="") as lines:
                rows = csv.DictReader(lines)
                if one.what == "conflicts":
                    self._conflicts(rows)
                elif one.what.startswith(ROWS_OF):
                    told = [name for name, (table, key) in one.refers.items() if self._users.has(table, key)]
                    self._of_table(_table(one.what, ROWS_OF), rows, "left_out", told)
                elif one.what.startswith(CELLS_OF):
                    self._of_table(_table(one.what, CELLS_OF), rows, "conflicts")
                elif one.what.startswith(COLUMNS_OF):
                    self._of_table(_table(one.what, COLUMNS_OF), rows, "left_out")
                else:
                    self._cells(rows)
        except OSError as error:
            raise TargetError(
                f"cannot read {one.path}: {error.strerror or error}", advice="The pass before this step wrote it."
            ) from error

    def taken(self, name: str) -> None:
        """Take in everybody whose rows are in a table that the deploy had taken."""
        table, columns = table_named(self._catalog, name), self._columns(name)
        if table is not None:
            for column in columns:
                for key, count in self._connection.execute(owners(table.name, column).encode()):
                    self._concern(key, name, "taken", count)

    def _conflicts(self, rows: Iterable[Mapping[str, str]]) -> None:
        for row in rows:
            columns = self._columns(row["table"])
            sides = [json.loads(row[side]) for side in ("live", "backup") if row[side]]
            for key in {side[name] for side in sides for name in columns if side.get(name)}:
                self._concern(key, row["table"], "conflicts")

    def _of_table(self, table: str, rows: Iterable[Cells], how: str, told: Sequence[str] = ()) -> None:
        """
        Take in rows of a table, or parts of some: where they do not tell whose they are, the rows themselves do.

        Columns that are *told* to say whose a row is are those of a table that is there no more.
        """
        columns = tuple(dict.fromkeys((*told, *self._users.of(table, self._catalog)))) if told else self._columns(table)
        found = table_named(self._catalog, table)
        key = found.keys[0].columns if found is not None and found.keys else ()
        parts: list[Sequence[str]] = []
        for row in rows:
            for one in {row[name] for name in columns if row.get(name)}:
                self._concern(one, table, how)
            cells = [row.get(name) for name in key]
            if not row.keys() & set(columns) and all(cell is not None for cell in cells):
                parts.append([str(cell) for cell in cells])
        self._by_key(table, columns, parts, how)

    def _cells(self, rows: Iterable[Mapping[str, str]]) -> None:
        """Take in rows of which only cells have no place: whose they are, the rows themselves tell."""
        keys: dict[str, list[Sequence[str]]] = {}
        for row in rows:
            keys.setdefault(row["table"], []).append(json.loads(row["key"]))
        for name, found in keys.items():
            self._by_key(name, self._columns(name), found, "left_out")

    def _by_key(self, name: str, columns: Sequence[str], keys: list[Sequence[str]], how: str) -> None:
        table = table_named(self._catalog, name)
        for column in columns:
            for some in _parts(keys):
                for key in self._owners_by_key(table, column, some):
                    self._concern(key, name, how)

    def _owners_by_key(self, table: Table | None, column: str, keys: Sequence[Sequence[str]]) -> Iterator[str]:
        if table is None or not table.keys:
            return
        names = table.keys[0].columns
        given = ", ".join("%s::text[]" for _ in names)
        equal = " AND ".join(f't.{quote(name)}::text = w."{at}"' for at, name in enumerate(names))
        listed = ", ".join(f'"{at}"' for at in range(len(names)))
        of, on = f"t.{quote(column)}::text FROM {table.relation} t", f"AS w({listed}) ON {equal}"
        query = f"SELECT {beside_parameters(of)} JOIN unnest({given}) {beside_parameters(on)}"
        for (key,) in self._connection.execute(query.encode(), [list(part) for part in zip(*keys, strict=True)]):
            if key is not None:
                yield key

    def _columns(self, table: str) -> tuple[str, ...]:
        columns = self._users.of(table, self._catalog)
        if not columns:
            self._untold.add(table)
        return columns

    def _concern(self, key: str | None, table: str, how: str, count: int = 1) -> None:
        if key is not None:
            self._counts.setdefault(key, Counter())[how] += count
            self._tables.setdefault(key, set()).add(table)

    def write(self, file: LinesFile) -> dict[str, object]:
        """Write those who have an address; gives how many there are, and for whom or what there is none."""
        file.write(_line(HEAD))
        users = without = 0
        query = self._users.look_up(self._table).encode()
        for some in _parts(sorted(self._counts)):
            for key, email in self._connection.execute(query, (some,)):
                if not email:
                    without += 1
                    continue
                users += 1
                counts = (str(self._counts[key][how]) for how in HEAD[2:5])
                file.write(_line((email, key, *counts, " ".join(sorted(self._tables[key])))))
        gone = len(self._counts) - users - without
        return {"without_email": without, "gone": gone, "untold": sorted(self._untold)}


def _table(what: str, begin: str) -> str:
    """Give the table that a file's rows or cells are of, without what is said of them."""
    return what.removeprefix(begin).partition(": ")[0].removesuffix(" without a place")


def _parts(found: list[T]) -> Iterator[list[T]]:
    for at in range(0, len(found), _AT_ONCE):
        yield found[at : at + _AT_ONCE]


def _line(cells: Iterable[str]) -> bytes:
    text = StringIO(newline="")
    csv.writer(text).writerow(cells)
    return text.getvalue().encode()
