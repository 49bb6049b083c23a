"""A pass that is killed at any moment, and begun again, comes to what an undisturbed one does."""

import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from random import Random
from typing import Any

import pytest
from databases import script

from rollbook.postgres.names import Name
from rollbook.targets.postgres.carry import Sources, carry, finish
from rollbook.targets.postgres.ledger import last_pass, read_conflicts
from rollbook.targets.postgres.session import connect

pytestmark = pytest.mark.server
_GOOD = """
    CREATE TABLE shelf (id serial PRIMARY KEY, name text UNIQUE);
    CREATE TABLE book (id integer PRIMARY KEY, shelf integer NOT NULL REFERENCES shelf ON DELETE CASCADE, title text UNIQUE);
    CREATE TABLE note (id integer PRIMARY KEY, book integer REFERENCES book, body text);
    INSERT INTO shelf (name) SELECT 's' || g FROM generate_series(1, 300) g;
    INSERT INTO book SELECT g, 1 + g % 300, 't' || g FROM generate_series(1, 4000) g;
    INSERT INTO note SELECT g, g, 'n' || g FROM generate_series(1, 4000) g;
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''fired''; END'"""
_ARMED = "CREATE TRIGGER noisy BEFORE INSERT OR UPDATE OR DELETE ON book FOR EACH ROW EXECUTE FUNCTION refuse()"
_MIGRATION = (
    "DROP TABLE note; DELETE FROM book WHERE id % 100 = 7; UPDATE book SET title = title || '!' WHERE id % 50 = 3"
)
_FIRST = """
    INSERT INTO book SELECT g, 1 + g % 300, 'new' || g FROM generate_series(5000, 7000) g;
    DELETE FROM book WHERE id BETWEEN 100 AND 900; DELETE FROM shelf WHERE id = 300;
    UPDATE book SET title = 'edited' || id WHERE id % 3 = 0; INSERT INTO shelf (name) VALUES ('s300'), ('more')"""
_SECOND = """
    DELETE FROM book WHERE id BETWEEN 5000 AND 5500; UPDATE book SET title = 't' || id WHERE id % 3 = 0 AND id < 2000;
    INSERT INTO book SELECT g, 1, 't' || g FROM generate_series(100, 200) g; DELETE FROM shelf WHERE id = 5"""
_CONTENT = """
    SELECT 'book', book::text FROM book UNION ALL SELECT 'note', note::text FROM note
    UNION ALL SELECT 'shelf', shelf::text FROM shelf UNION ALL SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace UNION ALL SELECT tgname, tgenabled::text FROM pg_trigger WHERE NOT tgisinternal
    ORDER BY 1, 2"""


def outcome(trio: Any) -> tuple[Any, Any]:
    with closing(connect(trio.restored)) as connection:
        connection.execute("SET search_path = public")
        content = connection.execute(_CONTENT).fetchall()
        return content, sorted((one.kind, one.table, one.key, one.settled) for one in read_conflicts(connection))


def carried(trio: Any, one_pass: Any) -> tuple[Any, Any]:
    """Build the site, carry both passes as *one_pass* does them, and give what came of it."""
    trio.clear()
    for url in (trio.live, trio.base, trio.restored):
        script(url, _GOOD)
    script(trio.restored, _ARMED)
    for url in (trio.live, trio.base):
        script(url, _MIGRATION)
    script(trio.live, _FIRST)
    one_pass(final=False)
    script(trio.live, _SECOND)
    one_pass(final=True)
    return outcome(trio)


def begun(trio: Any, *, final: bool) -> subprocess.Popen[bytes]:
    program = (
        "import sys; from rollbook.targets.postgres.carry import Sources, carry;"
        " carry(Sources(*sys.argv[1:4]), final=sys.argv[4] == 'final'); print('done')"
    )
    argv = [sys.executable, "-c", program, trio.live, trio.restored, trio.base, "final" if final else "first"]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=dict(os.environ))


@pytest.mark.parametrize("seed", range(6))
def test_a_killed_pass_is_begun_again(trio: Any, seed: int) -> None:
    """SIGKILL at random moments of both passes changes nothing of the end."""
    rng, kills = Random(seed), 0
    expected = carried(trio, lambda final: carry(Sources(trio.live, trio.restored, trio.base), final=final))

    def disturbed(*, final: bool) -> None:
        nonlocal kills
        for _ in range(3):
            process = begun(trio, final=final)
            time.sleep(rng.uniform(0.15, 0.7))
            process.send_signal(signal.SIGKILL)
            process.communicate()
            kills += process.returncode == -signal.SIGKILL
        process = begun(trio, final=final)
        assert process.communicate(timeout=60)[0] == b"done\n"

    found = carried(trio, disturbed)

    assert kills > 0
    assert found == expected
    with closing(connect(trio.restored)) as connection:
        assert last_pass(connection) is not None
    finish(trio.restored)
    with closing(connect(trio.restored)) as connection:
        assert last_pass(connection) is None
        assert Name("rollbook", "passes").name not in str(
            connection.execute("SELECT nspname FROM pg_namespace").fetchall()
        )
