"""What is found in plain dumps, in whatever pieces their bytes come."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollbook.postgres.plainsql import Script, ScriptScan

HEAD = b"--\n-- PostgreSQL database dump\n--\n\n\\restrict a1B2\n\n-- Dumped from database version 15.20 (Debian)\n\n"
TAIL = b"--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict a1B2\n\n"
BODY = rb"""SET standard_conforming_strings = on;
CREATE FUNCTION public.f() RETURNS text LANGUAGE sql AS $body$ SELECT E'\\! ; COPY a FROM stdin;
\! not a command $body$;
CREATE FUNCTION public.g(a integer) RETURNS integer LANGUAGE sql
    BEGIN ATOMIC
 SELECT CASE WHEN (g.a > 0) THEN 1 ELSE 2 END;
 SELECT 3;
END;
COMMENT ON FUNCTION public.f() IS E'it\'s \\\' \\! of /* no comment';
COMMENT ON FUNCTION public.f() IS 'it''s \! plain; -- \! text';
/* a comment /* in another */ \! still one */
CREATE TABLE public."\! odd" (id integer, name text DEFAULT 'C:\dir');
COPY public."\! odd" (id, name) FROM stdin;
\N	\\! ls
1	COMMIT;
\.


BEGIN;
SELECT pg_catalog.lo_create('1');
COMMIT;
CREATE INDEX "a;b" ON public."\! odd" USING btree (id); -- \! gone
"""


def scanned(content: bytes, *, size: int = 1 << 20) -> Script:
    scan = ScriptScan()
    for at in range(0, len(content), size):
        scan.feed(content[at : at + size])
    return scan.end()


@given(st.integers(1, 200))
def test_a_dump_is_told_as_it_is(size: int) -> None:
    """Backslashes in quotes, bodies, comments and rows are no commands, however the bytes are cut."""
    script = scanned(HEAD + BODY + TAIL, size=size)

    dropped = (5, *script.dropped[1:])
    assert script == Script(dump=True, complete=True, major=15, tables=1, dropped=dropped, problems=(), rows=1)
    lines = (HEAD + BODY + TAIL).split(b"\n")
    assert [lines[number - 1] for number in script.dropped[1:]] == [b"BEGIN;", b"COMMIT;", b"\\unrestrict a1B2"]


ITSELF = (
    b"DROP DATABASE shop;",
    b"CREATE DATABASE shop WITH TEMPLATE = template0 ENCODING = 'UTF8';",
    b"ALTER DATABASE shop OWNER TO shop;",
    b"\\unrestrict a1B2",
    b"\\connect shop",
    b"\\encoding SQL_ASCII",
    b"\\restrict a1B2",
    b"COMMENT ON DATABASE shop IS 'two;",
    b"lines';",
    b"ALTER DATABASE shop SET work_mem TO '9MB';",
    b"ALTER ROLE shop IN DATABASE shop SET work_mem TO '8MB';",
    b"\\connect shop",
    b"GRANT CONNECT ON DATABASE shop TO reader;",
)


def test_what_is_of_the_database_itself_is_left_out() -> None:
    """Of a dump made with -C psql gets nothing that reaches the live database, which has that name."""
    script = scanned(HEAD + b"\n\n".join(ITSELF) + b"\n" + BODY + TAIL)

    lines = (HEAD + b"\n\n".join(ITSELF) + b"\n" + BODY + TAIL).split(b"\n")
    assert script.problems == ()
    assert script.database == "shop"
    assert [line for number in script.dropped[1:] if (line := lines[number - 1])] == [
        *ITSELF,
        b"BEGIN;",
        b"COMMIT;",
        b"\\unrestrict a1B2",
    ]


@pytest.mark.parametrize(
    "text",
    [
        HEAD + b"\\connect shop\n" + BODY + b"\\connect other\n" + TAIL,
        HEAD + BODY + b"\\connect other\n" + TAIL,
        HEAD + b"\\connect shop\n\\connect other\n" + BODY + TAIL,
        HEAD + b"SELECT 1; DROP DATABASE shop;\n" + BODY + TAIL,
        HEAD + b"DROP DATABASE shop; SELECT 1;\n" + BODY + TAIL,
        b"GRANT CONNECT ON DATABASE shop TO reader;\n",
    ],
)
def test_what_cannot_be_left_out_is_named(text: bytes) -> None:
    """A second database, and what does not stand in lines of its own or was not written by pg_dump, is a problem."""
    assert len(scanned(text).problems) == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (rb"\! rm -rf /", "a command for psql"),
        (rb"SELECT 1 \! rm -rf /", "a command for psql"),
        (rb"SELECT 'a' \gexec", "a command for psql"),
        (rb"SELECT E'a\\' \! rm", "a command for psql"),
        (rb"SELECT note'a\' \! rm'", "a command for psql"),
        (b"SELECT $x$ $y$ $x$ \\! rm", "a command for psql"),
        (b"CREATE TABLE a$b$ (x int); \\! rm $b$", "a command for psql"),
        (b"COPY a FROM stdin;\n1\n\\.\n\\! rm", "a command for psql"),
        (b"copy a (b)\n  from STDIN with (format text);\n\\! row\n\\.\n\\! rm", "line 5 has"),
        (b"\\connect shop", "another database"),
        (b"\\restrict a; \\! rm", "a command for psql"),
        (b"CREATE DATABASE shop;", "makes, alters or drops a database"),
        (b"-- x\nDROP DATABASE shop;", "makes, alters or drops a database"),
        (b"ALTER DATABASE shop SET x TO 'y';", "makes, alters or drops a database"),
        (b"CREATE ROLE evil SUPERUSER;", "roles or tablespaces"),
        (b"-- PostgreSQL database cluster dump\n", "pg_dumpall"),
        (b"SELECT 1; COMMIT;", "a transaction"),
        (b"COMMIT AND CHAIN;", "a transaction"),
        (b"SET standard_conforming_strings = off;", "strings of the old form"),
        (b"COPY a FROM PROGRAM 'rm -rf /';", "start a program"),
        (b"COPY a FROM stdin;\n1\n", "in the middle of rows"),
        (b"SELECT 'a", "in the middle of a quoted text"),
        (HEAD + BODY, "was cut off"),
    ],
)
def test_what_a_dump_must_not_hold_is_named(text: bytes, told: str) -> None:
    """What psql would run, what reaches beyond the database, and what is cut off are problems."""
    script = scanned(text)

    assert len(script.problems) == 1
    assert told in script.problems[0]


def test_what_is_a_superuser_s_is_found_line_by_line() -> None:
    """Subscriptions are left out of every restore; who gets the schema public is told, and is left out where need be."""
    body = (
        b'ALTER SCHEMA public OWNER TO "the ""boss";\n'
        b"CREATE SUBSCRIPTION sub CONNECTION 'host=h'\n  PUBLICATION p WITH (connect = false);\n"
        b"ALTER SUBSCRIPTION sub OWNER TO postgres;\n"
        b"CREATE TABLE public.subscription (id integer);\n"
    )

    found = scanned(HEAD + body + TAIL)

    first = HEAD.count(b"\n") + 1
    assert (found.public, found.public_lines) == ('the "boss', (first,))
    assert {*range(first + 1, first + 4)} <= {*found.dropped}
    assert not {first, first + 4} & {*found.dropped}
    assert (found.tables, found.problems) == (1, ())
