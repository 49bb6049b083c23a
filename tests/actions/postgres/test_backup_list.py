"""Which backups there are, and which of them is the one to go back to."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rollbook.errors import RefusedError
from rollbook.planner.step import refuse

from ..conftest import Machine, use
from .shops import Shop
from .test_restore import made

pytestmark = pytest.mark.server


def aged(path: Path, day: int) -> Path:
    """Have a backup last written to on a day of May 2024."""
    at = datetime(2024, 5, day, 12, tzinfo=UTC).timestamp()
    for file in (path, *path.rglob("*")):
        os.utime(file, (at, at))
    return path


@pytest.fixture
def shelf(shop: Shop, desk: Machine, tmp_path: Path) -> Path:
    """Put backups of every sort into a folder, and what is none."""
    folder = tmp_path / "shelf of backups"
    folder.mkdir()
    aged(made(shop, desk, folder, "custom"), 1)
    aged(made(shop, desk, folder, "directory"), 2)
    aged(made(shop, desk, folder, "plain.gz"), 3)
    aged(folder / "plain.sql", 4)
    (folder / ".shop_run.partial" / "dump").mkdir(parents=True)
    (folder / "notes.txt").write_text("nothing")
    (folder / "empty").mkdir()
    return folder


def listing(folder: Path, **arguments: object) -> object:
    return use("postgres.backup_list", folder=str(folder), **arguments)


def test_backups_are_listed_newest_first(shop: Shop, desk: Machine, shelf: Path) -> None:
    """Ours and those that others made, with kind, database and time; halves are told as such, and the rest left out."""
    ours = made(shop, desk, shelf, "rollbook")

    action = listing(shelf)
    outputs = action.outputs(action.probe(desk.read), ())

    found = [(Path(one["path"]).name, one["kind"], one["complete"], one["database"]) for one in outputs["backups"]]
    assert sorted(found[:2]) == sorted(
        [(".shop_run.partial", "rollbook", False, ""), (ours.name, "rollbook", True, shop.name)]
    )
    assert found[2:] == [
        ("plain.sql", "plain", True, ""),
        ("plain.sql.gz", "plain", True, ""),
        ("directory", "directory", True, shop.name),
        ("custom.dump", "custom", True, shop.name),
    ]
    assert outputs["newest"] == outputs["newest_before"] == str(ours)
    assert 0 <= outputs["age_hours"] < 1
    assert all(one["bytes"] > 0 for one in outputs["backups"])


@pytest.mark.parametrize(
    ("before", "name"),
    [
        ("2024-05-04T12:00:01Z", "plain.sql"),
        ("2024-05-04T12:00:00Z", "plain.sql.gz"),
        ("2024-05-02T00:00:00+02:00", "custom.dump"),
    ],
)
def test_the_last_one_before_an_instant_is_chosen(desk: Machine, shelf: Path, before: str, name: str) -> None:
    """The last before the deploy, not the newest, which has the damage in it."""
    action = listing(shelf, before=before)
    state = action.probe(desk.read)

    assert action.outputs(state, ())["newest_before"] == str(shelf / name)
    assert state.newest == str(shelf / "plain.sql")


def test_a_backup_of_another_database_is_not_chosen(desk: Machine, shelf: Path) -> None:
    """Of those that tell no database any may be meant."""
    action = listing(shelf, database="other")

    assert action.probe(desk.read).chosen == str(shelf / "plain.sql")
    assert listing(shelf, database="other", before="2024-05-03T00:00:00Z", optional=True).probe(desk.read).chosen == ""


@pytest.mark.parametrize("folder", ["shelf of backups", "not there"])
def test_without_a_backup_the_runbook_stops(desk: Machine, shelf: Path, folder: str) -> None:
    """Unless it may go on without."""
    action = listing(shelf.parent / folder, before="2020-01-01T00:00:00Z")

    with pytest.raises(
        RefusedError, match=r"no complete backup of the database from before 2020-01-01T00:00:00\+00:00"
    ):
        refuse(action, action.probe(desk.read))
    optional = listing(shelf.parent / folder, before="2020-01-01T00:00:00Z", optional=True)
    refuse(optional, optional.probe(desk.read))


def test_an_archive_that_cannot_be_read_is_not_complete(desk: Machine, shelf: Path) -> None:
    """It stands in the list, and is never chosen."""
    (shelf / "custom.dump").write_bytes(b"PGDMP and nothing more")

    outputs = listing(shelf).outputs(listing(shelf).probe(desk.read), ())

    assert [one["complete"] for one in outputs["backups"] if one["path"].endswith("custom.dump")] == [False]
