"""A store that speaks S3, and a backup to put into it."""

import hashlib
import itertools
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from rollbook.postgres.manifest import FileEntry, Manifest
from rollbook.postgres.properties import Properties
from rollbook.targets import Redactor, SecretStore, TargetPool
from rollbook.targets.base import TargetSpec

from ..conftest import Machine

SECRET = "a secret that is long enough"
NAME = "shop_20260102T030405.678Z-1a2b3c"
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Store:
    """A bucket of its own; *client* writes to it without Rollbook."""

    endpoint: str
    bucket: str
    client: Any
    desk: Machine

    def held(self) -> list[str]:
        return [one["Key"] for one in self.client.list_objects_v2(Bucket=self.bucket).get("Contents", ())]


@pytest.fixture
def store(moto: str) -> Iterator[Store]:
    """Make a bucket, of which `backups` is the part below backups/shop."""
    bucket = f"bucket-{os.getpid()}-{next(_numbers)}"
    client = boto3.client(
        "s3", endpoint_url=moto, region_name="us-east-1", aws_access_key_id="key", aws_secret_access_key=SECRET
    )
    client.create_bucket(Bucket=bucket)
    settings = {
        "bucket": bucket,
        "prefix": "backups/shop/",
        "endpoint_url": moto,
        "region": "us-east-1",
        "access_key": "key",
        "secret_key": {"secret": "env:S3_SECRET"},
        "addressing": "path",
    }
    redactor = Redactor()
    specs = {"backups": TargetSpec("backups", "s3", settings), "local": TargetSpec("local", "local")}
    pool = TargetPool(specs, SecretStore({"S3_SECRET": SECRET}, redactor), redactor)
    yield Store(moto, bucket, client, Machine(pool))
    pool.close()
    client.close()


@pytest.fixture
def postgres_desk(store: Store, postgres_url: str) -> Iterator[Machine]:
    """Give the store beside a PostgreSQL database."""
    redactor = Redactor()
    spec = TargetSpec("db", "postgres", {"url": postgres_url})
    specs = {"backups": store.desk.pool.spec("backups"), "local": TargetSpec("local", "local"), "db": spec}
    pool = TargetPool(specs, SecretStore({"S3_SECRET": SECRET}, redactor), redactor)
    yield Machine(pool)
    pool.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make a folder as postgres.backup leaves it, with a file that goes in several parts."""
    contents = {"dump/toc.dat": b"toc", "dump/1.dat.gz": os.urandom(20_000_000), "sums.txt": b"1\t2\t3\n"}
    return make_backup(tmp_path / NAME, contents)


def make_backup(made: Path, contents: Mapping[str, bytes], day: int = 2) -> Path:
    """Make a folder as postgres.backup leaves it, of that day of January."""
    (made / "dump").mkdir(parents=True)
    for name, content in contents.items():
        (made / name).write_bytes(content)
    files = (FileEntry(name, len(part), hashlib.sha256(part).hexdigest()) for name, part in sorted(contents.items()))
    at = f"2026-01-{day:02}T03:04:05.678Z"
    properties = Properties("shop", "UTF8", "C", "C")
    manifest = Manifest("run", "shop", 150_020, at, at, "none", properties, (), tuple(files), {})
    (made / "manifest.json").write_text(manifest.text())
    return made
