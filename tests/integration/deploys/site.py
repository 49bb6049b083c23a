"""The board: a site with a database, code, services and pages, as a bad deploy left it; built once, copied for each test."""

import datetime as dt
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import psycopg
from psycopg import sql
from servers import SqlServer

from rollbook.demo.forum.roles import OPERATOR, make_roles

from .code import deploy_bad, git, write_good

LIVE, OWNER = "forum", "forum"
_TEMPLATE = "board_template"
_ROWS = """
    INSERT INTO channels_channel (name) SELECT 'channel' || g FROM generate_series(1, 20) g;
    INSERT INTO channels_post (channel_id, text) SELECT 1 + g % 20, repeat('post ' || g, 9) FROM generate_series(1, 2000) g;
    INSERT INTO shows_show (name, contact) SELECT 'show ' || g, 'mail' || g FROM generate_series(1, 100) g;
    INSERT INTO shows_episode (show_id, title, plays) SELECT 1 + g % 100, 'episode ' || g % 1900, g FROM generate_series(1, 2000) g"""
_SINCE_BACKUP = """
    INSERT INTO shows_episode (show_id, title, plays) VALUES (1, 'between', 0);
    INSERT INTO channels_post (channel_id, text) VALUES (1, 'in no backup');
    UPDATE shows_show SET contact = 'changed' WHERE id = 7;
    DELETE FROM shows_episode WHERE id = 500"""
_SINCE_DEPLOY = """
    INSERT INTO shows_show (name) VALUES ('a new show');
    INSERT INTO shows_episode (show_id, title, plays) SELECT 1 + g % 100, 'since ' || g, 0 FROM generate_series(1, 500) g;
    UPDATE shows_episode SET plays = -1 WHERE id BETWEEN 10 AND 60;
    UPDATE shows_show SET name = 'renamed' WHERE id = 5;
    DELETE FROM shows_episode WHERE id BETWEEN 70 AND 80"""
_SUPERVISORCTL = """\
#!/bin/sh
[ "$1" = -c ] && shift 2
cd {running} || exit 1
tell() {{ if [ -e "$1" ]; then echo "$1    RUNNING   pid $(grep . "$1" || echo 1), uptime 0:00:01"; else echo "$1    STOPPED   Not started"; fi; }}
case "$1" in
  status) if [ -n "$2" ]; then tell "$2"; else tell web; tell worker; fi ;;
  start) sleep 600 >/dev/null 2>&1 & echo $! > "$2"; echo "$2: started" ;;
  stop) if [ -s "$2" ]; then kill "$(cat "$2")"; fi; rm -f "$2"; echo "$2: stopped" ;;
esac
"""


@dataclass(frozen=True, slots=True)
class Pattern:
    """What every board is a copy of: its folder, the bad merge, and when it was deployed."""

    server: SqlServer
    folder: Path
    merge: str
    deployed_at: dt.datetime

    def url(self, database: str = LIVE, user: str = OPERATOR) -> str:
        return self.server.url.replace("+psycopg", "").replace("postgres@", f"{user}@") + database

    def admin(self, statement: str) -> list[tuple[Any, ...]]:
        """Execute a statement as superuser, and give its rows."""
        with psycopg.connect(self.url("postgres", "postgres"), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []


def build(server: SqlServer, folder: Path) -> Pattern:
    """Build the board, back it up, use it, deploy the bad version, and use it on."""
    pattern = Pattern(server, folder, "", dt.datetime.now(dt.UTC))
    make_roles(pattern.url("postgres", "postgres"), {OWNER: "unused", OPERATOR: "unused"})
    site, owner = folder / "site", pattern.url(user=OWNER)
    write_good(site)
    _migrate(site, owner)
    _execute(owner, _ROWS)
    (folder / "backups").mkdir()
    dump = ["pg_dump", "-Fc", "-d", owner, "-f", str(folder / "backups" / f"{LIVE}.dump")]
    subprocess.run(dump, check=True)
    _execute(owner, _SINCE_BACKUP)
    deployed_at = dt.datetime.now(dt.UTC)
    merge = deploy_bad(site)
    _migrate(site, owner)
    _execute(owner, _SINCE_DEPLOY)
    pattern.admin(f"ALTER DATABASE {LIVE} RENAME TO {_TEMPLATE}")
    return Pattern(server, folder, merge, deployed_at)


def _migrate(site: Path, url: str) -> None:
    argv = [sys.executable, "manage.py", "migrate", "-v", "0"]
    subprocess.run(argv, check=True, cwd=site, env={**os.environ, "DATABASE_URL": url})


def _execute(url: str, statements: str) -> None:
    with closing(psycopg.connect(url)) as connection:
        connection.execute(statements.encode())
        connection.commit()


class Board:
    """A copy of the pattern, served while the context is open; the server has one at a time."""

    def __init__(self, pattern: Pattern, folder: Path) -> None:
        self.pattern, self.folder = pattern, folder
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())

    def __enter__(self) -> Self:
        shutil.copytree(self.pattern.folder, self.folder)
        (self.folder / "running").mkdir()
        for name in ("web", "worker"):
            (self.folder / "running" / name).touch()
        (self.folder / "web.log").write_text("started\n")
        control = self.folder / "bin" / "supervisorctl"
        control.parent.mkdir()
        control.write_text(_SUPERVISORCTL.format(running=self.folder / "running"))
        control.chmod(0o755)
        self.clear()
        self.pattern.admin(f"CREATE DATABASE {LIVE} TEMPLATE {_TEMPLATE} OWNER {OWNER}")
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        for path in (self.folder / "running").iterdir():
            if number := path.read_text().strip():
                with suppress(ProcessLookupError):
                    os.kill(int(number), signal.SIGTERM)

    def clear(self) -> None:
        """Drop what the board before left on the server."""
        self.pattern.admin(f"ALTER ROLE {OWNER} LOGIN")
        for name in self.databases():
            self.pattern.admin(f'DROP DATABASE "{name}" WITH (FORCE)')

    @property
    def address(self) -> str:
        """Where its pages are."""
        return f"http://127.0.0.1:{self._http.server_port}"

    @property
    def up(self) -> bool:
        """Tell whether visitors are let in, by services that run."""
        return not (self.folder / "maintenance").exists() and self.running == {"web", "worker"}

    @property
    def running(self) -> set[str]:
        """The services that run."""
        return {path.name for path in (self.folder / "running").iterdir()}

    def databases(self) -> Mapping[str, tuple[int, bool]]:
        """Give the databases of the board by name: OID, and whether they take connections."""
        query = "SELECT datname, oid::bigint, datallowconn AND datconnlimit <> 0 FROM pg_database"
        found = {name: (oid, is_open) for name, oid, is_open in self.pattern.admin(query)}
        return {name: one for name, one in found.items() if name == LIVE or name.startswith(f"{LIVE}_")}

    def tree(self) -> str:
        """Give the tree that is checked out, provided that nothing lies beside it."""
        assert git(self.folder / "site", "status", "--porcelain") == ""
        return git(self.folder / "site", "rev-parse", "HEAD^{tree}")

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        board = self

        class Page(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, text = board.page(self.path)
                self.send_response(status)
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_: object) -> None:
                """Print nothing."""

        return Page

    def page(self, path: str) -> tuple[int, str]:
        """Answer a request: the rows of a table, where the site is up and has it."""
        if not self.up:
            return 503, "closed"
        query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(path.strip("/")))
        try:
            with psycopg.connect(self.pattern.url(user=OWNER), connect_timeout=5) as connection:
                row = connection.execute(query).fetchone()
        except psycopg.Error as error:
            return 500, str(error)
        return 200, f"rows: {row[0] if row else 0}"
