"""
Servers and samples for every test: servers once a session, databases once a test.

A server that this machine cannot give skips the tests that want it; ROLLBOOK_REQUIRE_SERVERS=1 makes them fail, and with
them every other test of servers that is skipped. The one exception is Docker (`test_docker.py`): its daemon wants rights over
the kernel that a container, as CI is one, does not have, so its tests run where it can be started and skip elsewhere.
"""

import datetime as dt
import itertools
import os
import shutil
import signal
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, TypeVar

import pymongo
import pytest
import redis
import sqlalchemy as sa
from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent))  # so that `servers` is found wherever pytest was started

from servers import (
    SqlServer,
    SshServer,
    Unavailable,
    start_mariadb,
    start_postgres,
    start_redis,
    start_sshd,
    start_systemd,
)

from rollbook.demo.errors import DemoError
from rollbook.demo.forum.environment import make_environment
from rollbook.demo.mongod import MongoServer, open_mongo, start_mongod
from rollbook.demo.postgres_programs import find_postgres
from rollbook.demo.process import free_port, spawn, stop
from rollbook.demo.sample import Sample, build_sample
from rollbook.library import stock_folder

# Where git started the tests, as `git rebase --exec` does, their repositories are not to be its own.
for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"):
    os.environ.pop(name, None)
# A machine with much else to do is no reason to fail.
settings.register_profile("untimed", parent=settings.default, deadline=None)
settings.load_profile("untimed")

S = TypeVar("S")
NOW = dt.datetime.now(dt.UTC)
SQLS = ("sqlite", "mariadb", "postgres")
_numbers = itertools.count(1)
_missing = pytest.StashKey[dict[str, str]]()


class SampleFactory(Protocol):
    """Builds a sample in a MongoDB database of its own."""

    def __call__(self, sql_url: str, *, blocks: int = 60) -> Sample: ...


# About a minute or more each: begun last, one of them would be waited for alone.
LONG = (
    "test_carry_law",
    "test_demo_rollback",
    "test_recover_mariadb",
    "test_destructive",
    "test_paths",
    "test_killed",
    "test_demo_migration",
    "test_disturbed",
    "test_mariadb",
    "test_connection",
    "test_carry_back_law",
    "test_recover_mariadb_law",
    "test_story",
    "test_revert",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest; leave the hours of `invoke torture` out where nobody asked for them."""
    items.sort(key=lambda item: LONG.index(item.path.stem) if item.path.stem in LONG else len(LONG))
    if os.environ.get("ROLLBOOK_TORTURE") == "1":
        return
    for item in items:
        if item.get_closest_marker("torture"):
            item.add_marker(pytest.mark.skip(reason="exhaustive: run by `invoke torture`"))


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_missing] = {}
    # Under nohup, or in the background of a script, every child would ignore these too; of a handler it inherits nothing.
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda _number, _frame: None)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Name the servers that could not be had, so that a green run does not hide what it did not test."""
    for server, reason in config.stash[_missing].items():
        terminalreporter.write_line(f"NOT TESTED, no {server}: {reason}", yellow=True)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test of servers that skips where servers are required, whatever skips it."""
    report = yield
    excused = any(item.get_closest_marker(name) for name in ("may_skip", "torture"))
    if report.skipped and _required() and item.get_closest_marker("server") and not excused:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"skipped, and servers are required (ROLLBOOK_REQUIRE_SERVERS=1): {reason}"
    return report


def _required() -> bool:
    return os.environ.get("ROLLBOOK_REQUIRE_SERVERS") == "1"


def _give(request: pytest.FixtureRequest, name: str, start: Callable[[], S]) -> S:
    """Start a server, or skip or fail the test that wants it."""
    try:
        return start()
    except (Unavailable, DemoError) as error:
        reason = error.message if isinstance(error, DemoError) else str(error)
        request.config.stash[_missing][name] = reason
        if _required():
            pytest.fail(f"{name} is required (ROLLBOOK_REQUIRE_SERVERS=1): {reason}", pytrace=False)
        pytest.skip(f"no {name}: {reason}")


@pytest.fixture(scope="package")
def give_one(request: pytest.FixtureRequest) -> Callable[[str, Callable[[], SqlServer]], SqlServer]:
    """Start a server that the tests of a package share; skip or fail them where it cannot be had."""
    return lambda name, start: _give(request, name, start)


@pytest.fixture
def give(request: pytest.FixtureRequest) -> Callable[[str, Callable[[], SqlServer]], SqlServer]:
    """Start a server that a test has for itself, by its name; skip or fail where it cannot be had."""
    return lambda name, start: _give(request, name, start)


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    """Make a folder that the accounts of database servers can enter; pytest's own is closed to them."""
    folder = Path(tempfile.mkdtemp(prefix="rollbook-servers-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def mongo_url(request: pytest.FixtureRequest, server_folder: Path) -> Iterator[str]:
    """Give the MongoDB that all tests share, each with databases of its own."""
    server = _give(request, "mongod", lambda: open_mongo(server_folder / "mongod"))
    yield server.url
    server.stop()


@pytest.fixture
def own_mongod(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MongoServer]:
    """Start a mongod that the test may stop or kill."""
    server = _give(request, "mongod", lambda: start_mongod(tmp_path / "mongod"))
    yield server
    server.stop()


@pytest.fixture
def mongo_database(mongo_url: str) -> Iterator[str]:
    """Make up the name of a database that is not there yet, dropped afterwards."""
    name = f"edxapp_{os.getpid()}_{next(_numbers)}"
    yield name
    with pymongo.MongoClient[dict[str, object]](mongo_url) as client:
        client.drop_database(name)


@pytest.fixture(scope="session")
def mariadb_server(request: pytest.FixtureRequest, server_folder: Path) -> Iterator[SqlServer]:
    """Give the MariaDB that all tests share."""
    server = _give(request, "MariaDB", lambda: start_mariadb(server_folder / "mariadb"))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def postgres_server(request: pytest.FixtureRequest, server_folder: Path) -> Iterator[SqlServer]:
    """Give the PostgreSQL that all tests share."""
    server = _give(request, "PostgreSQL", lambda: start_postgres(server_folder / "postgres"))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start the store that the tests share, which speaks S3."""
    port = free_port()
    log = tmp_path_factory.mktemp("moto") / "log"
    process = spawn([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], log=log)
    endpoint = f"http://127.0.0.1:{port}"
    until = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(endpoint, timeout=5).close()
        except urllib.error.HTTPError:
            break
        except OSError:
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.1)
        else:
            break
    yield endpoint
    stop(process)


@pytest.fixture(scope="session")
def redis_server(request: pytest.FixtureRequest, server_folder: Path) -> Iterator[SqlServer]:
    """Give the Redis that all tests share."""
    server = _give(request, "Redis", lambda: start_redis(server_folder / "redis"))
    yield server
    server.stop()


@pytest.fixture
def redis_url(redis_server: SqlServer) -> str:
    """Give an empty database of Redis."""
    with redis.Redis.from_url(f"{redis_server.url}0") as client:
        client.flushall()
    return f"{redis_server.url}0"


@pytest.fixture
def mariadb_url(mariadb_server: SqlServer) -> Iterator[str]:
    """Make an empty MariaDB database."""
    with _fresh_database(mariadb_server.url, "mysql", "CHARACTER SET utf8mb4", "") as url:
        yield f"{url}?charset=utf8mb4"


@pytest.fixture
def postgres_url(postgres_server: SqlServer) -> Iterator[str]:
    """Make an empty PostgreSQL database."""
    with _fresh_database(postgres_server.url, "postgres", "", "WITH (FORCE)") as url:
        yield url


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """Name a SQLite file that is not there yet."""
    return f"sqlite:///{tmp_path / 'ledger.sqlite'}"


@pytest.fixture(params=SQLS)
def ledger_url(request: pytest.FixtureRequest) -> str:
    """Make an empty database, on each of the three that a ledger may live in."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def make_sample(mongo_url: str, mongo_database: str) -> SampleFactory:
    """Build a sample beside a ledger of the test's choice."""

    def build(sql_url: str, *, blocks: int = 60) -> Sample:
        return build_sample(sql_url, mongo_url, mongo_database, now=NOW, blocks=blocks)

    return build


@pytest.fixture
def sample(make_sample: SampleFactory, ledger_url: str) -> Sample:
    """Build the sample, with its ledger on each of the three databases."""
    return make_sample(ledger_url)


@pytest.fixture
def sqlite_sample(make_sample: SampleFactory, sqlite_url: str) -> Sample:
    """Build the sample with its ledger on SQLite, for tests to which the database makes no difference."""
    return make_sample(sqlite_url)


@pytest.fixture(scope="session")
def sshd(request: pytest.FixtureRequest, server_folder: Path) -> Iterator[SshServer]:
    """Start an sshd on loopback with keys of its own."""
    folder = server_folder / "sshd"
    folder.mkdir()
    server = _give(request, "sshd", lambda: start_sshd(folder))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def systemd(request: pytest.FixtureRequest, server_folder: Path) -> Iterator[Path]:
    """Start a systemd of an account's own, and give its runtime directory; units lie in config/systemd/user there."""
    if os.geteuid() != 0:
        pytest.skip("a systemd of its own needs root, for a mount namespace")
    folder = server_folder / "systemd"
    (folder / "config" / "systemd" / "user").mkdir(parents=True)
    folder.chmod(0o700)
    process = _give(request, "systemd", lambda: start_systemd(folder))
    yield folder
    stop(process)


@pytest.fixture(scope="session")
def forum_folder(request: pytest.FixtureRequest, server_folder: Path) -> Iterator[Path]:
    """Make the folder of a forum, with the Python environment that takes longest; tests come one after the other."""
    folder = server_folder / "forum"
    requirements = stock_folder() / "examples" / "forum" / "site" / "requirements.txt"
    folder.mkdir(mode=0o700)

    def prepare() -> Path:
        find_postgres()
        make_environment(folder / "venv", requirements)
        return folder

    yield _give(request, "forum", prepare)
    if (folder / "postgres").is_symlink():  # as root the database lies elsewhere
        shutil.rmtree((folder / "postgres").readlink())


@contextmanager
def _fresh_database(server_url: str, maintenance: str, create: str, drop: str) -> Iterator[str]:
    name = f"rb_{os.getpid()}_{next(_numbers)}"
    engine = sa.create_engine(server_url + maintenance, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name} {create}"))
    engine.dispose()
    yield server_url + name
    with engine.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE {name} {drop}"))
    engine.dispose()
