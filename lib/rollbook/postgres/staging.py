"""
The SQL of a stage: for each row of a table that a pass has to do with, what is to become of it.

A stage is a temporary table, gone with its session. Beside it, in the schema `rollbook` of the restored database,
stands the table of pristine rows: what the backup had, or that it had nothing, under every key ever staged. Whatever
a pass did to a row, the next one starts from there. Under integer keys beyond the backup's last one it had nothing:
that is written down once for the table, and for a single row only where it is in a conflict.
"""

from collections.abc import Sequence
from typing import Final

from ..dataclass import dataclass
from .catalog import Table, Unique
from .names import equal, listed, quote

THERE: Final = '"~there"'  # whether the row is to be in the table; its cells are filled either way
STATE: Final = '"~state"'  # whose row it is: L(ive), B(ackup), or X: removed for good

_MARKS: Final = f"{THERE}, {STATE}"


@dataclass(frozen=True, slots=True)
class Stage:
    """
    The stage of one table that has a key.

    With a *chunk*, an expression of a row `t`, only rows in the chunks that are listed in `moved` are looked at in this
    pass; all others are as the pass before left them. *last* is the last integer key under which the backup may have a
    row; while the table is *fresh*, it has none beyond it either. Where rows were written *straight* into the table,
    those beyond it stand as if an earlier pass had carried them. *edited* are the columns in which users' rows on it
    differ from the table's; None where some are new to it, or where that is not known.
    """

    table: Table
    key: tuple[str, ...]
    chunk: str = ""
    last: int | None = None
    fresh: bool = False
    straight: bool = False
    edited: frozenset[str] | None = None

    @property
    def name(self) -> str:
        """Give the temporary table's name."""
        return f"pg_temp.stage_{self.table.oid}"

    @property
    def pristine(self) -> str:
        """Give the name of the table of pristine rows."""
        return f"rollbook.pristine_{self.table.oid}"

    @property
    def moved(self) -> str:
        """Give the name of the temporary table of chunks to look at."""
        return f"pg_temp.moved_{self.table.oid}"

    @property
    def passes_over(self) -> bool:
        """Say whether the table may have carried rows that are not staged: they are live's."""
        return bool(self.chunk) or self.straight

    def may_clash(self, unique: Unique) -> bool:
        """Say whether rows on it may want a value that others hold: not where all want what they hold themselves."""
        columns = {*unique.columns}
        if self.edited is None or not columns or not columns <= {*self.columns}:
            return True
        return bool(columns & self.edited) or unique.predicate is not None or not unique.nulls_distinct

    @property
    def keeps_values(self) -> bool:
        """Say whether rows on it are in the table, and want no value that is to be unique but what they hold."""
        if self.edited is None or self.table.partitioned or self.table.excludes:
            return False
        fixed = {column.name for column in self.table.columns if column.identity == "a"}
        return not fixed & self.edited and not any(map(self.may_clash, self.table.uniques))

    def in_moved(self) -> str:
        """Say that a row `t` is in a chunk to look at."""
        if self.straight:
            return "false"
        return f"EXISTS (SELECT FROM {self.moved} m WHERE m.c = {self.chunk})" if self.chunk else "true"

    @property
    def columns(self) -> tuple[str, ...]:
        """Give the columns that are written."""
        return tuple(column.name for column in self.table.written)

    def make(self) -> tuple[str, ...]:
        """Make the temporary table."""
        table = self.table.name.sql
        # A stage has defaults, so that a row that leaves columns out is whole at once.
        made = [
            f"CREATE TEMP TABLE stage_{self.table.oid} (LIKE {table} INCLUDING DEFAULTS INCLUDING GENERATED)",
            f"ALTER TABLE {self.name} ADD {THERE} boolean DEFAULT true, ADD {STATE} \"char\" DEFAULT 'L'",
        ]
        for column in self.table.columns:
            if column.identity and column.name not in self.key:
                serial = f"pg_catalog.pg_get_serial_sequence('{_escaped(table)}', '{_escaped(column.name)}')"
                made.append(f"ALTER TABLE {self.name} ALTER {quote(column.name)} SET DEFAULT nextval({serial})")
        return tuple(made)

    def make_pristine(self) -> tuple[str, ...]:
        """Make the table of pristine rows; to be done once only, for a reader may look at it in a later pass."""
        key = listed(self.key)
        generated = [column.name for column in self.table.columns if column.generated]
        return (
            f"CREATE TABLE {self.pristine} (LIKE {self.table.name.sql}, {THERE} boolean NOT NULL, PRIMARY KEY ({key}))",
            *(f"ALTER TABLE {self.pristine} ALTER {quote(name)} DROP NOT NULL" for name in generated),
        )

    def before(self) -> str:
        """Give the table's rows as they were before the first pass, as stands after FROM."""
        columns = listed(self.columns, "z")
        return (
            f"(SELECT {columns} FROM {self.table.relation} z WHERE {self.untouched('z')}"
            f" UNION ALL SELECT {columns} FROM {self.pristine} z WHERE z.{THERE})"
        )

    def index(self) -> tuple[str, ...]:
        """Index what was loaded."""
        return (f"CREATE UNIQUE INDEX ON {self.name} ({listed(self.key)})", f"ANALYZE {self.name}")

    def alike(self, most: int) -> str:
        """Look up how keys are spelled that are one by their type or collation and yet staged more than once."""
        return (
            f"SELECT pg_catalog.string_agg({self.key_text('s')}::text, ' and ') FROM {self.name} s"
            f" GROUP BY {listed(self.key, 's')} HAVING count(*) > 1 LIMIT {most}"
        )

    def record(self) -> tuple[str, ...]:
        """Write down what the backup has under the staged keys, where that is not known yet; may be done again."""
        columns = listed(self.columns)
        into = f"INSERT INTO {self.pristine} ({columns}, {THERE}) SELECT"
        joined = f"{self.name} s JOIN {self.table.relation} t ON {equal(self.key, 't', 's')}"
        return (
            f"{into} {listed(self.columns, 't')}, true FROM {joined} WHERE {self.untouched('s')}",
            f"{into} {listed(self.columns, 's')}, false FROM {self.name} s WHERE {self.untouched('s')}",
        )

    def record_new(self, hits: str) -> str:
        """Write down that the backup has nothing under those of the keys in *hits* that are beyond its last one."""
        columns = listed(self.columns)
        return (
            f"INSERT INTO {self.pristine} ({columns}, {THERE}) SELECT DISTINCT ON ({listed(self.key, 's')})"
            f" {listed(self.columns, 's')}, false FROM {self.name} s JOIN {hits} h ON {equal(self.key, 'h', 's')}"
            f" WHERE {self.carried_new('s')}"
        )

    def recall(self) -> tuple[str, ...]:
        """Stage the backup's row under every key that an earlier pass touched and this one has no reason to."""
        columns = listed(self.columns, "t")
        into = f"INSERT INTO {self.name} ({listed(self.columns)}, {_MARKS}) SELECT {columns}"
        these = f"{self.in_moved()} AND NOT EXISTS (SELECT FROM {self.name} s WHERE {equal(self.key, 's', 't')})"
        pristine = f"{into}, t.{THERE}, 'B' FROM {self.pristine} t WHERE {these}"
        if self.last is None or self.fresh:
            return (pristine,)
        return pristine, f"{into}, false, 'B' FROM {self.table.relation} t WHERE NOT {self.had('t')} AND {these}"

    def adopt(self, joined: str, where: str) -> str:
        """Stage rows `t` of the table itself, as the backup's; those that an earlier pass carried, as live's."""
        carried = f"NOT {self.in_moved()} AND NOT ({self.untouched('t')})"
        whose = f"CASE WHEN {carried} THEN 'L' ELSE 'B' END::\"char\"" if self.passes_over else "'B'"
        return (
            f"INSERT INTO {self.name} ({listed(self.columns)}, {_MARKS}) SELECT DISTINCT ON ({listed(self.key, 't')})"
            f" {listed(self.columns, 't')}, true, {whose} FROM {self.table.relation} t {joined}"
            f" WHERE {self.unstaged('t')} AND {where}"
        )

    def had(self, alias: str) -> str:
        """Say that the backup may have a row under the key of *alias*: it is not beyond its last one."""
        return "true" if self.last is None else f"({alias}.{quote(self.key[0])} <= {self.last})"

    def _unknown(self, alias: str) -> str:
        return f"NOT EXISTS (SELECT FROM {self.pristine} p WHERE {equal(self.key, 'p', alias)})"

    def untouched(self, alias: str) -> str:
        """Say that nothing is known of the key of *alias*: the table's row is the backup's, and was never staged."""
        return f"{self.had(alias)} AND {self._unknown(alias)}"

    def carried_new(self, alias: str) -> str:
        """Say that a row of the table was carried, and that only its key, beyond the backup's last one, tells so."""
        return f"NOT {self.had(alias)} AND {self._unknown(alias)}"

    def unstaged(self, alias: str) -> str:
        """Say that a row is not on the stage."""
        return f"NOT EXISTS (SELECT FROM {self.name} x WHERE {equal(self.key, 'x', alias)})"

    def revert(self, hits: str) -> str:
        """Give the rows named in *hits* back to the backup."""
        cells = ", ".join(f"{quote(name)} = p.{quote(name)}" for name in self.columns if name not in self.key)
        return (
            f"UPDATE {self.name} s SET {cells}{', ' if cells else ''}{THERE} = p.{THERE}, {STATE} = 'B'"
            f" FROM {self.pristine} p, {hits} h WHERE {equal(self.key, 'p', 's')} AND {equal(self.key, 'h', 's')}"
        )

    def lose(self, hits: str) -> str:
        """Take the rows named in *hits* away for good."""
        return (
            f"UPDATE {self.name} s SET {THERE} = false, {STATE} = 'X' FROM {hits} h WHERE {equal(self.key, 'h', 's')}"
        )

    def empty(self, hits: str, columns: Sequence[str]) -> str:
        """Set columns of the rows named in *hits* to NULL."""
        cells = ", ".join(f"{quote(name)} = NULL" for name in columns)
        return f"UPDATE {self.name} s SET {cells} FROM {hits} h WHERE {equal(self.key, 'h', 's')}"

    def settle(self) -> tuple[str, ...]:
        """Take from the stage what is so already."""
        # As they lie there: a value that is stored in two ways is merely written once more.
        same = f"pg_catalog.record_image_eq(ROW({listed(self.columns, 't')}), ROW({listed(self.columns, 's')}))"
        if self.fresh or self.straight:  # what users wrote differs, for nothing of it was carried before
            same = f"s.{STATE} <> 'L' AND {same}"
        absent = f"NOT EXISTS (SELECT FROM {self.table.relation} t WHERE {equal(self.key, 't', 's')})"
        return (
            f"DELETE FROM {self.name} s USING {self.table.relation} t WHERE {self._there()} AND s.{THERE} AND {same}",
            f"DELETE FROM {self.name} s WHERE NOT s.{THERE} AND {absent}",
        )

    def standing(self) -> str:
        """Give what stands after FROM for those rows `t` of the table that are staged."""
        return f"{self.table.relation} t JOIN {self.name} s ON {self._there()}"

    def leaving(self, columns: Sequence[str]) -> str:
        """Give what stands after FROM for those of them that will not be there, or not with these values."""
        moved = (f"s.{quote(name)} IS DISTINCT FROM t.{quote(name)}" for name in columns if name not in self.key)
        return f"{self.standing()} AND ({' OR '.join((f'NOT s.{THERE}', *moved))})"

    def remove(self) -> str:
        """Delete staged rows from the table, also what stays, where a unique value may be in its way."""
        going = f" AND NOT s.{THERE}" if self.keeps_values else ""
        return f"DELETE FROM {self.table.relation} t USING {self.name} s WHERE {self._there()}{going}"

    def _there(self) -> str:
        """Say that a row of the table is the staged one; without looking for those that cannot be there."""
        matching = equal(self.key, "t", "s")
        return f"{matching} AND {self.had('s')}" if self.fresh else matching

    def insert(self) -> str:
        """Insert every staged row that is to be there, or change it where it stands."""
        columns = listed(self.columns)
        fixed = {*self.key, *(column.name for column in self.table.columns if column.identity == "a")}
        cells = [f"{quote(name)} = s.{quote(name)}" for name in self.columns if name not in fixed]
        if self.keeps_values and cells:
            where = f"{self._there()} AND s.{THERE}"
            return f"UPDATE {self.table.relation} t SET {', '.join(cells)} FROM {self.name} s WHERE {where}"
        return (
            f"INSERT INTO {self.table.name.sql} ({columns}) OVERRIDING SYSTEM VALUE"
            f" SELECT {columns} FROM {self.name} WHERE {THERE}"
        )

    def shown(self, alias: str) -> str:
        """Give a row as JSON, each cell as text."""
        names = ", ".join(f"'{_escaped(name)}'" for name in self.columns)
        cells = ", ".join(f"{alias}.{quote(name)}::text" for name in self.columns)
        return f"jsonb_object(ARRAY[{names}], ARRAY[{cells}])"

    def key_text(self, alias: str) -> str:
        """Give the key as an array of texts."""
        return "ARRAY[" + ", ".join(f"{alias}.{quote(name)}::text" for name in self.key) + "]"


def _escaped(text: str) -> str:
    return text.replace("'", "''")
