"""Old backups go, and the newest never does."""

import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from engine.workshop import Workshop

from rollbook.action import Refuse
from rollbook.errors import SchemaError, TargetError
from rollbook.postgres.manifest import Manifest
from rollbook.postgres.properties import Properties

from ..conftest import Machine, use

PROPERTIES = Properties("shop", "UTF8", "C", "C")


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put ten daily backups of two databases into a folder, and what is none of ours."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "shelf"
    now = datetime.now(UTC)
    for database in ("shop", "blog"):
        for day in range(5):
            at = (now - timedelta(days=day, minutes=1)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            made = folder / f"{database}_{day}_days"
            made.mkdir(parents=True)
            manifest = Manifest(f"run{day}", database, 150_020, at, at, "none", PROPERTIES, (), (), {})
            (made / "manifest.json").write_text(manifest.text())
    (folder / "theirs.sql").write_text("-- PostgreSQL database dump\n")
    (folder / "broken").mkdir()
    (folder / "broken" / "manifest.json").write_text("{}")
    (folder / ".shop_9_days.partial").mkdir()
    return folder


def names(folder: Path, *, ours: bool = True) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.endswith("_days") is ours)


def test_the_newest_of_each_database_stay(machine: Machine, shelf: Path) -> None:
    """What is beyond the number goes, of others' nothing, and twice changes nothing."""
    others = names(shelf, ours=False)
    action = use("backup.retention", folder=str(shelf), keep=2)

    change = machine.apply(action)

    assert names(shelf) == ["blog_0_days", "blog_1_days", "shop_0_days", "shop_1_days"]
    assert names(shelf, ours=False) == others
    assert f"goes: {shelf}/shop_4_days" in action.details(change)
    assert isinstance(action.undo(change), Refuse)
    assert machine.plan(action).ops == ()


def test_younger_ones_stay_as_well(machine: Machine, shelf: Path) -> None:
    """Days add to the number."""
    machine.apply(use("backup.retention", folder=str(shelf), keep=1, days=3))

    assert names(shelf) == [f"{database}_{day}_days" for database in ("blog", "shop") for day in (0, 1, 2)]


def test_the_newest_is_never_cleared_away(shelf: Path) -> None:
    """Not even on request."""
    with pytest.raises(SchemaError, match="at least 1"):
        use("backup.retention", folder=str(shelf), keep=0)


def test_what_an_unfinished_run_needs_stays(machine: Machine, shelf: Path, tmp_path: Path) -> None:
    """A run that may be resumed or undone keeps its backup; one that is over does not."""
    workshop = Workshop(tmp_path)
    for name, command in (("failing", "/bin/false"), ("fine", "/bin/true")):
        which = "shop_4_days" if name == "failing" else "shop_3_days"
        step = f"  - {{id: use, name: Use it, shell.run: {{command: [{command}, {shelf}/{which}]}}}}"
        workshop.write(name, f"steps:\n{step}\n")
    assert workshop.run("failing").resumable
    assert not workshop.run("fine").resumable
    action = use("backup.retention", folder=str(shelf), keep=2)

    change = machine.apply(action)
    for pool in workshop.pools:
        pool.close()

    assert names(shelf) == ["blog_0_days", "blog_1_days", "shop_0_days", "shop_1_days", "shop_4_days"]
    assert any("shop_4_days stays: run" in line for line in action.details(change))


@pytest.mark.parametrize("shut", ["folder", "journal"])
def test_what_the_run_of_another_account_may_need_stays(
    humble: Machine, machine: Machine, shelf: Path, tmp_path: Path, shut: str
) -> None:
    """A run's folder is open to its own account only: which backup it needs nobody else can tell, so none goes."""
    workshop = Workshop(tmp_path)
    step = f"  - {{id: use, name: Use it, shell.run: {{command: [/bin/false, {shelf}/shop_4_days]}}}}"
    workshop.write("failing", f"steps:\n{step}\n")
    assert workshop.run("failing").resumable
    folder = workshop.runs.all()[-1]
    closed = folder.path if shut == "folder" else folder.journal
    closed.chmod(0)
    action = use(
        "backup.retention", folder=str(shelf), keep=2, runs_on="web", local="web", runs=str(folder.path.parent)
    )

    change = humble.plan(action)
    closed.chmod(0o700)
    for pool in workshop.pools:
        pool.close()

    assert change.ops == ()
    assert f"shop_4_days stays: run {folder.path.name} may need it" in "\n".join(action.details(change))
    assert len(machine.plan(use("backup.retention", folder=str(shelf), keep=2)).ops) == 5


@pytest.mark.parametrize("mode", [0o000, 0o300, 0o600], ids=oct)
@pytest.mark.parametrize("which", ["runs", "shelf"])
def test_what_may_not_be_looked_at_is_not_empty(humble: Machine, shelf: Path, which: str, mode: int) -> None:
    """Where the folder of runs or of backups is shut, nothing is known, and nothing is cleared away."""
    runs = shelf.parent / "runs"
    runs.mkdir()
    places = {"folder": str(shelf), "runs": str(runs)}
    action = use("backup.retention", keep=2, runs_on="web", local="web", **places)
    closed = runs if which == "runs" else shelf
    closed.chmod(mode)

    with pytest.raises(TargetError, match="Permission denied"):
        humble.plan(action)
    closed.chmod(0o700)


def test_what_an_unfinished_run_was_to_clear_away_goes(machine: Machine, shelf: Path, tmp_path: Path) -> None:
    """A nightly run that failed before its retention holds none of the backups that it would have cleared away."""
    workshop = Workshop(tmp_path)
    clear = f"  - {{id: keep, name: Clear away, backup.retention: {{folder: {shelf}, keep: 2}}}}"
    workshop.write("nightly", f"steps:\n  - {{id: fail, name: Fail, shell.run: {{command: [/bin/false]}}}}\n{clear}\n")
    assert workshop.run("nightly").resumable
    assert "shop_4_days" in workshop.runs.all()[-1].journal.read_text()

    machine.apply(use("backup.retention", folder=str(shelf), keep=2))
    for pool in workshop.pools:
        pool.close()

    assert names(shelf) == ["blog_0_days", "blog_1_days", "shop_0_days", "shop_1_days"]


def test_what_a_kill_leaves_is_no_backup(machine: Machine, shelf: Path) -> None:
    """A folder loses its name before its files go."""
    action = use("backup.retention", folder=str(shelf), keep=4)
    (op, *_) = machine.plan(action).ops
    assert "mv --" in op.argv[2]

    subprocess.run(["sh", "-c", op.argv[2].replace("rm -rf", "true"), *op.argv[3:]], check=True)

    assert sum(name.endswith("_days") for name in names(shelf)) == 9
    left = shelf / f".{Path(op.argv[4]).name}.partial"
    assert json.loads((left / "manifest.json").read_text())["database"] in ("blog", "shop")
    assert len(machine.plan(action).ops) == 1
