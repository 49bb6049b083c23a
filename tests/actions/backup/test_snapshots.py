"""Snapshots of tables go into a store and back as backups do, and old ones are cleared away by themselves."""

from pathlib import Path

import pytest

from rollbook.snapshots.contents import Contents, SavedTable
from rollbook.snapshots.manifest import SnapshotManifest
from rollbook.snapshots.taking import TakeSnapshot
from rollbook.targets.snapshots.folder import SnapshotFolder, read_back, told_rows
from rollbook.testing import FakeExecution

from ..conftest import use
from .conftest import Store
from .test_store import contents

ROWS = [f"{number}\tx\n".encode() for number in range(1000)]


def snapshot(folder: Path, run: str, *, started: str = "2026-01-02T03:04:05.678Z") -> Path:
    """Make one as the servers' own modules do."""
    op = TakeSnapshot("db", "postgresql", "shop", str(folder), f"shop_{run}", run, "stage", (), ((), ()))
    with SnapshotFolder(op, FakeExecution()) as made:
        table = SavedTable("posts", True, ("id", "body"), "rows/0001", (), "TABLE posts", "COPY posts FROM STDIN", ())
        rows, total = made.add(table, ROWS)
        saved = SavedTable("posts", True, ("id", "body"), "rows/0001.gz", (), "", "", (), rows, total)
        told = Contents(tables=(saved,))
        made.finish(
            told,
            SnapshotManifest(
                run, "stage", "postgresql", "150000", {}, "shop", started, started, {}, told_rows(told), ()
            ),
        )
    return Path(op.path)


@pytest.mark.server
def test_a_snapshot_goes_there_and_back(store: Store, tmp_path: Path) -> None:
    """It comes back as it was, and is whole."""
    path = snapshot(tmp_path, "r1")

    uploaded = store.desk.apply(use("backup.upload", backup=str(path)))
    back = use("backup.download", name=path.name, folder=str(tmp_path / "back"))
    store.desk.apply(back)

    place = back.outputs(back.probe(store.desk.read), ())["path"]
    assert uploaded.after.url.endswith(path.name)
    assert contents(Path(place)) == contents(path)
    assert read_back(place, "", rows=True).problems == ()


def test_old_snapshots_are_cleared_away_by_themselves(store: Store, tmp_path: Path) -> None:
    """The newest stay, as many as are kept, whatever backups there are."""
    for number in range(4):
        snapshot(tmp_path / "kept", f"r{number}", started=f"2026-01-0{number + 1}T00:00:00.000Z")

    store.desk.apply(use("backup.retention", folder=str(tmp_path / "kept"), keep=2, runs=str(tmp_path)))

    assert sorted(one.name for one in (tmp_path / "kept").iterdir()) == ["shop_r2", "shop_r3"]
