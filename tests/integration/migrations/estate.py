"""An operator's folder with several environments of one Django project, each with a database and a page of its own."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import psycopg
from actions.django.evolving import Evolving, environment_of

from rollbook.run import Run
from rollbook.runs import Runs

from ..desk import COMMAND

APP, FIRST, DROPS = "board", "0001_initial", "0002_drop"
MADE = """\
migrations.CreateModel("Note", [("id", models.AutoField(primary_key=True)), ("text", models.TextField()), ("parent", models.ForeignKey("self", models.CASCADE, null=True))]),
migrations.CreateModel("Page", [("id", models.AutoField(primary_key=True)), ("title", models.TextField()), ("motto", models.CharField(max_length=20, default="none")), ("rank", models.IntegerField(null=True))]),
"""
DROPPED = """\
migrations.DeleteModel("Note"),
migrations.RemoveField("page", "motto"),
migrations.RemoveField("page", "rank"),
"""
ROWS = """
    INSERT INTO board_note (id, text, parent_id) SELECT i, 'note ' || i, CASE WHEN i > 1 THEN i - 1 END
        FROM generate_series(1, 50) i;
    INSERT INTO board_page (id, title, motto, rank) SELECT i, 'page ' || i, 'motto ' || i, i FROM generate_series(1, 20) i;
"""
TABLES = ("board_note", "board_page")
_INVENTORY = """\
environment: {name}
vars:
  snapshot_folder: {folder}/snapshots
  python: {python}
  smoke_checks: [{{name: Pages, url: /, contains: up}}]
targets:
  db: {{kind: postgres, url: {{secret: "env:ESTATE_{name}"}}}}
  site: {{kind: http, base_url: "{address}"}}
  app: {{kind: command, on: local, prefix: [env, -C, {code}, SITE_ENGINE=postgresql, SITE_NAME={database}, SITE_HOST=127.0.0.1, SITE_PORT={port}, SITE_USER={user}]}}
"""


@dataclass(frozen=True)
class Place:
    """One environment: its database, and the page that fails where *broken* says so and its table is gone."""

    name: str
    url: str
    broken: bool = False

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.url.replace("+psycopg", ""), autocommit=True) as session:
            session.execute(statement.encode())

    def rows(self, query: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.url.replace("+psycopg", "")) as session:
            return session.execute(query.encode()).fetchall()

    def contents(self) -> dict[str, list[tuple[object, ...]] | None]:
        """Give every row of both tables; None for one that is gone."""
        there = {name for (name,) in self.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}
        columns = "id, title, motto, rank" if self.has_motto() else "id, title"
        asked = {"board_note": "id, text, parent_id", "board_page": columns}
        return {
            table: self.rows(f"SELECT {asked[table]} FROM {table} ORDER BY id") if table in there else None  # noqa: S608
            for table in TABLES
        }

    def has_motto(self) -> bool:
        return bool(self.rows("SELECT 1 FROM information_schema.columns WHERE column_name = 'motto'"))


@dataclass
class Estate:
    """The folder with its environments."""

    folder: Path
    places: dict[str, Place] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)

    answers: ClassVar[tuple[str, ...]] = ("agree=yes", "go=yes", "ready=yes", "rollout-gate=yes", "recover-gate=yes")

    def add(self, place: Place, code: Evolving) -> None:
        """Write an environment's inventory."""
        told = environment_of(place.url)
        text = _INVENTORY.format(
            name=place.name,
            folder=self.folder,
            python=sys.executable,
            address=self.addresses[place.name],
            code=code.folder,
            database=told["SITE_NAME"],
            port=told["SITE_PORT"],
            user=told["SITE_USER"],
        )
        (self.folder / "inventory").mkdir(exist_ok=True)
        (self.folder / "inventory" / f"{place.name}.yml").write_text(text)
        self.places[place.name] = place

    def type(self, *words: str) -> tuple[int, str]:
        """Type a command without a terminal; gives its exit code and what it said."""
        urls = {f"ESTATE_{place.name}": place.url.replace("+psycopg", "") for place in self.places.values()}
        done = subprocess.run(
            [sys.executable, *COMMAND, *words],
            cwd=self.folder,
            env={**os.environ, **urls, "NO_COLOR": "1", "COLUMNS": "160"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=300,
        )
        return done.returncode, done.stdout

    def run(self, what: str, name: str, env: str, **inputs: str) -> tuple[int, str]:
        """Carry out a runbook or playbook with the usual answers."""
        given = [f"--set={key}={value}" for key, value in inputs.items()]
        asked = [f"--answer={answer}" for answer in self._asked(name)]
        return self.type(f"run-{what}", name, f"--env={env}", *given, *asked, "--yes")

    def _asked(self, name: str) -> tuple[str, ...]:
        runbooks = {"protect-migration": self.answers[:1], "recover-migration-data": (), "migrate-destructively": ("agree=yes", "ready=yes")}  # fmt: skip
        return runbooks.get(name, self.answers)

    def last(self) -> Run:
        """Read the newest run."""
        return Runs(self.folder / ".rollbook").all()[-1].read()


@contextmanager
def pages(estate: Estate, names: tuple[str, ...], broken: str) -> Iterator[None]:
    """Serve a page for each environment: `up`, or 500 where it is *broken* and its table is gone."""
    with_servers: list[ThreadingHTTPServer] = []
    for name in names:
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(estate, name, name == broken))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        estate.addresses[name] = f"http://127.0.0.1:{server.server_port}"
        with_servers.append(server)
    yield
    for server in with_servers:
        server.shutdown()
        server.server_close()


def _handler(estate: Estate, name: str, broken: bool) -> type[BaseHTTPRequestHandler]:
    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            gone = broken and estate.places[name].contents()["board_note"] is None
            self.send_response(500 if gone else 200)
            self.end_headers()
            self.wfile.write(b"no such table" if gone else b"up")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Page
