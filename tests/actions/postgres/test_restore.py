"""Restores of every sort of backup into a database beside the live one, which is never touched."""

import gzip
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from servers import SshServer

from rollbook.action import Leave
from rollbook.errors import CommandFailed, ConflictError, RefusedError, TargetError
from rollbook.postgres.names import Name
from rollbook.postgres.passes import Differing
from rollbook.postgres.scratch import Mark
from rollbook.targets.base import TargetSpec
from rollbook.targets.postgres.carry import Sources, carry

from ..conftest import Machine, use
from .shops import PASSWORD, RUN, Shop, killed

pytestmark = pytest.mark.server
PROGRAMS = max(Path("/usr/lib/postgresql").glob("*/bin"), default=Path("/usr/bin"), key=lambda path: path.parent.name)
KINDS = ("rollbook", "directory", "custom", "tar", "plain", "plain.create", "plain.gz", "plain.zst")


def dumped(shop: Shop, path: Path, *arguments: str, database: str | None = None) -> Path:
    """Have pg_dump make a backup as somebody without Rollbook would."""
    subprocess.run(
        [str(PROGRAMS / "pg_dump"), f"--dbname={shop.at(database)}", f"--file={path}", *arguments], check=True
    )
    return path


def made(shop: Shop, desk: Machine, folder: Path, kind: str) -> Path:
    """Make a backup of a kind."""
    match kind.split("."):
        case ["rollbook"]:
            (result,) = desk.carry_out(*desk.plan(use("postgres.backup", folder=str(folder), run=RUN)).ops)
            return Path(result.outputs["path"])
        case ["directory"]:
            return dumped(shop, folder / "directory", "--format=directory")
        case ["custom"]:
            return dumped(shop, folder / "custom.dump", "--format=custom")
        case ["tar"]:
            return dumped(shop, folder / "dump.tar", "--format=tar")
        case ["plain", "create"]:
            return dumped(shop, folder / "plain.sql", "--create", "--clean", "--if-exists")
        case ["plain"]:
            return dumped(shop, folder / "plain.sql")
        case ["plain", "gz"]:
            plain = dumped(shop, folder / "plain.sql")
            (folder / "plain.sql.gz").write_bytes(gzip.compress(plain.read_bytes()))
            return folder / "plain.sql.gz"
    plain = dumped(shop, folder / "plain.sql")
    program = shutil.which("zstd")
    if program is None:
        pytest.skip("no zstd")
    subprocess.run([program, "-q", str(plain)], check=True)
    return folder / "plain.sql.zst"


def schema(shop: Shop, database: str) -> str:
    """Give all of a database's schema, with owners and grants, without what is noted of it until it is swapped in."""
    argv = [str(PROGRAMS / "pg_dump"), f"--dbname={shop.at(database)}", "--schema-only", "--exclude-schema=rollbook"]
    text = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
    return re.sub(r"^\\(un)?restrict .*$", "", text, flags=re.MULTILINE)


def content(shop: Shop, database: str) -> dict[str, list[tuple[object, ...]]]:
    """Give every row as text, the large objects too."""
    tables = ("person", '"of ""others"."odd table"', "event", "nothing")
    found = {table: shop.rows(f"SELECT t::text FROM {table} t ORDER BY 1", database) for table in tables}
    return {**found, "large": shop.rows("SELECT lo_get(oid) FROM pg_largeobject_metadata", database)}


def restore(path: Path, **arguments: object) -> object:
    return use("postgres.restore", backup=str(path), **{"run": RUN, **arguments})


@pytest.mark.parametrize("kind", KINDS)
def test_a_restored_database_is_as_the_backup(shop: Shop, desk: Machine, tmp_path: Path, kind: str) -> None:
    """Schema, owners, grants and every row come out as they were, by an account that is no superuser."""
    shop.run("GRANT SELECT ON person TO PUBLIC", "ALTER TABLE event_2024 SET (fillfactor = 50)")
    wanted = schema(shop, shop.name), content(shop, shop.name)
    path = made(shop, desk, tmp_path, kind)
    shop.run("DROP TABLE event", "DELETE FROM person WHERE id > 3 AND id % 7 <> 0")

    action = restore(path)
    change = desk.apply(action)

    name = action.outputs(change.after, ())["database"]
    assert name == f"{shop.name}_rb_{RUN}"
    assert (schema(shop, name), content(shop, name)) == wanted
    assert len(shop.rows("SELECT FROM person")) == 74
    assert action.probe(desk.read).exists
    assert desk.plan(action).ops == ()


_ONLY_SUPERUSERS = (
    'CREATE PUBLICATION "every one. [*]" FOR ALL TABLES',
    "COMMENT ON PUBLICATION \"every one. [*]\" IS E'of\\nall'",
    "CREATE PUBLICATION one FOR TABLE person",
    "CREATE FUNCTION watch() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN\nPERFORM 1;\nEND $$",
    "COMMENT ON FUNCTION watch() IS 'w'",
    "GRANT EXECUTE ON FUNCTION watch() TO pg_monitor",
    "CREATE EVENT TRIGGER watching ON ddl_command_end EXECUTE FUNCTION watch()",
    "COMMENT ON EVENT TRIGGER watching IS 'w'",
)


@pytest.fixture
def superusers(shop: Shop) -> Iterator[Shop]:
    """Have a superuser's doings in the shop: the schema public, publications, an event trigger, a tablespace for all."""
    with psycopg.connect(shop.at(), autocommit=True) as connection:
        connection.execute("SET allow_in_place_tablespaces = on")
        for name in ("fast", "slow"):
            connection.execute(f"CREATE TABLESPACE {name} LOCATION ''".encode())
        connection.execute("CREATE TABLE parked (id integer PRIMARY KEY) TABLESPACE slow")
        connection.execute(sql.SQL("ALTER TABLE parked OWNER TO {}").format(sql.Identifier(shop.role)))
        connection.execute("ALTER SCHEMA public OWNER TO postgres")
        connection.execute("GRANT CREATE ON SCHEMA public TO PUBLIC")
        connection.execute(
            "CREATE SUBSCRIPTION sub CONNECTION 'host=127.0.0.1 port=1' PUBLICATION p"
            " WITH (connect = false, slot_name = NONE)"
        )
        for statement in _ONLY_SUPERUSERS:
            connection.execute(statement.encode())
    with psycopg.connect(shop.at("postgres"), autocommit=True) as connection:
        moved = sql.SQL("ALTER DATABASE {} SET TABLESPACE fast").format(sql.Identifier(shop.name))
        connection.execute(moved)
    yield shop
    shop.pool.close()
    with psycopg.connect(shop.at(), autocommit=True) as connection:
        connection.execute("DROP SUBSCRIPTION sub")
        connection.execute("DROP EVENT TRIGGER watching")
        connection.execute("DROP FUNCTION watch()")
        connection.execute("DROP TABLE parked")
    with psycopg.connect(shop.at("postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(f"{shop.name}_rb_{RUN}")))
        connection.execute(sql.SQL("ALTER DATABASE {} SET TABLESPACE pg_default").format(sql.Identifier(shop.name)))
        connection.execute("DROP TABLESPACE fast")
        connection.execute("DROP TABLESPACE slow")


@pytest.mark.parametrize("kind", ["custom", "directory", "plain"])
def test_what_is_a_superuser_s_keeps_no_other_account_from_restoring(
    superusers: Shop, tmp_path: Path, kind: str
) -> None:
    """The schema public stays as the server makes it, what only they can make is left out and named, and so on."""
    shop, desk = superusers, Machine(superusers.pool)
    if kind != "plain":  # which has them among what psql runs
        default = "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO PUBLIC"
        with psycopg.connect(shop.at(), autocommit=True) as connection:
            connection.execute(default.encode())
    path = made(shop, desk, tmp_path, kind)
    action, role = restore(path), sql.Identifier(shop.role)

    with pytest.raises(RefusedError) as caught:
        desk.plan(action)
    with psycopg.connect(shop.at(), autocommit=True) as connection:
        for name in ("fast", "slow"):
            granted = f'GRANT CREATE ON TABLESPACE "{name}" TO "{shop.role}";'
            assert kind == "plain" or granted in caught.value.message
            connection.execute(sql.SQL("GRANT CREATE ON TABLESPACE {} TO {}").format(sql.Identifier(name), role))
    told = action.details(desk.plan(action))
    name = action.outputs(desk.apply(action).after, ())["database"]

    assert any(line.startswith("the schema public keeps the owner") for line in told)
    left = "publication every one. [*], publication one, event trigger watching, function watch()"
    assert any(f"no member of postgres: {left}; have a superuser" in line for line in told), told
    for catalog in ("pg_publication", "pg_event_trigger", "(SELECT FROM pg_proc WHERE proname = 'watch') f"):
        assert shop.rows(f"SELECT FROM {catalog}", name) == []
    assert kind == "plain" or any("default privileges of postgres; set them anew" in line for line in told)
    assert shop.rows("SELECT FROM pg_subscription WHERE subdbid <> (SELECT oid FROM pg_database"
                     f" WHERE datname = '{shop.name}')") == []  # fmt: skip
    assert shop.rows("SELECT has_schema_privilege('public', 'public', 'CREATE')", name) == [(True,)]
    where = "SELECT spcname FROM pg_tablespace t JOIN pg_{} o ON t.oid = o.{}tablespace WHERE {}"
    assert shop.rows(where.format("database", "dat", f"datname = '{name}'")) == [("fast",)]
    assert shop.rows(where.format("class", "rel", "relname = 'parked'"), name) == [("slow",)]


def test_it_knows_which_rows_of_live_were_written_since_its_backup(shop: Shop, desk: Machine, tmp_path: Path) -> None:
    """Of tables with an integer key only those rows are looked at, of others all are."""
    action = restore(made(shop, desk, tmp_path, "rollbook"))
    name = action.outputs(desk.apply(action).after, ())["database"]
    shop.run("UPDATE person SET name = 'Grace' WHERE id = 7", "DELETE FROM person WHERE id = 8")

    found = carry(Sources(shop.at(), shop.at(name), None), final=True)

    assert found.told.differing == {"person": Differing(0, 1, 1)}
    assert found.told.whole == {str(Name('of "others', "odd table")): "its key is no integer"}


def test_it_is_marked_owned_and_furnished_as_the_live_one(shop: Shop, desk: Machine, tmp_path: Path) -> None:
    """Owner, grants and settings of the database are the live one's; the comment says who made it."""
    name = shop.name
    shop.run(
        f'GRANT CREATE ON DATABASE "{name}" TO PUBLIC',
        f'REVOKE TEMPORARY ON DATABASE "{name}" FROM PUBLIC',
        f'ALTER DATABASE "{name}" SET search_path TO "$user", public, "of ""others"',
        f"ALTER DATABASE \"{name}\" SET application_name TO 'it''s'",
    )
    properties = """
        SELECT pg_get_userbyid(datdba), encoding, datcollate, datctype, datconnlimit,
               ARRAY(SELECT a::text FROM aclexplode(datacl) a ORDER BY 1),
               ARRAY(SELECT c FROM pg_db_role_setting s, unnest(s.setconfig) c WHERE s.setdatabase = d.oid ORDER BY 1)
        FROM pg_database d WHERE datname = '{}'"""

    action = restore(made(shop, desk, tmp_path, "custom"))
    change = desk.plan(action)
    (result,) = desk.carry_out(*change.ops)

    restored = change.after.database
    assert shop.rows(properties.format(restored)) == shop.rows(properties.format(name))
    (comment,) = shop.rows(
        f"SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = '{restored}'"
    )
    assert Mark.parse(str(comment[0])) == Mark(RUN, "restored", name)
    assert result.outputs["not_carried"] == []
    assert shop.rows("SELECT FROM pg_statistic WHERE starelid = 'person'::regclass", restored)


def test_a_setting_that_the_account_may_not_set_is_named(shop: Shop, desk: Machine, tmp_path: Path) -> None:
    """What is not carried is told, and does not fail the restore."""
    with psycopg.connect(shop.superuser, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE \"{shop.name}\" SET log_statement TO 'all'".encode())

    (result,) = desk.carry_out(*desk.plan(restore(made(shop, desk, tmp_path, "custom"))).ops)

    (line,) = result.outputs["not_carried"]
    assert "log_statement" in line


def test_what_differs_from_the_manifest_fails(shop: Shop, desk: Machine, tmp_path: Path) -> None:
    """Two cells swapped between rows are found, though counts and plain sums are the same."""
    path = made(shop, desk, tmp_path, "rollbook")
    shop.run("UPDATE event SET person = CASE person WHEN 5 THEN 6 ELSE 5 END WHERE person IN (5, 6)")
    shutil.rmtree(path / "dump")
    dumped(shop, path / "dump", "--format=directory")

    with pytest.raises(TargetError, match="event has 400 rows as in the backup, of which some have other contents"):
        desk.apply(restore(path))

    assert not restore(path).probe(desk.read).exists


def test_a_name_that_is_taken_is_refused(shop: Shop, desk: Machine, tmp_path: Path) -> None:
    """A database that this run did not make is never dropped."""
    path = made(shop, desk, tmp_path, "custom")

    with pytest.raises(RefusedError, match="that this run did not make"):
        desk.plan(restore(path, into=shop.name))


def test_a_database_gets_a_given_name_when_it_is_complete(shop: Shop, desk: Machine, tmp_path: Path) -> None:
    """It is built under a name that bears the run's id."""
    path = made(shop, desk, tmp_path, "custom")

    desk.apply(restore(path, into=f"new {shop.name}"))

    assert f"new {shop.name}" in shop.databases()
    assert not any("rbnew" in name for name in shop.databases())


HOSTILE = [
    ("\\! touch {witness}\n", "a command for psql"),
    ("SELECT 1 \\! touch {witness}\n", "a command for psql"),
    ("\\connect shop\n\\connect postgres\n", "another database"),
    ("SELECT 1; CREATE DATABASE evil;\n", "makes, alters or drops"),
    ("SELECT 1; COMMIT;\n", "transaction"),
    ("CREATE ROLE evil;\n", "roles"),
]


@pytest.mark.parametrize(("text", "told"), HOSTILE)
def test_hostile_sql_is_refused(shop: Shop, desk: Machine, tmp_path: Path, text: str, told: str) -> None:
    """Plain SQL that reaches beyond its database is refused before anything is made."""
    path = dumped(shop, tmp_path / "plain.sql")
    lines = path.read_text().splitlines(keepends=True)
    at = lines.index("SET row_security = off;\n")
    path.write_text("".join([*lines[:at], text.format(witness=tmp_path / "witness"), *lines[at:]]))
    before = shop.databases()

    with pytest.raises(RefusedError, match=told):
        desk.plan(restore(path))

    assert shop.databases() == before


def test_psql_is_restricted_as_well(shop: Shop, desk: Machine, tmp_path: Path) -> None:
    """A file that misleads the one who looks through it still commands nothing, and nothing of it stays."""
    witness = tmp_path / "witness"
    path = tmp_path / "plain.sql"
    path.write_text(
        "CREATE TABLE a (x text);\nSELECT set_config('standard_' || 'conforming_strings', 'off', false);\n"
        f"SELECT 'a\\'' \\! touch {witness}\n ;';\n"
    )
    action = restore(path)
    change = desk.plan(action)
    assert change.before.readiness.programs.restricts

    with pytest.raises(CommandFailed, match="psql"):
        desk.carry_out(*change.ops)

    assert not witness.exists()
    assert not action.probe(desk.read).exists


@pytest.mark.parametrize(("name", "cut"), [("plain.sql", 0.5), ("plain.sql.gz", 0.5), ("plain.sql.gz", 0.999)])
def test_a_dump_that_was_cut_off_is_refused(shop: Shop, desk: Machine, tmp_path: Path, name: str, cut: float) -> None:
    """Half of a dump is never restored, though psql would take it."""
    path = made(shop, desk, tmp_path, name.replace(".sql", ""))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * cut)])

    with pytest.raises(RefusedError, match=r"cut off|in the middle|cannot be unpacked"):
        desk.plan(restore(path))


def test_a_dump_that_is_cut_off_after_the_plan_is_not_committed(shop: Shop, desk: Machine, tmp_path: Path) -> None:
    """What cannot be read to its end leaves nothing that passes for a restore."""
    path = made(shop, desk, tmp_path, "plain.gz")
    action = restore(path)
    change = desk.plan(action)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])

    with pytest.raises(CommandFailed):
        desk.carry_out(*change.ops)
    path.write_bytes(whole)

    assert not action.probe(desk.read).exists


def test_a_role_that_is_missing_is_named(shop: Shop, desk: Machine, tmp_path: Path) -> None:
    """Owners must be there before: the refusal says which."""
    with psycopg.connect(shop.at(), autocommit=True) as connection:
        connection.execute(b'CREATE ROLE "gone away"; CREATE TABLE theirs (); ALTER TABLE theirs OWNER TO "gone away"')
        path = made(shop, desk, tmp_path, "custom")
        connection.execute(b'DROP TABLE theirs; DROP ROLE "gone away"')

    with pytest.raises(RefusedError, match="roles that own something in it that the backup needs: gone away"):
        desk.plan(restore(path))


def test_rights_that_are_missing_are_told_with_their_grants(shop: Shop, desk: Machine, tmp_path: Path) -> None:
    """Before anything is made: what to run so that the account may make the database and give things their owners."""
    with psycopg.connect(shop.at(), autocommit=True) as connection:
        connection.execute(b"CREATE TABLE theirs ()")
        connection.execute(f'GRANT SELECT ON theirs TO "{shop.role}"; ALTER ROLE "{shop.role}" NOCREATEDB'.encode())
    path = made(shop, desk, tmp_path, "custom")

    with pytest.raises(RefusedError) as caught:
        desk.plan(restore(path))

    assert f'ALTER ROLE "{shop.role}" CREATEDB;' in str(caught.value)
    assert f'GRANT "postgres" TO "{shop.role}"' in str(caught.value)
    with psycopg.connect(shop.at(), autocommit=True) as connection:
        connection.execute(f'ALTER ROLE "{shop.role}" CREATEDB'.encode())
        connection.execute(f'GRANT "postgres" TO "{shop.role}"'.encode())
    wanted = schema(shop, shop.name)
    change = desk.apply(restore(path))
    assert schema(shop, change.after.database) == wanted


def test_a_scratch_database_is_dropped_by_an_undo(shop: Shop, desk: Machine, tmp_path: Path) -> None:
    """Only where nobody is connected, and only the run's own; one that may become live stays."""
    path = made(shop, desk, tmp_path, "custom")
    action = restore(path, role="scratch")
    change = desk.apply(action)
    name = change.after.database
    with psycopg.connect(shop.at(name)), pytest.raises(TargetError, match="being accessed by other users"):
        desk.undo(action, change)

    desk.undo(action, change)

    assert name not in shop.databases()
    assert isinstance(restore(path).undo(change), Leave)


def test_the_mark_of_another_run_keeps_a_database(shop: Shop, desk: Machine, tmp_path: Path) -> None:
    """What another run made is not dropped, whatever its name."""
    action = restore(made(shop, desk, tmp_path, "custom"), role="scratch")
    change = desk.apply(action)
    name = change.after.database
    shop.run(f"COMMENT ON DATABASE \"{name}\" IS '{Mark('other', 'scratch', shop.name)}'")

    with pytest.raises(ConflictError, match="does not bear the mark"):
        desk.carry_out(*action.ops(change.after, change.before))

    assert name in shop.databases()


@pytest.mark.parametrize(
    ("kind", "seconds"),
    [*(("rollbook", seconds) for seconds in (0.0, 0.1, 0.2, 0.4, 0.8)), ("plain", 0.15), ("plain", 0.6)],
)
def test_a_killed_restore_is_made_again(shop: Shop, desk: Machine, tmp_path: Path, kind: str, seconds: float) -> None:
    """Whenever it is killed, no half passes for a restore, and a resume ends with a whole one."""
    shop.run("CREATE TABLE long AS SELECT g AS id, md5(g::text) AS text FROM generate_series(1, 100000) g")
    path = made(shop, desk, tmp_path, kind)
    wanted = schema(shop, shop.name)
    arguments = {"backup": str(path), "run": RUN}

    killed(shop, "postgres.restore", arguments, seconds)
    action = restore(path)
    complete = action.probe(desk.read).exists
    if not complete:
        desk.apply(action)

    name = f"{shop.name}_rb_{RUN}"
    assert schema(shop, name) == wanted
    assert shop.rows("SELECT count(*) FROM long", name) == [(100_000,)]
    assert shop.databases() >= {name, shop.name}


def test_the_password_comes_out_nowhere(shop: Shop, desk: Machine, tmp_path: Path) -> None:
    """Neither the plan nor the output of the programs holds it."""
    action = restore(made(shop, desk, tmp_path, "plain"))
    change = desk.apply(action)

    shown = [line for op in change.ops for line in op.render()]
    assert not any(PASSWORD in line for line in shown)
    assert any("--single-transaction" in line for line in shown)
    assert PASSWORD.encode() not in bytes(desk.execution.output)


def test_the_programs_may_run_on_another_host(shop: Shop, sshd: SshServer, tmp_path: Path) -> None:
    """Backup and restore run where `runs_on` says, and the password reaches them there."""
    settings = {"host": sshd.host, "port": sshd.port, "user": sshd.user, "key": str(sshd.key)}
    settings["known_hosts"] = [str(sshd.known_hosts)]
    desk = Machine(shop.also(TargetSpec("box", "ssh", settings)))
    wanted = schema(shop, shop.name), content(shop, shop.name)

    (result,) = desk.carry_out(*desk.plan(use("postgres.backup", folder=str(tmp_path), run=RUN, runs_on="box")).ops)
    change = desk.apply(restore(result.outputs["path"], runs_on="box"))
    desk.pool.close()

    assert (schema(shop, change.after.database), content(shop, change.after.database)) == wanted
