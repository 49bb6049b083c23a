"""What the two cures are weighed by, read from the live database, its server and a backup."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from ...errors import RefusedError
from ...figures import span
from ...postgres.archive import entries
from ...postgres.cures import Pace, Scene, Unlike
from ...postgres.loss import TableLoss
from ...postgres.manifest import Manifest
from ...postgres.names import Name
from ...postgres.programs import Programs
from ...postgres.rights import missing
from ...schema import parse_instant
from ...targets.base import HostReader, PostgresReader
from .reading import database_size, find_programs, free_on_server, server_version
from .recognising import Backup, recognise
from .surroundings import read_account, read_obstacles

_SECONDS: Final = 86_400.0
_OBJECTS: Final = """
    SELECT CASE con.contype WHEN 'f' THEN 'FK CONSTRAINT' ELSE 'CONSTRAINT' END AS kind, n.nspname AS schema,
           c.relname AS owner, con.conname AS name
    FROM pg_catalog.pg_constraint con JOIN pg_catalog.pg_class c ON c.oid = con.conrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE con.contype IN ('p', 'u', 'x', 'f') AND con.coninhcount = 0
    UNION ALL SELECT 'INDEX', n.nspname, t.relname, c.relname
    FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
    JOIN pg_catalog.pg_class t ON t.oid = i.indrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE NOT c.relispartition AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint con WHERE con.conindid = c.oid
          AND con.contype IN ('p', 'u', 'x')) AND n.nspname <> 'pg_toast'
    UNION ALL SELECT 'TRIGGER', n.nspname, c.relname, g.tgname
    FROM pg_catalog.pg_trigger g JOIN pg_catalog.pg_class c ON c.oid = g.tgrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE NOT g.tgisinternal AND g.tgparentid = 0
    UNION ALL SELECT CASE c.relkind WHEN 'v' THEN 'VIEW' ELSE 'MATERIALIZED VIEW' END, n.nspname, '', c.relname
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('v', 'm')
    ORDER BY 1, 2, 3, 4"""

_ALONE: Final = frozenset({"INDEX", "VIEW", "MATERIALIZED VIEW"})  # pg_restore lists them without a table
_VIEWS: Final = ("VIEW ", "MATERIALIZED VIEW ")


def read_scene(
    server: PostgresReader,
    host: HostReader,
    path: str,
    tables: tuple[TableLoss, ...],
    deployed: datetime | None,
    pace: Pace,
) -> Scene:
    """Look at the backup *path* on *host*, and at the server; what hinders is told, not raised."""
    major = server_version(server) // 10_000
    account = read_account(server)
    refused, unlike, manifest = list(missing(account.rename())), Unlike(None), None
    try:
        programs = find_programs(server, host, major)
        backup = recognise(host, path, programs)
        manifest = backup.manifest
        refused += _unfit(backup, server.database, major)
        unlike = _unlike(server, host, backup, programs, tables)
    except RefusedError as error:
        refused.append(error.message)
    return Scene(
        tables=tables,
        size=database_size(server, server.database),
        free=free_on_server(server, host),
        made=_made(manifest),
        unlike=unlike,
        span=_between(manifest, deployed),
        pace=pace,
        refused=tuple(refused),
        obstacles=(*missing((*account.end_sessions(), *account.shut_out())), *read_obstacles(server)),
    )


def _unfit(backup: Backup, live: str, major: int) -> Iterator[str]:
    yield from backup.problems
    if backup.database and backup.database != live:
        yield f"the backup is of the database {backup.database!r}, not of {live!r}"
    if backup.major > major:
        yield f"the backup is of PostgreSQL {backup.major}, and the server is of {major}"


def _made(manifest: Manifest | None) -> float | None:
    """Give the seconds that the backup took."""
    if manifest is None:
        return None
    return (parse_instant(manifest.finished) - parse_instant(manifest.started)).total_seconds()


def _between(manifest: Manifest | None, deployed: datetime | None) -> str:
    if manifest is None or deployed is None:
        return ""
    seconds = (deployed - parse_instant(manifest.started)).total_seconds()
    return f" ({span(seconds)})" if seconds > 0 else ""


def _unlike(
    server: PostgresReader, host: HostReader, backup: Backup, programs: Programs, tables: Sequence[TableLoss]
) -> Unlike:
    """Hold what stands beside tables and columns in live against the backup; plain SQL does not tell."""
    if backup.source.kind == "plain":
        return Unlike(None)
    listed = host.run(programs.argv("pg_restore", "--list", backup.source.archive), timeout=_SECONDS).stdout
    theirs = entries(listed)
    known = {beginning for beginnings in theirs.values() for beginning in beginnings}
    only_live = {one.table for one in tables if one.backup is None}
    ours, added = set(), []
    for row in server.rows(_OBJECTS):
        words = (row["kind"], row["schema"], *([] if row["kind"] in _ALONE else [row["owner"]]), row["name"])
        ours.add(" ".join(words))
        told = " ".join(words) in known or str(Name(row["schema"], row["owner"])) in only_live
        if not told and row["schema"] not in ("pg_catalog", "information_schema"):
            added.append(f"{row['kind'].lower()} {row['name']}")
    views = (entry for entry in theirs if entry.startswith(_VIEWS) and ours.isdisjoint(theirs[entry]))
    return Unlike((*added, *_retyped(server, backup.manifest)), tuple(entry.rpartition(" ")[0] for entry in views))


def _retyped(server: PostgresReader, manifest: Manifest | None) -> Iterator[str]:
    """Name the columns whose type is not that of the backup, where its manifest has types."""
    if manifest is None:
        return
    live = server.catalog(server.database).tables
    for content in manifest.tables:
        table = live.get(content.title)
        types = {column.name: column.type for column in table.columns} if table is not None else {}
        for column in content.columns:
            if types.get(column.name, column.type) != column.type:
                yield f"{content.title}.{column.name} from {column.type} to {types[column.name]}"
