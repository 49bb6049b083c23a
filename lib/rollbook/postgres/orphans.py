"""The SQL that finds rows whose parent would not be there, and brings parents back."""

from ..dataclass import dataclass
from .catalog import ForeignKey, Table
from .names import equal, listed, paired, quote
from .staging import STATE, THERE, Stage


@dataclass(frozen=True, slots=True)
class Link:
    """A foreign key between staged tables; a *parent* without a stage is as the table itself is."""

    key: ForeignKey
    child: Stage
    parent_table: Table
    parent: Stage | None

    @property
    def _pairs(self) -> tuple[tuple[str, str], ...]:
        return tuple(zip(self.key.columns, self.key.parent_columns, strict=True))

    def adopt_children(self) -> str | None:
        """Stage the rows that point at a parent which is about to go, or to change its name."""
        parent = self.parent
        if parent is None:
            return None
        names = self.key.parent_columns
        moved = " OR ".join(f"s.{quote(name)} IS DISTINCT FROM t.{quote(name)}" for name in names)
        # A parent that is there now: the backup's, or one that an earlier pass carried.
        gone = (
            f"JOIN (SELECT {listed(names, 't')} FROM {parent.standing()} WHERE NOT s.{THERE} OR {moved}) g"
            f" ON {paired(self._pairs, 't', 'g')}"
        )
        return self.child.adopt(gone, f"NOT {self._present('t')}")

    def index_parent(self) -> str | None:
        """Index the parent's stage by the columns that children point at."""
        if self.parent is None or set(self.key.parent_columns) == set(self.parent.key):
            return None
        return f"CREATE INDEX ON {self.parent.name} ({listed(self.key.parent_columns)})"

    def orphans(self) -> str:
        """Make `pg_temp.hits` of the staged rows without a parent: key, whose they are, both sides."""
        child = self.child
        filled = " AND ".join(f"s.{quote(name)} IS NOT NULL" for name in self.key.columns)
        # Looked up row by row for the few that are hits; a join would read all that was ever carried.
        backup = f"SELECT {child.shown('p')} FROM {child.pristine} p WHERE p.{THERE} AND {equal(child.key, 'p', 's')}"
        return (
            f"CREATE TEMP TABLE hits ON COMMIT DROP AS SELECT {listed(child.key, 's')}, s.{STATE} AS whose,"
            f" CASE WHEN s.{STATE} = 'L' THEN {child.shown('s')} END AS live, ({backup}) AS backup"
            f" FROM {child.name} s WHERE s.{THERE} AND {filled} AND NOT {self._present('s')}"
        )

    def restore_parents(self) -> str | None:
        """Bring back the parents of the backup's rows among the hits that are still as live has them."""
        parent = self.parent
        if parent is None:
            return None
        wanted = (
            f"(SELECT DISTINCT {listed(parent.key, 'p')} FROM {parent.pristine} p"
            f" JOIN {parent.name} x ON {equal(parent.key, 'x', 'p')} AND x.{STATE} = 'L'"
            f" JOIN {self.child.name} s ON {paired(self._pairs, 's', 'p')}"
            f" JOIN pg_temp.hits h ON {equal(self.child.key, 'h', 's')} WHERE p.{THERE} AND h.whose <> 'L')"
        )
        return parent.revert(wanted)

    def _present(self, alias: str) -> str:
        """Say that the row to which *alias* points will be there."""
        pairs = tuple((theirs, ours) for ours, theirs in self._pairs)
        direct = f"SELECT FROM {self.parent_table.relation} f WHERE {paired(pairs, 'f', alias)}"
        if self.parent is None:
            return f"EXISTS ({direct})"
        staged = f"SELECT FROM {self.parent.name} f WHERE f.{THERE} AND {paired(pairs, 'f', alias)}"
        return f"(EXISTS ({staged}) OR EXISTS ({direct} AND {self.parent.unstaged('f')}))"
