"""A Django project on either server, with rows, a migration to come that destroys some, and an operator's folder."""

import json
import os
import random
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from actions.conftest import Machine
from actions.django.evolving import Evolving, environment_of
from actions.django.shapes import FLAG, NEEDS, PERSON

from rollbook.journal import replay

from ..typed import Typed

APP, FIRST, DROPS = "board", "0001_initial", "0002_drop"
MADE = (
    FLAG.format(name="CourseFlag", field='("course_id", models.CharField(max_length=255, db_index=True)),')
    + FLAG.format(name="EnabledFlag", field='("enabled_for_all_courses", models.BooleanField(default=False)),')
    + """\
migrations.CreateModel("Note", [("id", models.BigAutoField(primary_key=True)), ("text", models.TextField()), ("parent", models.ForeignKey("self", models.CASCADE, null=True))]),
migrations.CreateModel("Tag", [("id", models.AutoField(primary_key=True)), ("name", models.CharField(max_length=40, unique=True))]),
migrations.CreateModel("Kept", [
    ("id", models.AutoField(primary_key=True)),
    ("title", models.CharField(max_length=200)),
    ("motto", models.CharField(max_length=20, default="none")),
    ("service_url", models.CharField(max_length=200, blank=True)),
    ("version", models.IntegerField()),
    ("rank", models.PositiveBigIntegerField(null=True)),
    ("listed", models.BooleanField(null=True)),
    ("price", models.DecimalField(max_digits=18, decimal_places=6, default=0)),
    ("seen", models.DateTimeField(null=True)),
    ("born", models.DateField(null=True)),
    ("span", models.DurationField(null=True)),
    ("raw", models.BinaryField(null=True)),
    ("more", models.JSONField(null=True)),
    ("uuid", models.UUIDField(null=True, unique=True)),
    ("owner", models.ForeignKey("people.Person", models.PROTECT, null=True)),
    ("tags", models.ManyToManyField("board.Tag")),
], options={"unique_together": {("title", "motto")}}),
"""
)
COLUMNS = ("motto", "service_url", "rank", "listed", "price", "seen", "born", "span", "raw", "more", "uuid", "owner_id")
DROPPED = """\
migrations.RemoveField("enabledflag", "changed_by"),
migrations.DeleteModel("CourseFlag"),
migrations.DeleteModel("EnabledFlag"),
migrations.DeleteModel("Note"),
migrations.AlterUniqueTogether("kept", set()),
migrations.RemoveField("kept", "tags"),
""" + "".join(f'migrations.RemoveField("kept", "{name.removesuffix("_id")}"),\n' for name in COLUMNS)
GONE = ("board_courseflag", "board_enabledflag", "board_note", "board_kept_tags")

_INVENTORY = """\
environment: board
vars:
  snapshot_folder: {folder}/snapshots
  python: {python}
{checks}targets:
  db: {{kind: {kind}, url: {{secret: "env:ROLLBOOK_TEST_BOARD_URL"}}}}
  site: {{kind: http, base_url: "{address}"}}
  app: {{kind: command, on: local, prefix: [env, -C, {code}, {environment}]}}
"""
_WORDS = (
    "",
    "a",
    "'quoted' \\ \"text\"",
    "zwölf Boxkämpfer",
    "日本語 😀",
    "line\nbreak\ttab",
    "NULL",
    "\\N",
    " trailing ",
)


def client(board: "Board", program: str, *words: str, given: bytes = b"") -> bytes:
    """Run a program of MariaDB's on a board's server; gives what it wrote."""
    url = board.engine.url
    argv = [program, "--no-defaults", "-h", "127.0.0.1", "-P", str(url.port), "-u", str(url.username), *words]
    return subprocess.run(argv, input=given, stdout=subprocess.PIPE, check=True).stdout


@dataclass(frozen=True)
class Saved:
    """A board's database as it was, beside it."""

    board: "Board"
    name: str
    text: bytes = field(init=False, default=b"")

    def __post_init__(self) -> None:
        live, kept = self._names
        self.board.engine.dispose()
        if self.board.mysql:
            object.__setattr__(
                self, "text", client(self.board, "mariadb-dump", "--databases", "--add-drop-database", live)
            )
        else:
            self._admin(f"DROP DATABASE IF EXISTS {kept}", f"CREATE DATABASE {kept} TEMPLATE {live}")

    @property
    def _names(self) -> tuple[str, str]:
        live = str(self.board.engine.url.database)
        return live, f"{live}_{self.name}"

    def restore(self) -> None:
        """Have the live database as it was then."""
        live, kept = self._names
        self.board.engine.dispose()
        if self.board.mysql:
            client(self.board, "mariadb", given=self.text)
        else:
            self._admin(f"DROP DATABASE {live} WITH (FORCE)", f"CREATE DATABASE {live} TEMPLATE {kept}")

    def drop(self) -> None:
        """Have it gone."""
        if not self.board.mysql:
            self._admin(f"DROP DATABASE {self._names[1]}")

    def _admin(self, *statements: str) -> None:
        engine = sa.create_engine(self.board.engine.url.set(database="postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as session:
            for statement in statements:
                session.execute(sa.text(statement))
        engine.dispose()


@dataclass
class Board:
    """The project, and its database at *url*."""

    folder: Path
    url: str
    engine: sa.Engine = field(init=False)

    def __post_init__(self) -> None:
        self.engine = sa.create_engine(self.url)
        self.code = Evolving(self.folder / "code", environment_of(self.url), Machine(None))  # type: ignore[arg-type]  # it only migrates

    @contextmanager
    def opened(self) -> "Iterator[Board]":
        """Give it, and close its connections in the end."""
        try:
            yield self
        finally:
            self.engine.dispose()

    @property
    def mysql(self) -> bool:
        return self.url.startswith("mysql")

    def build(self, seed: int, *, notes: int = 0) -> None:
        """Write the project, migrate it to the point before, fill it by chance, and write the migration to come."""
        self.code.write("people", APP)
        self.code.migration("people", "0001_initial", PERSON)
        self.code.migration(APP, FIRST, MADE, needs=NEEDS)
        self.code.migrate("-v", "0")
        self.fill(random.Random(seed), 40, notes)  # noqa: S311  # the same rows every time
        # PostgreSQL's way back cannot make a column that must have a value and has no default.
        self.code.migration(
            APP, DROPS, DROPPED + ('migrations.RemoveField("kept", "version"),\n' if self.mysql else "")
        )

    def fill(self, chance: random.Random, count: int, notes: int) -> None:
        """Fill every table, with gaps between the ids; one with so many rows more."""
        keys = sorted(chance.sample(range(1, count * 5), count))
        first = keys[0] * 10**12

        def moment() -> datetime:
            return datetime(2024, 1, 1, tzinfo=UTC) + timedelta(microseconds=chance.randrange(10**15))

        def flag(key: int) -> dict[str, Any]:
            by = chance.choice((*keys, None))
            return {"id": key, "change_date": moment(), "enabled": chance.random() < 0.5, "changed_by_id": by}

        def note(key: int) -> dict[str, Any]:
            own = key * 10**12
            return {"id": own, "text": chance.choice(_WORDS) * 9, "parent_id": first if own > first else None}

        self.insert("people_person", [{"id": key, "name": chance.choice(_WORDS)} for key in keys])
        self.insert("board_courseflag", [{**flag(key), "course_id": f"course-v1:{key}"} for key in keys])
        self.insert("board_enabledflag", [{**flag(key), "enabled_for_all_courses": True} for key in keys])
        more = ({"id": key, "text": "note " * (key % 90), "parent_id": None} for key in range(1, notes + 1))
        self.insert("board_note", [*map(note, keys), *more])
        self.insert("board_tag", [{"id": key, "name": f"tag {key}"} for key in keys])
        self.insert("board_kept", [_kept(chance, key, keys, moment) for key in keys])
        self.insert("board_kept_tags", [{"id": key, "kept_id": key, "tag_id": chance.choice(keys)} for key in keys])

    def insert(self, table: str, rows: list[dict[str, Any]]) -> None:
        """Put rows into a table."""
        with self.engine.begin() as session:
            made = sa.Table(table, sa.MetaData(), autoload_with=session)
            session.execute(
                made.insert(), [{name: _cell(made.c[name], value) for name, value in row.items()} for row in rows]
            )

    def execute(self, statement: str) -> None:
        with self.engine.begin() as session:
            session.execute(sa.text(statement))

    def execute_alone(self, statement: str) -> None:
        """Send what no transaction takes."""
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as session:
            session.exec_driver_sql(statement.replace("%", "%%"))

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with self.engine.connect() as session:
            return [tuple(row) for row in session.execute(sa.text(query))]

    def contents(self) -> dict[str, Any]:
        """Give every row of every table by its columns' names, and how each table is made, whatever the columns' order."""
        with self.engine.connect() as session:
            found = sa.MetaData()
            found.reflect(session)
            return {
                name: {
                    "rows": [
                        dict(sorted(row.items()))
                        for row in session.execute(sa.select(table).order_by(*table.primary_key)).mappings()
                    ],
                    "made": sorted(_made(session, name)),
                }
                for name, table in sorted(found.tables.items())
                if name.startswith(("board_", "people_"))
            }

    def dump(self) -> list[str]:
        """Give the lines of a dump of all tables that the migration drops; the columns of a table may be in any order."""
        options = ("--skip-comments", "--skip-extended-insert", "--hex-blob", "--order-by-primary")
        lines = client(self, "mariadb-dump", *options, str(self.engine.url.database), *GONE).decode().splitlines()
        return sorted(line.rstrip(",").partition(" AUTO_INCREMENT=")[0] for line in lines)

    def beside(self) -> list[str]:
        """Name the databases beside the live one that bear the name of a snapshot."""
        query = (
            "SELECT schema_name FROM information_schema.schemata" if self.mysql else "SELECT datname FROM pg_database"
        )
        return [name for (name,) in self.rows(query) if "rbsnap" in name]


def _kept(chance: random.Random, key: int, keys: Sequence[int], moment: Callable[[], datetime]) -> dict[str, Any]:
    maybe = {
        "rank": chance.choice((0, 2**63 - 1, key)),
        "listed": chance.random() < 0.5,
        "seen": moment(),
        "born": date(1, 1, 1) + timedelta(days=chance.randrange(3_000_000)),
        "span": timedelta(microseconds=chance.randrange(-(10**12), 10**12)),
        "raw": chance.choice((b"", bytes(range(256)), b"\\x00")),
        "more": chance.choice(({}, [], "", {"a": [1, None, "ü"]})),
        "uuid": f"{key:08x}-0000-4000-8000-{chance.randrange(16**12):012x}",
        "owner_id": chance.choice(keys),
    }
    return {
        "id": key,
        "title": f"kept {key}",
        "motto": chance.choice((*_WORDS, "none"))[:20],
        "service_url": chance.choice(_WORDS),
        "version": chance.choice((0, -1, key, 2**31 - 1)),
        "price": chance.choice((Decimal(0), Decimal("999999999999.999999"), Decimal("-0.000001"))),
        **{name: value if chance.random() < 0.75 else None for name, value in maybe.items()},
    }


def _cell(column: sa.Column[Any], value: object) -> object:
    """Give a value as Django has it written."""
    if isinstance(value, datetime) and not getattr(column.type, "timezone", False):
        return value.replace(tzinfo=None)
    if isinstance(value, timedelta) and not str(column.type).startswith("INTERVAL"):
        return round(value / timedelta(microseconds=1))
    if column.name == "more" and not isinstance(column.type, sa.JSON):
        return None if value is None else json.dumps(value)
    if column.name == "uuid" and value is not None and isinstance(column.type, sa.CHAR):
        return str(value).replace("-", "")
    return value


def _made(session: sa.Connection, table: str) -> Iterator[str]:
    """Tell how a table is made, a line for each part of it."""
    if session.dialect.name == "postgresql":
        look = sa.inspect(session)
        yield from (str(sorted((key, str(told)) for key, told in one.items())) for one in look.get_columns(table))
        yield from map(str, (*look.get_indexes(table), *look.get_foreign_keys(table), look.get_pk_constraint(table)))
        yield from map(str, (*look.get_unique_constraints(table), *look.get_check_constraints(table)))
        return
    ((_, text),) = session.execute(sa.text(f"SHOW CREATE TABLE `{table}`")).fetchall()
    yield from (line.strip().rstrip(",").partition(" AUTO_INCREMENT=")[0] for line in text.splitlines())


@dataclass(frozen=True)
class Desk(Typed):
    """The folder of whoever protects and recovers a board."""

    folder: Path
    board: Board
    address: str = ""  # of the pages, where they are asked

    def __post_init__(self) -> None:
        (self.folder / "inventory").mkdir(parents=True, exist_ok=True)
        text = _INVENTORY.format(
            folder=self.folder,
            python=sys.executable,
            checks="  smoke_checks: [{name: Pages, url: /}]\n" if self.address else "",
            address=self.address or "http://127.0.0.1",
            kind="sql" if self.board.mysql else "postgres",
            code=self.board.code.folder,
            environment=", ".join(f"{name}={value}" for name, value in self.board.code.environment.items()),
        )
        (self.folder / "inventory" / "board.yml").write_text(text)

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables of the operator's shell."""
        url = self.board.url.replace("postgresql+psycopg", "postgresql")
        return {**os.environ, "ROLLBOOK_TEST_BOARD_URL": url, "NO_COLOR": "1", "COLUMNS": "160"}

    def does(self, *words: str) -> str:
        """Type a command that must end well; gives what it said."""
        code, said = self.type(*words)
        assert code == 0, said[-6000:]
        return said


PROTECT = (
    "run-runbook",
    "protect-migration",
    "--env=board",
    f"--set=app={APP}",
    "--answer=agree=yes",
    "--yes",
)
RECOVER = ("run-runbook", "recover-migration-data", "--env=board", f"--set=app={APP}", "--set=to=0001", "--yes")


MIGRATE = (
    "run-runbook",
    "migrate-destructively",
    "--env=board",
    f"--set=app={APP}",
    "--answer=agree=yes",
    "--answer=ready=yes",
    "--yes",
)


@contextmanager
def page() -> Iterator[str]:
    """Serve a page; gives its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class _Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"up")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def database(server: str, name: str) -> Iterator[str]:
    """Make a database on the server at an address, dropped afterwards; gives its address."""
    postgres = server.startswith("postgres")
    engine = sa.create_engine(f"{server}{'postgres' if postgres else 'mysql'}", isolation_level="AUTOCOMMIT")
    drop = f"DROP DATABASE IF EXISTS {name}{' WITH (FORCE)' if postgres else ''}"
    try:
        with engine.connect() as session:
            session.execute(sa.text(drop))
            session.execute(sa.text(f"CREATE DATABASE {name}{'' if postgres else ' CHARACTER SET utf8mb4'}"))
            yield f"{server}{name}{'' if postgres else '?charset=utf8mb4'}"
            session.execute(sa.text(drop))
    finally:
        engine.dispose()


class Pattern:
    """What a board and the desk look like before each phase, and after one that nothing disturbed."""

    def __init__(self, desk: Desk, back: str) -> None:
        self.desk, recover = desk, (*RECOVER, f"--set=backwards={back}")
        self.words = {"protect": PROTECT, "recover": recover, "undo": ("undo", "last", "--yes")}
        self.ends: dict[str, object] = {}
        self.places: dict[str, range] = {}
        self._saved: dict[str, Saved] = {}
        for phase in self.words:
            self._do(phase)

    def _do(self, phase: str) -> None:
        if phase == "recover":
            self.desk.board.code.migrate(APP, "-v", "0")
        self._saved[phase] = Saved(self.desk.board, phase)
        shutil.copytree(self.desk.folder, self._kept(phase))
        self.desk.does(*self.words[phase])
        run = self.desk.last()
        records = len(replay(self.desk.runs.find(run.id).journal))
        self.places[phase] = range(1, 3 * records + 2 * sum(step.ops_done for step in run.steps) + 1)
        self.ends[phase] = self.look()

    def _kept(self, phase: str) -> Path:
        return self.desk.folder.with_name(f"before-{phase}")

    def begin(self, phase: str) -> None:
        """Have the server and the desk as they were before that phase."""
        for name in self.desk.board.beside():  # what failed before may have left one
            self.desk.board.execute_alone(
                f"DROP DATABASE {self.desk.board.engine.dialect.identifier_preparer.quote(name)}"
            )
        self._saved[phase].restore()
        shutil.rmtree(self.desk.folder)
        shutil.copytree(self._kept(phase), self.desk.folder)

    def look(self) -> object:
        """Tell how the database stands, and what is in the snapshots."""
        manifests = sorted((self.desk.folder / "snapshots").glob("*/manifest.json"))
        return self.desk.board.contents(), [json.loads(path.read_text())["tables"] for path in manifests]

    def close(self) -> None:
        """Drop what was kept."""
        for saved in self._saved.values():
            saved.drop()
