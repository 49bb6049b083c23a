"""`sql.snapshot_list` finds the snapshots that are of this database, and the newest among them."""

import json
import shutil
from pathlib import Path

import pytest

from rollbook.action import Change

from .conftest import Taken
from .snapshots import save, use

pytestmark = pytest.mark.server

SITE = """
    CREATE TABLE posts (id integer PRIMARY KEY, body text); INSERT INTO posts SELECT i, 'x' FROM generate_series(1, 20) i;
"""


def snapshot(taken: Taken, folder: Path, run: str, **told: str) -> Path:
    """Take a snapshot, and let its manifest tell something else."""
    path = Path(save(taken, folder, run=run, tables=["posts"], environment="stage"))
    manifest = path / "manifest.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), **told}))
    return path


def test_the_newest_of_this_database_is_chosen(taken: Taken, tmp_path: Path) -> None:
    """Neither one of another environment or database nor a half counts, whatever their age."""
    taken.both(SITE)
    snapshot(taken, tmp_path, "r1", started="2026-01-01T00:00:00.000Z")
    newest = snapshot(taken, tmp_path, "r2", started="2026-01-02T00:00:00.000Z")
    snapshot(taken, tmp_path, "r3", started="2026-01-03T00:00:00.000Z", environment="prod")
    snapshot(taken, tmp_path, "r4", started="2026-01-03T00:00:00.000Z", database="other")
    half = shutil.copytree(newest, tmp_path / ".taken_live_r5.partial")
    (half / "manifest.json").unlink()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "manifest.json").write_text("{")

    action = use("sql.snapshot_list", folder=str(tmp_path), environment="stage")
    state = action.probe(taken.read)

    given = action.outputs(state, ())
    assert given["newest"] == str(newest)
    assert (len(given["snapshots"]), given["others"], given["rows"]) == (2, 2, 20)
    assert action.refusal(state) is None


def test_without_one_the_run_stops(taken: Taken, tmp_path: Path) -> None:
    """Going on without what is to be put back would put nothing back; where that is meant, it is said."""
    taken.both(SITE)
    snapshot(taken, tmp_path, "r3", environment="prod")

    action = use("sql.snapshot_list", folder=str(tmp_path), environment="stage")
    state = action.probe(taken.read)

    refusal = str(action.refusal(state))
    assert "no complete snapshot of this database (1 are of something else)." in refusal
    assert "snapshot=, stored= (out of a store) or backup=" in refusal
    assert use("sql.snapshot_list", folder=str(tmp_path), optional=True).refusal(state) is None


@pytest.mark.parametrize(("was", "becomes"), [('"run"', '"ruN"'), ('"run":', '"run";'), ('"format": 1', '"format": 3')])
def test_one_that_is_damaged_is_named(taken: Taken, tmp_path: Path, was: str, becomes: str) -> None:
    """A snapshot that is there and cannot be read is no reason to look for it elsewhere; a backup is none of these."""
    taken.both(SITE)
    broken = snapshot(taken, tmp_path, "r1") / "manifest.json"
    assert was in broken.read_text()
    broken.write_text(broken.read_text().replace(was, becomes))
    (tmp_path / "dump").mkdir()
    (tmp_path / "dump" / "manifest.json").write_text("{}")
    action = use("sql.snapshot_list", folder=str(tmp_path), environment="stage")

    state = action.probe(taken.read)
    refusal = str(action.refusal(state))
    older = snapshot(taken, tmp_path, "r0")

    assert f"{broken.parent.name}: its manifest.json cannot be read (" in refusal
    assert "dump" not in refusal
    found = action.probe(taken.read)
    assert (found.newest, action.refusal(found)) == (str(older), None)
    assert any(
        line.startswith(f"not to be chosen: {broken.parent.name}: ") for line in action.details(Change(found, found))
    )
