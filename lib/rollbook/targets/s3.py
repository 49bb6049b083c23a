"""Object stores that speak S3."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from ..beside import make_folder
from ..errors import TargetError, Unreachable
from ..ops import Execution, Op, OpResult, WrittenFile
from ..postgres.keeping import BackupDownload, BackupUpload, DumpDownload
from ..postgres.manifest import FILE, LIMIT, FileEntry
from ..snapshots.kept import read_kept
from .base import Finding, ObjectReader, StoredObject
from .probe import BaseProbe
from .s3_fetch import fetch
from .s3_files import entry_of, give_up, settle, sweep, teller
from .s3_parts import IN_PARTS, forget_parts
from .settings import S3Settings
from .surroundings import BaseTarget

if TYPE_CHECKING:
    from botocore.client import BaseClient

_SHA256: Final = "sha256"
_READS: Final = ("Get", "List", "Head", "Describe")


class S3Target(BaseTarget[S3Settings]):
    """A bucket, or a part of one, able to be written to."""

    kind_name: ClassVar[str] = "s3"
    _reader: "S3Probe | None" = None
    _client: "BaseClient | None" = None

    @property
    def client(self) -> "BaseClient":
        """The client that writes."""
        with self.guard:
            if self._client is None:
                self._client = self.connect(self.settings)
            return self._client

    def connect(self, settings: S3Settings) -> "BaseClient":
        """Make a client; connects when first used. Raises `TargetError` where boto3 is not installed."""
        try:
            import boto3
            from botocore.config import Config
        except ImportError as error:
            raise TargetError(
                f"target {self.name!r} needs boto3, which is not installed",
                advice="Install it beside Rollbook: pip install 'rollbook[s3]'.",
            ) from error
        secret = settings.secret_key
        config = Config(
            connect_timeout=10,
            read_timeout=settings.timeout,
            retries={"max_attempts": 4, "mode": "standard"},
            s3={"addressing_style": settings.addressing},
        )
        return boto3.session.Session().client(
            "s3",
            endpoint_url=settings.endpoint_url,
            region_name=settings.region,
            aws_access_key_id=None if settings.access_key is None else self.secrets.resolve(settings.access_key),
            aws_secret_access_key=None if secret is None else self.secrets.value(secret),
            aws_session_token=None if settings.session_token is None else self.secrets.value(settings.session_token),
            config=config,
        )

    def reader(self) -> "S3Probe":
        """Give the side that only reads."""
        with self.guard:
            if self._reader is None:
                self._reader = S3Probe(self)
            return self._reader

    def full(self, key: str) -> str:
        """Give the whole key of one below the prefix."""
        prefix = self.settings.prefix.strip("/")
        return f"{prefix}/{key}" if prefix else key

    def url(self, key: str = "") -> str:
        """Give the address of an object."""
        return f"s3://{self.settings.bucket}/{self.full(key)}"

    def findings(self) -> tuple[Finding, ...]:
        """Say nothing more: whether it may be written to, only a write tells."""
        return ()

    def execute(self, op: Op, execution: Execution) -> OpResult:
        """Put a backup into the store, or take one out."""
        match op:
            case BackupUpload():
                return self._upload(op, execution)
            case BackupDownload():
                return self._download(op, execution)
            case DumpDownload():
                return fetch(self, op, execution)
        raise self.misplaced(op)

    def _upload(self, op: BackupUpload, execution: Execution) -> OpResult:
        source = Path(op.path)
        manifest = _manifest_of(source)
        # The manifest comes last: its being there says that the backup is complete.
        entries = [*manifest, entry_of(source, FILE)]
        tell = teller(sum(entry.size for entry in entries), execution)
        with self.explained(f"uploading {op.path}"):
            for entry in entries:
                key = self.full(f"{op.name}/{entry.path}")
                if self._holds(key, entry):
                    tell(entry.size)
                else:
                    self._put(source, key, entry, tell)
                if entry.size >= IN_PARTS and (why := forget_parts(self.client, self.settings.bucket, key)):
                    said = f"parts that an upload before may have left of {key} stay in the store: {self.safe(why)}\n"
                    execution.write_output(said.encode())
        return OpResult(outputs={"url": self.url(op.name), "bytes": sum(entry.size for entry in entries)})

    def _holds(self, key: str, entry: FileEntry) -> bool:
        from botocore.exceptions import ClientError

        try:
            found: Mapping[str, Any] = self.client.head_object(Bucket=self.settings.bucket, Key=key)
        except ClientError as error:
            if _is_absent(error):
                return False
            raise
        return bool(found["ContentLength"] == entry.size and found["Metadata"].get(_SHA256) == entry.sha256)

    def _put(self, source: Path, key: str, entry: FileEntry, tell: Callable[[int], None]) -> None:
        path = source / entry.path
        if entry_of(source, entry.path).sha256 != entry.sha256:
            raise TargetError(
                f"{path} is not as the manifest says; it was not uploaded",
                advice="The backup is damaged: take another one.",
            )
        more = {"Metadata": {_SHA256: entry.sha256}, "ChecksumAlgorithm": "SHA256"}
        self.client.upload_file(str(path), self.settings.bucket, key, ExtraArgs=more, Callback=tell)
        if not self._holds(key, entry):
            raise TargetError(
                f"{self.name}: what was written to {key} is not what is there afterwards",
                advice="Look at the store; then upload it again.",
            )

    def _download(self, op: BackupDownload, execution: Execution) -> OpResult:
        place = Path(op.folder) / op.name
        partial = place.parent / f".{place.name}.partial"
        content = self.reader().read_object(f"{op.name}/{FILE}", limit=LIMIT)
        if content is None:
            raise TargetError(f"{self.url(op.name)} is no complete backup: it has no {FILE}", advice="List the store.")
        entries = read_kept(content.decode()).files
        tell = teller(sum(entry.size for entry in entries), execution)
        make_folder(partial)
        for entry in entries:
            self._fetch(op, entry, partial, tell)
        sweep(partial, (entry.path for entry in entries))
        (partial / FILE).write_bytes(content)
        settle(partial, place)
        return OpResult(files=(WrittenFile(f"{place}/{FILE}", len(content), hashlib.sha256(content).hexdigest()),))

    def _fetch(self, op: BackupDownload, entry: FileEntry, partial: Path, tell: Callable[[int], None]) -> None:
        path = partial / entry.path
        if not path.resolve().is_relative_to(partial.resolve()):
            give_up(
                partial,
                f"{self.url(op.name)} has a file that would lie outside of it: {entry.path}",
                "Its manifest was not made by Rollbook: do not use it.",
            )
        if path.is_file() and entry_of(partial, entry.path) == entry:
            tell(entry.size)
            return
        make_folder(path.parent)
        with self.explained(f"downloading {entry.path}"):
            self.client.download_file(
                self.settings.bucket, self.full(f"{op.name}/{entry.path}"), str(path), Callback=tell
            )
        if entry_of(partial, entry.path) != entry:
            give_up(
                partial,
                f"{self.url(f'{op.name}/{entry.path}')} is not as its manifest says",
                "It is damaged in the store: take another backup.",
            )

    @contextmanager
    def explained(self, doing: str) -> Iterator[None]:
        """Turn what boto3 complains of into what an operator can do."""
        from boto3.exceptions import Boto3Error
        from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError, HTTPClientError

        try:
            yield
        except (HTTPClientError, EndpointConnectionError) as error:
            raise Unreachable(
                f"{self.name} does not answer ({doing}): {self.safe(error)}",
                advice="Is the store up, and can this machine reach its endpoint?",
            ) from error
        except (ClientError, BotoCoreError, Boto3Error) as error:
            raise TargetError(
                f"{self.name} refused ({doing}): {self.safe(error)}",
                advice="Look at bucket, region and the rights of the key.",
            ) from error


class S3Probe(BaseProbe, ObjectReader):
    """The reading side of a bucket: its client refuses to send anything that writes."""

    kinds: ClassVar[tuple[str, ...]] = ("s3",)

    def __init__(self, target: S3Target) -> None:
        super().__init__(target)
        self._bucket = target.settings.bucket
        self._full = target.full
        self._explained = target.explained
        self._connect: Callable[[], BaseClient] = lambda: _guarded(target.connect(target.settings))
        self._opened: BaseClient | None = None
        self._url = target.url

    @property
    def _client(self) -> "BaseClient":
        if self._opened is None:
            self._opened = self._connect()
        return self._opened

    def identity(self) -> Mapping[str, str]:
        """Give bucket and endpoint; raises `Unreachable` or `TargetError` where it may not be listed."""
        client = self._client
        with self._explained("looking for the bucket"):
            client.list_objects_v2(Bucket=self._bucket, Prefix=self._full(""), MaxKeys=1)
        return {"bucket": self._bucket, "endpoint": client.meta.endpoint_url}

    def url(self, key: str = "") -> str:
        """Give the address of an object, to be shown."""
        return self._url(key)

    def objects(self, prefix: str = "") -> Iterator[StoredObject]:
        """Stream the objects whose key begins with *prefix*."""
        cut = len(self._full(""))
        with self._explained(f"listing {prefix or 'everything'}"):
            pages = self._client.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self._bucket, Prefix=self._full(prefix)):
                for one in page.get("Contents", ()):
                    yield StoredObject(one["Key"][cut:], one["Size"], one["LastModified"])

    def read_object(self, key: str, *, limit: int = 1_000_000) -> bytes | None:
        """Read an object; None when it is not there."""
        from botocore.exceptions import ClientError

        with self._explained(f"reading {key}"):
            try:
                found = self._client.get_object(Bucket=self._bucket, Key=self._full(key))
            except ClientError as error:
                if _is_absent(error):
                    return None
                raise
            content: bytes = found["Body"].read(limit + 1)
        if len(content) > limit:
            raise TargetError(f"{self.url(key)} is larger than {limit} bytes", advice="Is this what was meant?")
        return content


def _guarded(client: "BaseClient") -> "BaseClient":
    def guard(model: Any, **_: object) -> None:  # noqa: ANN401  # botocore's model of an operation
        if not model.name.startswith(_READS):
            raise TargetError(
                f"a reader does not send {model.name}", advice="This is a defect: tell Rollbook's authors."
            )

    client.meta.events.register("before-parameter-build.*.*", guard)
    return client


def _is_absent(error: Any) -> bool:  # noqa: ANN401  # botocore's ClientError, which has no types
    return error.response["Error"]["Code"] in ("404", "NoSuchKey", "NotFound")


def _manifest_of(folder: Path) -> tuple[FileEntry, ...]:
    try:
        return read_kept((folder / FILE).read_text()).files
    except OSError as error:
        raise TargetError(
            f"{folder} is no backup of Rollbook: {error}", advice="Give the folder with its manifest."
        ) from error
