"""`sql.snapshot_list` finds the snapshots that are of this database, and the newest among them."""

import json
import shutil
from pathlib import Path

import pytest

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

    assert "no complete snapshot of this database (1 are of something else)" in str(action.refusal(state))
    assert use("sql.snapshot_list", folder=str(tmp_path), optional=True).refusal(state) is None
