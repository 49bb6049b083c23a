"""Backups of a real database: what is in them, that they are whole, and that no instant of a crash makes a false one."""

import hashlib
import json
import resource
import stat
from pathlib import Path

import pytest

from rollbook.errors import RefusedError, TargetError
from rollbook.postgres.manifest import Manifest, read_manifest
from rollbook.values import RUN_ID, Unknown

from ..conftest import Machine, use
from .shops import PASSWORD, RUN, Shop, killed

pytestmark = pytest.mark.server


def backup(folder: Path, **arguments: object) -> object:
    return use("postgres.backup", folder=str(folder), **{"run": RUN, **arguments})


def manifest_in(folder: Path) -> Manifest:
    return read_manifest((folder / "manifest.json").read_text())


@pytest.fixture
def taken(desk: Machine, tmp_path: Path) -> Path:
    """Take a backup."""
    (result,) = desk.carry_out(*desk.plan(backup(tmp_path / "backups")).ops)
    return Path(result.outputs["path"])


def test_a_backup_is_a_dump_with_a_manifest(taken: Path, shop: Shop) -> None:
    """The folder names database and run, and its manifest counts every table as the server does."""
    manifest = manifest_in(taken)

    assert taken.name == f"{shop.name.replace(' ', '-')}_{RUN}"
    assert (taken / "dump" / "toc.dat").is_file()
    counted = {(one.schema, one.name): one.rows for one in manifest.tables}
    assert counted == {
        ("public", "person"): 500, ('of "others', "odd table"): 71, ("public", "event"): 400, ("public", "nothing"): 1
    }  # fmt: skip
    assert manifest.large_objects == 1
    assert manifest.properties.owner.startswith("shop keeper")


def test_every_file_is_as_the_manifest_says(taken: Path) -> None:
    """Sizes and checksums of all files but the manifest stand in it."""
    manifest = manifest_in(taken)

    found = {
        str(path.relative_to(taken)): (path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in taken.rglob("*")
        if path.is_file() and path.name != "manifest.json"
    }
    assert {file.path: (file.size, file.sha256) for file in manifest.files} == found


def test_nobody_else_may_read_a_backup(taken: Path) -> None:
    """Files are 0600 and folders 0700."""
    modes = {stat.S_IMODE(path.stat().st_mode) for path in taken.rglob("*") if path.is_file()}
    folders = {stat.S_IMODE(path.stat().st_mode) for path in (taken, *taken.rglob("*")) if path.is_dir()}

    assert modes == {0o600}
    assert folders == {0o700}


def test_the_plan_knows_what_it_can(desk: Machine, tmp_path: Path) -> None:
    """The folder's name has a place for the run's id, and what only the backup can tell later steps is unknown."""
    action = use("postgres.backup", folder=str(tmp_path))
    change = desk.plan(action)
    outputs = action.outputs(change.after, ())

    assert str(RUN_ID) in change.after.path
    assert isinstance(outputs["path"], Unknown)
    assert isinstance(outputs["sha256"], Unknown)
    assert any("pg_dump --format=directory --jobs=2" in line for op in change.ops for line in op.render())


def test_a_backup_of_this_run_is_not_taken_twice(desk: Machine, taken: Path) -> None:
    """It is found by its name, and told as it is."""
    action = backup(taken.parent)
    change = desk.plan(action)
    outputs = action.outputs(change.before, ())

    assert change.ops == ()
    assert outputs["rows"] == 972
    assert outputs["sha256"] == hashlib.sha256((taken / "manifest.json").read_bytes()).hexdigest()


def test_the_password_comes_out_nowhere(desk: Machine, taken: Path) -> None:
    """Neither files of the backup nor what is printed hold it."""
    shown = json.dumps([line for op in desk.plan(backup(taken.parent, label="x")).ops for line in op.render()])

    assert PASSWORD not in shown
    assert PASSWORD.encode() not in bytes(desk.execution.output)
    assert not any(PASSWORD.encode() in path.read_bytes() for path in taken.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("manifest", "tables", "hashed"), [("none", 0, False), ("counts", 4, False), ("full", 4, True)]
)
def test_a_manifest_may_be_had_for_less(
    desk: Machine, tmp_path: Path, manifest: str, tables: int, hashed: bool
) -> None:
    """Counting costs less than hashing, and nothing less than counting."""
    desk.carry_out(*desk.plan(backup(tmp_path, manifest=manifest)).ops)

    (folder,) = tmp_path.iterdir()
    assert len(manifest_in(folder).tables) == tables
    assert (folder / "sums.txt").exists() is hashed


def test_another_major_of_the_programs_is_refused(desk: Machine, shop: Shop, tmp_path: Path) -> None:
    """What is there is named, and what to install."""
    for name in ("pg_dump", "pg_restore", "psql"):
        (tmp_path / name).write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6.24'\n")
        (tmp_path / name).chmod(0o755)
    settings = {**shop.pool.spec("db").settings, "programs": str(tmp_path)}
    shop.pool._specs["db"] = type(shop.pool.spec("db"))("db", "postgres", settings)

    with pytest.raises(RefusedError, match=r"found 9 in ") as caught:
        desk.plan(backup(tmp_path))

    assert "postgresql-client-" in caught.value.advice


@pytest.fixture
def large(shop: Shop) -> Shop:
    """Give a database that takes a while."""
    shop.run("CREATE TABLE long AS SELECT g AS id, md5(g::text) AS text FROM generate_series(1, 300000) g")
    return shop


@pytest.mark.parametrize("seconds", [0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8])
def test_a_killed_backup_is_made_again(large: Shop, desk: Machine, tmp_path: Path, seconds: float) -> None:
    """Whenever it is killed there is either nothing under the backup's name or a whole one, and a resume ends with one."""
    killed(large, "postgres.backup", {"folder": str(tmp_path), "run": RUN}, seconds)
    left = [path for path in tmp_path.iterdir() if not path.name.startswith(".")]
    assert all((path / "manifest.json").is_file() for path in left)

    desk.carry_out(*desk.plan(backup(tmp_path)).ops)

    (folder,) = tmp_path.iterdir()
    test_every_file_is_as_the_manifest_says(folder)
    assert next(one.rows for one in manifest_in(folder).tables if one.name == "long") == 300_000


def test_a_backup_that_failed_leaves_nothing(large: Shop, desk: Machine, tmp_path: Path) -> None:
    """What was written before there was no more room for it does not stay in the way of the next one."""
    assert large.pool
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    ops = desk.plan(backup(tmp_path / "backups")).ops

    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))
    try:
        with pytest.raises(TargetError, match="pg_dump"):
            desk.carry_out(*ops)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert not list((tmp_path / "backups").iterdir())


def test_what_another_run_left_is_not_touched(desk: Machine, tmp_path: Path) -> None:
    """A half of another run is neither taken for a backup nor removed."""
    other = tmp_path / f".shop_{RUN[:-1]}d.partial"
    other.mkdir()

    desk.carry_out(*desk.plan(backup(tmp_path)).ops)

    assert other.is_dir()
    assert len(list(tmp_path.iterdir())) == 2
