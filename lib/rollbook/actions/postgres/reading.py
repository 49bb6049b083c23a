"""What the kinds for whole databases read alike: the server, its programs on a host."""

from ...errors import RefusedError
from ...postgres.obstacles import LARGE_OBJECTS
from ...postgres.programs import Programs, finding, found, majors
from ...postgres.properties import READ, Properties
from ...schema import build
from ...targets.base import HostReader, PostgresReader

_PASSES = "SELECT pg_catalog.to_regclass('rollbook.passes') IS NOT NULL AS there"
_VERSION = "SELECT current_setting('server_version_num')::int AS version"
_SIZE = "SELECT pg_catalog.pg_database_size(CAST(:database AS name)) AS size"
_FOLDER = "SELECT setting FROM pg_catalog.pg_settings WHERE name = 'data_directory'"
_FREE = 'df -Pk -- "$1" 2>/dev/null || df -Pk -- "${1%/*}"'


def server_version(server: PostgresReader) -> int:
    """Give server_version_num."""
    return int(next(server.rows(_VERSION))["version"])


def database_size(server: PostgresReader, name: str) -> int:
    """Give a database's size in bytes."""
    return int(next(server.rows(_SIZE, {"database": name}))["size"])


def holds_passes(server: PostgresReader, database: str) -> bool:
    """Say whether a database holds what passes of carrying over wrote down."""
    return bool(next(server.rows_in(database, _PASSES))["there"])


def count_large_objects(server: PostgresReader, database: str) -> int:
    """Count the large objects of a database, which no table's rows hold."""
    return int(next(server.rows_in(database, LARGE_OBJECTS))["many"])


def read_properties(server: PostgresReader, name: str) -> Properties:
    """Read what belongs to a database as a whole. Raises `RefusedError` where it is not there."""
    for row in server.rows(READ, {"database": name}):
        return build(Properties, row)
    raise RefusedError(f"{server.name} has no database {name!r}.", advice="Correct the name, or the target's address.")


def find_programs(server: PostgresReader, host: HostReader, major: int) -> Programs:
    """Find the programs of the server's major version. Raises `RefusedError` saying what to install."""
    there = found(host.run(finding(server.programs, major)).stdout)
    for programs in there:
        if programs.major == major:
            return programs
    raise RefusedError(
        f"{host.name} has no pg_dump, pg_restore and psql of PostgreSQL {major}, the version of {server.name}: "
        f"found {majors(there)}.",
        advice=f"Install them there (Debian: apt-get install postgresql-client-{major}), name their folder in "
        f"programs: of the target {server.name}, or name a host that has them in runs_on:.",
    )


def free_space(host: HostReader, folder: str) -> int | None:
    """Give how many bytes are free where *folder* is or will be; None where that is not known."""
    lines = host.run(("sh", "-c", _FREE, "sh", folder)).stdout.splitlines()
    words = lines[-1].split() if len(lines) > 1 else []
    return int(words[3]) * 1024 if len(words) > 3 and words[3].isdigit() else None


def free_on_server(server: PostgresReader, host: HostReader) -> int | None:
    """Give the bytes free where *server* keeps databases; None where this account, or this host, does not tell."""
    folder = next((str(row["setting"]) for row in server.rows(_FOLDER) if row["setting"]), "")
    if not folder or host.stat(f"{folder}/PG_VERSION") is None:
        return None
    return free_space(host, folder)
