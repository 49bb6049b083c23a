"""Servers that are gone, stores that take no writes, a full disk: a clear error, nothing half-told, and a way on."""

import contextlib
import os
import resource
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from rollbook.demo.mongod import MongoServer, start_mongod
from rollbook.demo.sample import Sample, build_sample
from rollbook.errors import JournalError, PreflightError, Unreachable
from rollbook.journal import replay
from rollbook.ops import MongoWrite, Sql

from .desk import Desk, story, tell
from .meanwhile import before_record, before_write
from .stores import look

pytestmark = pytest.mark.server

Restart = Callable[[Desk], Desk]


@pytest.fixture
def own_desk(own_mongod: MongoServer, sqlite_url: str, tmp_path: Path, make_sample: Callable[[str], Sample]) -> Desk:
    """Give a desk whose mongod may be stopped."""
    built = make_sample(sqlite_url)
    own = build_sample(sqlite_url, own_mongod.url, "edxapp", now=built.damage_at)
    return Desk(tmp_path / "desk", own)


@pytest.fixture
def restart(tmp_path: Path) -> Iterator[Restart]:
    """Start a mongod in the folder of one that is gone; the desk is told its new address."""
    started: list[MongoServer] = []

    def start(desk: Desk) -> Desk:
        started.append(start_mongod(tmp_path / "mongod"))
        return replace(desk, sample=replace(desk.sample, mongo_url=started[-1].url))

    yield start
    for server in started:
        server.stop()


def test_mongodb_down_while_planning(own_desk: Desk, own_mongod: MongoServer) -> None:
    """A plan without MongoDB says which target does not answer; no run is left behind."""
    own_mongod.stop()

    done = own_desk.type(*own_desk.restoring())

    assert done.returncode == 4, tell(done)
    assert "modulestore does not answer" in done.stderr
    assert "Topology" not in done.stderr
    assert "Traceback" not in tell(done)
    assert own_desk.runs.all() == ()


def test_mongodb_down_before_the_run(own_desk: Desk, own_mongod: MongoServer) -> None:
    """MongoDB gone between plan and run is found before the first record; nothing is begun."""
    with own_desk.opened() as begin:
        own_mongod.stop()
        with pytest.raises(PreflightError, match="modulestore"):
            begin()

    assert own_desk.runs.all() == ()


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_mongodb_gone_between_the_writes(
    own_desk: Desk, own_mongod: MongoServer, restart: Restart, end: signal.Signals
) -> None:
    """A mongod that ends, or is killed, after the ledger's write leaves the step unreachable; a resume finishes it once it is back."""

    def stop() -> None:
        assert own_mongod.process is not None
        own_mongod.process.send_signal(end)
        own_mongod.process.wait(30)

    with before_write(MongoWrite, stop):
        failed = own_desk.run()

    step = failed.step("pointers")
    assert step is not None
    assert (failed.status, step.status) == ("failed", "unreachable"), story(failed)
    assert "modulestore" in step.error
    records = replay(own_desk.runs.all()[-1].journal)
    refused = own_desk.type("resume", "last", "--yes", *own_desk.answering_words())
    assert (refused.returncode, "modulestore" in refused.stderr) == (4, True), tell(refused)
    assert replay(own_desk.runs.all()[-1].journal) == records
    desk = restart(own_desk)
    half = look(desk.sample)
    assert half.ledger == (desk.sample.good_draft, desk.sample.good_published)
    assert half.modulestore == (desk.sample.head_draft, desk.sample.head_published)
    run = desk.resume()
    assert run.status == "succeeded", story(run)
    after = look(desk.sample)
    assert after.ledger == after.modulestore == half.ledger
    assert after.history == half.history


@pytest.fixture
def read_only(request: pytest.FixtureRequest, sample: Sample) -> Iterator[str]:
    """Give the address of an account that may look at the ledger and not change it."""
    match sa.make_url(sample.sql_url).get_backend_name():
        case "sqlite":
            with _read_only_file(Path(str(sa.make_url(sample.sql_url).database))):
                yield sample.sql_url
        case "mysql":
            with _mariadb_account(sample.sql_url, "GRANT SELECT ON *.* TO reader@'%'") as url:
                yield url
        case _:
            with _postgres_role(sample.sql_url) as url:
                yield url


@contextlib.contextmanager
def _read_only_file(path: Path) -> Iterator[None]:
    """Take the right to write a file away; from root by a mount, for modes do not bind it."""
    if os.geteuid() != 0:
        path.chmod(0o444)
        yield
        path.chmod(0o644)
        return
    for words in (["--bind", str(path), str(path)], ["-o", "remount,ro,bind", str(path)]):
        done = subprocess.run(["mount", *words], capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"no file can be mounted read-only here: {done.stderr.strip()}")
    yield
    subprocess.run(["umount", str(path)], check=True)


@contextlib.contextmanager
def _mariadb_account(url: str, grant: str) -> Iterator[str]:
    with _admin(url) as admin:
        admin.exec_driver_sql("CREATE USER reader@'%%' IDENTIFIED BY 'looking only'")
        admin.exec_driver_sql(grant.replace("%", "%%"))
        yield _as(url, "reader", "looking only")
        admin.exec_driver_sql("SET GLOBAL read_only = 0")
        admin.exec_driver_sql("DROP USER reader@'%%'")


@contextlib.contextmanager
def _postgres_role(url: str) -> Iterator[str]:
    with _admin(url) as admin:
        admin.exec_driver_sql("CREATE ROLE reader LOGIN")
        admin.exec_driver_sql("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")
        yield _as(url, "reader", None)
        admin.exec_driver_sql("DROP OWNED BY reader")
        admin.exec_driver_sql("DROP ROLE reader")


@contextlib.contextmanager
def _admin(url: str) -> Iterator[sa.Connection]:
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def _as(url: str, user: str, password: str | None) -> str:
    address = sa.make_url(url).set(username=user)
    return (address.set(password=password) if password else address).render_as_string(hide_password=False)


def test_an_account_that_may_only_read(sample: Sample, read_only: str, tmp_path: Path) -> None:
    """A ledger that this account may not write to ends the run with a clear error, and neither store is moved."""
    desk = Desk(tmp_path / "desk", sample, read_only)
    before = look(sample)

    done = desk.type(*desk.restoring())

    assert done.returncode in (1, 4), tell(done)
    assert "Traceback" not in tell(done)
    told = " ".join(tell(done).split())
    assert any(
        words in told
        for words in (
            "ledger: the account may write to 0 of",
            "ledger: the account lacks a right",
            "cannot be written to",
        )
    ), told[-900:]
    assert look(sample) == before


@pytest.mark.parametrize("ledger_url", ["mariadb"], indirect=True)
def test_a_ledger_made_read_only(sample: Sample, tmp_path: Path) -> None:
    """A server that is switched to read-only is found before the run, and between look and write; a resume goes on."""
    rights = "GRANT SELECT, INSERT, UPDATE ON *.* TO reader@'%'"
    with _mariadb_account(sample.sql_url, rights) as account, _admin(sample.sql_url) as admin:
        desk = Desk(tmp_path / "desk", sample, account)
        before = look(sample)

        with before_write(Sql, lambda: admin.exec_driver_sql("SET GLOBAL read_only = 1")):
            failed = desk.run()

        step = failed.step("pointers")
        assert step is not None
        assert (failed.status, step.status) == ("failed", "failed"), story(failed)
        assert "takes no writes" in step.error
        assert look(sample) == before
        with pytest.raises(PreflightError, match="read-only"):
            desk.resume()
        with pytest.raises(PreflightError, match="read-only"):
            desk.run()
        admin.exec_driver_sql("SET GLOBAL read_only = 0")
        run = desk.resume()
        assert run.status == "succeeded", story(run)
        assert len(look(sample).of_run(run.id)) == 1


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[Desk], Path]]:
    """Mount a small disk for a desk's runs; gives the file that fills it."""
    mounted: list[Path] = []

    def mount(desk: Desk) -> Path:
        folder = desk.folder / ".rollbook"
        folder.mkdir(mode=0o700)
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=64m,mode=0700", "tmpfs", str(folder)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            pytest.skip(f"no small disk can be mounted here: {done.stderr.strip()}")
        mounted.append(folder)
        return folder / "filler"

    if os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    yield mount
    for folder in mounted:
        subprocess.run(["umount", str(folder)], check=True)


def fill(filler: Path) -> None:
    """Take the last byte of a disk."""
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        for size in (1 << 20, 1 << 12, 1 << 6, 1):
            with contextlib.suppress(OSError):
                while file.write(b"x" * size) == size:
                    pass


def test_no_effect_without_its_intent(sqlite_desk: Desk, small_disk: Callable[[Desk], Path]) -> None:
    """A disk that is full when the intent is to be journalled stops the run before the write."""
    filler = small_disk(sqlite_desk)
    before = look(sqlite_desk.sample)

    with (
        before_record("step_started", "pointers", None, lambda: fill(filler)),
        pytest.raises(JournalError, match="cannot be written"),
    ):
        sqlite_desk.run()

    assert look(sqlite_desk.sample) == before
    assert sqlite_desk.last().status == "running"  # nobody could write that it stopped
    filler.unlink()
    run = sqlite_desk.resume()
    assert run.status == "succeeded", story(run)
    assert len(look(sqlite_desk.sample).of_run(run.id)) == 1


@contextlib.contextmanager
def at_most(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond *size*: a disk that is full to the byte, for anybody to try."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("index", [0, 1])
def test_an_outcome_that_could_not_be_told(desk: Desk, index: int) -> None:
    """A journal that takes no record after a write stops the run there; a resume finds that write made."""
    with contextlib.ExitStack() as limits:

        def full() -> None:
            limits.enter_context(at_most(desk.runs.all()[-1].journal.stat().st_size))

        with (
            before_record("op_finished", "pointers", index, full),
            pytest.raises(JournalError, match="cannot be written"),
        ):
            desk.run()

    half = look(desk.sample)
    assert half.ledger == (desk.sample.good_draft, desk.sample.good_published)
    assert (half.modulestore == half.ledger) is (index == 1)
    run = desk.resume()
    assert run.status == "succeeded", story(run)
    after = look(desk.sample)
    assert after.ledger == after.modulestore == half.ledger
    assert after.history == half.history


def test_a_full_disk_at_the_command_line(sqlite_desk: Desk, small_disk: Callable[[Desk], Path]) -> None:
    """An operator whose disk is full before the run is told so in words, with what to do, and nothing is begun."""
    before = look(sqlite_desk.sample)
    fill(small_disk(sqlite_desk))

    done = sqlite_desk.type(*sqlite_desk.restoring())

    assert done.returncode in (1, 4), tell(done)
    assert "Traceback" not in tell(done)
    assert "room" in done.stderr
    assert look(sqlite_desk.sample) == before


def test_folders_that_take_nothing(sqlite_desk: Desk) -> None:
    """A plan that cannot be saved, and a run that cannot be kept, are told in words, and nothing is begun."""
    before = look(sqlite_desk.sample)
    (sqlite_desk.folder / ".rollbook").write_text("not a folder")

    unsaved = sqlite_desk.type("plan", *sqlite_desk.naming(), "--out", "nowhere/plan.json")
    unkept = sqlite_desk.type(*sqlite_desk.restoring())

    assert (unsaved.returncode, unkept.returncode) == (64, 4), tell(unsaved) + tell(unkept)
    assert "nowhere/plan.json" in unsaved.stderr
    assert "cannot be made" in unkept.stderr
    assert look(sqlite_desk.sample) == before


def test_unreachable_is_an_error_of_its_own(own_desk: Desk, own_mongod: MongoServer) -> None:
    """Planning without MongoDB raises `Unreachable`, so that a caller may tell it from a refusal."""
    own_mongod.stop()

    with pytest.raises(Unreachable):
        own_desk.plan()
