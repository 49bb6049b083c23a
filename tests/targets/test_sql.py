"""Laws of SQL targets, on each family of databases."""

import contextlib
import gc
import json
import logging
import socket
import sqlite3
import stat
import threading
import time
from collections.abc import Callable, Generator, Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, cast

import pytest
import sqlalchemy as sa

from rollbook.errors import ConflictError, LockHeld, TargetError, Unreachable
from rollbook.ops import Sql, SqlExport, Statement, instant
from rollbook.targets import TargetPool
from rollbook.targets.base import SqlReader, TargetSpec
from rollbook.targets.sql_errors import explain

pytestmark = pytest.mark.server

FULL = datetime(2024, 5, 1, 12, 30, 15, tzinfo=UTC)
FRACTION = FULL.replace(microsecond=123456)
MILLIS = FULL.replace(microsecond=123000)


@pytest.fixture
def engine(ledger_url: str) -> Iterator[sa.Engine]:
    """Give a database with a table such as Django makes, and its times stored as Django stores them."""
    engine = sa.create_engine(ledger_url)
    moment = {"postgresql": "timestamptz", "sqlite": "datetime"}.get(engine.dialect.name, "datetime(6)")
    key = "varchar(20) NOT NULL PRIMARY KEY"
    with engine.begin() as session:
        session.execute(
            sa.text(f"CREATE TABLE course ({'id'} {key}, version varchar(40), last_update {moment} NOT NULL)")
        )
        for name, at in (("full", FULL), ("fraction", FRACTION), ("millis", MILLIS)):
            naive = at.replace(tzinfo=None)
            stored = {"postgresql": at, "sqlite": str(naive)}.get(engine.dialect.name, naive)
            row = {"id": name, "at": stored}
            session.execute(sa.text("INSERT INTO course VALUES (:id, 'one', :at)"), row)
    yield engine
    engine.dispose()


@pytest.fixture
def pool(engine: sa.Engine, make_pool: Callable[..., TargetPool]) -> TargetPool:
    return make_pool(ledger=("sql", {"url": engine.url.render_as_string(hide_password=False)}))


def reader_of(pool: TargetPool) -> SqlReader:
    reader = pool.reader("ledger")
    assert isinstance(reader, SqlReader)
    return reader


def update(name: str, seen: datetime, *, version: str = "two", rows: int = 1) -> Statement:
    text = "UPDATE course SET version = :version WHERE id = :id AND last_update = :seen"
    return Statement(text, {"version": version, "id": name, "seen": instant(seen)}, rows=rows)


def versions(engine: sa.Engine) -> set[str]:
    with engine.connect() as session:
        return set(session.execute(sa.text("SELECT version FROM course")).scalars())


@pytest.mark.parametrize("server", ["mariadb", "postgres"])
def test_a_statement_has_a_time_limit(
    request: pytest.FixtureRequest, make_pool: Callable[..., TargetPool], server: str
) -> None:
    """A query that runs past the target's limit is ended by the server, and said to be, whichever server it is."""
    url = request.getfixturevalue(f"{server}_url")
    made = make_pool(ledger=("sql", {"url": url, "statement_timeout": 0.3}))
    began, sleep = time.monotonic(), {"mariadb": "sleep", "postgres": "pg_sleep"}[server]

    with pytest.raises(TargetError, match="ran past its time limit") as caught:
        list(reader_of(made).rows(f"SELECT {sleep}(20)"))

    assert time.monotonic() - began < 10
    assert caught.value.advice == "Raise statement_timeout of the target if the statement is right."
    assert list(reader_of(made).rows("SELECT 1 AS one")) == [{"one": 1}]


@pytest.mark.parametrize("server", ["mariadb", "postgres"])
def test_a_query_may_have_a_limit_of_its_own(
    request: pytest.FixtureRequest, make_pool: Callable[..., TargetPool], server: str
) -> None:
    """It holds for that query and no other, and never beyond the target's."""
    made = make_pool(
        ledger=("sql", {"url": request.getfixturevalue(f"{server}_url"), "statement_timeout": 5}),
        hasty=("sql", {"url": request.getfixturevalue(f"{server}_url"), "statement_timeout": 0.3}),
    )
    sleep = {"mariadb": "sleep", "postgres": "pg_sleep"}[server]

    for name, within in (("ledger", 0.3), ("hasty", 60)):
        began = time.monotonic()
        with pytest.raises(TargetError, match="ran past its time limit"):
            list(made.reader(name).rows(f"SELECT {sleep}(20)", within=within))
        assert time.monotonic() - began < 4

    assert list(reader_of(made).rows("SELECT 1 AS one", within=3)) == [{"one": 1}]
    assert len(list(reader_of(made).rows(f"SELECT {sleep}(0.6)"))) == 1


@pytest.mark.parametrize(("name", "at"), [("full", FULL), ("fraction", FRACTION), ("millis", MILLIS)])
def test_a_time_that_was_read_matches_what_is_stored(pool: TargetPool, execution: Any, name: str, at: datetime) -> None:
    """A time comes back aware and in UTC, and as a parameter equals the column it came from, whatever its fraction."""
    query = "SELECT last_update FROM course WHERE id = :id AND last_update = :seen"
    elsewhere = at.astimezone(timezone(timedelta(hours=5)))

    rows = list(reader_of(pool).rows(query, {"id": name, "seen": instant(elsewhere)}))
    result = pool.execute(Sql("ledger", (update(name, rows[0]["last_update"]),)), execution)

    assert rows == [{"last_update": at}]
    assert rows[0]["last_update"].utcoffset() == timedelta()
    assert result.outputs["rows"] == [1]


@pytest.mark.parametrize("ledger_url", ["postgres"], indirect=True)
def test_times_are_read_however_the_database_writes_them(engine: sa.Engine, pool: TargetPool) -> None:
    """A database or an account may have another style for its dates and spans than the driver reads."""
    with engine.connect() as session:
        for style in ("DateStyle = 'SQL, DMY'", "IntervalStyle = 'sql_standard'"):
            session.execute(sa.text(f'ALTER DATABASE "{engine.url.database}" SET {style}'))
        session.commit()

    rows = list(reader_of(pool).rows("SELECT last_update, interval '26 hours' AS span FROM course WHERE id = 'full'"))

    assert rows == [{"last_update": FULL, "span": 26 * 3600.0}]


def test_a_time_that_was_written_is_as_django_writes_it(pool: TargetPool, engine: sa.Engine, execution: Any) -> None:
    """What a parameter puts into a column is what Django would have put there."""
    for name, at in (("full", FULL), ("fraction", FRACTION)):
        text = "UPDATE course SET last_update = :at WHERE id = 'millis'"
        pool.execute(Sql("ledger", (Statement(text, {"at": instant(at)}, rows=1),)), execution)

        query = """
            SELECT count(*) FROM course a JOIN course b ON a.last_update = b.last_update
            WHERE a.id = 'millis' AND b.id = :id
        """
        with engine.connect() as session:
            assert session.execute(sa.text(query), {"id": name}).scalar() == 1


def test_sqlite_times_with_a_zero_fraction_match_too(sqlite_url: str, make_pool: Any, execution: Any) -> None:
    """A row that SQLAlchemy wrote into SQLite, with a zero fraction, is found by a compare-and-set as well."""
    with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as session:
        session.execute("CREATE TABLE course (id text, version text, last_update datetime)")
        session.execute("INSERT INTO course VALUES ('full', 'one', '2024-05-01 12:30:15.000000')")
    session.close()
    pool = make_pool(ledger=("sql", {"url": sqlite_url}))

    assert pool.execute(Sql("ledger", (update("full", FULL),)), execution).outputs["rows"] == [1]


def test_another_number_of_rows_rolls_everything_back(pool: TargetPool, engine: sa.Engine, execution: Any) -> None:
    """A statement that touches another number of rows than it must undoes those before it, and is named."""
    op = Sql("ledger", (update("full", FULL), update("fraction", FULL)))

    with pytest.raises(ConflictError, match=r"statement 2 of 2 touched 0 rows, and must touch 1") as caught:
        pool.execute(op, execution)

    assert versions(engine) == {"one"}
    assert "fraction" in str(caught.value)


def test_a_row_that_matches_but_does_not_change_counts(pool: TargetPool, execution: Any) -> None:
    """An UPDATE to what is there already touched its row: MySQL must not count changed rows only."""
    op = Sql("ledger", (update("full", FULL, version="one"),))

    assert pool.execute(op, execution).outputs["rows"] == [1]


@pytest.mark.parametrize(
    "query",
    [
        "UPDATE course SET version = 'x'",
        "WITH a AS (SELECT 1) DELETE FROM course",
        "SET SESSION TRANSACTION READ WRITE",
        "SELECT 1; DELETE FROM course",
        "DROP TABLE course",
    ],
)
def test_a_reader_writes_nothing(pool: TargetPool, engine: sa.Engine, query: str) -> None:
    """Whatever is handed to a reader, nothing is written."""
    with pytest.raises(TargetError):
        list(reader_of(pool).rows(query))

    assert versions(engine) == {"one"}


def test_the_server_itself_holds_a_reader_to_reading(pool: TargetPool, engine: sa.Engine) -> None:
    """The reader's transactions are read-only on the server, not only by looking at the first word."""
    reader: Any = reader_of(pool)

    with reader._engine.connect() as session, pytest.raises(sa.exc.DBAPIError) as caught:
        session.execute(sa.text("UPDATE course SET version = 'x' WHERE id = 'full'"))

    assert "takes no writes" in str(explain("ledger", "writing", caught.value))
    assert versions(engine) == {"one"}


def test_rows_are_streamed(pool: TargetPool) -> None:
    """A reader may stop in the middle of many rows, and read again."""
    many = " CROSS JOIN ".join(f"course c{number}" for number in range(8))
    query = f"SELECT c0.id FROM {many}"  # noqa: S608  # constants

    rows = reader_of(pool).rows(query)

    assert next(rows)["id"] in ("full", "fraction", "millis")
    rows.close()  # type: ignore[attr-defined]  # a generator
    assert len(list(reader_of(pool).rows(query))) == 3**8


def test_values_come_back_plain(pool: TargetPool) -> None:
    """Whole decimals are int, others text, NULL is None, and a constant with a colon is no parameter."""
    row = next(iter(reader_of(pool).rows("SELECT sum(1) AS n, '12:30' AS t, NULL AS gone, 'äß→' AS u FROM course")))

    assert row == {"n": 3, "t": "12:30", "gone": None, "u": "äß→"}


def test_a_missing_parameter_is_named(pool: TargetPool) -> None:
    """A parameter without a value is named."""
    with pytest.raises(TargetError, match="course_id"):
        list(reader_of(pool).rows("SELECT 1 WHERE 1 = :course_id"))


def test_tables_are_named(pool: TargetPool) -> None:
    """The tables of the default schema are known by name."""
    assert "course" in reader_of(pool).tables()


def test_an_export_appears_when_complete(pool: TargetPool, execution: Any, tmp_path: Path) -> None:
    """Rows go to a private file, one JSON object a line, times told apart; a failed export leaves none."""
    path = tmp_path / "new" / "rows.jsonl"

    result = pool.execute(SqlExport("ledger", "SELECT * FROM course ORDER BY id", str(path)), execution)
    with pytest.raises(TargetError):
        pool.execute(SqlExport("ledger", "SELECT * FROM nowhere", str(tmp_path / "none")), execution)

    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["id"] for line in lines] == ["fraction", "full", "millis"]
    assert lines[1]["last_update"] == {"$date": "2024-05-01T12:30:15.000000Z"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert result.files[0].size == path.stat().st_size
    assert not (tmp_path / "none").exists()


def test_a_lock_excludes_others_and_says_who_holds_it(
    pool: TargetPool, ledger_url: str, make_pool: Callable[..., TargetPool]
) -> None:
    """A lock is taken at once or refused with its holder; it is free again afterwards. SQLite has none."""
    other = make_pool(ledger=("sql", {"url": ledger_url}))
    name = "course course-v1:DemoOrg+RB101+2024_T1 " + "x" * 80
    lock = pool.target("ledger").lock(name)
    if lock is None:
        assert reader_of(pool).dialect == "sqlite"
        return

    for _ in range(2):
        with lock:
            second = other.target("ledger").lock(name)
            third = other.target("ledger").lock("another")
            assert second is not None
            assert third is not None
            with third, pytest.raises(LockHeld) as caught, second:
                pass
            assert caught.value.holder
            assert lock.held()  # type: ignore[attr-defined]  # what a SQL lock can tell besides


def test_check_finds_a_usable_database_in_order(pool: TargetPool) -> None:
    """A database that answers and may be written to has no finding but ok."""
    findings = pool.target("ledger").check()

    assert {finding.severity for finding in findings} == {"ok"}
    assert len(findings) >= 2


@pytest.mark.usefixtures("engine")
def test_another_database_than_expected_is_found(ledger_url: str, make_pool: Any) -> None:
    """`expect:` is compared with what the server says of itself."""
    found = make_pool(ledger=("sql", {"url": ledger_url})).reader("ledger").identity()
    right = TargetSpec("right", "sql", {"url": ledger_url}, expect=found)
    wrong = TargetSpec("wrong", "sql", {"url": ledger_url}, expect=dict.fromkeys(found, "another"))
    pool = make_pool(right=right, wrong=wrong)

    assert {finding.severity for finding in pool.target("right").check()} == {"ok"}
    assert "missing" in {finding.severity for finding in pool.target("wrong").check()}


@pytest.mark.parametrize(
    "url",
    [
        "mysql://nobody:s3cr3t-word@127.0.0.1:1/edxapp",
        "postgresql://nobody:s3cr3t-word@127.0.0.1:1/edxapp",
        "sqlite:////nowhere/ledger.sqlite",
    ],
)
def test_a_server_that_does_not_answer_is_unreachable(url: str, make_pool: Any, execution: Any) -> None:
    """Nobody at that address: unreachable, for reading and for writing, without the password."""
    pool = make_pool(ledger=("sql", {"url": url}))

    with pytest.raises(Unreachable) as read:
        list(reader_of(pool).rows("SELECT 1"))
    with pytest.raises(Unreachable) as written:
        pool.execute(Sql("ledger", (Statement("DELETE FROM a"),)), execution)

    assert "s3cr3t-word" not in str(read.value) + str(written.value)
    assert pool.target("ledger").check()[0].severity == "missing"


def test_a_wrong_password_is_told_apart(mariadb_url: str, make_pool: Any) -> None:
    """A refused account is no unreachable server."""
    url = sa.make_url(mariadb_url).set(username="stranger", password="hunter2hunter2")
    pool = make_pool(ledger=("sql", {"url": url.render_as_string(hide_password=False)}))

    with pytest.raises(TargetError, match="account was refused") as caught:
        list(reader_of(pool).rows("SELECT 1"))

    assert not isinstance(caught.value, Unreachable)
    assert "hunter2" not in str(caught.value)


def test_a_read_only_database_says_so(sqlite_url: str, make_pool: Any, execution: Any) -> None:
    """A write to a database that takes none says what to do, and preflight finds it before."""
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    with sqlite3.connect(path) as session:
        session.execute("CREATE TABLE course (id text)")
        session.execute("PRAGMA user_version = 1")
    session.close()
    pool = make_pool(ledger=("sql", {"url": sqlite_url}))
    op = Sql("ledger", (Statement("SELECT 1"), Statement("INSERT INTO course VALUES ('a')")))
    pool.execute(op, execution)
    engine: Any = pool.target("ledger")
    with engine.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA query_only = ON")

    with pytest.raises(TargetError, match="takes no writes"):
        pool.execute(op, execution)


def test_a_read_only_replica_says_so(mariadb_url: str, make_pool: Any, execution: Any) -> None:
    """MariaDB in read-only mode refuses an account without special rights, and the check says so before."""
    admin = sa.create_engine(mariadb_url, isolation_level="AUTOCOMMIT")
    database = sa.make_url(mariadb_url).database
    with admin.connect() as session:
        session.exec_driver_sql("CREATE TABLE course (id int)")
        session.exec_driver_sql("CREATE OR REPLACE USER weak@'%%' IDENTIFIED BY 'hunter2hunter2'")
        session.exec_driver_sql(f"GRANT SELECT, INSERT, UPDATE ON {database}.* TO weak@'%%'")
        session.exec_driver_sql("SET GLOBAL read_only = 1")
    settings = {"url": mariadb_url, "user": "weak", "password": {"secret": "env:WEAK"}}
    pool = make_pool({"WEAK": "hunter2hunter2"}, ledger=("sql", settings))
    try:
        findings = pool.target("ledger").check()
        with pytest.raises(TargetError, match="takes no writes"):
            pool.execute(Sql("ledger", (Statement("INSERT INTO course VALUES (1)"),)), execution)
    finally:
        with admin.connect() as session:
            session.exec_driver_sql("SET GLOBAL read_only = 0")
        admin.dispose()

    assert [finding.subject for finding in findings if finding.severity == "missing"] == ["takes writes"]


@pytest.mark.may_skip("SQLite has no connection to lose")
def test_a_connection_lost_in_a_transaction_says_what_was_written(
    pool: TargetPool, engine: sa.Engine, execution: Any
) -> None:
    """A session that the server ends before COMMIT raises Unreachable and says that nothing was written."""
    target: Any = pool.target("ledger")
    end = {
        "postgresql": "SELECT pg_terminate_backend(pg_backend_pid())",
        "mysql": "KILL CONNECTION_ID()",
    }.get(target.family)
    if end is None:
        pytest.skip("SQLite has no connection to lose")

    with pytest.raises(Unreachable, match="before COMMIT, so nothing was written"):
        pool.execute(Sql("ledger", (update("full", FULL), Statement(end))), execution)

    assert versions(engine) == {"one"}
    assert pool.execute(Sql("ledger", (update("full", FULL),)), execution).outputs["rows"] == [1]


@pytest.mark.may_skip("SQLite has no connection to lose")
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # psycopg tells of its cursor; Python shows none of these
def test_a_reader_that_lets_go_early_is_told_no_errors(
    pool: TargetPool, engine: sa.Engine, caplog: pytest.LogCaptureFixture
) -> None:
    """Who took the first row of many and needs no more hears nothing of a connection that is lost meanwhile."""
    caplog.set_level(logging.CRITICAL, logger="sqlalchemy")  # a record of it would keep the cursor for later tests
    many = "FROM course " + " ".join(f"CROSS JOIN course c{number}" for number in range(9))
    ways = {
        "postgresql": ("SELECT pg_backend_pid() AS it " + many, "SELECT pg_terminate_backend({})"),
        "mysql": ("SELECT CONNECTION_ID() AS it " + many, "KILL {}"),
    }
    if engine.dialect.name not in ways:
        pytest.skip("SQLite has no connection to lose")
    query, end = ways[engine.dialect.name]
    rows = reader_of(pool).rows(query)

    session = next(rows)["it"]
    with engine.connect() as other:
        other.execute(sa.text(end.format(session)))
    cast("Generator[object]", rows).close()
    gc.collect()

    assert list(reader_of(pool).rows("SELECT count(*) AS n FROM course")) == [{"n": 3}]


def carry(source: socket.socket, sink: socket.socket, mute: threading.Event, *, watch: bool) -> None:
    written = False
    with contextlib.suppress(OSError):
        while (chunk := source.recv(65536)) and not (mute.is_set() and not watch):
            written = written or b"INSERT" in chunk
            if watch and written and b"COMMIT" in chunk:
                mute.set()
            sink.sendall(chunk)
            if mute.is_set():
                time.sleep(0.2)
                break
    for end in (source, sink):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()


@pytest.fixture
def cutting() -> Iterator[Callable[[int], int]]:
    """Give a way to a port that is cut as soon as the COMMIT of a write went through, before its answer comes back."""
    listeners: list[socket.socket] = []

    def listen(listener: socket.socket, port: int) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = socket.create_connection(("127.0.0.1", port))
                mute = threading.Event()
                for ends, watch in (((near, far, mute), True), ((far, near, mute), False)):
                    threading.Thread(target=carry, args=ends, kwargs={"watch": watch}, daemon=True).start()

    def open_way(port: int) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)
        threading.Thread(target=listen, args=(listener, port), daemon=True).start()
        found: int = listener.getsockname()[1]
        return found

    yield open_way
    for listener in listeners:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()


@pytest.mark.parametrize("server", ["mariadb", "postgres"])
def test_a_connection_lost_during_commit_is_in_doubt(
    request: pytest.FixtureRequest, server: str, cutting: Callable[[int], int], make_pool: Any, execution: Any
) -> None:
    """Where the answer to COMMIT is lost, the error says that all or nothing was written, and does not guess which."""
    url = sa.make_url(request.getfixturevalue(f"{server}_url"))
    direct = url.render_as_string(hide_password=False)
    pool = make_pool(direct=("sql", {"url": direct}))
    pool.execute(Sql("direct", (Statement("CREATE TABLE a (id int)"),)), execution)
    through = make_pool(ledger=("sql", {"url": direct.replace(f":{url.port}/", f":{cutting(url.port or 0)}/")}))

    with pytest.raises(Unreachable, match="during COMMIT, so the transaction was either written whole or not at all"):
        through.execute(Sql("ledger", (Statement("INSERT INTO a VALUES (1)", rows=1),)), execution)

    assert list(pool.reader("direct").rows("SELECT id FROM a")) == [{"id": 1}]


def test_a_probe_uses_the_account_for_reading(mariadb_url: str, make_pool: Any, execution: Any) -> None:
    """Where the inventory names an account for probes, they use it, and writes use the other."""
    database = sa.make_url(mariadb_url).database
    admin = sa.create_engine(mariadb_url, isolation_level="AUTOCOMMIT")
    with admin.connect() as session:
        session.exec_driver_sql("CREATE TABLE course (id int)")
        session.exec_driver_sql("CREATE OR REPLACE USER looker@'%%' IDENTIFIED BY 'hunter2hunter2'")
        session.exec_driver_sql(f"GRANT SELECT ON {database}.* TO looker@'%%'")
    admin.dispose()
    account = {"user": "looker", "password": {"secret": "env:LOOK"}}
    spec = TargetSpec("ledger", "sql", {"url": mariadb_url}, reader=account)
    pool = make_pool({"LOOK": "hunter2hunter2"}, ledger=spec)

    pool.execute(Sql("ledger", (Statement("INSERT INTO course VALUES (1)", rows=1),)), execution)

    (row,) = pool.reader("ledger").rows("SELECT CURRENT_USER() AS who, id FROM course")
    assert row["who"].startswith("looker@")
