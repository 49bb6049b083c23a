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

import sqlalchemy as sa
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
TABLES = ("board_note", "board_page")
TOKEN = """
def make():
    return "made"
"""
TOKENED = 'migrations.AddField("page", "token", models.CharField(max_length=9, default=make)),'
_INVENTORY = """\
environment: {name}
vars:
  snapshot_folder: {folder}/snapshots
  python: {python}
  smoke_checks: [{{name: Pages, url: /, contains: up}}]
targets:
  db: {{kind: {kind}, url: {{secret: "env:ESTATE_{name}"}}}}
  site: {{kind: http, base_url: "{address}"}}
  app: {{kind: command, on: local, prefix: [env, -C, {code}, {environment}]}}
"""


@dataclass(frozen=True)
class Place:
    """One environment: its database, and the page that fails where *broken* says so and its table is gone."""

    name: str
    url: str
    broken: bool = False

    def fill(self) -> None:
        """Put rows into both tables."""
        notes = [{"id": id_, "text": f"note {id_}", "parent_id": id_ - 1 or None} for id_ in range(1, 51)]
        pages = [{"id": id_, "title": f"page {id_}", "motto": f"motto {id_}", "rank": id_} for id_ in range(1, 21)]
        with self._engine() as engine, engine.begin() as session:
            for name, given in zip(TABLES, (notes, pages), strict=True):
                session.execute(sa.Table(name, sa.MetaData(), autoload_with=session).insert(), given)

    def rows(self, query: str) -> list[tuple[object, ...]]:
        with self._engine() as engine, engine.connect() as session:
            return [tuple(row) for row in session.execute(sa.text(query))]

    def execute(self, statement: str) -> None:
        with self._engine() as engine, engine.begin() as session:
            session.execute(sa.text(statement))

    def contents(self) -> dict[str, list[tuple[object, ...]] | None]:
        """Give every row of both tables; None for one that is gone."""
        with self._engine() as engine:
            look = sa.inspect(engine)
            there = {name: [one["name"] for one in look.get_columns(name)] for name in TABLES if look.has_table(name)}
        return {
            name: self.rows(f"SELECT {', '.join(sorted(there[name]))} FROM {name} ORDER BY id")  # noqa: S608
            if name in there
            else None
            for name in TABLES
        }

    def scratch(self) -> list[object]:
        """Name the databases beside it into which snapshots were loaded."""
        of_postgres = "SELECT datname FROM pg_database"
        query = of_postgres if self.kind == "postgres" else "SELECT schema_name FROM information_schema.schemata"
        return [name for (name,) in self.rows(query) if "rbsnap" in str(name)]

    @property
    def kind(self) -> str:
        """The kind of the target that it is."""
        return "postgres" if self.url.startswith("postgres") else "sql"

    @contextmanager
    def _engine(self) -> Iterator[sa.Engine]:
        engine = sa.create_engine(self.url)
        try:
            yield engine
        finally:
            engine.dispose()


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
            kind=place.kind,
            folder=self.folder,
            python=sys.executable,
            address=self.addresses[place.name],
            code=code.folder,
            environment=", ".join(f"{name}={value}" for name, value in told.items()),
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
