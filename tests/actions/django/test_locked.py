"""A migration that somebody's open transaction is in the way of: nobody waits for long, and who it is is said."""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from rollbook.errors import CommandTimeout, TargetError
from rollbook.testing import FakeExecution

from ..conftest import Machine
from .conftest import PYTHON
from .evolving import Evolving, environment_of
from .shapes import model

pytestmark = pytest.mark.server

APP = "board"
ATOMIC = "class Migration(migrations.Migration):"
OPEN_SESSIONS = {
    "postgresql": "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%note%' "
    "AND wait_event_type = 'Lock'",
    "mysql": "SELECT count(*) FROM information_schema.processlist WHERE db = DATABASE() AND state LIKE 'Waiting%'",
}


class Held:
    """A site with a migration to come, and somebody who may read one of its tables and not let go of it."""

    def __init__(self, url: str, site: Evolving) -> None:
        self.engine = sa.create_engine(url, pool_size=20)
        self.site = site

    @property
    def vendor(self) -> str:
        return self.engine.dialect.name

    def migrate(self, **arguments: Any) -> Any:
        given = {"app": APP, "lock_timeout": "1s", "lock_tries": 2}
        return self.site.use("django.migrate", **{**given, **arguments})

    @contextmanager
    def reading(self, table: str) -> Iterator[int]:
        """Hold a table by a transaction that read it; gives the session's number."""
        number = "pg_backend_pid()" if self.vendor == "postgresql" else "connection_id()"
        with self.engine.connect() as session:
            (found,) = session.execute(sa.select(sa.text(number))).one()
            session.execute(sa.select(sa.text("*")).select_from(sa.table(table))).all()
            yield found

    def tables(self) -> set[str]:
        return {name for name in sa.inspect(self.engine).get_table_names() if name.startswith(APP)}

    def waiting(self) -> int:
        with self.engine.connect() as session:
            return int(session.execute(sa.text(OPEN_SESSIONS[self.vendor])).scalar_one())


@pytest.fixture(params=["postgres", "mariadb"])
def held(request: pytest.FixtureRequest, tmp_path: Path, machine_here: Machine) -> Iterator[Held]:
    """Give the site on a server of each kind."""
    url = request.getfixturevalue(f"{request.param}_url")
    site = Evolving(tmp_path / "site", environment_of(url), machine_here, PYTHON)
    site.write(APP)
    made = '("one", models.IntegerField(null=True))'
    site.migration(APP, "0001_initial", f"{model('Note', made)}\n{model('Page', made)}")
    site.migration(APP, "0002_drop", 'migrations.DeleteModel("page"),\nmigrations.DeleteModel("note"),')
    site.migrate(APP, "0001", "-v", "0")
    found = Held(url, site)
    yield found
    found.engine.dispose()


def test_who_is_in_the_way_is_named_with_what_ends_them(held: Held) -> None:
    """The failure names session, account and since when, and says what ends it; on PostgreSQL nothing of the migration is kept."""
    machine = held.site.machine
    with held.reading("board_note") as session, pytest.raises(TargetError) as caught:
        machine.apply(held.migrate(lock_tries=1))

    said = str(caught.value)
    assert re.search(
        rf"board 0002_drop: DROP TABLE .board_note.* stayed locked by others: session {session} of \w+", said
    )
    assert re.search(r"since \d\d:\d\d:\d\d UTC", said)
    ends = {"postgresql": f"SELECT pg_terminate_backend({session})", "mysql": f"KILL {session}"}[held.vendor]
    assert f"end them ({ends})" in said
    live = machine.execution.output.decode()
    assert f"waits for session {session} of" in live
    if held.vendor == "postgresql":
        assert held.tables() == {"board_note", "board_page"}
        assert "Nothing of this migration was kept" in said
    else:
        assert held.tables() == {"board_note"}
        assert "STANDS" in said
    assert held.site.pending(app=APP)["pending"] == ["board.0002_drop"]


def test_a_lock_that_is_let_go_is_taken_and_nobody_waited_long_for_it(held: Held) -> None:
    """While it waits others get their turn within a second or so; once the table is free, everything is applied."""
    longest, over = [0.0], threading.Event()

    def read() -> None:
        while not over.is_set():
            began = time.monotonic()
            with held.engine.connect() as session:
                session.execute(sa.text("SELECT count(*) FROM board_note"))
            longest[0] = max(longest[0], time.monotonic() - began)
            time.sleep(0.05)

    others = threading.Thread(target=read)
    migration = threading.Thread(target=held.site.machine.apply, args=(held.migrate(lock_tries=8),))
    with held.reading("board_note"):
        migration.start()
        time.sleep(1)
        others.start()
        time.sleep(6)
        over.set()
        others.join()
    migration.join()

    assert longest[0] < 2.5
    assert held.tables() == set()
    assert held.site.pending(app=APP)["pending"] == []
    assert "waits for session" in held.site.machine.execution.output.decode()


def test_a_time_limit_leaves_nothing_waiting_on_the_server(held: Held) -> None:
    """What is ended for its time is ended on the server too: nothing is dropped later, when the lock is let go."""
    machine = held.site.machine
    machine.execution = FakeExecution(timeout=6)
    with held.reading("board_page"):
        with pytest.raises(CommandTimeout):
            machine.apply(held.migrate(lock_timeout="60s"))
        time.sleep(0.5)
        waiting = held.waiting()
    time.sleep(0.5)

    assert waiting == 0
    assert held.tables() == {"board_note", "board_page"}


def test_a_row_that_is_held_is_told_as_well(held: Held) -> None:
    """What waits for a row keeps nobody else waiting: it waits on, and says for whom."""
    held.site.migration(
        APP,
        "0003_fill",
        "migrations.RunPython(fill),",
        code="def fill(apps, editor):\n    editor.connection.cursor().execute('UPDATE kept SET one = 2')",
    )
    machine = held.site.machine
    held.site.migrate(APP, "0002", "-v", "0")
    with held.engine.begin() as session:
        session.execute(sa.text("CREATE TABLE kept (id integer PRIMARY KEY, one integer)"))
        session.execute(sa.text("INSERT INTO kept VALUES (1, 1)"))
    migration = threading.Thread(target=machine.apply, args=(held.migrate(),))
    with held.engine.connect() as session:
        session.execute(sa.text("UPDATE kept SET one = 3"))
        migration.start()
        time.sleep(6)
        told = machine.execution.output.decode()
        session.rollback()
    migration.join()

    assert re.search(r"UPDATE kept SET one = 2 waits for session \d+ of", told)
    assert held.site.pending(app=APP)["pending"] == []


@pytest.mark.parametrize("held", ["postgres"], indirect=True)
def test_a_migration_without_a_transaction_waits_as_patiently(held: Held) -> None:
    """Each of its changes is tried again by itself; what makes an index while others write waits for them as it must."""
    path = held.site.migration(
        APP,
        "0003_loose",
        """\
migrations.RunSQL("CREATE TABLE board_loose (id integer)"),
migrations.RunSQL("ALTER TABLE board_kept ADD COLUMN two integer"),
migrations.RunSQL("CREATE INDEX CONCURRENTLY board_kept_two ON board_kept (two)"),
""",
    )
    path.write_text(path.read_text().replace(ATOMIC, f"{ATOMIC}\n    atomic = False"))
    held.site.migrate(APP, "0002", "-v", "0")
    with held.engine.begin() as session:
        session.execute(sa.text("CREATE TABLE board_kept (id integer)"))
    migration = threading.Thread(target=held.site.machine.apply, args=(held.migrate(lock_tries=9),))
    with held.reading("board_kept"):
        migration.start()
        time.sleep(5)
    migration.join()

    assert "waits for session" in held.site.machine.execution.output.decode()
    assert held.tables() == {"board_kept", "board_loose"}
    assert [one["name"] for one in sa.inspect(held.engine).get_indexes("board_kept")] == ["board_kept_two"]
    assert held.site.pending(app=APP)["pending"] == []
