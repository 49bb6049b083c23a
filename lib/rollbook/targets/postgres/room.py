"""Whether a server has room for what going back writes: databases beside the live one, and WAL."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ...figures import size as size_of
from ..base import Finding

if TYPE_CHECKING:
    from .session import Connection
    from .target import PostgresTarget

_SIZES: Final = """
    SELECT pg_catalog.pg_database_size(%(database)s::name), pg_catalog.pg_size_bytes(current_setting('max_wal_size')),
           (SELECT setting FROM pg_catalog.pg_settings WHERE name = 'data_directory')
    WHERE EXISTS (SELECT FROM pg_catalog.pg_database WHERE datname = %(database)s)"""
_SLOTS: Final = """
    SELECT slot_name, pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), restart_lsn)::bigint
    FROM pg_catalog.pg_replication_slots WHERE NOT active AND restart_lsn IS NOT NULL ORDER BY 1"""
_ARCHIVER: Final = """
    SELECT last_failed_wal FROM pg_catalog.pg_stat_archiver
    WHERE last_failed_time > coalesce(last_archived_time, '-infinity') AND current_setting('archive_mode') <> 'off'"""
_BESIDE: Final = 2  # databases that going back makes: the restored one, and the base


def room(target: "PostgresTarget", connection: "Connection") -> Iterator[Finding]:
    """Compare what is free where the server keeps its files with what is written; name what keeps WAL from going."""
    row = connection.execute(_SIZES, {"database": target.database}).fetchone()
    if row is not None:
        size, wal, folder = row
        yield from _free(target, size, wal, folder)
    if connection.execute("SELECT pg_catalog.pg_is_in_recovery()").fetchone() == (True,):
        return
    for name, behind in connection.execute(_SLOTS).fetchall():
        message = f"nobody uses it, and it keeps WAL from going: {behind / 2**20:.0f} MiB so far; a restore adds to it"
        advice = f"Start its consumer again, or SELECT pg_drop_replication_slot('{name}');"
        yield target.finding(f"slot {name}", "warning", message, advice)
    for (name,) in connection.execute(_ARCHIVER).fetchall():
        message = f"archiving WAL fails ({name}), so none of it goes; a restore and passes add to it"
        yield target.finding("WAL archive", "warning", message, "Mend archive_command first: the disk fills up.")


def _free(target: "PostgresTarget", size: int, wal: int, folder: str | None) -> Iterator[Finding]:
    beside = _BESIDE * size
    wanted = f"going back makes {_BESIDE} databases of {size_of(size)} beside the live one"
    written = (
        f"restores and passes write {size_of(beside)} of WAL and more, of which about {size_of(wal)} stays at a time"
    )
    if folder is None or not Path(folder, "PG_VERSION").is_file():
        where = (
            "where the server keeps it is not told to this account" if folder is None else "it is on another machine"
        )
        yield target.finding("room", "ok", f"{wanted}; {written}; what is free is not known here: {where}")
        return
    files, log = Path(folder), Path(folder, "pg_wal").resolve()
    apart = files.stat().st_dev != log.stat().st_dev
    needed = beside if apart else beside + wal
    yield _weighed(target, "room for databases", files, needed, wanted)
    yield _weighed(target, "room for WAL", log, wal if apart else needed, written)


def _weighed(target: "PostgresTarget", subject: str, folder: Path, needed: int, what: str) -> Finding:
    free = shutil.disk_usage(folder).free
    told = f"{size_of(free)} free in {folder}; {what}"
    if free >= needed:
        return target.finding(subject, "ok", told)
    return target.finding(subject, "warning", told, f"Make room first: {size_of(needed)} are wanted there.")
