"""The three-way merge of one row: what the users changed since the base, put onto the row of the backup."""

from collections.abc import Callable, Mapping
from typing import Final

from ..dataclass import dataclass
from .conflict import Found, Kind, Side
from .copytext import NULL, Cells, values
from .shape import Shape

Decide = Callable[[Kind], Side]


@dataclass(frozen=True, slots=True)
class Merged:
    """
    What becomes of a row: it stays as in the backup, is removed, or becomes *row*.

    A *row* that the backup does not have ends with the shape's carried columns; the others take their defaults.
    """

    stays: bool
    row: Cells | None
    found: tuple[Found, ...] = ()


_STAYS: Final = Merged(stays=True, row=None)
_REMOVED: Final = Merged(stays=False, row=None)


def merge(
    shape: Shape,
    decide: Decide,
    base: Cells | None,
    backup: Cells | None,
    live: Cells | None,
    *,
    unfit: frozenset[int] = frozenset(),
) -> Merged:
    """
    Merge one row, cell by cell; None is a row that is not there.

    *unfit* are the positions in carried whose live value the backup's column does not take. A cell that the users
    changed wins over one that they did not. A row that the users deleted is removed, whatever the migration wrote
    into it. What the migration alone changed or deleted stays as in the backup.
    """
    if live is None:
        return _deleted(shape, decide, backup)
    if backup is None:
        return _inserted(shape, decide, base, live, unfit)
    return _edited(shape, decide, base, backup, live, unfit)


def left_behind(shape: Shape, base: Cells | None, live: Cells | None) -> Mapping[str, str | None]:
    """Give what the users wrote into columns that only live has: it goes nowhere, so it is to be exported."""
    if live is None or not shape.only_live:
        return {}
    start = len(shape.carried)
    old = (NULL,) * len(shape.only_live) if base is None else base[start:]
    new = live[start:]
    changed = [at for at, cell in enumerate(new) if cell != old[at]]
    return values([shape.only_live[at] for at in changed], [new[at] for at in changed]) or {}


def _deleted(shape: Shape, decide: Decide, backup: Cells | None) -> Merged:
    if backup is None:
        return _STAYS
    if not shape.undecided:
        return _REMOVED
    side = decide("undecided")
    return Merged(stays=side == "backup", row=None, found=(Found("undecided", side),))


def _inserted(shape: Shape, decide: Decide, base: Cells | None, live: Cells, unfit: frozenset[int]) -> Merged:
    row = live[: len(shape.carried)]
    found: list[Found] = []
    if base is not None:
        # The migration made this row; the backup never had it.
        if base[: len(row)] == row:
            return _STAYS
        side = decide("edited_by_both")
        found.append(Found("edited_by_both", side))
        if side == "backup":
            return Merged(stays=True, row=None, found=tuple(found))
    if shape.needed:
        return _left_out(found, "missing_column", shape.needed)
    nulls = [at for at in shape.guarded if row[at] == NULL]
    if nulls:
        return _left_out(found, "null_refused", _names(shape, nulls))
    if not unfit:
        return Merged(stays=False, row=row, found=tuple(found))
    if unfit & shape.required or decide("no_cast") == "backup":
        return _left_out(found, "no_cast", _names(shape, unfit))
    found.append(Found("no_cast", "null", _names(shape, unfit)))
    emptied = tuple(NULL if at in unfit else cell for at, cell in enumerate(row))
    return Merged(stays=False, row=emptied, found=tuple(found))


def _left_out(found: list[Found], kind: Kind, columns: tuple[str, ...]) -> Merged:
    return Merged(stays=True, row=None, found=(*found, Found(kind, "left_out", columns)))


def _edited(
    shape: Shape, decide: Decide, base: Cells | None, backup: Cells, live: Cells, unfit: frozenset[int]
) -> Merged:
    old = backup if base is None else base
    changed = [at for at in range(len(shape.carried)) if live[at] != old[at] and live[at] != backup[at]]
    found: list[Found] = []
    if base is None or shape.undecided:
        kind: Kind = "undecided" if shape.undecided else "edited_by_both"
        if changed:
            found.append(Found(kind, decide(kind)))
        contested = changed
    else:
        contested = [at for at in changed if backup[at] != base[at]]
        if contested:
            found.append(Found("edited_by_both", decide("edited_by_both"), _names(shape, contested)))
    if contested and found[0].settled == "backup":
        changed = [at for at in changed if at not in contested]
    return _put(shape, backup, live, changed, unfit, found)


def _put(
    shape: Shape, backup: Cells, live: Cells, changed: list[int], unfit: frozenset[int], found: list[Found]
) -> Merged:
    nulls = [at for at in changed if at in shape.required and live[at] == NULL]
    misfits = [at for at in changed if at in unfit]
    if nulls:
        found.append(Found("null_refused", "backup", _names(shape, nulls)))
    if misfits:
        found.append(Found("no_cast", "backup", _names(shape, misfits)))
    taken = {*changed} - {*nulls} - {*misfits}
    if not taken:
        return Merged(stays=True, row=None, found=tuple(found))
    row = tuple(live[at] if at in taken else cell for at, cell in enumerate(backup))
    return Merged(stays=False, row=row, found=tuple(found))


def _names(shape: Shape, positions: list[int] | frozenset[int]) -> tuple[str, ...]:
    return tuple(shape.carried[at] for at in sorted(positions))
