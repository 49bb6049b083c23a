"""A PostgreSQL server of its own for a question, gone afterwards."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict
from rounds import NotMeasuredError


@dataclass(frozen=True, slots=True)
class Server:
    """Where it answers; *address* wants the name of a database at its end."""

    address: str

    kind = "postgres"

    def surroundings(self, database: str) -> str:
        """Give the variables by which Django reaches a database."""
        port = conninfo_to_dict(self.address)["port"]
        return f"FORUM_ENGINE=postgresql FORUM_USER=postgres FORUM_PORT={port} FORUM_NAME={database}"

    def url(self, database: str) -> str:
        """Give the address of a database."""
        return f"{self.address}{database}"

    def run(self, database: str, *statements: str) -> list[tuple[object, ...]]:
        """Run statements, each by itself, and give the rows of the last."""
        rows: list[tuple[object, ...]] = []
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            for statement in statements:
                cursor = connection.execute(statement.encode())
                rows = cursor.fetchall() if cursor.description else []
        return rows

    def databases(self) -> tuple[str, ...]:
        """Name its databases."""
        return tuple(str(name) for (name,) in self.run("postgres", "SELECT datname FROM pg_database"))

    def drop(self, *names: str) -> None:
        """Drop databases, where they are there."""
        self.run("postgres", *(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)' for name in names))

    def copy(self, template: str, name: str) -> None:
        """Make the database *name* anew as a copy, as it lies on disk."""
        self.drop(name)
        # From 15 on the other way, which writes every page to the log too, is what it does unless told.
        with psycopg.connect(self.url("postgres")) as connection:
            how = " STRATEGY file_copy" if connection.info.server_version >= 150_000 else ""
        self.run("postgres", f'CREATE DATABASE "{name}" TEMPLATE "{template}"{how}', "CHECKPOINT")

    def cpu(self) -> float:
        """Give the CPU seconds that its processes took so far, those that ended included; of Linux only."""
        with psycopg.connect(self.url("postgres")) as connection:
            master = _stat(connection.info.backend_pid)[1]
            found = [_stat(int(one.name)) for one in Path("/proc").iterdir() if one.name.isdecimal()]
        ticks = sum(_stat(int(master))[11:15]) + sum(sum(one[11:13]) for one in found if one[1] == master)
        return ticks / os.sysconf("SC_CLK_TCK")

    def megabytes(self, database: str) -> float:
        """Tell how large a database is on disk."""
        ((size,),) = self.run(database, "SELECT pg_database_size(current_database())::text")
        return float(str(size)) / 1e6

    def told(self, database: str) -> str:
        """Say the server's version and how large a database is."""
        ((version,),) = self.run(database, "SHOW server_version")
        return f"PostgreSQL {version}, a database of {self.megabytes(database):.0f} MB"


def _stat(process: int) -> list[int]:
    """Give the numbers in /proc/PID/stat behind the name, the state as 0; only zeros for one that is gone."""
    try:
        told = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return [0] * 15
    return [0, *map(int, told[1:])]


@contextmanager
def started() -> Iterator[Server]:
    """Start a server with the settings that it has by itself. Raises `NotMeasuredError`."""
    with served("start_postgres", "fsync=on") as url:
        yield Server(url.replace("+psycopg", ""))


@contextmanager
def served(start: str, *settings: str) -> Iterator[str]:
    """Start what the tests' function *start* does, with *settings*; gives its address. Raises `NotMeasuredError`."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from tests import servers

    # Below the home folder the server's own account could not enter.
    place = Path(tempfile.mkdtemp(prefix="rollbook-benchmark-"))
    place.chmod(0o755)
    try:
        found = getattr(servers, start)(place / "server", *settings)
        try:
            yield found.url
        finally:
            found.stop()
    except servers.Unavailable as error:
        raise NotMeasuredError(str(error)) from error
    finally:
        shutil.rmtree(place)
