"""`postgres.backup_list`: the backups in a folder, and the newest one, or the last before an instant."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime
from typing import ClassVar, Final

from ...action import Change, Fact, Readers, Ref, evidence, identity
from ...dataclass import dataclass
from ...errors import SchemaError
from ...ops import OpResult
from ...postgres.archive import read_listing
from ...postgres.manifest import FILE, LIMIT, is_snapshot, read_manifest
from ...postgres.programs import Programs
from ...postgres.shelf import Listed, instant, listed, newest, newest_first, stored
from ...schema import encode
from ...targets.base import HostReader, ObjectReader, PostgresReader
from ...targets.listing import list_saved
from ...values import Plain
from .reading import find_programs, server_version

_SHOWN: Final = 12
_SECONDS: Final = 600.0


@dataclass(frozen=True, slots=True)
class Shelf:
    """The backups of a folder; *chosen* is the path of the one that was asked for, empty where there is none."""

    chosen: str = identity()
    backups: tuple[Listed, ...] = evidence()
    newest: str = evidence()
    now: str = evidence()


@dataclass(frozen=True, slots=True)
class PostgresBackupList(Fact[Shelf]):
    """
    List the backups in a folder or an object store, newest first, and choose one.

    Folders of `postgres.backup`, folders and files of `pg_dump -Fd` and `-Fc`, and plain SQL (.sql, .sql.gz, .sql.zst)
    are found, whoever made them. A backup without a manifest counts from when it was last written to. What never became
    complete is listed as such and never chosen. With `before` the last one from before that instant is chosen, such as
    that of the deploy; else the newest. Without one the runbook stops, unless `optional` is set. In a store `newest`
    and `newest_before` are names, for `backup.download`.
    """

    kind: ClassVar[str] = "postgres.backup_list"
    example: ClassVar[Mapping[str, Plain]] = {"folder": "/var/backups/shop", "before": "2024-05-01T12:00:00Z"}
    by_hand: ClassVar[str] = """
- `ls -lat --time-style=full-iso <folder>`: the newest first; `started` in a manifest.json is the instant that counts
- `pg_restore --list BACKUP | head` tells of which database an archive is
"""

    folder: str = field(default="", metadata={"help": "a folder on runs_on; folders in it are not looked into"})
    store: Ref[ObjectReader] | None = field(default=None, metadata={"help": "an object store, instead of a folder"})
    server: Ref[PostgresReader] = Ref("db")
    database: str = field(default="", metadata={"help": "of which to choose; the target's own database unless given"})
    before: datetime | None = field(default=None, metadata={"help": "an instant with its zone"})
    optional: bool = field(default=False, metadata={"help": "go on where there is none"})
    runs_on: Ref[HostReader] = field(default=Ref("local"), metadata={"help": "the host with the folder"})

    def __post_init__(self) -> None:
        if bool(self.folder) == (self.store is not None):
            raise ValueError("expected either folder or store")
        if self.folder.startswith("-"):
            raise ValueError("folder: expected a path")

    def probe(self, read: Readers) -> Shelf:
        """List them."""
        server = read[self.server]
        backups = newest_first(self._in_store(read[self.store]) if self.store else self._in_folder(server, read))
        database = self.database or server.database
        last, chosen = newest(backups, database), newest(backups, database, self.before)
        return Shelf(chosen.path if chosen else "", backups, last.path if last else "", read.now())

    def _in_folder(self, server: PostgresReader, read: Readers) -> Iterator[Listed]:
        host, folder = read[self.runs_on], self.folder.rstrip("/")
        entries = tuple(listed(folder, list_saved(host, folder)))
        programs = find_programs(server, host, server_version(server) // 10_000)
        for one in entries:
            if not _is_snapshot(host, one):
                yield _told(host, one, programs)

    @staticmethod
    def _in_store(store: ObjectReader) -> Iterator[Listed]:
        for one in stored(store.objects()):
            if one.kind != "rollbook" or not one.complete:
                yield one
                continue
            content = store.read_object(f"{one.path}/{FILE}", limit=LIMIT)
            if is_snapshot(content):
                continue
            try:
                yield _by_manifest(one, content)
            except (SchemaError, ValueError):
                yield replace(one, complete=False)

    def refusal(self, state: Shelf) -> str | None:
        """Refuse to go on without a backup."""
        if state.chosen or self.optional:
            return None
        when = f" from before {self.before.isoformat()}" if self.before else ""
        where = f"the store {self.store}" if self.store else f"{self.folder} on {self.runs_on}"
        return f"{where} has no complete backup of {self.database or 'the database'}{when}."

    def details(self, change: Change[Shelf]) -> tuple[str, ...]:
        """Show the newest of them."""
        state = change.after
        lines = [_line(one, state, self.folder.rstrip("/")) for one in state.backups[:_SHOWN]]
        more = len(state.backups) - _SHOWN
        return (*lines, *((f"and {more} older ones",) if more > 0 else ()))

    def outputs(self, after: Shelf, results: Sequence[OpResult]) -> Mapping[str, Plain]:  # noqa: ARG002  # it only reads
        """Give the list, the newest, and the one chosen with its instant, kind and age."""
        one = next((backup for backup in after.backups if backup.path == after.chosen), None)
        return {
            "backups": [{**encode(backup), "age_hours": _age(backup, after)} for backup in after.backups],
            "newest": after.newest,
            "newest_before": after.chosen,
            "started": one.started if one else "",
            "kind": one.kind if one else "",
            "age_hours": _age(one, after) if one else None,
        }


def _is_snapshot(host: HostReader, one: Listed) -> bool:
    return one.kind == "rollbook" and one.complete and is_snapshot(host.read_file(f"{one.path}/{FILE}", limit=LIMIT))


def _told(host: HostReader, one: Listed, programs: Programs) -> Listed:
    """Add what a backup itself tells; of one that cannot be read, nothing."""
    try:
        if one.kind == "rollbook" and one.complete:
            return _by_manifest(one, host.read_file(f"{one.path}/{FILE}", limit=LIMIT))
        if one.kind in ("directory", "custom", "tar"):
            printed = host.run(programs.argv("pg_restore", "--list", one.path), timeout=_SECONDS).stdout
            return replace(one, database=read_listing(printed).database)
    except (SchemaError, ValueError):
        return replace(one, complete=False)
    return one


def _by_manifest(one: Listed, content: bytes | None) -> Listed:
    """Add what the manifest tells. Raises ValueError or `SchemaError` where it is none."""
    manifest = read_manifest((content or b"").decode())
    return replace(one, database=manifest.database, started=manifest.started)


def _age(one: Listed, state: Shelf) -> float:
    return round((instant(state.now) - instant(one.started)).total_seconds() / 3600, 2)


def _line(one: Listed, state: Shelf, folder: str) -> str:
    chosen = "→ " if one.path == state.chosen else "  "
    of = f" of {one.database}" if one.database else ""
    half = "" if one.complete else ", NOT COMPLETE"
    size = f"{one.bytes / 1e6:.1f} MB"
    name, age = one.path.removeprefix(f"{folder}/"), _age(one, state)
    return f"{chosen}{one.started}  {name} ({one.kind}{of}, {size}, {age:g} h{half})"
