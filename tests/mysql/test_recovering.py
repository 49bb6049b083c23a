"""Marks and working names tell whose they are."""

import pytest

from rollbook.mysql.recovering import mark, marked_by, working_name

RUN = "20260101T000000Z-abc"


@pytest.mark.parametrize("table", ["posts", "a" * 64, "Ünïcödé" * 9])
def test_a_working_name_fits_and_bears_the_run(table: str) -> None:
    """A name has 64 letters at most, whatever the table's."""
    name = working_name(RUN, table)

    assert len(name) <= 64
    assert name.endswith(f"_rb_{RUN}")


def test_long_names_that_begin_alike_stay_apart() -> None:
    """What is cut off tells them apart all the same."""
    assert working_name(RUN, "a" * 63 + "b") != working_name(RUN, "a" * 64)


def test_a_mark_names_its_run_and_nothing_else_is_one() -> None:
    """A comment of the users' is no mark, nor is a mark of another state."""
    assert marked_by(mark(RUN)) == RUN
    assert marked_by(mark(RUN, "loading")) is None
    assert marked_by("rollbook recovering") is None
    assert marked_by("recovering") is None
