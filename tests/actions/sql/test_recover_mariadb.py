"""`sql.recover` on MariaDB: what a migration took comes back, and nothing else is touched."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pymysql
import pytest
from servers import SqlServer

from rollbook.errors import ConflictError, RefusedError, StepFailed, TargetError
from rollbook.ops import OpResult
from rollbook.schema import build, encode
from rollbook.targets.mysql import batches

from .taken_mariadb import BACKUP, LIVE, TakenOnMariadb, open_taken

pytestmark = pytest.mark.server

SITE = """
    CREATE TABLE users (id int unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, name varchar(30) NOT NULL, mood enum('ok','bad') DEFAULT 'bad',
        nick varchar(20) CHARACTER SET latin1 COMMENT 'it''s short', score int NOT NULL DEFAULT 7, born datetime(6) NOT NULL,
        doc json, size int AS (score * 2) STORED, odd float, big bigint unsigned, raw blob, bits bit(5), zero date,
        flags set('a','b','c'), at timestamp(3) NOT NULL DEFAULT current_timestamp(3) ON UPDATE current_timestamp(3),
        seen timestamp NOT NULL DEFAULT current_timestamp() ON UPDATE current_timestamp(),
        mark char(36) DEFAULT uuid(), UNIQUE KEY nicks (nick), KEY pair (name, score),
        CONSTRAINT scored CHECK (score > 0));
    INSERT INTO users (name, mood, nick, score, born, doc, odd, big, raw, bits, zero, flags, at, seen)
        SELECT CONCAT('n😀', seq), IF(seq % 3 = 0, 'ok', NULL), CONCAT('é', seq), seq, '2026-01-01 12:00:00.123456', '{"b":1, "a":null}',
        seq / 3, 18446744073709551615 - seq, CHAR(0, seq, 255), seq % 32, '0000-00-00', 'a,c', '2020-01-01 00:00:00.5', '2019-01-01'
        FROM seq_1_to_50;
    CREATE TABLE channels (id bigint NOT NULL AUTO_INCREMENT PRIMARY KEY, title varchar(200) NOT NULL, `odd ``Name` text DEFAULT 'x',
        owner int unsigned, last_post bigint, mood enum('ok','bad'), KEY titles (title(7)),
        CONSTRAINT owned FOREIGN KEY (owner) REFERENCES users (id) ON DELETE CASCADE) COMMENT='talk; it''s\\n"all"';
    CREATE TABLE posts (id bigint NOT NULL AUTO_INCREMENT PRIMARY KEY, channel bigint NOT NULL, at date, body blob, answers bigint,
        CONSTRAINT posts_ibfk_1 FOREIGN KEY (channel) REFERENCES channels (id),
        CONSTRAINT answered FOREIGN KEY (answers) REFERENCES posts (id));
    ALTER TABLE channels ADD CONSTRAINT lasted FOREIGN KEY (last_post) REFERENCES posts (id);
    CREATE TABLE badges (id int PRIMARY KEY, holder int unsigned NOT NULL, FOREIGN KEY (holder) REFERENCES users (id));
    INSERT INTO badges SELECT id, id FROM users;
    CREATE TABLE parts (id int NOT NULL, at date NOT NULL, PRIMARY KEY (id, at)) PARTITION BY RANGE (YEAR(at))
        (PARTITION p1 VALUES LESS THAN (2027), PARTITION rest VALUES LESS THAN MAXVALUE);
    INSERT INTO channels (title, owner) SELECT CONCAT('t\\t', seq), seq FROM seq_1_to_30;
    INSERT INTO channels (id, title) VALUES (0, 'zero');
    INSERT INTO posts (channel, at, body) SELECT seq % 30 + 1, '2026-02-02', x'deadbeef00' FROM seq_1_to_500;
    UPDATE posts SET answers = 501 - id;
    UPDATE channels SET last_post = id WHERE id > 0;
    INSERT INTO parts VALUES (1, '2026-05-05'), (2, '2030-01-01');
    CREATE TABLE settings (`key` varchar(20) PRIMARY KEY, channel bigint, CONSTRAINT chosen FOREIGN KEY (channel) REFERENCES channels (id));
    INSERT INTO settings VALUES ('home', 3);
    CREATE TABLE log (line text, at date);
    INSERT INTO log VALUES ('a', NULL), ('a', NULL), ('b', '2026-01-01');
    CREATE TRIGGER posted BEFORE INSERT ON posts FOR EACH ROW SET NEW.body = CONCAT(NEW.body, '!')
"""
TAKEN = ("mood", "nick", "score", "born", "doc", "size", "odd", "big", "raw", "bits", "zero", "flags", "at", "mark")
DEPLOY = f"""
    ALTER TABLE settings DROP FOREIGN KEY chosen;
    SET foreign_key_checks = 0;
    DROP TABLE channels, posts, parts, badges, log;
    SET foreign_key_checks = 1;
    ALTER TABLE users DROP CONSTRAINT scored, {", ".join(f"DROP COLUMN {name}" for name in TAKEN)}
"""
TABLES = ("channels", "posts", "parts", "badges", "users", "settings", "log")


@pytest.fixture
def taken(mariadb_server: SqlServer, tmp_path: Path) -> Iterator[TakenOnMariadb]:
    """Give both schemas, empty."""
    found = open_taken(mariadb_server.url, tmp_path / "recovered")
    yield found
    found.pool.close()


def _broken(taken: TakenOnMariadb, since: str = "") -> None:
    taken.both(SITE)
    # The generated uuids of both sides.
    taken.execute(
        f"UPDATE {LIVE}.users t JOIN {BACKUP}.users s USING (id) SET t.mark = s.mark, t.seen = t.seen, t.at = t.at"
    )
    taken.execute(DEPLOY)
    taken.execute(since)


def _unsettled(results: Sequence[OpResult]) -> list[Any]:
    return [line for result in results for line in result.outputs.get("unsettled", [])]


def test_everything_that_was_taken_comes_back(taken: TakenOnMariadb) -> None:
    """Tables, rows with their ids, columns in their places, cells bit for bit, keys, indexes and triggers are as before."""
    _broken(taken)

    taken.do(taken.recover())

    assert taken.differences() == set()
    assert taken.contents(TABLES, LIVE) == taken.contents(TABLES, BACKUP)


def test_new_rows_get_new_ids(taken: TakenOnMariadb) -> None:
    """AUTO_INCREMENT goes on behind the rows that came back."""
    _broken(taken)
    taken.execute("ALTER TABLE channels AUTO_INCREMENT = 900", BACKUP)
    taken.do(taken.recover())

    taken.execute("INSERT INTO channels (title) VALUES ('new');\nINSERT INTO posts (channel, body) VALUES (1, 'x')")

    assert taken.rows("SELECT (SELECT max(id) FROM channels), (SELECT max(id) FROM posts)") == [(900, 512)]


def test_twice_changes_nothing(taken: TakenOnMariadb) -> None:
    """Once all is back there is nothing to do."""
    _broken(taken)
    action = taken.recover()
    taken.do(action)

    again = taken.plan(action)

    assert (again.ops, again.before.tables, again.before.columns, again.before.begun) == ((), (), (), ())


@pytest.mark.parametrize("done", range(0, 15, 2))
def test_what_is_left_is_planned_from_where_a_crash_left_it(taken: TakenOnMariadb, done: int) -> None:
    """After any number of the ops, the rest of them is what is planned, and leads to the same end."""
    _broken(taken)
    action = taken.recover()
    change = taken.plan(action)
    assert len(change.ops) == 13
    taken.carry_out(*change.ops[:done])

    rest = action.ops(action.probe(taken.read), change.after)

    assert rest == change.ops[done:]
    taken.carry_out(*rest)
    assert taken.differences() == set()


def test_each_op_may_be_done_twice(taken: TakenOnMariadb) -> None:
    """A kill within an op that leaves part of it done is followed by the whole op."""
    _broken(taken)
    change = taken.plan(taken.recover())
    for op in change.ops:
        taken.carry_out(
            *([op, op] if op.op in ("mysql.table_built", "mysql.columns_settled", "mysql.table_settled") else [op])
        )

    assert taken.differences() == set()
    assert taken.contents(TABLES, LIVE) == taken.contents(TABLES, BACKUP)


def test_the_undo_takes_out_exactly_what_came(taken: TakenOnMariadb) -> None:
    """After the undo live is made of what it was before, and a second recovery finds all of it again."""
    _broken(taken)
    before = taken.objects(LIVE)
    action = taken.recover()
    change = taken.do(action)

    goal = action.undo(change).goal
    back = action.ops(action.probe(taken.read), goal)
    taken.carry_out(back[0])
    assert action.ops(action.probe(taken.read), goal) == back[1:]
    taken.carry_out(*back[1:])

    assert taken.objects(LIVE) == before
    found = action.probe(taken.read)
    assert (found.tables, found.columns, found.begun) == (goal.tables, goal.columns, goal.begun)


def test_tables_of_which_some_are_gone_are_taken_out(taken: TakenOnMariadb) -> None:
    """DROP TABLE of many is not atomic: where the server went down in it, or somebody dropped one, the rest goes too."""
    _broken(taken)
    before = taken.objects(LIVE)
    action = taken.recover()
    change = taken.do(action)
    taken.execute("DROP TABLE badges")

    taken.undo(action, change)

    assert taken.objects(LIVE) == before


@pytest.mark.parametrize(
    "written",
    [
        "INSERT INTO channels (title) VALUES ('new')",
        "DELETE FROM badges WHERE id = 5",
        "UPDATE users SET score = 99 WHERE id = 1",
        "UPDATE users SET nick = 'É3' WHERE id = 3",
        "INSERT INTO users (name, nick, born) VALUES ('new', 'nn', now())",
        "INSERT INTO log VALUES ('a', NULL)",
    ],
)
def test_the_undo_loses_nothing_that_was_written_since(taken: TakenOnMariadb, written: str) -> None:
    """Where somebody wrote into what came back, also what a collation holds for equal, nothing is taken out."""
    _broken(taken)
    action = taken.recover()
    change = taken.do(action)
    taken.execute(written)

    with pytest.raises(ConflictError, match="somebody wrote since"):
        taken.undo(action, change)

    assert taken.differences() == set()


def test_the_undo_takes_a_unique_index_over_other_columns_too(taken: TakenOnMariadb) -> None:
    """A unique index that spans a column which stays comes back with its column, and goes with it."""
    taken.both(
        "CREATE TABLE pages (id int PRIMARY KEY, title varchar(9), motto varchar(9), UNIQUE KEY pair (title, motto))"
    )
    taken.both("INSERT INTO pages VALUES (1, 'a', 'b')")
    taken.execute("ALTER TABLE pages DROP KEY pair, DROP COLUMN motto")
    before = taken.objects(LIVE)
    change = taken.plan(action := taken.recover())

    taken.carry_out(*change.ops)
    came = taken.differences()
    taken.carry_out(*action.ops(action.probe(taken.read), action.undo(change).goal))

    assert came == set()
    assert taken.objects(LIVE) == before


def test_the_undo_knows_what_the_recovery_itself_settled(taken: TakenOnMariadb) -> None:
    """Rows that lost their reference or were left out, for their parent was gone, are no writes of anybody's."""
    _broken(taken, "DELETE FROM users WHERE id IN (4, 5)")
    action = taken.recover(parents_gone="settle")
    change = taken.do(action)

    taken.undo(action, change)

    assert taken.rows("SHOW TABLES LIKE '%a%'") == []


def test_a_column_without_values_stays_nullable(taken: TakenOnMariadb) -> None:
    """MariaDB would fill zeros in without a word: rows that came since get the default, or nothing, and that is told."""
    _broken(taken, "INSERT INTO users (name) VALUES ('since');\nDELETE FROM users WHERE id = 2")

    results = taken.carry_out(*taken.plan(taken.recover(parents_gone="settle")).ops)

    assert taken.rows("SELECT mood, nick, score, born, size FROM users WHERE name = 'since'") == [
        ("bad", None, 7, None, 14)
    ]
    assert _unsettled(results) == [
        "users.at NOT NULL: rows that came since have no value",
        "users.born NOT NULL: rows that came since have no value",
    ]
    assert taken.rows(
        "SELECT is_nullable FROM information_schema.columns WHERE column_name = 'born' AND table_schema = DATABASE()"
    ) == [("YES",)]


def test_rows_without_a_parent_stop_it(taken: TakenOnMariadb) -> None:
    """Where a user deleted a parent, no table is brought in unless the runbook says what to do."""
    _broken(taken, "DELETE FROM users WHERE id IN (4, 5)")

    with pytest.raises(StepFailed, match=r"2 rows of channels\.owned point at rows of users that are gone"):
        taken.do(taken.recover())

    assert taken.rows("SHOW TABLES LIKE 'channels'") == []


def test_rows_without_a_parent_are_settled_and_exported(taken: TakenOnMariadb) -> None:
    """They lose their reference where it may be empty, are left out where not, and stand in a file as they were."""
    _broken(taken, "DELETE FROM users WHERE id IN (4, 5)")

    taken.do(taken.recover(parents_gone="settle"))

    assert taken.rows("SELECT count(*), count(owner) FROM channels") == [(31, 28)]
    assert taken.rows("SELECT count(*) FROM badges") == [(48,)]
    for name, key in (("channels.owned", "owner"), ("badges.badges_ibfk_1", "holder")):
        rows = taken.told(f"parents-gone-{name}.csv")
        assert sorted(row[key] for row in rows) == ["4", "5"]


def test_a_reference_that_no_longer_holds_is_told(taken: TakenOnMariadb) -> None:
    """A foreign key of a table that stayed comes back for new rows, and is told where old ones point at nothing."""
    _broken(taken, "UPDATE settings SET channel = 999")

    results = taken.carry_out(*taken.plan(taken.recover()).ops)

    assert _unsettled(results) == ["settings.chosen: 1 rows that were there point at nothing"]
    assert taken.differences() == set()


def test_cells_that_were_written_since_stay(taken: TakenOnMariadb) -> None:
    """What somebody wrote into a column before it was filled stays, and the source's value stands in a file."""
    _broken(taken)
    change = taken.plan(taken.recover())
    at = next(at for at, op in enumerate(change.ops) if op.op == "mysql.columns_settled")
    taken.carry_out(*change.ops[:at])
    taken.execute("UPDATE users SET nick = 'mine' WHERE id = 9;\nUPDATE users SET mood = 'BAD' WHERE id = 8")

    taken.carry_out(*change.ops[at:])

    assert taken.rows("SELECT nick, mood, score FROM users WHERE id IN (8, 9) ORDER BY id") == [
        ("é8", None, 8),
        ("mine", "ok", 9),
    ]
    (file,) = Path(taken.folder).glob("cells-kept-users*.csv")
    assert [row["nick"] for row in taken.told(file.name)] == ["é9"]


def test_filling_leaves_other_cells_alone(taken: TakenOnMariadb) -> None:
    """Columns that follow every update do not follow this one."""
    _broken(taken)

    taken.do(taken.recover())

    assert taken.rows("SELECT DISTINCT CAST(seen AS CHAR) FROM users") == [("2019-01-01 00:00:00",)]


def test_only_what_is_named_comes_back(taken: TakenOnMariadb) -> None:
    """Patterns name tables, or single columns."""
    _broken(taken)

    state = taken.recover(only=["part*", "users.ni*"]).probe(taken.read)

    assert (state.tables, state.columns) == (("parts",), ("users.nick",))


def test_grants_hold_again(taken: TakenOnMariadb) -> None:
    """The server keeps what was granted on a table, and on a column, that goes; it is of those that came back."""
    taken.both("CREATE TABLE flags (id integer PRIMARY KEY, one integer);\nINSERT INTO flags VALUES (1, 1)")
    taken.execute("CREATE USER granted@'%';\nGRANT SELECT, UPDATE (one) ON flags TO granted@'%'")
    granted = taken.rows("SHOW GRANTS FOR granted@'%'")
    taken.execute("DROP TABLE flags")

    taken.do(taken.recover())

    host, _, port = taken.url.split("@")[1].rstrip("/").partition(":")
    reached = {"host": host, "port": int(port), "user": "granted", "database": taken.live}
    with closing(pymysql.connect(**reached)) as connection, connection.cursor() as cursor:  # type: ignore[call-overload]  # as of these
        assert cursor.execute("UPDATE flags SET one = 2 WHERE id = 1") == 1
    assert taken.rows("SHOW GRANTS FOR granted@'%'") == granted
    taken.execute("DROP USER granted@'%'")


def test_a_trigger_that_would_fire_is_refused(taken: TakenOnMariadb) -> None:
    """Nothing keeps triggers quiet on this server, so filling a table that has some is refused while planning."""
    _broken(taken, "CREATE TRIGGER touched BEFORE UPDATE ON users FOR EACH ROW SET NEW.name = 'touched'")

    with pytest.raises(RefusedError, match="touched"):
        taken.recover().probe(taken.read)


def test_a_schema_that_is_not_there_is_refused(taken: TakenOnMariadb) -> None:
    """A misspelt source is no reason to find nothing missing."""
    with pytest.raises(RefusedError, match="has no database nosuch"):
        taken.recover(source="nosuch").probe(taken.read)


def test_a_locked_table_names_who_holds_it(taken: TakenOnMariadb, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the lock cannot be had in time, the session that blocks is told, and nothing was changed."""
    from rollbook.targets.mysql import patience

    monkeypatch.setattr(patience, "_TRIES", 1)
    _broken(taken)
    change = taken.plan(taken.recover(only=["users.nick"]))
    with closing(taken.connect()) as other:
        other.begin()
        number = other.thread_id()
        other.cursor().execute("SELECT * FROM users")

        with pytest.raises(TargetError, match=rf"session {number} of root"):
            taken.carry_out(*change.ops)

    assert taken.rows("SHOW COLUMNS FROM users LIKE 'nick'") == []


def test_the_state_survives_json(taken: TakenOnMariadb) -> None:
    """A plan that is saved and read again is the same plan."""
    _broken(taken)
    state: Any = taken.recover().probe(taken.read)

    assert build(type(state), encode(state)) == state


@pytest.mark.parametrize("first", range(3))
def test_a_kill_at_any_statement_is_resumed(taken: TakenOnMariadb, monkeypatch: pytest.MonkeyPatch, first: int) -> None:
    """Wherever the connection breaks off, what is planned then is the rest of the ops, and leads to the same end."""
    monkeypatch.setattr(batches, "_BATCH", 100)
    total = _statements(taken, monkeypatch, None)

    for at in range(first * 3 + 1, total, 19):
        taken.clear()
        _statements(taken, monkeypatch, at)

    assert total > 100


def _statements(taken: TakenOnMariadb, monkeypatch: pytest.MonkeyPatch, at: int | None) -> int:
    """Recover, killed at the statement of that number; gives how many there are."""
    _broken(taken)
    action = taken.recover()
    change = taken.plan(action)
    passed = 0
    execute = pymysql.cursors.Cursor.execute

    class Killed(BaseException):
        """Stands for the process's end."""

    def counting(cursor: Any, query: str, args: Any = None) -> int:
        nonlocal passed
        passed += 1
        if passed == at:
            cursor.connection._force_close()
            raise Killed
        return execute(cursor, query, args)

    begun = 0
    with monkeypatch.context() as patch:
        patch.setattr(pymysql.cursors.Cursor, "execute", counting)
        try:
            for op in change.ops:
                taken.carry_out(op)
                begun += 1
        except (Killed, pymysql.err.Error):
            assert at is not None
    rest = action.ops(action.probe(taken.read), change.after)
    assert rest in (change.ops[begun:], change.ops[begun + 1 :])
    taken.carry_out(*rest)
    assert taken.differences() == set()
    assert taken.contents(TABLES, LIVE) == taken.contents(TABLES, BACKUP)
    return passed
