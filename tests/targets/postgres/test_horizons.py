"""What the transactions on rows tell, and where they may not be asked, on a real server."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from carry_horizons import note_backup, read_sealed
from databases import script
from servers import Unavailable, start_postgres

from rollbook.postgres.names import Name
from rollbook.postgres.shape import shape
from rollbook.targets.postgres.carry import Sources, carry
from rollbook.targets.postgres.catalog import read_catalog
from rollbook.targets.postgres.differences import Difference, Side, differences
from rollbook.targets.postgres.horizons import read_horizon, since_backup, since_horizon
from rollbook.targets.postgres.newer import Newer, look_newer
from rollbook.targets.postgres.session import connect

from .conftest import Trio

pytestmark = pytest.mark.server
MADE = """
    CREATE TABLE t (id integer PRIMARY KEY, a varchar(20), b integer); CREATE TABLE u (LIKE t INCLUDING ALL);
    INSERT INTO t SELECT g, 'row ' || g, g FROM generate_series(1, 600) g; INSERT INTO u SELECT * FROM t;
    CREATE TABLE p (id integer PRIMARY KEY, a text) PARTITION BY RANGE (id);
    CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (500); CREATE TABLE p2 (id integer PRIMARY KEY, a text);
    INSERT INTO p SELECT g, 'part' FROM generate_series(1, 400) g; INSERT INTO p2 VALUES (501, 'late')"""


def look(trio: Any, table: str = "t") -> tuple[Newer | str, list[Difference], list[Difference]]:
    """Give what the transactions tell of a table, the rows found by them, and those found by comparing all."""
    with closing(connect(trio.restored, reading=True)) as old, closing(connect(trio.live, reading=True)) as live:
        found = since_backup(old, live, read_horizon(live))
        one, other = (read_catalog(side).tables[Name("public", table)] for side in (old, live))
        lined, sides = (
            shape(one, other, one, decided=True),
            (Side(old, one, one.relation), Side(live, other, other.relation)),
        )
        naive = sorted(differences(lined, *sides))
        if found.since is None:
            return found.why, naive, naive
        newer = look_newer(found.since, lined, sides[0], *sides)
        return newer, naive if isinstance(newer, str) else sorted(newer.rows(*sides, beyond=True)), naive


def prepare(trio: Any) -> None:
    """Make both databases, and note in the restored one that it is what live is now."""
    for url in (trio.live, trio.restored):
        script(url, MADE)
    note_backup(trio.live, trio.restored)


def commit_each(url: str, *statements: str) -> None:
    with closing(connect(url)) as connection:
        connection.autocommit = True
        connection.execute("SET search_path = public")
        for statement in statements:
            connection.execute(statement.encode())


@pytest.mark.parametrize(
    ("deeds", "keys"),
    [
        (("VACUUM (FREEZE) t",), 0),
        (("VACUUM (FULL, FREEZE) t",), 0),
        (("CLUSTER t USING t_pkey",), 0),
        (("BEGIN", "UPDATE t SET b = 0", "ROLLBACK"), 0),
        (("BEGIN", "SELECT FROM t FOR UPDATE", "COMMIT"), 0),
        (("ALTER TABLE t ADD later text DEFAULT 'z'",), 0),
        (("ALTER TABLE t DROP b",), 0),
        (("UPDATE t SET b = 0 WHERE id = 9", "VACUUM (FULL, FREEZE) t"), 1),
        (("UPDATE t SET b = b WHERE id = 9",), 1),
        (("BEGIN", "SAVEPOINT s", "UPDATE t SET b = 0 WHERE id = 9", "RELEASE s", "COMMIT"), 1),
        (("DELETE FROM t WHERE id = 300", "UPDATE t SET b = 0 WHERE id = 299"), 1),
        (("DELETE FROM t WHERE id < 30", "INSERT INTO t VALUES (900), (901)"), 0),
        (("DELETE FROM t WHERE id = 5", "INSERT INTO t VALUES (5, 'again')", "DELETE FROM t WHERE id = 6"), 1),
        (("TRUNCATE t", "INSERT INTO t SELECT * FROM u WHERE id > 4"), 596),
    ],
)
def test_rows_are_told_by_who_wrote_them(trio: Any, deeds: tuple[str, ...], keys: int) -> None:
    """What moves, freezes or locks rows writes none; whatever writes, frees or takes away rows is found."""
    prepare(trio)
    commit_each(trio.live, *deeds)

    newer, found, naive = look(trio)

    assert isinstance(newer, Newer)
    assert len(newer.keys) == keys
    assert found == naive


def test_percent_signs_in_names_are_looked_up_as_well(trio: Any) -> None:
    """A later pass looks the keys of written rows up in what the backup had, whatever its columns are named."""
    for url in (trio.live, trio.restored):
        script(url, MADE, 'ALTER TABLE t RENAME id TO "50% off"', 'ALTER TABLE t RENAME a TO "%s"')
    note_backup(trio.live, trio.restored)
    commit_each(trio.live, """UPDATE t SET "%s" = 'new' WHERE "50% off" = 9""", 'DELETE FROM t WHERE "50% off" = 7')
    sources = Sources(trio.live, trio.restored, None)

    for final in (False, True):
        carry(sources, final=final)

    found = 'SELECT "50% off", "%s" FROM t WHERE "50% off" IN (7, 9)'
    assert script(trio.restored, found) == [(9, "new")]


def test_rows_that_are_frozen_as_they_are_copied_in_are_new(trio: Any) -> None:
    """COPY FREEZE leaves the transaction on them."""
    prepare(trio)
    with closing(connect(trio.live)) as live:
        live.execute("TRUNCATE public.t")
        with live.cursor().copy("COPY public.t FROM STDIN (FREEZE)") as copy:
            copy.write("".join(f"{key}\trow {key}\t{key - key % 2}\n" for key in range(1, 601)))
        live.commit()

    newer, found, naive = look(trio)

    assert isinstance(newer, Newer)
    assert (len(newer.keys), len(found)) == (600, 300)
    assert found == naive


@pytest.mark.parametrize(
    ("table", "deeds", "why"),
    [
        ("t", ("ALTER TABLE t DROP a", "ALTER TABLE t ADD a varchar(20) DEFAULT 'z'"), "another type: a"),
        ("t", ("ALTER TABLE t ALTER a TYPE text",), "another type: a"),
        (
            "t",
            ("ALTER TABLE t RENAME a TO c", "ALTER TABLE t RENAME b TO a", "ALTER TABLE t RENAME c TO b"),
            "type: a, b",
        ),
        ("t", ("ALTER TABLE t RENAME TO x", "ALTER TABLE u RENAME TO t"), "made anew"),
        ("t", ("DROP TABLE t", "CREATE TABLE t AS TABLE u", "ALTER TABLE t ADD PRIMARY KEY (id)"), "made anew"),
        ("p", ("ALTER TABLE p ATTACH PARTITION p2 FOR VALUES FROM (500) TO (900)",), "made anew"),
        ("p", ("ALTER TABLE p DETACH PARTITION p1",), "another way"),
        (
            "t",
            ("UPDATE t SET b = 0", "INSERT INTO t SELECT g FROM generate_series(601, 1500) g", "UPDATE t SET b = 1"),
            "",
        ),
    ],
)
def test_where_rows_may_show_what_nobody_wrote_all_are_compared(
    trio: Any, table: str, deeds: tuple[str, ...], why: str
) -> None:
    """Columns, tables and parts that took the place of others are known by their numbers."""
    prepare(trio)
    commit_each(trio.live, *deeds)

    newer, found, naive = look(trio, table)

    assert found == naive
    assert isinstance(newer, Newer) if not why else (isinstance(newer, str) and why in newer)


def test_a_partitioned_table_tells_it_of_all_its_parts(trio: Any) -> None:
    """Rows of every part are told by who wrote them."""
    prepare(trio)
    commit_each(trio.live, "UPDATE p SET a = 'new' WHERE id IN (3, 400)", "DELETE FROM p WHERE id = 7")

    newer, found, naive = look(trio, "p")

    assert isinstance(newer, Newer)
    assert [one.key for one in found] == [(b"3",), (b"400",), (b"7",)]
    assert found == naive


def test_what_was_under_way_at_the_backup_counts_as_written_since(trio: Any) -> None:
    """A transaction that the snapshot did not see the end of is newer, however long ago it began."""
    for url in (trio.live, trio.restored):
        script(url, MADE)
    with closing(connect(trio.live)) as early:
        early.execute("UPDATE public.t SET b = 0 WHERE id = 9")
        note_backup(trio.live, trio.restored)
        early.commit()

    newer, found, naive = look(trio)

    assert isinstance(newer, Newer)
    assert [one.key for one in found] == [(b"9",)]
    assert found == naive


def test_a_restored_database_that_is_not_the_backup_is_compared_row_by_row(trio: Any) -> None:
    """Rows of before that the backup should have and has not, are noticed by their number."""
    prepare(trio)
    script(trio.restored, "DELETE FROM t WHERE id IN (1, 500)")
    script(trio.live, "DELETE FROM t WHERE id = 2")

    newer, found, naive = look(trio)

    assert newer == "it has rows of before that the backup lacks"
    assert [one.key for one in found] == [(b"1",), (b"2",), (b"500",)]
    assert found == naive


def test_a_copy_of_the_database_and_an_account_without_the_right_are_told_nothing(trio: Any) -> None:
    """Rows of a copy bear the same transactions; and where the cluster is not told, nothing is taken for granted."""
    prepare(trio)
    with closing(connect(trio.base, reading=True)) as copy:
        other = since_horizon(read_sealed(trio.live), copy, read_horizon(copy)).why
    private = "REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC"
    script(trio.mighty().live, private)
    try:
        newer, _, _ = look(trio)
    finally:
        script(trio.mighty().live, private.replace("REVOKE", "GRANT").replace("FROM", "TO"))

    assert other == "it is of another database"
    assert newer == "the server does not tell where in its history it stands"


def test_a_database_that_is_set_to_be_read_only_has_a_horizon(trio: Any) -> None:
    """The witness writes nothing, so it may be left there too."""
    name = trio.live.rpartition("/")[2]
    script(trio.live, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    try:
        then = read_sealed(trio.live)
        with closing(connect(trio.live, reading=True)) as live:
            found = since_horizon(then, live, read_horizon(live))
    finally:
        commit_each(trio.restored, f"ALTER DATABASE {name} RESET default_transaction_read_only")

    assert found.since is not None
    assert len(then.witness) == 24
    assert {True, False} == {*then.witness.values()}


@pytest.fixture
def folder() -> Iterator[Path]:
    """Give a folder for the files of a server of its own, which that server's account may enter."""
    place = Path(tempfile.mkdtemp(prefix="rollbook-horizon-"))
    place.chmod(0o755)
    yield place
    shutil.rmtree(place)


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """Run the server of a folder, perhaps again; gives the address of its databases, without a name."""
    try:
        server = start_postgres(folder / "server", "max_prepared_transactions=2")
    except Unavailable as error:
        pytest.skip(str(error))
    try:
        yield server.url.replace("+psycopg", "")
    finally:
        server.stop()


def test_a_disk_that_was_set_back_is_noticed(folder: Path) -> None:
    """Transactions that bear the same numbers ended otherwise; until they are reached they have not begun."""
    data, kept = folder / "server" / "data", folder / "kept"
    with running(folder) as address:
        script(
            f"{address}postgres", "CREATE TABLE t (id integer PRIMARY KEY, a integer)", "INSERT INTO t VALUES (1, 1)"
        )
    subprocess.run(["cp", "-a", str(data), str(kept)], check=True)
    with running(folder) as address:
        then = read_sealed(f"{address}postgres")
        with closing(connect(f"{address}postgres", reading=True)) as live:
            before = since_horizon(then, live, read_horizon(live))
    shutil.rmtree(data)
    kept.rename(data)

    with running(folder) as address:
        found = []
        for _ in range(2):
            with closing(connect(f"{address}postgres", reading=True)) as live:
                found.append(since_horizon(then, live, read_horizon(live)).why)
            commit_each(f"{address}postgres", *["UPDATE t SET a = a + 1"] * 60)

    assert before.since is not None
    assert found[0] in {
        "the server counts transactions that are older",
        "the server has forgotten how transactions of that time ended",
    }
    with running(folder) as address, closing(connect(f"{address}postgres", reading=True)) as live:
        assert (
            since_horizon(then, live, read_horizon(live)).why
            == "transactions of that time ended otherwise: the disk was set back since"
        )


def test_what_was_prepared_at_the_backup_counts_as_written_since(folder: Path) -> None:
    """A transaction that waits for its second phase may wait for longer than the server runs."""
    with running(folder) as address:
        for name in ("live", "base", "restored"):
            commit_each(f"{address}postgres", f"CREATE DATABASE {name}")
        trio = Trio(*(f"{address}{name}" for name in ("live", "base", "restored")))
        for url in (trio.live, trio.restored):
            script(url, MADE)
        with closing(connect(trio.live)) as early:
            early.autocommit = True
            early.execute("BEGIN; UPDATE public.t SET b = 0 WHERE id = 9; PREPARE TRANSACTION 'waits'")
        note_backup(trio.live, trio.restored)
    with running(folder) as address:
        trio = Trio(*(f"{address}{name}" for name in ("live", "base", "restored")))
        commit_each(trio.live, "COMMIT PREPARED 'waits'")

        newer, found, naive = look(trio)

    assert isinstance(newer, Newer)
    assert [one.key for one in found] == [(b"9",)]
    assert found == naive
