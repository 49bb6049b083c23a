"""`postgres.backup_check`: whether a backup is whole, and of the database that it is to bring back."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import ClassVar, Final

from ...action import Change, Fact, Readers, Ref, evidence, identity
from ...dataclass import dataclass
from ...postgres.dumping import FILES
from ...postgres.manifest import FILE, Manifest
from ...postgres.programs import Programs
from ...postgres.source import BackupKind
from ...saved import check_saved_path, refuse_damaged
from ...targets.base import HostReader, PostgresReader
from ...values import Plain
from .reading import find_programs, server_version
from .recognising import Backup, recognise

_SECONDS: Final = 86_400.0
_MOST: Final = 5  # problems of one sort that are told


@dataclass(frozen=True, slots=True)
class CheckedBackup:
    """
    A backup as it was read to its end.

    *checksum* is the SHA-256 of a file, of our manifest (which has those of all files), or of a folder's listing.
    """

    checksum: str = identity()
    path: str = evidence()
    kind: BackupKind = evidence()
    database: str = evidence()
    major: int = evidence()
    tables: int = evidence()
    started: str = evidence()
    bytes: int = evidence()
    rows: int | None = evidence()
    problems: tuple[str, ...] = evidence()


@dataclass(frozen=True, slots=True)
class PostgresBackupCheck(Fact[CheckedBackup]):
    """
    Read a backup to its end, and refuse one that is damaged, cut off, of another database or of a newer PostgreSQL.

    Files of a Rollbook backup are compared with its manifest: size and SHA-256 of each. Archives are read to their end
    by `pg_restore`, plain SQL by Rollbook; a flipped byte in an archive without compression, or in plain SQL, only a
    manifest or a checksum noted elsewhere can tell. What restoring it brings, `postgres.restore` with `role: scratch`
    proves. Plain SQL does not tell of which database it is.
    """

    kind: ClassVar[str] = "postgres.backup_check"
    example: ClassVar[Mapping[str, Plain]] = {"backup": "/var/backups/shop/shop_20260102T030405.678Z-1a2b3c"}
    by_hand: ClassVar[str] = """
- a folder of Rollbook: `find <backup> -type f -exec sha256sum {} +`, to compare with `files` in its manifest.json
- an archive: `pg_restore --list <backup>` tells database and version; `pg_restore --file=/dev/null <backup>` must end
  without a word
- plain SQL: its last lines must say `PostgreSQL database dump complete`
"""

    backup: str = field(metadata={"help": "path of a backup on runs_on"})
    server: Ref[PostgresReader] = Ref("db")
    database: str = field(default="", metadata={"help": "of which it must be; the target's own database unless given"})
    runs_on: Ref[HostReader] = field(default=Ref("local"), metadata={"help": "the host with the backup"})

    def __post_init__(self) -> None:
        check_saved_path("backup", self.backup)

    def probe(self, read: Readers) -> CheckedBackup:
        """Read all of it."""
        server, host = read[self.server], read[self.runs_on]
        major = server_version(server) // 10_000
        programs = find_programs(server, host, major)
        backup = recognise(host, self.backup, programs)
        files = _files(host, backup)
        wanted = self.database or server.database
        problems = (*backup.problems, *_belongs(backup, wanted, major), *_whole(host, backup, programs, files))
        return CheckedBackup(
            checksum=_checksum(backup, files),
            path=backup.source.path,
            kind=backup.source.kind,
            database=backup.database,
            major=backup.major,
            tables=backup.tables,
            started=backup.started,
            bytes=sum(size for size, _ in files.values()),
            rows=backup.manifest.rows if backup.manifest and backup.manifest.depth != "none" else None,
            problems=problems,
        )

    def refusal(self, state: CheckedBackup) -> str | None:
        """Refuse a backup with problems."""
        return refuse_damaged(state.path, state.problems)

    def details(self, change: Change[CheckedBackup]) -> tuple[str, ...]:
        """Say what it is."""
        found = change.after
        of = f" of {found.database}" if found.database else ""
        rows = "" if found.rows is None else f", {found.rows} rows"
        at = f", {found.started}" if found.started else ""
        return (f"{found.kind}{of}{at}, PostgreSQL {found.major or '?'}, {found.tables} tables{rows}, read to its end",)


def _belongs(backup: Backup, wanted: str, major: int) -> Iterator[str]:
    if backup.lacks:
        yield backup.lacks
    if backup.database and backup.database != wanted:
        yield f"it is of the database {backup.database!r}, not of {wanted!r}"
    if backup.major > major:
        yield f"it is of PostgreSQL {backup.major}, and the server is of {major}"
    manifest = backup.manifest
    if manifest is not None and manifest.major != backup.major:
        yield f"its manifest is of PostgreSQL {manifest.major} and its archive of {backup.major}"


def _files(host: HostReader, backup: Backup) -> Mapping[str, tuple[int, str]]:
    """Give size and SHA-256 of every file by its path inside of the backup."""
    path = backup.source.path
    if backup.source.kind in ("custom", "tar", "plain"):
        real = host.run(("readlink", "-f", "--", path)).stdout.strip() or path
        there = host.stat(real)
        return {"": (there.size if there else 0, host.sha256(real) or "")}
    columns: list[dict[str, str]] = [{}]  # what comes first is hashes, and after an empty line sizes
    for line in host.lines(("sh", "-c", FILES, "sh", path)):
        told, _, name = line.decode(errors="surrogateescape").rstrip("\n").partition("  ./")
        if name:
            columns[-1][name] = told
        else:
            columns.append({})
    hashes, sizes = columns[0], columns[-1]
    return {name: (int(sizes[name]), digest) for name, digest in hashes.items()}


def _checksum(backup: Backup, files: Mapping[str, tuple[int, str]]) -> str:
    if backup.source.kind == "rollbook":
        return backup.digest
    if backup.source.kind == "directory":
        return hashlib.sha256("\n".join(f"{name} {files[name][1]}" for name in sorted(files)).encode()).hexdigest()
    return files[""][1]


def _whole(host: HostReader, backup: Backup, programs: Programs, files: Mapping[str, tuple[int, str]]) -> Iterator[str]:
    if backup.manifest is not None:
        yield from _as_told(backup.manifest, files)
    if backup.source.kind == "plain":
        return
    read = host.run(programs.argv("pg_restore", "--file=/dev/null", backup.source.archive), timeout=_SECONDS)
    if read.exited or read.stderr.strip():
        yield f"pg_restore cannot read it to its end: {read.stderr.strip()[-300:] or f'exit code {read.exited}'}"


def _as_told(manifest: Manifest, files: Mapping[str, tuple[int, str]]) -> Iterator[str]:
    wanted = {file.path: (file.size, file.sha256) for file in manifest.files}
    found = {name: told for name, told in files.items() if name != FILE}
    lacking = sorted(wanted.keys() - found.keys())
    more = sorted(found.keys() - wanted.keys())
    other = sorted(name for name in wanted.keys() & found.keys() if wanted[name] != found[name])
    for names, what in ((lacking, "lacks"), (more, "has files that are not in its manifest:"), (other, "has changed:")):
        if names:
            shown = ", ".join(names[:_MOST])
            yield f"it {what} {shown}" + (f" and {len(names) - _MOST} more" if len(names) > _MOST else "")
