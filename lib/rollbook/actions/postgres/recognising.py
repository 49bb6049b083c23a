"""What a backup is, whoever made it: a folder of ours, an archive of pg_dump's, or plain SQL."""

import hashlib
from dataclasses import replace
from typing import Final

from ...dataclass import dataclass
from ...errors import CommandFailed, RefusedError, SchemaError
from ...postgres import archive
from ...postgres.manifest import DUMP, FILE, LIMIT, Manifest, read_manifest
from ...postgres.plainsql import Script, ScriptScan
from ...postgres.programs import Programs
from ...postgres.source import ARCHIVES, UNPACK, Packing, Source
from ...postgres.superusers import Apart, set_apart
from ...targets.base import HostReader

_SECONDS: Final = 86_400.0
_HEAD: Final = ("od", "-A", "n", "-t", "x1", "-N", "5", "--")
_PACKINGS: Final[dict[str, Packing]] = {"1f8b": "gz", "28b52ffd": "zst"}
_LISTED: Final = 'tar -tf - < "$1" > /dev/null'
_UNPACKED: Final = '$1 < "$2"'


@dataclass(frozen=True, slots=True)
class Backup:
    """
    A backup and what it says of itself; *problems* are reasons not to restore it.

    *database* is empty and *major* 0 where it does not tell. *owners*, *extensions* and *tablespaces* must be there
    before; *public* owns the schema of that name, *defaulting* are roles with default privileges. *lacks* says why it
    is no backup of a whole database, though it can be read.
    """

    source: Source
    database: str
    major: int
    started: str
    tables: int
    manifest: Manifest | None = None
    digest: str = ""  # of the manifest's file
    owners: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ()
    tablespaces: tuple[str, ...] = ()
    public: str = ""
    defaulting: tuple[str, ...] = ()
    apart: tuple[Apart, ...] = ()
    problems: tuple[str, ...] = ()
    lacks: str = ""


def recognise(host: HostReader, path: str, programs: Programs) -> Backup:
    """Look at a backup on *host*, a plain dump from beginning to end. Raises `RefusedError` for what is none."""
    path = path.rstrip("/")
    there = host.stat(path)
    if there is not None and there.kind == "link":
        there = host.stat(host.run(("readlink", "-f", "--", path)).stdout.strip())
    if there is None:
        raise RefusedError(f"{host.name} has no backup {path}.", advice="Correct the path, or the host in runs_on:.")
    if there.kind == "folder":
        return _folder(host, path, programs)
    head = host.run((*_HEAD, path)).stdout.replace(" ", "").strip()
    if head in ARCHIVES:
        if ARCHIVES[head] == "tar":
            _require_whole(host, path)
        return _archived(host, Source(ARCHIVES[head], path, path), programs)
    packed = [name for magic, name in _PACKINGS.items() if head.startswith(magic)]
    return _plain(host, Source("plain", path, path, packed[0] if packed else ""))


def _require_whole(host: HostReader, path: str) -> None:
    """Have tar read a tar to its end, for pg_restore would look for ever for the end of one that was cut off."""
    read = host.run(("sh", "-c", _LISTED, "sh", path), timeout=_SECONDS)
    if read.exited:
        raise RefusedError(
            f"{path} on {host.name} cannot be read to its end: {read.stderr.strip()[-300:]}",
            advice="It was cut off or damaged: take another copy or backup.",
        )


def _folder(host: HostReader, path: str, programs: Programs) -> Backup:
    name = path.rpartition("/")[2]
    if name.startswith(".") and name.endswith(".partial"):
        raise RefusedError(
            f"{path} on {host.name} is a backup that never became complete, or is being cleared away.",
            advice="Choose another one: postgres.backup_list lists those that are whole.",
        )
    content = host.read_file(f"{path}/{FILE}", limit=LIMIT)
    if content is None:
        if host.stat(f"{path}/toc.dat") is not None:
            return _archived(host, Source("directory", path, path), programs)
        raise RefusedError(
            f"{path} on {host.name} is no backup: it has neither {FILE} nor toc.dat.",
            advice="Give the folder that has one of them, or a file.",
        )
    try:
        manifest = read_manifest(content.decode())
    except (SchemaError, ValueError) as error:
        raise RefusedError(
            f"{path}/{FILE} on {host.name} cannot be read: {error}",
            advice=f"Take another copy of the backup, or name its archive {path}/{DUMP}, which is restored uncompared.",
        ) from error
    found = _archived(host, Source("rollbook", path, f"{path}/{DUMP}"), programs)
    digest = hashlib.sha256(content).hexdigest()
    return replace(found, started=manifest.started, database=manifest.database, manifest=manifest, digest=digest)


def _archived(host: HostReader, source: Source, programs: Programs) -> Backup:
    listed = host.run(programs.argv("pg_restore", "--list", source.archive), timeout=_SECONDS)
    if archive.is_newer(listed.stderr):
        raise RefusedError(
            f"{source.path} was made by a pg_dump that is newer than {programs.major}: {listed.stderr.strip()}",
            advice="Take a backup of this server's version; what a newer one writes an older one does not understand.",
        )
    try:
        listing = archive.read_listing(listed.stdout)
    except ValueError as error:
        said = listed.stderr.strip() or str(error)
        raise RefusedError(
            f"{source.path} on {host.name} cannot be read: {said}", advice="It is damaged: take another copy or backup."
        ) from error
    asked = ("--schema-only", "--no-subscriptions", "--file=-", source.archive)
    script = host.run(programs.argv("pg_restore", *asked), timeout=_SECONDS)
    return Backup(
        source,
        listing.database,
        listing.major,
        listing.created,
        listing.tables,
        owners=archive.owners(script.stdout),
        extensions=archive.extensions(script.stdout),
        public=archive.public_owner(script.stdout),
        defaulting=archive.defaulting(script.stdout),
        apart=set_apart(script.stdout),
        tablespaces=archive.tablespaces(script.stdout),
        lacks=listing.lacks if source.kind != "rollbook" else "",
    )


def _plain(host: HostReader, source: Source) -> Backup:
    scan = ScriptScan()
    problems: tuple[str, ...] = ()
    try:
        argv = ("sh", "-c", _UNPACKED, "sh", UNPACK[source.packing], source.archive)
        for line in host.lines(argv):
            scan.feed(line)
    except CommandFailed as error:
        problems = (f"it cannot be unpacked to its end: {error.tail or error.message}",)
    script = scan.end()
    if not script.dump and not script.tables:
        problems = (*problems, "it is no dump that is known here: neither pg_dump's archive nor SQL that makes tables")
    return _scanned(source, script, problems)


def _scanned(source: Source, script: Script, problems: tuple[str, ...]) -> Backup:
    return Backup(
        replace(source, dropped=script.dropped, public=script.public_lines, apart=script.apart_lines),
        script.database,
        script.major,
        "",
        script.tables,
        public=script.public,
        apart=script.apart,
        problems=(*problems, *script.problems),
        lacks=archive.lacking(script.tables, script.rows) if script.dump else "",
    )
