"""The merge of one row."""

from typing import Any

import pytest

from rollbook.postgres.conflict import Found, Kind, Side
from rollbook.postgres.copytext import NULL, Cells, cells, line, value
from rollbook.postgres.merge import Merged, left_behind, merge
from rollbook.postgres.names import Name
from rollbook.postgres.shape import Shape

REMOVED = Merged(stays=False, row=None)
STAYS = Merged(stays=True, row=None)


def make_shape(**others: Any) -> Shape:
    """Make a shape with a key, two cells, one that the migration dropped and one that it added."""
    given = {
        "table": Name("public", "t"),
        "key": ("id",),
        "carried": ("id", "a", "b"),
        "only_live": ("new",),
        "only_backup": ("old",),
        "required": frozenset({0, 1}),
        "guarded": (1,),
        "needed": (),
        "risky": (),
        "undecided": False,
    }
    return Shape(**{**given, **others})


def row(text: str) -> Cells | None:
    return tuple(NULL if cell == "-" else cell.encode() for cell in text.split()) if text else None


def wins(side: Side) -> Any:
    def decide(_kind: Kind) -> Side:
        return side

    return decide


@pytest.mark.parametrize(
    ("base", "backup", "live", "becomes"),
    [
        ("1 x y n", "1 x y o", "1 x Z n", "1 x Z o"),  # a cell of the users', the dropped one from the backup
        ("1 m y n", "1 x y o", "1 m Z n", "1 x Z o"),  # the migration's own cell stays as in the backup
        ("1 m y n", "1 x y o", "1 x y n", ""),  # changed back by hand
        ("", "", "2 x y n", "2 x y"),  # inserted
        ("1 x y n", "1 x y o", "1 x y N", ""),  # only what the backup has no column for
    ],
)
def test_cells_of_users_go_onto_the_backups_row(base: str, backup: str, live: str, becomes: str) -> None:
    """What the users changed is taken, what the migration changed is not, and neither is a conflict."""
    found = merge(make_shape(), wins("live"), row(base), row(backup), row(live))

    assert found == (Merged(stays=False, row=row(becomes)) if becomes else STAYS)


@pytest.mark.parametrize(
    ("base", "backup", "live", "conflict", "becomes"),
    [
        ("1 m y n", "1 x y o", "1 u y n", Found("edited_by_both", "live", ("a",)), "1 u y o"),
        ("", "1 x y o", "1 u y n", Found("edited_by_both", "live"), "1 u y o"),
        ("1 m y n", "", "1 u y n", Found("edited_by_both", "live"), "1 u y"),
        ("1 x y n", "1 x y o", "1 - y n", Found("null_refused", "backup", ("a",)), ""),
        ("", "", "1 - y n", Found("null_refused", "left_out", ("a",)), ""),
    ],
)
def test_what_does_not_fit_is_a_conflict(base: str, backup: str, live: str, conflict: Found, becomes: str) -> None:
    """Each kind comes with how it was settled."""
    found = merge(make_shape(), wins("live"), row(base), row(backup), row(live))

    assert found.found == (conflict,)
    assert found.row == row(becomes)


def test_a_row_that_users_deleted_goes_whatever_the_migration_wrote_into_it() -> None:
    """Deleting is about the row and not about its cells."""
    assert merge(make_shape(), wins("backup"), row("1 m y n"), row("1 x y o"), None) == REMOVED


@pytest.mark.parametrize("side", ["live", "backup"])
def test_without_a_base_a_deletion_is_undecided(side: Side) -> None:
    """Nobody knows whether the migration or a user deleted it: the policy says."""
    found = merge(make_shape(undecided=True), wins(side), row("1 x y -"), row("1 x y o"), None)

    assert found == Merged(stays=side == "backup", row=None, found=(Found("undecided", side),))


def test_a_value_that_does_not_cast_becomes_null_or_keeps_the_backups() -> None:
    """In a new row the cell is emptied where it may be; in one that the backup has, its own value stays."""
    shape, unfit = make_shape(risky=(2,)), frozenset({2})

    new = merge(shape, wins("live"), None, None, row("1 x zz n"), unfit=unfit)
    old = merge(shape, wins("live"), row("1 x y n"), row("1 x y o"), row("1 u zz n"), unfit=unfit)

    assert new == Merged(stays=False, row=row("1 x -"), found=(Found("no_cast", "null", ("b",)),))
    assert old == Merged(stays=False, row=row("1 u y o"), found=(Found("no_cast", "backup", ("b",)),))


def test_a_column_that_only_the_backup_has_and_that_must_be_filled_leaves_new_rows_out() -> None:
    """Nobody can make up the value."""
    found = merge(make_shape(needed=("old",)), wins("live"), None, None, row("1 x y n"))

    assert found == Merged(stays=True, row=None, found=(Found("missing_column", "left_out", ("old",)),))


def test_what_only_live_has_is_left_behind() -> None:
    """Cells that the users wrote into new columns are given, with NULL as None."""
    assert left_behind(make_shape(), row("1 x y d"), row("1 x y -")) == {"new": None}
    assert left_behind(make_shape(), row("1 x y d"), row("1 Z y d")) == {}


def test_cells_pass_through_as_copy_writes_them() -> None:
    """A line that is taken apart and put together is the same; a cell reads as what was stored."""
    text = b"a\\tb\t\\\\N\t\\N\t\n"

    assert line(cells(text)) == text
    assert [value(cell) for cell in cells(text)] == ["a\tb", "\\N", None, ""]
