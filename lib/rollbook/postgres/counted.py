"""The SQL for a table without a key: its rows are counted, and only ever inserted or deleted."""

from collections.abc import Sequence

from ..dataclass import dataclass
from .catalog import Check, ForeignKey, Table, Unique
from .clashes import agree, keyed, parts_of
from .names import listed, literal, paired, quote
from .shape import Shape
from .staging import Stage


@dataclass(frozen=True, slots=True)
class Counted:
    """The rows that live has more of, and those that it has less of, in two temporary tables."""

    table: Table
    shape: Shape

    @property
    def more(self) -> str:
        """Give the name of the table of rows to insert."""
        return f"pg_temp.more_{self.table.oid}"

    @property
    def less(self) -> str:
        """Give the name of the table of rows to delete."""
        return f"pg_temp.less_{self.table.oid}"

    @property
    def leaving(self) -> str:
        """Give the name of the table of where those rows lie that are chosen to be deleted."""
        return f"pg_temp.leaving_{self.table.oid}"

    def make(self) -> tuple[str, ...]:
        """Make both tables."""
        carried, options = listed(self.shape.carried), "INCLUDING DEFAULTS INCLUDING GENERATED"
        return (
            f"CREATE TEMP TABLE more_{self.table.oid} (LIKE {self.table.name.sql} {options})",
            f"CREATE TEMP TABLE less_{self.table.oid} AS SELECT {carried} FROM {self.table.relation} WITH NO DATA",
        )

    def missed(self) -> str:
        """Note the rows that users deleted, and that the backup has fewer of, as the migration rewrote them."""
        texts = ", ".join(f"coalesce({quote(name)}::text, '')" for name in self.shape.carried)
        wanted = self._numbered(self.less)
        return (
            f"{_NOTE} SELECT 'edited_by_both', {self._named}, w.\"~key\", '', 'backup', NULL, NULL"
            f' FROM (SELECT *, ARRAY[{texts}] AS "~key" FROM ({wanted}) x) w'
            f" WHERE NOT EXISTS (SELECT FROM ({self._numbered(self.table.relation)}) h"
            f' WHERE h."~text" = w."~text" AND h."~n" = w."~n") ON CONFLICT DO NOTHING'
        )

    def choose(self) -> str:
        """Choose as many of each row as live has less, to be deleted."""
        held = self._numbered(self.table.relation, more=', ctid AS "~at", tableoid AS "~part"')
        return (
            f'CREATE TEMP TABLE leaving_{self.table.oid} ON COMMIT DROP AS SELECT h."~at", h."~part"'
            f" FROM ({held}) h JOIN ({self._numbered(self.less)}) w"
            f' ON h."~text" = w."~text" AND h."~n" = w."~n"'
        )

    def going(self) -> str:
        """Read those that were chosen and hold something in a column that the other side lacks; empty for none such."""
        if not self.shape.only_backup:
            return ""
        return (
            f'SELECT t.* FROM {self.table.relation} t JOIN {self.leaving} h ON t.ctid = h."~at"'
            f' AND t.tableoid = h."~part" WHERE num_nonnulls({listed(self.shape.only_backup, "t")}) > 0'
        )

    def remove(self) -> str:
        """Delete those that were chosen."""
        return (
            f"DELETE FROM {self.table.relation} t USING {self.leaving} h"
            f' WHERE t.ctid = h."~at" AND t.tableoid = h."~part"'
        )

    def insert(self) -> str:
        """Insert the rows that live has more of."""
        columns = listed(column.name for column in self.table.written)
        return (
            f"INSERT INTO {self.table.name.sql} ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns} FROM {self.more}"
        )

    def orphans(self, key: ForeignKey, parent: Table, stage: Stage | None, free: Sequence[str]) -> tuple[str, str]:
        """Note the new rows without a parent, and empty their columns, or leave them out where those are required."""
        pairs = tuple(zip(key.parent_columns, key.columns, strict=True))
        filled = " AND ".join(f"m.{quote(name)} IS NOT NULL" for name in key.columns)
        direct = f"SELECT FROM {parent.relation} f WHERE {paired(pairs, 'f', 'm')}"
        if stage is not None:
            staged = f'SELECT FROM {stage.name} f WHERE f."~there" AND {paired(pairs, "f", "m")}'
            direct = f"{staged} UNION ALL {direct} AND {stage.unstaged('f')}"
        texts = ", ".join(f"coalesce(m.{quote(name)}::text, '')" for name in self.shape.carried)
        where = f"WHERE {filled} AND NOT EXISTS ({direct})"
        settled = "null" if free else "left_out"
        emptied = ", ".join(f"{quote(name)} = NULL" for name in free)
        texts = f"ARRAY[{texts}], {literal(key.name)}, '{settled}'"
        noted = f"SELECT 'parent_gone', {self._named}, {texts}, NULL, NULL FROM {self.more} m {where}"
        return (
            f"{_NOTE} {noted} ON CONFLICT DO NOTHING",
            f"UPDATE {self.more} m SET {emptied} {where}" if free else f"DELETE FROM {self.more} m {where}",
        )

    def failing(self, check: Check) -> tuple[str, str]:
        """Note the new rows that a check refuses, and leave them out."""
        return self._left_out("check_failed", check.name, f"NOT ({check.expression})")

    def clashing(self, unique: Unique) -> tuple[str, str]:
        """Note the new rows that want a unique value which another row has that stays or comes, and leave them out."""
        table = quote(self.table.name.name)
        stays = (
            f'NOT EXISTS (SELECT FROM {self.leaving} "~l"'
            f' WHERE "~l"."~at" = {table}.ctid AND "~l"."~part" = {table}.tableoid)'
        )
        wanted = keyed((), unique, self.more, "true", more='ctid AS "~at"')
        held = keyed((), unique, self.table.relation, stays)
        number = f'row_number() OVER (PARTITION BY {", ".join(parts_of(unique))} ORDER BY "~at") AS "~n"'
        losing = f'"~n" > 1 OR EXISTS (SELECT FROM ({held}) h WHERE {agree(unique, "w", "h")})'
        numbered = f'SELECT "~at" FROM (SELECT *, {number} FROM ({wanted}) r) w WHERE {losing}'
        return self._left_out("unique_clash", unique.name, f"ctid IN ({numbered})")

    def _left_out(self, kind: str, about: str, where: str) -> tuple[str, str]:
        texts = ", ".join(f"coalesce({quote(name)}::text, '')" for name in self.shape.carried)
        names = ", ".join(map(literal, self.shape.carried))
        cells = ", ".join(f"{quote(name)}::text" for name in self.shape.carried)
        shown = f"jsonb_object(ARRAY[{names}], ARRAY[{cells}])"
        noted = f"SELECT '{kind}', {self._named}, ARRAY[{texts}], {literal(about)}, 'left_out', {shown}, NULL"
        return (
            f"{_NOTE} {noted} FROM {self.more} WHERE {where} ON CONFLICT DO NOTHING",
            f"DELETE FROM {self.more} WHERE {where}",
        )

    @property
    def _named(self) -> str:
        return f"{literal(self.table.name.schema)}, {literal(self.table.name.name)}"

    def _numbered(self, relation: str, *, more: str = "") -> str:
        """Give rows as text, those that are the same numbered from 1 on."""
        text = f"ROW({listed(self.shape.carried)})::text"
        columns = listed(self.shape.carried)
        number = f"row_number() OVER (PARTITION BY {text})"
        return f'SELECT {columns}, {text} AS "~text", {number} AS "~n"{more} FROM {relation}'


_NOTE = "INSERT INTO rollbook.conflicts (kind, namespace, relation, key, about, settled, live, backup)"
