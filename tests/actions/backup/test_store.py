"""Backups go into a store and come back whole, or not at all."""

import gc
import json
import os
import stat
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from rollbook.errors import Interrupted, RefusedError, TargetError, Unreachable
from rollbook.targets.base import TargetSpec
from rollbook.targets.s3 import S3Target

from ..conftest import Machine, use
from .conftest import NAME, SECRET, Store, make_backup


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_backup_goes_there_and_back(store: Store, folder: Path, tmp_path: Path) -> None:
    """It comes back as it was, private to its owner, and twice changes nothing."""
    there, back = (
        use("backup.upload", backup=str(folder)),
        use("backup.download", name=NAME, folder=str(tmp_path / "b")),
    )

    uploaded = store.desk.apply(there)
    store.desk.apply(back)

    assert sorted(store.held()) == sorted(f"backups/shop/{NAME}/{name}" for name in contents(folder))
    place = Path(back.outputs(back.probe(store.desk.read), ())["path"])
    assert contents(place) == contents(folder)
    assert {stat.S_IMODE(path.stat().st_mode) for path in place.rglob("*") if path.is_file()} == {0o600}
    assert {stat.S_IMODE(path.stat().st_mode) for path in (place, place / "dump")} == {0o700}
    assert uploaded.after.url == f"s3://{store.bucket}/backups/shop/{NAME}"
    assert store.desk.plan(there).ops == store.desk.plan(back).ops == ()


def test_without_its_manifest_a_backup_is_not_there(store: Store, folder: Path, tmp_path: Path) -> None:
    """The manifest goes last, so an upload that was cut off is no backup; another one sends what is lacking."""
    action = use("backup.upload", backup=str(folder))
    store.desk.apply(action)
    for name in ("manifest.json", "dump/toc.dat"):
        store.client.delete_object(Bucket=store.bucket, Key=f"backups/shop/{NAME}/{name}")
    before = store.client.head_object(Bucket=store.bucket, Key=f"backups/shop/{NAME}/dump/1.dat.gz")

    with pytest.raises(RefusedError, match="no complete backup"):
        store.desk.plan(use("backup.download", name=NAME, folder=str(tmp_path / "b")))
    assert not action.probe(store.desk.read).exists
    store.desk.apply(action)

    after = store.client.head_object(Bucket=store.bucket, Key=f"backups/shop/{NAME}/dump/1.dat.gz")
    assert after["LastModified"] == before["LastModified"]
    assert action.probe(store.desk.read).exists


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # boto3 leaves the file to its end
def test_an_upload_that_is_stopped_goes_on(store: Store, folder: Path) -> None:
    """Stopping leaves no manifest."""
    action = use("backup.upload", backup=str(folder))
    store.desk.execution.stopped = True

    with pytest.raises(Interrupted):
        store.desk.apply(action)
    gc.collect()
    assert not any(key.endswith("manifest.json") for key in store.held())
    store.desk.execution.stopped = False
    store.desk.apply(action)

    assert action.probe(store.desk.read).exists


@pytest.mark.parametrize("arrived", [False, True])
def test_parts_that_a_killed_upload_left_are_taken_away(store: Store, tmp_path: Path, *, arrived: bool) -> None:
    """Nothing of an upload that was cut off stays and costs; those of other files are left alone."""
    folder = make_backup(tmp_path / NAME, {"dump/1.dat.gz": os.urandom(9 * 2**20)})
    ours, other = (f"backups/shop/{NAME}/dump/{name}" for name in ("1.dat.gz", "1.dat.gz.more"))
    action = use("backup.upload", backup=str(folder))
    if arrived:
        store.desk.apply(action)
        store.client.delete_object(Bucket=store.bucket, Key=f"backups/shop/{NAME}/manifest.json")
    for key in (ours, other):
        begun = store.client.create_multipart_upload(Bucket=store.bucket, Key=key)
        store.client.upload_part(Bucket=store.bucket, Key=key, UploadId=begun["UploadId"], PartNumber=1, Body=b"x")

    store.desk.apply(action)

    left = store.client.list_multipart_uploads(Bucket=store.bucket).get("Uploads", [])
    assert [one["Key"] for one in left] == [other]
    assert action.probe(store.desk.read).exists


def test_a_key_that_may_not_look_for_parts_uploads_all_the_same(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the store refuses to tell of parts, the backup is there, and the output says what may be left."""
    folder = make_backup(tmp_path / NAME, {"dump/1.dat.gz": os.urandom(9 * 2**20)})
    action = use("backup.upload", backup=str(folder))
    target = store.desk.pool.target("backups")
    assert isinstance(target, S3Target)
    target.client.meta.events.register("before-call.s3.ListMultipartUploads", refuse)

    store.desk.apply(action)

    assert action.probe(store.desk.read).exists
    assert b"may have left" in store.desk.execution.output


def refuse(**_: object) -> None:
    raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "ListMultipartUploads")


def test_what_is_damaged_is_not_sent(store: Store, folder: Path) -> None:
    """A file that is not as the manifest says stays where it is."""
    (folder / "dump" / "toc.dat").write_bytes(b"tok")

    with pytest.raises(TargetError, match=r"toc\.dat is not as the manifest says"):
        store.desk.apply(use("backup.upload", backup=str(folder)))

    assert not any(key.endswith("manifest.json") for key in store.held())


def test_what_was_damaged_in_the_store_is_not_taken(store: Store, folder: Path, tmp_path: Path) -> None:
    """One changed byte keeps the folder from getting its name, and nothing of it stays; right again, it is fetched."""
    store.desk.apply(use("backup.upload", backup=str(folder)))
    key = f"backups/shop/{NAME}/dump/toc.dat"
    store.client.put_object(Bucket=store.bucket, Key=key, Body=b"tok")
    action = use("backup.download", name=NAME, folder=str(tmp_path / "b"))

    with pytest.raises(TargetError, match="not as its manifest says"):
        store.desk.apply(action)
    assert not action.probe(store.desk.read).exists
    assert list((tmp_path / "b").iterdir()) == []
    store.client.put_object(Bucket=store.bucket, Key=key, Body=b"toc")
    store.desk.apply(action)

    assert contents(tmp_path / "b" / NAME) == contents(folder)
    assert [path.name for path in (tmp_path / "b").iterdir()] == [NAME]


@pytest.mark.parametrize("path", ["../../evil", "/tmp/evil"])
def test_a_manifest_cannot_write_elsewhere(store: Store, folder: Path, tmp_path: Path, path: str) -> None:
    """A store that others write to does not lead out of the folder."""
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"] = [{"path": path, "size": 1, "sha256": "0" * 64}]
    store.client.put_object(
        Bucket=store.bucket, Key=f"backups/shop/{NAME}/manifest.json", Body=json.dumps(manifest).encode()
    )

    with pytest.raises(TargetError, match="outside of it"):
        store.desk.apply(use("backup.download", name=NAME, folder=str(tmp_path / "b")))
    assert [path for path in tmp_path.rglob("*") if ".partial" in path.name] == []


@pytest.mark.parametrize("name", [NAME, "nightly.dump", "2026/shop.dump"])
def test_a_folder_may_be_told_from_where_rollbook_runs(
    store: Store, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """`backup_folder: backups` is a folder for whatever takes backups, and for what fetches them."""
    monkeypatch.chdir(tmp_path)
    store.desk.apply(use("backup.upload", backup=str(folder)))
    store.client.put_object(Bucket=store.bucket, Key=f"backups/shop/{name}", Body=b"PGDMP and more")
    action = use("backup.download", name=name, folder="backups")

    store.desk.apply(action)

    assert (tmp_path / "backups" / name).exists()
    assert action.outputs(action.probe(store.desk.read), ())["path"] == f"backups/{name}"
    assert store.desk.plan(action).ops == ()


def test_another_backup_is_not_written_over(store: Store, folder: Path) -> None:
    """A name is given once."""
    store.client.put_object(Bucket=store.bucket, Key=f"backups/shop/{NAME}/manifest.json", Body=b"{}")

    with pytest.raises(RefusedError, match="is another backup"):
        store.desk.plan(use("backup.upload", backup=str(folder)))


def test_a_reader_cannot_write(store: Store) -> None:
    """What probes are given sends nothing that writes, before anything goes out."""
    reader = store.desk.pool.reader("backups")

    with pytest.raises(TargetError, match="a reader does not send PutObject"):
        reader._client.put_object(Bucket=store.bucket, Key="x", Body=b"x")

    assert store.held() == []


def test_a_store_that_is_away_is_unreachable(store: Store, folder: Path) -> None:
    """It is told as such, without the secret."""
    settings = {**store.desk.pool.spec("backups").settings, "endpoint_url": "http://127.0.0.1:1"}
    store.desk.pool._specs["backups"] = TargetSpec("backups", "s3", settings)

    with pytest.raises(Unreachable, match="does not answer") as caught:
        store.desk.plan(use("backup.upload", backup=str(folder)))

    assert SECRET not in str(caught.value)


def test_the_bucket_is_looked_at_before_a_run(store: Store) -> None:
    """A preflight tells a bucket that is there from one that is not."""
    target = store.desk.pool.target("backups")
    assert isinstance(target, S3Target)
    assert [finding.severity for finding in target.check()] == ["ok"]
    store.client.delete_bucket(Bucket=store.bucket)

    (finding,) = target.check()

    assert (finding.severity, finding.subject) == ("missing", "usable")
    assert "NoSuchBucket" in finding.message


def test_what_a_store_has_is_listed(store: Store, folder: Path, postgres_desk: Machine) -> None:
    """The newest is a name for `backup.download`; halves and others' files are told as what they are."""
    store.desk.apply(use("backup.upload", backup=str(folder)))
    keys = (
        "half/dump/toc.dat",
        "theirs.sql.gz",
        "theirs.dump",
        "notes.txt",
        "2026/01/02/theirs.sql",
        "d/f/toc.dat",
        "d/f/1.dat.gz",
    )
    for key in keys:
        store.client.put_object(Bucket=store.bucket, Key=f"backups/shop/{key}", Body=b"x")
    action = use("postgres.backup_list", store="backups", database="shop", before="2026-01-03T00:00:00Z")

    outputs = action.outputs(action.probe(postgres_desk.read), ())

    assert outputs["newest_before"] == NAME
    assert outputs["started"] == "2026-01-02T03:04:05.678Z"
    assert {(one["path"], one["kind"], one["complete"]) for one in outputs["backups"]} == {
        (NAME, "rollbook", True),
        ("half", "rollbook", False),
        ("theirs.sql.gz", "plain", True),
        ("theirs.dump", "custom", True),
        ("2026/01/02/theirs.sql", "plain", True),
        ("d/f", "directory", True),
    }


@pytest.mark.parametrize("name", ["nightly.dump", "2026/01/02/shop.sql.gz"])
def test_a_dump_that_others_put_there_is_fetched(store: Store, tmp_path: Path, name: str) -> None:
    """It has the time at which it was written there, which tells whether it is from before a deploy; once is enough."""
    content = os.urandom(9_000_000)
    store.client.put_object(Bucket=store.bucket, Key=f"backups/shop/{name}", Body=content)
    store.client.put_object(Bucket=store.bucket, Key=f"backups/shop/{name}.md5", Body=b"x")
    modified = store.client.head_object(Bucket=store.bucket, Key=f"backups/shop/{name}")["LastModified"]
    action = use("backup.download", name=name, folder=str(tmp_path / "b"))

    store.desk.apply(action)

    place = Path(action.outputs(action.probe(store.desk.read), ())["path"])
    assert (place, place.read_bytes() == content) == (tmp_path / "b" / name, True)
    assert (place.stat().st_mtime, stat.S_IMODE(place.stat().st_mode)) == (modified.timestamp(), 0o600)
    assert [path for path in (tmp_path / "b").rglob("*") if path.is_file()] == [place]
    assert list(place.parent.iterdir()) == [place]
    assert store.desk.plan(action).ops == ()


def test_a_folder_of_pg_dump_that_others_put_there_is_fetched(store: Store, tmp_path: Path) -> None:
    """Whole, and a file that a killed download left is neither taken for one of it nor kept."""
    for name in ("toc.dat", "1.dat.gz", "blobs/2.dat"):
        store.client.put_object(Bucket=store.bucket, Key=f"backups/shop/day/shop/{name}", Body=name.encode())
    (tmp_path / "day" / ".shop.partial").mkdir(parents=True)
    (tmp_path / "day" / ".shop.partial" / "1.dat.gz.1a2B3c4D").write_bytes(b"ha")

    store.desk.apply(use("backup.download", name="day/shop", folder=str(tmp_path)))

    assert contents(tmp_path / "day") == {
        f"shop/{name}": name.encode() for name in ("toc.dat", "1.dat.gz", "blobs/2.dat")
    }


def test_a_dump_that_is_being_written_is_not_taken(store: Store, tmp_path: Path) -> None:
    """One that is not what was planned is left where it is, and another file of its name is not written over."""
    key, action = "backups/shop/nightly.dump", use("backup.download", name="nightly.dump", folder=str(tmp_path))
    store.client.put_object(Bucket=store.bucket, Key=key, Body=b"half")
    change = store.desk.plan(action)
    store.client.put_object(Bucket=store.bucket, Key=key, Body=b"half and the rest")

    with pytest.raises(TargetError, match="not what it was when this was planned"):
        store.desk.pool.target("backups").execute(change.ops[0], store.desk.execution)
    (tmp_path / "nightly.dump").write_bytes(b"mine")

    with pytest.raises(RefusedError, match="is another backup"):
        store.desk.plan(action)
