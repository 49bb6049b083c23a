"""A database with what real ones have: odd names, every sort of type, an owner who is no superuser."""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from psycopg import sql
from servers import SqlServer

from rollbook.targets import Redactor, SecretStore, TargetPool
from rollbook.targets.base import TargetSpec

PASSWORD = "correct horse' battery"  # everybody on loopback is trusted; it must not come out anywhere
OWNER = "shop keeper"
RUN = "20260102T030405.678Z-1a2b3c"
_numbers = itertools.count(1)

SCHEMA = r"""
    CREATE SCHEMA "of ""others";
    CREATE EXTENSION pg_trgm;
    CREATE TYPE mood AS ENUM ('sad', 'glad');
    CREATE DOMAIN price AS numeric(10, 2) CHECK (VALUE >= 0);
    CREATE TYPE place AS (street text, number integer);
    CREATE TABLE person (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name varchar(80) NOT NULL, "born on" date, mood mood,
        tags text[], about jsonb, raw json, picture bytea, stay tstzrange, home place, token uuid DEFAULT gen_random_uuid(),
        seen timestamptz DEFAULT now(), weight double precision, shout text GENERATED ALWAYS AS (upper(name)) STORED);
    CREATE INDEX person_name ON person USING gin (name gin_trgm_ops);
    CREATE TABLE "of ""others"."odd table" ("a "" b" text PRIMARY KEY, cost price, who bigint REFERENCES person);
    CREATE TABLE event (at date NOT NULL, person bigint, what text) PARTITION BY RANGE (at);
    CREATE TABLE event_2024 PARTITION OF event FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
    CREATE TABLE event_rest PARTITION OF event DEFAULT;
    CREATE TABLE nothing ();
    CREATE VIEW glad AS SELECT * FROM person WHERE mood = 'glad';
    CREATE FUNCTION tricky() RETURNS text LANGUAGE sql AS $body$ SELECT E'\\! not a command' $body$;
    COMMENT ON TABLE person IS 'people
COPY person FROM stdin;
\! not a command either';"""
ROWS = """
    INSERT INTO person (name, "born on", mood, tags, about, raw, picture, stay, home, weight)
    SELECT 'Ada ' || g || E'\\t\\n\\\\N', '1990-01-01'::date + g, (ARRAY['sad', 'glad', NULL])[1 + g % 3]::mood,
           ARRAY['a', NULL, 'b"c' || g], jsonb_build_object('n', g, 'é', NULL), '{"b": 1, "a":  2}', decode('00ff', 'hex'),
           tstzrange(now(), NULL), ROW('Rue ''x''', g)::place, g / 3.0
    FROM generate_series(1, 500) g;
    INSERT INTO "of ""others"."odd table" SELECT 'key ' || id, id, id FROM person WHERE id % 7 = 0;
    INSERT INTO event SELECT '2023-06-01'::date + g, g, 'said ' || g FROM generate_series(1, 400) g;
    INSERT INTO nothing DEFAULT VALUES;
    SELECT lo_from_bytea(0, 'large');"""


@dataclass(frozen=True, slots=True)
class Shop:
    """The database and how to reach it; *pool* has it as `db`, by its owner's account, and this machine as `local`."""

    name: str
    role: str
    superuser: str
    pool: TargetPool

    def run(self, *statements: str, database: str | None = None) -> None:
        """Run statements as the owner."""
        with psycopg.connect(self.at(database), autocommit=True, user=self.role) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def rows(self, query: str, database: str | None = None) -> list[tuple[object, ...]]:
        with psycopg.connect(self.at(database), autocommit=True) as connection:
            return connection.execute(query.encode()).fetchall()

    def at(self, database: str | None = None) -> str:
        return psycopg.conninfo.make_conninfo(self.superuser, dbname=database or self.name)

    def also(self, *more: TargetSpec) -> TargetPool:
        """Give a pool that has other targets as well; the caller closes it."""
        specs = {spec.name: spec for spec in (self.pool.spec("db"), self.pool.spec("local"), *more)}
        redactor = Redactor()
        return TargetPool(specs, SecretStore({"DB_PASSWORD": PASSWORD}, redactor), redactor)

    def databases(self) -> set[str]:
        return {str(name) for (name,) in self.rows("SELECT datname FROM pg_database")}


@contextmanager
def opened(server: SqlServer, *, superuser: bool = False) -> Iterator[Shop]:
    """Make the database, and drop whatever was made beside it afterwards."""
    number = f"{os.getpid()}_{next(_numbers)}"
    name, role = f"shop {number}", f"{OWNER} {number}"
    address = server.url.replace("+psycopg", "")
    with psycopg.connect(f"{address}postgres", autocommit=True) as connection:
        before = {row[0] for row in connection.execute("SELECT datname FROM pg_database")}
        connection.execute(
            sql.SQL("CREATE ROLE {} LOGIN CREATEDB {} PASSWORD {}").format(
                sql.Identifier(role), sql.SQL("SUPERUSER" if superuser else "NOSUPERUSER"), sql.Literal(PASSWORD)
            )
        )
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0").format(sql.Identifier(name), sql.Identifier(role))
        )
        info = connection.info
        place = {"host": info.host, "port": info.port}
    settings = {
        "driver": "postgresql", **place, "database": name, "user": role, "password": {"secret": "env:DB_PASSWORD"}
    }  # fmt: skip
    redactor = Redactor()
    specs = {"db": TargetSpec("db", "postgres", settings), "local": TargetSpec("local", "local")}
    pool = TargetPool(specs, SecretStore({"DB_PASSWORD": PASSWORD}, redactor), redactor)
    shop = Shop(name, role, f"{address}postgres", pool)
    with psycopg.connect(shop.at(), autocommit=True, user=role) as connection:
        connection.execute(SCHEMA)
        connection.execute(ROWS)
    yield shop
    pool.close()
    with psycopg.connect(f"{address}postgres", autocommit=True) as connection:
        after = {row[0] for row in connection.execute("SELECT datname FROM pg_database")}
        for database in sorted(after - before):
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(database)))
        connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))


_CHILD = """
import json, sys, threading
from datetime import UTC, datetime
from rollbook.planner.readers import LiveReaders
from rollbook.registry import action_type
from rollbook.schema import build
from rollbook.targets import Redactor, SecretStore, TargetPool
from rollbook.targets.base import TargetSpec
from rollbook.testing import FakeExecution

settings, kind, arguments = json.loads(sys.argv[1])
redactor = Redactor()
specs = {"db": TargetSpec("db", "postgres", settings), "local": TargetSpec("local", "local")}
pool = TargetPool(specs, SecretStore({"DB_PASSWORD": "secret enough"}, redactor), redactor)
action = build(action_type(kind), arguments)
before = action.probe(LiveReaders(pool, lambda: datetime.now(UTC), threading.Event()))
ops = action.ops(before, action.desired(before))
print("begun", flush=True)
for op in ops:
    op.carry_out(pool, FakeExecution())
"""


def killed(shop: Shop, kind: str, arguments: Mapping[str, object], seconds: float) -> bool:
    """Carry an action out in a process that is killed after so many seconds; tell whether it was still at it."""
    given = json.dumps([dict(shop.pool.spec("db").settings), kind, arguments])
    process = subprocess.Popen([sys.executable, "-c", _CHILD, given], stdout=subprocess.PIPE)
    assert process.stdout is not None
    with process, process.stdout:
        begun = process.stdout.readline()
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
    assert begun == b"begun\n"
    return process.returncode == -signal.SIGKILL
