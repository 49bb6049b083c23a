"""The folder of runs."""

from pathlib import Path

import pytest

from rollbook.errors import NotFoundError
from rollbook.journal import Journal
from rollbook.runs import RunFolder, Runs


def begin(runs: Runs, run_id: str) -> None:
    """Begin a run."""
    with Journal(runs.create(run_id).journal) as journal:
        journal.append("note", text="begun")


def test_the_last_run_is_the_one_that_began_last(tmp_path: Path) -> None:
    """It is so also when the clock went back, and ids sort otherwise."""
    runs = Runs(tmp_path)
    begin(runs, "20260102T000000.000Z-aaaaaa")
    begin(runs, "20260101T000000.000Z-bbbbbb")

    assert runs.find("last").id == "20260101T000000.000Z-bbbbbb"


def test_a_run_that_never_began_is_not_the_last(tmp_path: Path) -> None:
    """A folder without a record was refused or killed before anything was done."""
    runs = Runs(tmp_path)
    begin(runs, "20260101T000000.000Z-aaaaaa")
    runs.create("20260102T000000.000Z-bbbbbb")

    assert runs.find("last").id == "20260101T000000.000Z-aaaaaa"


def test_a_run_whose_journal_is_empty_is_told_by_name(tmp_path: Path) -> None:
    """Whoever looks for it learns where what there is lies, and not that there was no such run."""
    runs = Runs(tmp_path)
    runs.create("20260102T000000.000Z-bbbbbb").journal.touch()

    with pytest.raises(
        NotFoundError, match="has no record: it was killed before its first, or its journal was emptied"
    ):
        runs.find("20260102T000000.000Z-bbbbbb")


ADDRESSES = (
    "a/b",
    "a+b",
    "s[a:b]",
    "s[a+b]",
    "s[a.b]",
    "s[A.B]",
    "s[ä]",
    f"{'x' * 300}/y",
    f"{'x' * 300}/z",
    "ß" * 200,
)


def test_every_step_has_a_file_of_its_own_for_its_output(tmp_path: Path) -> None:
    """Also where names of files could not tell two addresses apart, and no name is too long for a disk."""
    paths = [RunFolder(tmp_path).output(address) for address in ADDRESSES]

    assert len({path.name.lower() for path in paths}) == len(ADDRESSES)
    assert max(len(path.name.encode()) for path in paths) < 256
    assert paths[0].name == "a+b.log"
