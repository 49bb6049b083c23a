"""How a board stands when a run is over: what must be the same however often the run was killed."""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from rollbook.postgres.objects import Objects, told, unlike
from rollbook.targets.postgres.objects import read_objects
from rollbook.targets.postgres.session import connect

from .desk import Desk
from .site import LIVE, Board
from .writers import PREFIX, Writer

_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"


@dataclass(frozen=True, slots=True)
class Ending:
    """
    The live database but for the rows of `Writer`, the code, the services, and what else lies on the server.

    *databases* has, for each part that a database plays (live, kept …), whether it takes connections; *first* says
    whether the live one is that of the beginning.
    """

    rows: Mapping[str, tuple[tuple[Any, ...], ...]]
    objects: Objects
    databases: Mapping[str, bool]
    first: bool
    tree: str
    up: bool
    backups: int
    pages: Mapping[str, tuple[int, str]]


def look(board: Board, first: int) -> Ending:
    """Read how the board stands; *first* is the OID of the database that was live at the beginning."""
    found = board.databases()
    backups = list((board.folder / "backups").iterdir())
    # A backup that never became complete bears another name.
    assert all((path / "manifest.json").exists() for path in backups if path.is_dir()), backups
    with closing(connect(board.pattern.url(user="postgres"))) as connection:
        rows = {name: _rows(connection, name) for (name,) in connection.execute(_TABLES).fetchall()}
        objects = read_objects(connection)
    return Ending(
        rows=rows,
        objects=objects,
        databases={_part(name): is_open for name, (_, is_open) in found.items()},
        first=found[LIVE][0] == first,
        tree=board.tree(),
        up=board.up,
        backups=len(backups),
        pages={path: board.page(path) for path in ("/channels_post/", "/shows_show/")},
    )


def require_same(found: Ending, wanted: Ending) -> None:
    """Fail, and tell how, where one run ended otherwise than another."""
    assert told(unlike(wanted.objects, found.objects), wanted.objects, found.objects) == ()
    assert found.rows.keys() == wanted.rows.keys()
    for table, rows in wanted.rows.items():
        lacking, extra = set(rows) - set(found.rows[table]), set(found.rows[table]) - set(rows)
        assert (lacking, extra) == (set(), set()), table
        assert len(found.rows[table]) == len(rows), table
    for name in ("databases", "first", "tree", "up", "backups", "pages"):
        assert getattr(found, name) == getattr(wanted, name), name


def require_kept(board: Board, writer: Writer) -> None:
    """Fail where a row is not as the database had acknowledged it."""
    assert writer.lost == []
    with psycopg.connect(board.pattern.url(user="forum")) as connection:
        assert writer.broken(connection) == {}


def require_told(desk: Desk) -> None:
    """Fail where a database bears a mark of a run, or a session of one is left."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'rollbook'"
    assert desk.board.pattern.admin(query) == [(0,)]


def _part(name: str) -> str:
    return name if name == LIVE else name.removeprefix(f"{LIVE}_").partition("_")[0]


def _rows(connection: psycopg.Connection, table: str) -> tuple[tuple[Any, ...], ...]:
    query = sql.SQL("SELECT * FROM public.{} ORDER BY 1").format(sql.Identifier(table))
    return tuple(row for row in connection.execute(query) if not any(str(cell).startswith(PREFIX) for cell in row))
