"""Takes recovered tables and columns out again, unless somebody wrote into them."""

from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING

from ...errors import ConflictError
from ...mysql.catalog import Catalog, Table, common_key
from ...mysql.comparing import parentless, same
from ...mysql.names import equal, quote, within
from ...mysql.recovering import RecoveryOut
from ...ops import Execution, Op, OpResult
from .catalog import read_catalog
from .patience import altered, sent
from .session import number, run
from .wording import asked

if TYPE_CHECKING:
    from ..sql import SqlTarget
    from .session import Connection


def recovery_out(target: "SqlTarget", op: Op, execution: Execution) -> OpResult:  # noqa: ARG001  # it has no good place to stop
    """Carry out a `RecoveryOut`. Raises `ConflictError` where rows or cells are no longer as they came."""
    if not isinstance(op, RecoveryOut):
        raise target.misplaced(op)
    with asked(target.name, f"comparing with {op.source}"), closing(target.connect_mysql(reading=True)) as live:
        changed = tuple(Look(live, target.database, op.source).changed(op.tables, op.columns))
    if changed:
        raise ConflictError(
            f"somebody wrote since into what was brought back, and it would be lost: {', '.join(changed)}",
            advice="Nothing was taken out. Export what is to be kept, or leave it as it is.",
        )
    doing = asked(target.name, "taking recovered tables and columns out")
    with doing, closing(target.connect_mysql()) as live:
        known = {(key.child, key.name) for key in read_catalog(live, target.database).foreign_keys}
        going = [one for one in op.references if (one.child, one.name) not in known]
        skipped = {f"ALTER TABLE {quote(one.child)} DROP FOREIGN KEY {quote(one.name)}" for one in going}
        run(live, "SET SESSION foreign_key_checks = 0")
        for table, statement in op.statements():
            if statement in skipped:
                continue
            if statement.startswith("DROP"):
                sent(live, op.tables, statement)
            else:
                altered(live, table, statement)
    return OpResult()


class Look:
    """Compares what was brought back with where it came from."""

    def __init__(self, live: "Connection", schema: str, source: str) -> None:
        self._live, self._schema, self._source = live, schema, source
        self.ours: Catalog = read_catalog(live, schema)
        self._theirs: Catalog = read_catalog(live, source)

    def changed(self, tables: tuple[str, ...], columns: tuple[tuple[str, str], ...]) -> Iterator[str]:
        """Say what somebody wrote since, of what is there."""
        for name in tables:
            if name in self.ours.tables and (found := self._rows(name)):
                yield f"{found} rows of {name}"
        for name, column in columns:
            table = self.ours.tables.get(name)
            if table is not None and table.has(column) and (found := self._cells(table, column)):
                yield f"{found} cells of {name}.{column}"

    def _rows(self, name: str) -> int:
        """Count rows that differ in more than the recovery itself settled."""
        ours = self.ours.tables[name]
        key = common_key(self._theirs.tables[name], ours)
        mine, source = within(self._schema, name), within(self._source, name)
        if not key:
            return self._keyless(ours, mine, source)
        newer = (
            f"SELECT COUNT(*) FROM {mine} t WHERE NOT EXISTS (SELECT 1 FROM {source} s WHERE {equal(key, 's', 't')})"
        )
        gone = f"NOT EXISTS (SELECT 1 FROM {mine} t WHERE {equal(key, 't', 's')}) AND NOT ({self._orphan(name)})"
        away = f"SELECT COUNT(*) FROM {source} s WHERE {gone}"
        other = self.unlike(name)
        unlike = f"SELECT COUNT(*) FROM {mine} t JOIN {source} s ON {equal(key, 't', 's')} WHERE {other}"
        return sum(number(self._live, query) for query in (newer, away, unlike))

    def unlike(self, name: str) -> str:
        """Say that a table's row `t` is not `s`, besides references that were emptied, for their parent is gone."""
        ours, theirs = self.ours.tables[name], self._theirs.tables[name]
        parts = []
        for column in theirs.written:
            if not ours.has(column.name):
                continue
            differs = f"NOT ({same(column, f's.{quote(column.name)}', f't.{quote(column.name)}')})"
            over = [key for key in self.ours.foreign_keys if key.child == ours.name and column.name in key.columns]
            if over:
                emptied = " OR ".join(parentless(key, "s", (within(key.parent_schema, key.parent),)) for key in over)
                differs = f"{differs} AND NOT (t.{quote(column.name)} IS NULL AND ({emptied}))"
            parts.append(f"({differs})")
        return " OR ".join(parts) or "FALSE"

    def _orphan(self, name: str) -> str:
        """Say that a row `s` has lost its parent."""
        found = [
            parentless(key, "s", (within(key.parent_schema, key.parent),))
            for key in self.ours.foreign_keys
            if key.child == name
        ]
        return " OR ".join(f"({one})" for one in found) or "FALSE"

    def _keyless(self, ours: Table, mine: str, source: str) -> int:
        """Count rows without a key: each side's, by all their cells, as often as they are there."""
        cells = ", ".join(f"CAST({quote(one.name)} AS BINARY) AS c{at}" for at, one in enumerate(ours.written))
        both = f"SELECT {cells}, 1 AS here FROM {mine} UNION ALL SELECT {cells}, -1 FROM {source}"
        names = ", ".join(f"c{at}" for at in range(len(ours.written)))
        grouped = f"SELECT SUM(here) AS more FROM ({both}) b GROUP BY {names} HAVING more <> 0"
        return number(self._live, f"SELECT COALESCE(SUM(ABS(more)), 0) FROM ({grouped}) g")

    def _cells(self, table: Table, name: str) -> int:
        """Count cells that are not the source's, and of newer rows those that the column did not give by itself."""
        theirs, column = self._theirs.tables[table.name], table.column(name)
        if column.generated:
            return 0
        key = common_key(theirs, table)
        cell = f"t.{quote(name)}"
        mine, source = within(self._schema, table.name), within(self._source, table.name)
        joined = f"{mine} t LEFT JOIN {source} s ON {equal(key, 's', 't')}"
        given = f"{cell} IS NULL"
        if column.default is not None and "(" not in column.default:
            given = f"({given} OR {same(column, cell, f'DEFAULT({cell})')})"
        newer = f"s.{quote(key[0])} IS NULL AND NOT ({given})"
        other = f"s.{quote(key[0])} IS NOT NULL AND NOT ({same(column, cell, f's.{quote(name)}')})"
        return number(self._live, f"SELECT COUNT(*) FROM {joined} WHERE ({newer}) OR ({other})")
