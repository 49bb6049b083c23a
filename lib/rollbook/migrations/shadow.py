"""What migrations did to a copy of a schema, read off the catalogs before and after; a second opinion."""

from collections.abc import Iterator, Mapping
from dataclasses import field

from ..dataclass import dataclass
from .types import loss, parse_type


@dataclass(frozen=True, slots=True)
class ColumnShape:
    """A column as the catalog has it."""

    type: str
    required: bool


Shape = Mapping[str, Mapping[str, ColumnShape]]


@dataclass(frozen=True, slots=True)
class Narrowed:
    """A column that holds less than before, and why."""

    column: str
    old: str
    new: str
    reason: str


@dataclass(frozen=True, slots=True)
class ShadowFound:
    """
    What is gone, narrower and new after the migrations, and which of them were recorded.

    *uncopied* names what the copy lacked: a migration that needs it may have failed or done otherwise.
    """

    tables: tuple[str, ...]
    columns: tuple[str, ...]
    narrowed: tuple[Narrowed, ...]
    made: tuple[str, ...]
    migrations: tuple[str, ...]
    uncopied: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Said:
    """What the operations said: tables and columns that go, columns that get narrower, old names and new ones."""

    tables: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    narrowing: tuple[str, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)


def compare_shapes(before: Shape, after: Shape, *, mysql: bool) -> tuple[tuple[Narrowed, ...], tuple[str, ...]]:
    """Give the columns that got narrower, and the tables and columns that are new."""
    narrowed = []
    made = list(set(after) - set(before))
    for table in sorted(set(before) & set(after)):
        for name, old in before[table].items():
            new = after[table].get(name)
            reason = _reason(old, new, mysql=mysql) if new is not None else ""
            if new is not None and reason:
                narrowed.append(Narrowed(f"{table}.{name}", old.type, new.type, reason))
        made += [f"{table}.{name}" for name in after[table] if name not in before[table]]
    return tuple(narrowed), tuple(sorted(made))


def gone(before: Shape, after: Shape) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Give the tables that are gone, and the columns that are gone from tables that stay."""
    tables = tuple(sorted(set(before) - set(after)))
    kept = (table for table in sorted(before) if table in after)
    return tables, tuple(f"{table}.{name}" for table in kept for name in before[table] if name not in after[table])


def _reason(old: ColumnShape, new: ColumnShape, *, mysql: bool) -> str:
    told = loss(parse_type(old.type, mysql=mysql), parse_type(new.type, mysql=mysql))
    reasons = [told] if told else []
    if new.required and not old.required:
        reasons.append("may not be NULL any more")
    return ", ".join(reasons)


def lines(found: ShadowFound, told: Said) -> Iterator[str]:
    """Show what was found, and where it is not what the operations said."""
    yield from (f"goes: {name}" for name in (*found.tables, *found.columns))
    yield from (f"gets narrower: {one.column}, {one.old} -> {one.new} ({one.reason})" for one in found.narrowed)
    yield from (f"new: {name}" for name in found.made)
    yield from (f"was not in the copy: {name}" for name in found.uncopied)
    yield from (f"DISAGREES: {one}" for one in disagreements(found, told))


def disagreements(found: ShadowFound, operations: Said) -> Iterator[str]:
    """
    Say where catalogs and operations differ.

    A table or column that is only called otherwise is gone for the catalog, and there under its new name.
    """
    tables, columns, narrowing = operations.tables, operations.columns, operations.narrowing
    renamed = operations.renamed
    told = {*tables, *columns}
    moved = {old for old, new in renamed.items() if _is_there(new, found)}
    # Columns go with their table, whatever was said of them.
    seen = {*found.tables, *found.columns, *(name for name in told if name.rpartition(".")[0] in found.tables)}
    for name in sorted(seen - told - moved):
        yield f"{name} goes, and the operations do not say so"
    for name in sorted(told - seen):
        yield f"{name} stays, and the operations say that it goes"
    narrowed = {one.column: one for one in found.narrowed}
    for name in sorted(set(narrowed) - {*narrowing, *told}):
        yield f"{name} gets narrower ({narrowed[name].reason}), and the operations do not say so"
    for name in sorted({*narrowing} - set(narrowed) - seen - told):
        yield f"{name} holds what it held, and the operations say that it gets narrower"


def _is_there(name: str, found: ShadowFound) -> bool:
    return name in found.made or name.rpartition(".")[0] in found.made
