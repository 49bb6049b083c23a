"""`sql.recover`: what a migration took comes back, and nothing else is touched."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from rollbook.errors import ConflictError, RefusedError, StepFailed, TargetError
from rollbook.schema import build, encode

from ..conftest import Machine, use
from .conftest import BACKUP, Taken

pytestmark = pytest.mark.server

SITE = """
    CREATE TYPE mood AS ENUM ('ok', 'bad'); CREATE DOMAIN short AS text CHECK (length(VALUE) < 20);
    CREATE SCHEMA other;
    CREATE TABLE users (id serial PRIMARY KEY, name text NOT NULL, mood mood DEFAULT 'bad', nick short,
        score integer NOT NULL DEFAULT 7, born timestamptz NOT NULL, doc json, size integer GENERATED ALWAYS AS (id * 2) STORED);
    CREATE UNIQUE INDEX users_nick ON users (lower(nick)); ALTER TABLE users ADD CONSTRAINT users_score CHECK (score > 0);
    COMMENT ON COLUMN users.nick IS 'it''s short';
    INSERT INTO users (name, mood, nick, score, born, doc) SELECT 'n' || i, CASE WHEN i % 3 = 0 THEN 'ok'::mood END,
        'nick' || i, i, '2026-01-01 12:00:00.123456+00', '{"b":1, "a":null}' FROM generate_series(1, 50) i;
    CREATE TABLE channels (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, title text NOT NULL, "odd Name" text DEFAULT 'x',
        owner integer REFERENCES users ON DELETE CASCADE, last_post bigint, mood mood);
    CREATE TABLE other.posts (id serial PRIMARY KEY, channel bigint NOT NULL REFERENCES channels DEFERRABLE, at date, body bytea);
    ALTER TABLE channels ADD FOREIGN KEY (last_post) REFERENCES other.posts;
    CREATE INDEX posts_at ON other.posts (at) WHERE at IS NOT NULL; COMMENT ON TABLE channels IS 'talk';
    CREATE TABLE badges (id integer PRIMARY KEY, holder integer NOT NULL REFERENCES users);
    INSERT INTO badges SELECT id, id FROM users;
    CREATE TABLE parts (id integer, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
    CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
    CREATE TABLE parts_rest PARTITION OF parts DEFAULT;
    INSERT INTO channels (title, owner) SELECT E't\\t' || i, i FROM generate_series(1, 30) i;
    INSERT INTO other.posts (channel, at, body) SELECT i % 30 + 1, '2026-02-02', '\\xdeadbeef' FROM generate_series(1, 500) i;
    UPDATE channels SET last_post = id; INSERT INTO parts VALUES (1, '2026-05-05'), (2, '2030-01-01');
    CREATE TABLE settings (key text PRIMARY KEY, channel bigint REFERENCES channels); INSERT INTO settings VALUES ('home', 3);
    CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.name := NEW.name || ''!''; RETURN NEW; END';
    CREATE FUNCTION seen() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    CREATE TRIGGER touched BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touch();
    CREATE TRIGGER posted AFTER INSERT ON other.posts FOR EACH ROW EXECUTE FUNCTION seen();
    GRANT SELECT ON channels TO PUBLIC;
"""
DEPLOY = """
    DROP TABLE channels, other.posts, parts, badges CASCADE;
    ALTER TABLE users DROP COLUMN mood, DROP COLUMN nick, DROP COLUMN score, DROP COLUMN born, DROP COLUMN doc, DROP COLUMN size;
    DROP TYPE mood; DROP DOMAIN short;
"""
TABLES = ("channels", "other.posts", "parts", "badges")
CELLS = "SELECT id, mood, nick, score, born, doc::text, size FROM users ORDER BY id"


def _broken(taken: Taken, since: str = "") -> None:
    taken.both(SITE)
    taken.execute(DEPLOY + since)


def test_everything_that_was_taken_comes_back(taken: Taken) -> None:
    """Tables, rows with their ids, columns, cells, keys, indexes, triggers, grants and comments are as in the backup."""
    _broken(taken)

    taken.do(taken.recover())

    assert taken.differences() == ()
    assert taken.contents(TABLES, "taken_live") == taken.contents(TABLES, BACKUP)
    assert taken.rows(CELLS) == taken.rows(CELLS, BACKUP)
    assert taken.rows("SELECT count(*) FROM users WHERE name LIKE '%!'") == [(0,)]


@pytest.fixture
def site_role(taken: Taken) -> Iterator[str]:
    """Give a role of which the account is a member."""
    address = f"{taken.url.replace('taken_owner@', 'postgres@')}{taken.reader.database}"
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("CREATE ROLE taken_site; GRANT taken_site TO taken_owner")
        connection.execute("GRANT CREATE ON SCHEMA public TO taken_site")
        yield "taken_site"
        connection.execute("DROP OWNED BY taken_site CASCADE; DROP ROLE taken_site")


LOST = """
    CREATE SCHEMA "lo""st"; COMMENT ON SCHEMA "lo""st" IS 'it''s';
    GRANT USAGE, CREATE ON SCHEMA "lo""st" TO taken_site;
    CREATE TYPE "lo""st".sort AS ENUM ('a', 'b'); ALTER TYPE "lo""st".sort OWNER TO taken_site;
    CREATE FUNCTION seen() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    CREATE TABLE "lo""st".t (id serial PRIMARY KEY, "a b" text, sort "lo""st".sort);
    INSERT INTO "lo""st".t ("a b") VALUES ('x'), ('y');
    CREATE TABLE "lo""st".bare (); INSERT INTO "lo""st".bare DEFAULT VALUES; INSERT INTO "lo""st".bare DEFAULT VALUES;
    CREATE TRIGGER off BEFORE INSERT ON "lo""st".t FOR EACH ROW EXECUTE FUNCTION seen();
    ALTER TABLE "lo""st".t DISABLE TRIGGER off; COMMENT ON TRIGGER off ON "lo""st".t IS 'off';
    CREATE POLICY mine ON "lo""st".t AS RESTRICTIVE FOR UPDATE TO taken_site, taken_owner
        USING ("a b" <> 'z') WITH CHECK (id > 0);
    CREATE RULE kept AS ON DELETE TO "lo""st".t DO INSTEAD NOTHING;
    CREATE STATISTICS "lo""st".st ON id, "a b" FROM "lo""st".t; COMMENT ON CONSTRAINT t_pkey ON "lo""st".t IS 'key';
    ALTER TABLE "lo""st".t REPLICA IDENTITY FULL; ALTER TABLE "lo""st".t CLUSTER ON t_pkey;
    ALTER TABLE "lo""st".t ALTER "a b" SET STATISTICS 77, ALTER "a b" SET STORAGE EXTERNAL;
    GRANT UPDATE ("a b") ON "lo""st".t TO PUBLIC; GRANT USAGE ON SEQUENCE "lo""st".t_id_seq TO PUBLIC;
    ALTER TABLE "lo""st".t OWNER TO taken_site;
"""
SETTINGS = """
    SELECT 'rel', relreplident::text, ''::text FROM pg_class WHERE oid = '"lo""st".t'::regclass
    UNION ALL SELECT attname, attstorage::text, attstattarget::text FROM pg_attribute WHERE attrelid = '"lo""st".t'::regclass
    UNION ALL SELECT stxname, pg_get_statisticsobjdef(oid), pg_get_userbyid(stxowner) FROM pg_statistic_ext
    UNION ALL SELECT 'told', obj_description(oid), '' FROM pg_trigger WHERE tgname = 'off'
    UNION ALL SELECT 'clustered', indisclustered::text, obj_description(o.oid) FROM pg_index
        JOIN pg_constraint o ON conindid = indexrelid WHERE conrelid = '"lo""st".t'::regclass
"""


def test_a_schema_that_went_with_its_tables_comes_back(taken: Taken, site_role: str) -> None:
    """So do policies, rules, statistics, settings and grants, each with its owner; an undo takes the schema out too."""
    taken.both(LOST)
    taken.execute("GRANT CREATE ON SCHEMA public TO taken_site", BACKUP)  # as in live
    taken.execute('DROP SCHEMA "lo""st" CASCADE')
    action = taken.recover()

    change = taken.do(action)
    found = taken.differences(), taken.rows(SETTINGS), taken.rows('SELECT count(*) FROM "lo""st".bare')
    wanted = taken.rows(SETTINGS, BACKUP)
    taken.undo(action, change)
    taken.execute("DROP OWNED BY taken_site CASCADE", BACKUP)

    assert found == ((), wanted, [(2,)])
    assert taken.rows("SELECT FROM pg_namespace WHERE nspname = 'lo\"st'") == []


def test_a_source_restored_without_owners_gives_tables_to_the_site(taken: Taken, site_role: str) -> None:
    """What comes back belongs to whom the source's other tables belong in live, not to whoever restored the source."""
    _broken(taken, f"ALTER TABLE users OWNER TO {site_role}; ALTER TABLE settings OWNER TO {site_role}")

    taken.carry_out(*taken.plan(taken.recover(only=["badges", "users.nick"])).ops)

    assert taken.rows("SELECT tableowner FROM pg_tables WHERE tablename = 'badges'") == [(site_role,)]


def test_new_rows_get_new_ids(taken: Taken) -> None:
    """Sequences go on behind the rows that came back."""
    _broken(taken)
    taken.do(taken.recover())

    taken.execute("INSERT INTO channels (title) VALUES ('new'); INSERT INTO other.posts (channel) VALUES (1)")

    assert taken.rows("SELECT max(id) FROM channels") == [(31,)]
    assert taken.rows("SELECT max(id) FROM other.posts") == [(501,)]


def test_twice_changes_nothing(taken: Taken) -> None:
    """Once all is back there is nothing to do."""
    _broken(taken)
    action = taken.recover()
    taken.do(action)

    again = taken.plan(action)

    assert (again.ops, again.before.tables, again.before.columns, again.before.begun) == ((), (), (), ())


@pytest.mark.parametrize("done", range(4))
def test_what_is_left_is_planned_from_where_a_crash_left_it(taken: Taken, done: int) -> None:
    """After any number of the ops, the rest of them is what is planned, and leads to the same end."""
    _broken(taken)
    action = taken.recover()
    change = taken.plan(action)
    assert len(change.ops) == 3
    taken.carry_out(*change.ops[:done])

    rest = action.ops(action.probe(taken.read), change.after)

    assert rest == change.ops[done:]
    taken.carry_out(*change.ops[:0], *rest)
    assert taken.differences() == ()


def test_settling_may_be_done_twice(taken: Taken) -> None:
    """A kill in the middle of filling leaves cells that a second filling leaves alone."""
    _broken(taken)
    change = taken.plan(taken.recover())
    taken.carry_out(*change.ops, change.ops[-1])

    assert taken.differences() == ()
    assert taken.rows(CELLS) == taken.rows(CELLS, BACKUP)


def test_the_undo_takes_out_exactly_what_came(taken: Taken) -> None:
    """After the undo live is made of what it was before, and a second recovery finds all of it again."""
    _broken(taken)
    before = taken.differences()
    action = taken.recover()
    change = taken.do(action)

    goal = taken.undo(action, change)

    assert taken.differences() == before
    found = action.probe(taken.read)
    assert (found.tables, found.columns, found.begun) == (goal.tables, goal.columns, goal.begun)


@pytest.mark.parametrize(
    "written",
    [
        "INSERT INTO channels (title) VALUES ('new')",
        "DELETE FROM other.posts WHERE id = 500",
        "UPDATE users SET score = 99 WHERE id = 1",
        "INSERT INTO users (name, nick, born) VALUES ('new', 'nn', now())",
    ],
)
def test_the_undo_loses_nothing_that_was_written_since(taken: Taken, written: str) -> None:
    """Where somebody wrote into what came back, the undo is refused and takes nothing out."""
    _broken(taken)
    action = taken.recover()
    change = taken.do(action)
    taken.execute(written)

    with pytest.raises(ConflictError, match="somebody wrote since"):
        taken.undo(action, change)

    assert taken.differences() == ()


@pytest.mark.parametrize(("kind", "default"), [("boolean", "true"), ("inet", "'0.0.0.0'")])
def test_the_undo_knows_what_a_newer_row_has_by_itself(taken: Taken, kind: str, default: str) -> None:
    """A row that is newer than the column that came back, and has its default there, is no write into it."""
    taken.both(f"CREATE TABLE flags (id integer PRIMARY KEY, one {kind} NOT NULL DEFAULT {default})")
    taken.execute("ALTER TABLE flags DROP COLUMN one")
    action = taken.recover(only=["flags.one"])
    change = taken.do(action)
    taken.execute("INSERT INTO flags (id) VALUES (1)")

    taken.undo(action, change)

    assert "one" not in taken.rows("SELECT to_jsonb(f)::text FROM flags f")[0][0]


def test_the_undo_knows_what_the_recovery_itself_settled(taken: Taken) -> None:
    """Rows that lost their reference or were left out, for their parent was gone, are no writes of anybody's."""
    _broken(taken, "DELETE FROM users WHERE id IN (4, 5);")
    action = taken.recover(parents_gone="settle")
    change = taken.do(action)

    taken.undo(action, change)

    assert taken.rows("SELECT to_regclass('channels'), to_regclass('badges')") == [(None, None)]


def test_rows_that_came_since_stay_as_they_are(taken: Taken) -> None:
    """A new row keeps its cells, gets the default of a column that came back, and forbids NOT NULL where it has none."""
    _broken(taken, "INSERT INTO users (name) VALUES ('since'); DELETE FROM users WHERE id = 2;")
    action = taken.recover(parents_gone="settle")

    taken.do(action)

    assert taken.rows("SELECT name, mood::text, nick, score, born FROM users WHERE id = 51") == [
        ("since", "bad", None, 7, None)
    ]
    assert taken.rows("SELECT count(*) FROM users WHERE id = 2") == [(0,)]
    assert [line for line in taken.differences() if "born" in line] == [
        "~ column public.users.born: timestamp with time zone NOT NULL -> timestamp with time zone"
    ]


def test_rows_without_a_parent_stop_it(taken: Taken) -> None:
    """Where a user deleted a parent, nothing is brought back unless the runbook says what to do."""
    _broken(taken, "DELETE FROM users WHERE id IN (4, 5);")

    with pytest.raises(
        StepFailed, match=r"2 rows of channels\.channels_owner_fkey point at rows of users that are gone"
    ):
        taken.do(taken.recover())

    assert taken.rows("SELECT to_regclass('channels')") == [(None,)]


def test_rows_without_a_parent_are_settled_and_exported(taken: Taken) -> None:
    """They lose their reference where it may be empty, are left out where not, and stand in a file as they were."""
    _broken(taken, "DELETE FROM users WHERE id IN (4, 5);")

    taken.do(taken.recover(parents_gone="settle"))

    assert taken.rows("SELECT count(*), count(owner) FROM channels") == [(30, 28)]
    assert taken.rows("SELECT count(*) FROM badges") == [(48,)]
    for name, key in (("channels.channels_owner_fkey", "owner"), ("badges.badges_holder_fkey", "holder")):
        rows = taken.told(f"parents-gone-{name}.csv")
        assert sorted(row[key] for row in rows) == ["4", "5"]


def test_a_reference_that_no_longer_holds_is_told(taken: Taken) -> None:
    """A foreign key of a table that stayed comes back for new rows only, where old ones point at nothing."""
    _broken(taken, "UPDATE settings SET channel = 999;")

    taken.do(taken.recover())

    key = "FOREIGN KEY (channel) REFERENCES public.channels(id)"
    assert [line for line in taken.differences() if "settings" in line] == [
        f"~ constraint public.settings.settings_channel_fkey: {key} -> {key} NOT VALID"
    ]


def test_cells_that_were_written_since_stay(taken: Taken) -> None:
    """What somebody wrote into a column before it was filled stays, and the backup's value stands in a file."""
    _broken(taken)
    change = taken.plan(taken.recover())
    taken.carry_out(*change.ops[:2])
    taken.execute("UPDATE users SET nick = 'mine' WHERE id = 9")

    taken.carry_out(*change.ops[2:])

    assert taken.rows("SELECT nick FROM users WHERE id IN (8, 9) ORDER BY id") == [("nick8",), ("mine",)]
    (file,) = Path(taken.folder).glob("cells-kept-users*.csv")
    assert [row["nick"] for row in taken.told(file.name)] == ["nick9"]


def test_those_whom_putting_back_could_not_serve_are_listed(taken: Taken) -> None:
    """Users whose rows were left out, and those whose cells stayed as somebody wrote them, have a line each."""
    _broken(
        taken, "ALTER TABLE users ADD mail text; UPDATE users SET mail = 'm' || id; DELETE FROM users WHERE id = 4;"
    )
    change = taken.plan(taken.recover(parents_gone="settle"))
    results = taken.carry_out(*change.ops[:2])
    taken.execute("UPDATE users SET nick = 'mine' WHERE id = 9")
    results = (*results, *taken.carry_out(*change.ops[2:]))
    recovered = taken.recover(parents_gone="settle").outputs(change.after, results)

    path = taken.folder.parent / "users.csv"
    users = {"table": "users", "key": "id", "email": "mail"}
    listing = use("postgres.affected_users", users=users, exported=recovered["exported"], path=str(path))
    outputs = Machine(taken.pool).outputs(listing)

    assert path.read_text().splitlines()[1:] == ["m9,9,1,0,0,users"]
    assert outputs["gone"] == 1  # whose channel lost its owner, and whose badge was left out
    assert [one["path"] for one in recovered["exported"]] == recovered["files"]


def test_only_what_is_named_comes_back(taken: Taken) -> None:
    """Patterns name tables, or single columns."""
    _broken(taken)

    state = taken.recover(only=["part*", "users.ni*"]).probe(taken.read)

    assert (state.tables, state.columns) == (("parts", "parts_1", "parts_rest"), ("users.nick",))


def test_a_table_without_a_key_is_refused(taken: Taken) -> None:
    """A column of rows that nothing tells apart is refused while planning, with what to do."""
    taken.both("CREATE TABLE log (line text, at date)")
    taken.execute("ALTER TABLE log DROP COLUMN at")

    with pytest.raises(RefusedError, match=r"log\.at"):
        taken.recover().probe(taken.read)


def test_a_locked_table_names_who_holds_it(taken: Taken, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the lock cannot be had in time, the session that blocks is told, and nothing was changed."""
    import psycopg

    from rollbook.targets.postgres import recovery

    monkeypatch.setattr(recovery, "_TRIES", 1)
    _broken(taken)
    change = taken.plan(taken.recover(only=["users.nick"]))
    with psycopg.connect(f"{taken.url}taken_live", application_name="cron job") as other:
        other.execute("SELECT * FROM users")

        with pytest.raises(TargetError, match="cron job"):
            taken.carry_out(*change.ops)

    assert "nick" not in str(
        taken.rows("SELECT array_agg(attname) FROM pg_attribute WHERE attrelid = 'users'::regclass")
    )


def test_a_locked_parent_of_what_comes_back_is_named_as_well(taken: Taken, monkeypatch: pytest.MonkeyPatch) -> None:
    """A foreign key waits for the table that it points at: who holds that is told, and nothing was brought back."""
    import psycopg

    from rollbook.targets.postgres import recovery

    monkeypatch.setattr(recovery, "_TRIES", 1)
    taken.both("CREATE TABLE marks (id integer PRIMARY KEY); CREATE TABLE flags (id integer REFERENCES marks)")
    taken.execute("DROP TABLE flags")
    change = taken.plan(taken.recover(only=["flags"]))
    with psycopg.connect(f"{taken.url}taken_live", application_name="cron job") as other:
        other.execute("INSERT INTO marks VALUES (1)")

        with pytest.raises(TargetError, match=r"marks stayed locked by others: session \d+ of \w+ \(cron job"):
            taken.carry_out(*change.ops)

    assert taken.rows("SELECT to_regclass('flags')") == [(None,)]


def test_the_state_survives_json(taken: Taken) -> None:
    """A plan that is saved and read again is the same plan."""
    _broken(taken)
    state = taken.recover().probe(taken.read)

    assert build(type(state), encode(state)) == state
