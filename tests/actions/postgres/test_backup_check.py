"""Backups that are whole pass; whatever is wrong with one is said before anything is restored."""

import json
from pathlib import Path

import pytest

from rollbook.errors import RefusedError
from rollbook.planner.step import refuse

from ..conftest import Machine, use
from .shops import RUN, Shop
from .test_restore import KINDS, dumped, made

pytestmark = pytest.mark.server


def checked(desk: Machine, path: Path, **arguments: object) -> object:
    action = use("postgres.backup_check", backup=str(path), **arguments)
    state = action.probe(desk.read)
    refuse(action, state)
    return state


@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_backup_is_told(shop: Shop, desk: Machine, tmp_path: Path, kind: str) -> None:
    """Kind, database, version and tables come out, and another look gives the same checksum."""
    path = made(shop, desk, tmp_path, kind)

    state = checked(desk, path)

    assert state.kind == kind.partition(".")[0]
    assert state.database == ("" if state.kind == "plain" else shop.name)
    assert state.major == int(shop.rows("SHOW server_version_num")[0][0]) // 10_000
    # An archive lists what has rows: the partitions, not the table that they are of.
    assert state.tables == (6 if state.kind == "plain" else 5)
    assert state.rows == (972 if state.kind == "rollbook" else None)
    assert checked(desk, path).checksum == state.checksum


@pytest.mark.parametrize("kind", ["rollbook", "directory", "custom", "plain.gz"])
@pytest.mark.parametrize("place", [0.3, 0.6])
def test_a_flipped_bit_is_found(shop: Shop, desk: Machine, tmp_path: Path, kind: str, place: float) -> None:
    """One bit in the rows is enough."""
    path = made(shop, desk, tmp_path, kind)
    files = [path] if path.is_file() else [file for file in path.rglob("*.gz") if file.is_file()]
    file = max(files, key=lambda one: one.stat().st_size)
    content = bytearray(file.read_bytes())
    content[int(len(content) * place)] ^= 0x10
    file.write_bytes(content)

    with pytest.raises(RefusedError):
        checked(desk, path)


@pytest.mark.parametrize("kind", KINDS)
def test_a_backup_that_was_cut_off_is_refused(shop: Shop, desk: Machine, tmp_path: Path, kind: str) -> None:
    """Half of a file is not taken for all of it."""
    path = made(shop, desk, tmp_path, kind)
    files = [path] if path.is_file() else [file for file in path.rglob("*.gz") if file.is_file()]
    file = max(files, key=lambda one: one.stat().st_size)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])

    with pytest.raises(RefusedError, match=r"cannot|cut off|in the middle|has changed"):
        checked(desk, path)


@pytest.mark.parametrize("kind", ["custom", "directory", "plain"])
@pytest.mark.parametrize(
    ("part", "said"), [("--schema-only", "no row of any table"), ("--data-only", "makes no table")]
)
def test_a_part_of_a_database_is_no_backup(
    shop: Shop, desk: Machine, tmp_path: Path, kind: str, part: str, said: str
) -> None:
    """A dump of tables without rows, or of rows without tables, is found before anything is restored from it."""
    path = dumped(shop, tmp_path / "part", f"--format={kind}", part)

    with pytest.raises(RefusedError, match=said):
        checked(desk, path)


@pytest.mark.parametrize("kind", ["rollbook", "directory", "custom"])
def test_another_database_is_refused(shop: Shop, desk: Machine, tmp_path: Path, kind: str) -> None:
    """A backup of one database does not pass for another's."""
    path = made(shop, desk, tmp_path, kind)

    with pytest.raises(RefusedError, match=f"it is of the database '{shop.name}', not of 'other'"):
        checked(desk, path, database="other")


def test_a_newer_version_is_refused(shop: Shop, desk: Machine, tmp_path: Path) -> None:
    """What a newer PostgreSQL wrote is told by its head: of a plain dump, and of an archive in a newer format."""
    plain = made(shop, desk, tmp_path, "plain")
    plain.write_text(
        plain.read_text().replace("-- Dumped from database version 1", "-- Dumped from database version 9")
    )
    custom = made(shop, desk, tmp_path, "custom")
    content = bytearray(custom.read_bytes())
    content[6] = 99  # the minor number of the archive's format
    custom.write_bytes(content)

    with pytest.raises(RefusedError, match=r"it is of PostgreSQL 9\d, and the server is of"):
        checked(desk, plain)
    with pytest.raises(RefusedError, match="was made by a pg_dump that is newer"):
        checked(desk, custom)


def test_files_that_the_manifest_does_not_have_are_named(shop: Shop, desk: Machine, tmp_path: Path) -> None:
    """What is lacking, added or changed is told by name."""
    path = made(shop, desk, tmp_path, "rollbook")
    manifest = json.loads((path / "manifest.json").read_text())
    manifest["files"].append({"path": "dump/gone.dat.gz", "size": 1, "sha256": "0" * 64})
    (path / "manifest.json").write_text(json.dumps(manifest))
    (path / "more").write_text("")
    (path / "sums.txt").write_text("")

    with pytest.raises(RefusedError) as caught:
        checked(desk, path)

    assert "it lacks dump/gone.dat.gz" in str(caught.value)
    assert "not in its manifest: more" in str(caught.value)
    assert "has changed: sums.txt" in str(caught.value)


@pytest.mark.parametrize("name", ["nothing", "folder", "text", ".half.partial"])
def test_what_is_no_backup_is_refused(desk: Machine, tmp_path: Path, name: str) -> None:
    """A folder or file of another sort is not taken for a backup; nor is one that never became complete."""
    (tmp_path / "folder").mkdir()
    (tmp_path / ".half.partial" / "dump").mkdir(parents=True)
    (tmp_path / "text").write_text("dear diary\n")

    with pytest.raises(RefusedError):
        checked(desk, tmp_path / name)


def test_a_half_with_a_manifest_is_refused(shop: Shop, desk: Machine, tmp_path: Path) -> None:
    """What has not got its name yet, or has lost it, is no backup, whatever it holds."""
    path = made(shop, desk, tmp_path, "rollbook")
    half = path.rename(tmp_path / f".{path.name}.partial")

    with pytest.raises(RefusedError, match="never became complete"):
        checked(desk, half)
    listing = use("postgres.backup_list", folder=str(tmp_path), optional=True).probe(desk.read)
    assert [(one.complete, listing.chosen) for one in listing.backups] == [(False, "")]


def test_a_backup_is_found_through_a_link(shop: Shop, desk: Machine, tmp_path: Path) -> None:
    """Sites point `latest` at the newest."""
    path = made(shop, desk, tmp_path, "rollbook")
    (tmp_path / "latest").symlink_to(path)

    assert checked(desk, tmp_path / "latest").checksum == checked(desk, path).checksum


def test_the_run_is_the_backup_s(shop: Shop, desk: Machine, tmp_path: Path) -> None:
    """The instant of the snapshot comes out, for what came after it."""
    path = made(shop, desk, tmp_path, "rollbook")
    manifest = json.loads((path / "manifest.json").read_text())

    assert checked(desk, path).started == manifest["started"]
    assert manifest["run"] == RUN
