"""What saving a table, or a column, before a migration and bringing it back costs beside dumpdata and loaddata."""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

import fixtures
from rounds import Contender, measure
from server import started
from site_rows import Site
from workspace import forget_runs, rollbook, write_databases, write_steps

_ROUNDS = 3
_DOOMED = {
    "table": ({"tables": ["forum_comment"]}, "DROP TABLE forum_comment"),
    "column": ({"columns": ["forum_comment.body"]}, "ALTER TABLE forum_comment DROP COLUMN body"),
}
_SEND = """
import sys, sqlalchemy
with sqlalchemy.create_engine(sys.argv[1].replace("postgresql:", "postgresql+psycopg:")).begin() as connection:
    connection.exec_driver_sql(sys.argv[2])
"""


class Ground(fixtures.Peer, Protocol):
    """A server of either family; *kind* is that of its targets."""

    kind: str

    def url(self, database: str) -> str:
        """Give the address of a database."""

    def copy(self, template: str, name: str) -> None:
        """Make the database *name* anew as a copy."""


def answer(folder: Path, *, quick: bool = False) -> Iterator[str]:
    """Yield the table."""
    site = Site(4_000, 20_000) if quick else Site(40_000, 200_000)
    rows = site.users * 25
    with started() as server:
        site.build(server, "site")
        yield f"{server.told('site_backup')}, {rows} rows, or cells of a column, saved, lost and brought back"
        server.copy("site_backup", "site_loaded")
        write_databases(folder, **{lost: server.url(f"now_{lost}") for lost in _DOOMED})
        everyone = {**fixtures.moved(folder, server, site, "site_live", "site_loaded"), **contenders(folder, server)}
        samples = measure(everyone, folder, 1 if quick else _ROUNDS, warm=False)
    yield fixtures.compared(samples, rows, "snapshot")


def contenders(folder: Path, server: Ground) -> Mapping[str, Contender]:
    """Give who saves a table and a column of `site_backup`, and who brings them back."""
    return {
        **{f"rollbook, saving a {lost}": _saving(folder, server, lost) for lost in _DOOMED},
        **{f"rollbook, a {lost} there and back": _through(folder, server, lost) for lost in _DOOMED},
    }


def _saving(folder: Path, server: Ground, lost: str) -> Contender:
    return _contender(folder, server, lost, "save", _save(folder, lost))


def _through(folder: Path, server: Ground, lost: str) -> Contender:
    """Save it, take it away as a migration does, load the snapshot and recover from it."""
    _, statement = _DOOMED[lost]
    steps: tuple[dict[str, object], ...] = (
        _save(folder, lost),
        {"shell.run": {"command": [sys.executable, "-c", _SEND, server.url(f"now_{lost}"), statement]}},
        {"sql.snapshot_load": {"server": lost, "snapshot": "{{ steps.s1.outputs.path }}"}},
        {
            "sql.recover": {
                "server": lost,
                "source": "{{ steps.s3.outputs.database }}",
                "folder": str(folder / "recovered"),
            }
        },
        {"sql.drop_scratch": {"server": lost, "database": "{{ steps.s3.outputs.database }}"}},
    )
    return _contender(folder, server, lost, "back", *steps)


def _save(folder: Path, lost: str) -> dict[str, object]:
    doomed, _ = _DOOMED[lost]
    return {"sql.snapshot": {"server": lost, "into": str(folder / ".rollbook" / "snapshots"), **doomed}}


def _contender(folder: Path, server: Ground, lost: str, what: str, *steps: dict[str, object]) -> Contender:
    def renew() -> None:
        forget_runs(folder)
        server.copy("site_backup", f"now_{lost}")

    words = write_steps(folder, f"{what}-{lost}", *steps, **{lost: server.kind})
    return Contender(rollbook(folder, "run-runbook", *words).argv, renew)
