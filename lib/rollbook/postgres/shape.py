"""How the columns of one table line up between live, base and backup."""

from ..dataclass import dataclass
from .catalog import Column, Table
from .names import Name


@dataclass(frozen=True, slots=True)
class Shape:
    """
    The columns of a table that is on both sides, in the order in which its rows are passed around.

    A row of live or base has *carried* and then *only_live*, one of the backup *carried* and then *only_backup*;
    the key, where there is one, is the beginning of *carried*.
    """

    table: Name
    key: tuple[str, ...]
    carried: tuple[str, ...]
    only_live: tuple[str, ...]
    only_backup: tuple[str, ...]
    required: frozenset[int]  # positions in *carried* that the backup's table wants filled
    guarded: tuple[int, ...]  # those of *required* that may be NULL in live
    needed: tuple[str, ...]  # of *only_backup*, those that must have a value and have no default
    risky: tuple[int, ...]  # positions in *carried* whose live values the backup's type may refuse
    undecided: bool  # without a base, the migration's doings cannot be told from the users'

    @property
    def compared(self) -> tuple[str, ...]:
        """Give the columns by which base and live are compared."""
        return self.carried + self.only_live

    @property
    def stored(self) -> tuple[str, ...]:
        """Give the columns of a whole row of the backup."""
        return self.carried + self.only_backup


def shape(backup: Table, live: Table, base: Table, *, decided: bool) -> Shape:
    """
    Line up the columns of one table.

    *base* may be the backup's table itself; what it does not tell of the migration is then not *decided*, unless it
    is known that the migration left the table alone.
    """
    key = _key(backup, live, base)
    theirs = {column.name for column in live.columns} & {column.name for column in base.columns}
    written = {column.name: column for column in backup.written}
    carried = (*key, *sorted(name for name in written if name in theirs and name not in key))
    generated = {column.name for column in (*backup.columns, *live.columns) if column.generated}
    only_backup = [written[name] for name in written if name not in carried]
    required = frozenset(at for at, name in enumerate(carried) if written[name].required)
    return Shape(
        table=backup.name,
        key=key,
        carried=carried,
        only_live=tuple(sorted(theirs - set(carried) - generated)),
        only_backup=tuple(column.name for column in only_backup),
        required=required,
        guarded=tuple(sorted(at for at in required if _may_be_null(live.column(carried[at])))),
        needed=tuple(column.name for column in only_backup if not column.fills_itself),
        risky=tuple(at for at, name in enumerate(carried) if _may_refuse(written[name], live.column(name))),
        undecided=not decided,
    )


def _key(*tables: Table) -> tuple[str, ...]:
    first, *others = tables
    for unique in first.keys:
        if all(any({*unique.columns} == {*one.columns} for one in other.keys) for other in others):
            return unique.columns
    return ()


def _may_be_null(column: Column) -> bool:
    return not column.required


def _may_refuse(stored: Column, live: Column) -> bool:
    # Enums, domains and composites of one name may differ in what they take.
    return stored.type != live.type or stored.kind in "edc"
