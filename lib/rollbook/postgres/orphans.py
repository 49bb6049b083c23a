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
        # A parent that is there now: the backup's, or one that an earlier pass carried.
        gone = f"JOIN (SELECT {listed(names, 't')} FROM {parent.leaving(names)}) g ON {paired(self._pairs, 't', 'g')}"
        return self.child.adopt(gone, self._absent("t"))

    def strays(self) -> str:
        """Give a row where one that was written straight into the table has no parent, nor had one in the table."""
        return f"SELECT FROM {self._lost} g LIMIT 1"

    def adopt_strays(self) -> str:
        """Stage those rows; where a parent is about to go, `adopt_children` does."""
        same = tuple((name, name) for name in self.key.columns)
        return self.child.adopt(f"JOIN {self._lost} g ON {paired(same, 'g', 't')}", f"NOT {self.child.had('t')}")

    @property
    def _lost(self) -> str:
        """Give what such rows point at and is not there, each once: many have the same parent."""
        filled = " AND ".join(f"t.{quote(name)} IS NOT NULL" for name in self.key.columns)
        named = (
            f"SELECT DISTINCT {listed(self.key.columns, 't')} FROM {self.child.table.relation} t"
            f" WHERE NOT {self.child.had('t')} AND {filled}"
        )
        # The table first: nearly all are there, and the stage is looked up for the rest.
        rest = f"SELECT * FROM ({named}) d WHERE NOT EXISTS ({self._direct('d')}) OFFSET 0"
        return f"(SELECT * FROM ({rest}) d WHERE {self._absent('d')})"

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
            f" FROM {child.name} s WHERE s.{THERE} AND {filled} AND {self._absent('s')}"
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

    def _absent(self, alias: str) -> str:
        """Say that the row to which *alias* points will not be there; as the planner can join it."""
        direct = self._direct(alias)
        if self.parent is None:
            return f"NOT EXISTS ({direct})"
        staged = f"SELECT FROM {self.parent.name} f WHERE f.{THERE} AND {self._points(alias)}"
        return f"NOT EXISTS ({staged}) AND NOT EXISTS ({direct} AND {self.parent.unstaged('f')})"

    def _direct(self, alias: str) -> str:
        return f"SELECT FROM {self.parent_table.relation} f WHERE {self._points(alias)}"

    def _points(self, alias: str) -> str:
        """Say that *alias* points at the row `f`."""
        return paired(((theirs, ours) for ours, theirs in self._pairs), "f", alias)
