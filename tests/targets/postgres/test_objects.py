"""The objects of a database and how two databases differ, on a real server."""

from contextlib import closing

import psycopg
import pytest

from rollbook.postgres.objects import Unlike, told, unlike
from rollbook.targets.postgres.objects import read_objects
from rollbook.targets.postgres.session import connect

from .conftest import Trio

pytestmark = pytest.mark.server

SITE = """
    CREATE TYPE mood AS ENUM ('ok', 'bad'); CREATE DOMAIN short AS text CHECK (length(VALUE) < 9);
    CREATE TABLE users (id serial PRIMARY KEY, name text NOT NULL DEFAULT 'x', mood mood, nick short UNIQUE);
    CREATE TABLE posts (id bigint GENERATED ALWAYS AS IDENTITY, author integer REFERENCES users ON DELETE CASCADE,
        size integer GENERATED ALWAYS AS (1 + 1) STORED, CHECK (author > 0));
    CREATE INDEX by_name ON users (lower(name)) WHERE name <> '';
    CREATE VIEW names AS SELECT name FROM users;
    CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    CREATE TRIGGER t BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION f();
    COMMENT ON TABLE users IS 'people'; GRANT SELECT ON users TO PUBLIC; GRANT INSERT ON users TO PUBLIC;
    CREATE POLICY p ON users USING (true);
"""
CHANGES = {
    "ALTER TABLE users ALTER name DROP DEFAULT": "column public.users.name",
    "ALTER TABLE users ALTER name DROP NOT NULL": "column public.users.name",
    "DROP INDEX by_name": "index public.by_name",
    "ALTER TABLE users DISABLE TRIGGER t": "trigger public.users.t",
    "COMMENT ON TABLE users IS 'others'": "comment table public.users",
    "REVOKE INSERT ON users FROM PUBLIC": "privileges public.users",
    "ALTER TYPE mood ADD VALUE 'odd'": "type public.mood",
    "ALTER SEQUENCE users_id_seq OWNED BY NONE": "sequence public.users_id_seq",
    "CREATE OR REPLACE VIEW names AS SELECT name FROM users WHERE id > 1": "view public.names",
    "ALTER TABLE posts RENAME CONSTRAINT posts_author_fkey TO other": "constraint public.posts.other",
    "DROP POLICY p ON users": "policy public.users.p",
    "CREATE TABLE late (id integer)": "table public.late",
    "CREATE FUNCTION g() RETURNS integer LANGUAGE sql AS 'SELECT 1'": "function public.g()",
}


def _differences(trio: Trio) -> tuple[Unlike, tuple[str, ...]]:
    with closing(connect(trio.base, reading=True)) as base, closing(connect(trio.live, reading=True)) as live:
        first, second = read_objects(base), read_objects(live)
    found = unlike(first, second)
    return found, told(found, first, second)


def _make(trio: Trio, change: str = "") -> None:
    for url, statements in ((trio.base, SITE), (trio.live, SITE + change)):
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(statements)


def test_two_databases_made_alike_are_alike(trio: Trio) -> None:
    """The same statements make the same objects, whatever their numbers are."""
    _make(trio)

    assert _differences(trio) == (Unlike(), ())


@pytest.mark.parametrize(("change", "thing"), CHANGES.items())
def test_every_change_of_an_object_is_seen(trio: Trio, change: str, thing: str) -> None:
    """A default, a grant, a comment, a trigger's state: each is told, by its object."""
    _make(trio, change)

    found, lines = _differences(trio)

    assert thing in [str(one) for one in (*found.lacks, *found.extra, *found.other)]
    assert any(thing in line for line in lines)
