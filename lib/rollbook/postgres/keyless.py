"""The SQL that settles rows of the backup that nothing tells apart, where the row that they point at is about to go."""

from collections.abc import Sequence

from ..dataclass import dataclass
from .catalog import ForeignKey, Table
from .names import equal, listed, literal, paired, quote
from .staging import STATE, THERE, Stage


@dataclass(frozen=True, slots=True)
class Loose:
    """
    A foreign key from a table without a key to a staged *parent*.

    *leaving* names the table of those of the child's rows that go anyway; *free* are the columns to set to NULL, none
    where that is not possible.
    """

    key: ForeignKey
    child: Table
    parent: Stage
    free: Sequence[str]
    leaving: str | None = None

    @property
    def _pairs(self) -> tuple[tuple[str, str], ...]:
        return tuple(zip(self.key.parent_columns, self.key.columns, strict=True))

    @property
    def _filled(self) -> str:
        return " AND ".join(f"t.{quote(name)} IS NOT NULL" for name in self.key.columns)

    @property
    def _standing(self) -> str:
        return f"SELECT FROM {self.parent.table.relation} f WHERE {paired(self._pairs, 'f', 't')}"

    def stray(self) -> str:
        """Make `pg_temp.stray` of the rows whose parent will not be there, by where they lie."""
        staged = f"SELECT FROM {self.parent.name} f WHERE f.{THERE} AND {paired(self._pairs, 'f', 't')}"
        there = f"EXISTS ({staged}) OR EXISTS ({self._standing} AND {self.parent.unstaged('f')})"
        stays = f" AND NOT EXISTS (SELECT FROM {self.leaving} l WHERE {_same('l')})" if self.leaving else ""
        return (
            'CREATE TEMP TABLE stray ON COMMIT DROP AS SELECT t.ctid AS "~at", t.tableoid AS "~part"'
            f" FROM {self.child.relation} t WHERE {self._filled} AND NOT ({there}){stays}"
        )

    def note(self, settled: str) -> str:
        """Write them down as conflicts; all of a row is its key."""
        names = [column.name for column in self.child.columns]
        texts = ", ".join(f"coalesce(t.{quote(name)}::text, '')" for name in names)
        cells = ", ".join(f"t.{quote(name)}::text" for name in names)
        shown = f"jsonb_object(ARRAY[{', '.join(map(literal, names))}], ARRAY[{cells}])"
        return (
            "INSERT INTO rollbook.conflicts (kind, namespace, relation, key, about, settled, live, backup)"
            f" SELECT DISTINCT 'parent_gone', {literal(self.child.name.schema)}, {literal(self.child.name.name)},"
            f" ARRAY[{texts}], {literal(self.key.name)}, {literal(settled)}, NULL::jsonb, {shown}"
            f" FROM {self.child.relation} t JOIN pg_temp.stray l ON {_same('l')}"
            " ON CONFLICT (kind, namespace, relation, key, about) DO UPDATE SET settled = excluded.settled"
        )

    def restore_parents(self) -> str:
        """Bring back those of their parents that are still as live has them."""
        parent = self.parent
        return parent.revert(
            f"(SELECT DISTINCT {listed(parent.key, 'p')} FROM {parent.pristine} p"
            f" JOIN {parent.name} x ON {equal(parent.key, 'x', 'p')} AND x.{STATE} = 'L'"
            f" JOIN {self.child.relation} t ON {paired(self._pairs, 'p', 't')}"
            f" JOIN pg_temp.stray l ON {_same('l')} WHERE p.{THERE})"
        )

    def settle(self) -> str:
        """Empty the columns of rows without a parent, or delete them, once all parents are as they are to be."""
        lost = f"{self._filled} AND NOT EXISTS ({self._standing})"
        if not self.free:
            return f"DELETE FROM {self.child.relation} t WHERE {lost}"
        emptied = ", ".join(f"{quote(name)} = NULL" for name in self.free)
        return f"UPDATE {self.child.relation} t SET {emptied} WHERE {lost}"


def _same(alias: str) -> str:
    """Say that *alias* names the place where the row `t` lies."""
    return f'{alias}."~at" = t.ctid AND {alias}."~part" = t.tableoid'
