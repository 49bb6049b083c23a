"""A runbook that takes a backup, checks it and restores it, planned, killed, resumed and undone by the engine."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from engine.workshop import Workshop, nobody, through_a_crash

from rollbook.targets.base import TargetSpec

from .shops import PASSWORD, Shop
from .test_restore import schema

pytestmark = pytest.mark.server
BACKUP = """
targets: {{db: postgres}}
steps:
  - id: backup
    name: Take a backup
    postgres.backup: {{folder: {folder}}}
  - id: check
    name: Read it to its end
    postgres.backup_check: {{backup: "{{{{ steps.backup.outputs.path }}}}"}}
"""
STEPS = (
    BACKUP
    + """\
  - id: newest
    name: List what there is
    postgres.backup_list: {{folder: {folder}, optional: true}}
  - id: restore
    name: Restore it beside the live database
    postgres.restore: {{backup: "{{{{ steps.backup.outputs.path }}}}", role: scratch}}
  - id: same
    name: It is the same
    assert.that: {{that: "{{{{ steps.restore.outputs.database != '' and steps.check.outputs.rows == 972 }}}}"}}
"""
)


NIGHTLY = (
    BACKUP
    + """\
  - id: keep
    name: Clear away what is older
    backup.retention: {{folder: {folder}, keep: 1}}
"""
)


@pytest.fixture
def workshop(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workshop]:
    """Give the shop's database to runbooks."""
    monkeypatch.chdir(tmp_path)
    made = Workshop(tmp_path, {"db": shop.pool.spec("db")}, environ={**os.environ, "DB_PASSWORD": PASSWORD})
    made.write("save", STEPS.format(folder=tmp_path / "backups"))
    yield made
    for pool in made.pools:
        pool.close()


@dataclass(frozen=True, slots=True)
class Stored:
    """A workshop with a store; *client* writes into its bucket."""

    workshop: Workshop
    client: Any
    bucket: str


@pytest.fixture
def stored(shop: Shop, workshop: Workshop, moto: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stored]:
    """Give a store beside the database, and a folder for backups, to the runbooks that come with Rollbook."""
    monkeypatch.setattr("rollbook.engine.locks.FOLDER", workshop.folder / "locks")
    bucket = f"stored-{shop.name.rpartition(' ')[2]}"
    keys = {"aws_access_key_id": "key", "aws_secret_access_key": "a long secret"}
    client = boto3.client("s3", endpoint_url=moto, region_name="us-east-1", **keys)
    client.create_bucket(Bucket=bucket)
    settings = {"bucket": bucket, "endpoint_url": moto, "region": "us-east-1", "access_key": "key"}
    settings |= {"secret_key": {"secret": "env:S3_SECRET"}, "addressing": "path"}
    workshop.targets = {**workshop.targets, "backups": TargetSpec("backups", "s3", settings)}
    workshop.environ = {**workshop.environ, "S3_SECRET": "a long secret"}
    workshop.variables = {"backup_folder": str(workshop.folder / "backups")}
    yield Stored(workshop, client, bucket)
    client.close()


def test_a_backup_goes_into_the_store_and_comes_back_on_the_day(shop: Shop, stored: Stored) -> None:
    """backup-database puts a copy there; fetch-backup takes the newest from before out again, and reads it to its end."""
    saved = stored.workshop.run("backup-database")
    path = Path(saved.steps[0].outputs["path"])
    shutil.rmtree(path.parent)

    fetched = stored.workshop.run("fetch-backup", inputs={"before": datetime.now(UTC)})

    assert (saved.status, fetched.status) == ("succeeded", "succeeded")
    assert [step.outputs.get("path") for step in fetched.steps[1:]] == [str(path), str(path)]
    assert (path / "manifest.json").is_file()


def test_a_dump_of_others_in_the_store_is_fetched_and_found_in_its_folder(shop: Shop, stored: Stored) -> None:
    """What a nightly script put there is taken by name, and known afterwards as from when it was put there."""
    dumped = subprocess.run(["pg_dump", "-Fp", "-d", shop.at()], check=True, capture_output=True).stdout
    stored.client.put_object(Bucket=stored.bucket, Key="nightly.sql", Body=dumped)

    fetched = stored.workshop.run("fetch-backup", inputs={"name": "nightly.sql"})

    written = stored.client.head_object(Bucket=stored.bucket, Key="nightly.sql")["LastModified"]
    place = Path(fetched.steps[1].outputs["path"])
    assert (fetched.status, place.stat().st_mtime) == ("succeeded", written.timestamp())
    assert fetched.steps[2].outputs["kind"] == "plain"


def test_a_backup_is_taken_checked_and_restored(shop: Shop, workshop: Workshop) -> None:
    """Later steps are planned on what is known, and planned anew on what the backup then is; the undo drops the scratch."""
    plan = workshop.planner("save").plan()
    assert [step.verdict for step in plan.steps] == ["create", "unknown", "read", "unknown", "unknown"]

    run = workshop.run("save")

    assert run.status == "succeeded"
    name = run.steps[3].outputs["database"]
    assert schema(shop, name) == schema(shop, shop.name)
    assert PASSWORD not in (workshop.runs.all()[-1].journal).read_text()
    undone = workshop.undo(run)
    assert undone.status == "undone"
    assert name not in shop.databases()
    assert Path(run.steps[0].outputs["path"]).is_dir()


@pytest.mark.parametrize("at", range(3, 45, 4))
def test_a_crash_at_a_boundary_resumes_to_the_same_end(shop: Shop, workshop: Workshop, at: int) -> None:
    """Around each write and each record of the journal, a resume ends with one backup and one whole restore, unasked."""
    run = through_a_crash(workshop, "save", at, nobody())

    assert run.status == "succeeded"
    (backup,) = (workshop.folder / "backups").iterdir()
    assert run.steps[0].outputs["path"] == str(backup)
    (name,) = (name for name in shop.databases() if name.startswith(f"{shop.name}_"))
    assert schema(shop, name) == schema(shop, shop.name)


def test_a_nightly_run_clears_away_those_before_it(workshop: Workshop, tmp_path: Path) -> None:
    """In one run with the backup, retention is planned anew when it is there, and counts it in."""
    workshop.write("nightly", NIGHTLY.format(folder=tmp_path / "nightly"))

    runs = [workshop.run("nightly") for _ in range(3)]

    assert [run.status for run in runs] == ["succeeded"] * 3
    assert [path.name for path in (tmp_path / "nightly").glob("*_*")] == [Path(runs[-1].steps[0].outputs["path"]).name]
