"""SQL of migrations is read for what it does, and nothing that cannot be read passes for harmless."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollbook.migrations.deed import Deed
from rollbook.migrations.judging import Told, judge
from rollbook.migrations.operation import Operation

PG, MY, LITE = "postgresql", "mysql", "sqlite"

# What a statement comes to: its effect, and the tables and columns that it is about.
READ = [
    (PG, "DROP TABLE IF EXISTS a, x.b CASCADE", "destroys_table a x.b"),
    (PG, 'DROP TABLE "We""ird"."Ta ble"', 'destroys_table We"ird.Ta ble'),
    (PG, "DROP TABLE Public.Aa", "destroys_table aa"),
    (MY, "DROP TABLE IF EXISTS `a`, B", "destroys_table a B"),
    (MY, "CREATE OR REPLACE TABLE a (b int)", "destroys_table a"),
    (LITE, "DROP TABLE a", "destroys_table a"),
    (PG, "DROP SCHEMA x CASCADE", "destroys_table"),
    (PG, "ALTER TABLE a DROP COLUMN IF EXISTS b CASCADE, DROP c, ADD COLUMN d int", "destroys_column a.b a.c"),
    (PG, "ALTER TABLE IF EXISTS ONLY a DROP b", "destroys_column a.b"),
    (MY, "ALTER TABLE a DROP b, DROP INDEX i, ADD c int", "destroys_column a.b"),
    (LITE, "ALTER TABLE a DROP COLUMN b", "destroys_column a.b"),
    (PG, "ALTER TABLE a ALTER b TYPE varchar(3) USING b::varchar(3)", "narrows a.b"),
    (PG, "ALTER TABLE a ALTER b SET NOT NULL", "narrows a.b"),
    (MY, "ALTER TABLE a MODIFY b varchar(3) NOT NULL", "narrows a.b"),
    (MY, "ALTER TABLE a CHANGE b b int", "narrows a.b"),
    (PG, "TRUNCATE a, b", "deletes_rows a b"),
    (PG, "TRUNCATE a CASCADE", "deletes_rows a"),
    (MY, "TRUNCATE a", "deletes_rows a"),
    (PG, "DELETE FROM ONLY a USING b WHERE a.i = b.i", "deletes_rows a"),
    (PG, "WITH d AS (DELETE FROM a RETURNING *) INSERT INTO b SELECT * FROM d", "deletes_rows a"),
    (PG, "MERGE INTO a USING b ON a.i = b.i WHEN MATCHED THEN DELETE", "deletes_rows a"),
    (MY, "DELETE q FROM a AS q JOIN b ON q.i = b.i", "deletes_rows a"),
    (MY, "DELETE FROM a LIMIT 5", "deletes_rows a"),
    (PG, "UPDATE a SET b = 1, c = 2 FROM d", "rewrites a.b a.c"),
    (MY, "UPDATE a JOIN b ON a.i = b.i SET a.x = 1", "rewrites a.x"),
    (MY, "UPDATE a JOIN b ON a.i = b.i SET b.x = 1", "undetermined"),
    (PG, "INSERT INTO a VALUES (1) ON CONFLICT (id) DO UPDATE SET x = 1", "rewrites a"),
    (MY, "INSERT INTO a VALUES (1) ON DUPLICATE KEY UPDATE x = 1", "rewrites a"),
    (LITE, "INSERT OR REPLACE INTO a VALUES (1)", "rewrites a"),
    (PG, "ALTER TABLE a RENAME TO b", "renames a"),
    (PG, "ALTER TABLE a RENAME COLUMN b TO c", "renames a.b"),
    (PG, "ALTER TABLE a RENAME b TO c", "renames a.b"),
    (PG, 'alter table if exists only "x"."A ""b" * rename  "TO" to c', 'renames x.A "b.TO'),
    (PG, "ALTER TABLE a RENAME  TO b", "renames a"),
    (MY, "RENAME TABLE a TO b, `c, d` TO e", "renames a c, d"),
]
HARMLESS = [
    (PG, "CREATE INDEX CONCURRENTLY i ON a (b)"),
    (PG, "DROP INDEX IF EXISTS i"),
    (PG, "ALTER TABLE a ADD COLUMN b int DEFAULT 1, DROP CONSTRAINT x"),
    (PG, "ALTER TABLE a ADD CONSTRAINT c CHECK (b > 0) NOT VALID"),
    (PG, "ALTER TABLE a ALTER b DROP NOT NULL, ALTER b SET DEFAULT 3"),
    (PG, "INSERT INTO a VALUES (1)"),
    (PG, "SELECT setval('a_id_seq', 5)"),
    (PG, "CREATE EXTENSION IF NOT EXISTS hstore"),
    (PG, "COMMENT ON TABLE a IS 'DROP TABLE a'"),
    (PG, "ALTER TYPE mood ADD VALUE 'x'"),
    (PG, "BEGIN; COMMIT; SET lock_timeout = '2s'"),
    (PG, "/* DROP TABLE a; /* nested */ */ SELECT 1 -- ; DROP TABLE a"),
    (PG, "SELECT 'DROP TABLE a; --', $$; DROP TABLE b; $$"),
    (PG, "DROP SCHEMA x"),
    (PG, ""),
    (MY, "ALTER TABLE a DROP FOREIGN KEY f, DROP PRIMARY KEY"),
    (MY, "ALTER TABLE a ENGINE=InnoDB"),
    (MY, "DROP TEMPORARY TABLE a"),
    (MY, "SET FOREIGN_KEY_CHECKS = 0"),
    (MY, "SELECT '\\'; DROP TABLE a; -- '"),
    (LITE, "PRAGMA foreign_keys = off"),
]
UNDETERMINED = [
    (PG, "ALTER TABLE a RENAME /* the column */ b TO c"),
    (PG, "ALTER TABLE a /* it */ RENAME b TO c"),
    (PG, "DO $$ BEGIN DELETE FROM a; END $$"),
    (PG, "SELECT drop_all()"),
    (PG, "INSERT INTO a SELECT f(b) FROM b"),
    (PG, "CREATE FUNCTION f() RETURNS int AS $$ SELECT 1 $$ LANGUAGE sql"),
    (PG, "CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW EXECUTE FUNCTION f()"),
    (PG, "CALL p()"),
    (PG, "EXECUTE x"),
    (PG, "EXPLAIN ANALYZE DELETE FROM a"),
    (PG, "DROP OWNED BY me"),
    (PG, "DROP TYPE mood CASCADE"),
    (PG, "DROP SEQUENCE s"),
    (PG, "SET search_path TO x"),
    (PG, "ALTER TABLE a SET SCHEMA b"),
    (PG, "ALTER TABLE a DETACH PARTITION p"),
    (PG, "COPY a FROM stdin"),
    (PG, "DELETEE FROM a"),
    (PG, "DROP TABLE a; nonsense here"),
    (PG, "a"),
    (MY, "/*!40000 DROP TABLE a */"),
    (MY, "/*M! DROP TABLE a */"),
    (MY, "SELECT 1--1; DROP TABLE a"),
    (MY, "/* /* */ DROP TABLE a; -- */"),
    (MY, "REPLACE INTO a VALUES (1)"),
    (MY, "LOAD DATA INFILE 'x' INTO TABLE a"),
    (MY, "ALTER TABLE a CONVERT TO CHARACTER SET latin1"),
    (MY, "ALTER TABLE a DROP PARTITION p"),
    (MY, "CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW SET NEW.x = 1"),
    (LITE, "PRAGMA writable_schema = on"),
    ("oracle", "SELECT 1 FROM dual"),
]


def judged(vendor: str, text: str, *, parameters: bool = False) -> tuple[Operation, ...]:
    return judge((Told("app", "0001", "RunSQL", (Deed("sql", text=text, parameters=parameters),)),), vendor)


@pytest.mark.parametrize(("vendor", "text", "expected"), READ)
def test_what_a_statement_does_is_told(vendor: str, text: str, expected: str) -> None:
    """A statement has one effect, on the tables and columns that it names, as the database names them."""
    [found] = judged(vendor, text)

    assert " ".join((found.effect, *found.things)) == expected


@pytest.mark.parametrize(("vendor", "text"), HARMLESS)
def test_what_takes_nothing_is_harmless(vendor: str, text: str) -> None:
    """What makes, keeps or only names things is no reason to ask anybody; nor is what a text or comment holds."""
    assert {one.effect for one in judged(vendor, text)} <= {"harmless"}


@pytest.mark.parametrize(("vendor", "text"), UNDETERMINED)
def test_what_cannot_be_read_is_undetermined(vendor: str, text: str) -> None:
    """Code, functions, and what is not understood or read otherwise by the server, never pass."""
    assert any(one.undetermined for one in judged(vendor, text))


@pytest.mark.parametrize("rest", ["DROP TABLE a", "ALTER TABLE a DROP COLUMN d"])
def test_a_column_that_is_renamed_without_that_word_leaves_the_table_its_name(rest: str) -> None:
    """PostgreSQL lets COLUMN be left out; what goes afterwards goes from the table that is there."""
    _, found = judged(PG, f"ALTER TABLE a RENAME b TO c; {rest}")

    assert found.destructive


@pytest.mark.parametrize("text", ["TRUNCATE a CASCADE", "DROP SCHEMA x CASCADE"])
def test_what_takes_more_than_it_names_is_undetermined_too(text: str) -> None:
    """Where tables go that the statement does not name, somebody must look."""
    [found] = judged(PG, text)

    assert (found.destructive, found.undetermined) == (True, True)


def test_placeholders_are_values() -> None:
    """SQL with parameters is read with values in their places, and doubled percent signs as one."""
    [found] = judged(PG, "DELETE FROM a WHERE b = %s AND c LIKE 'x%%' AND d = %(name)s", parameters=True)

    assert (found.effect, found.tables) == ("deletes_rows", ("a",))


@pytest.mark.parametrize(
    ("vendor", "text"),
    [(MY, "CREATE DEFAULT WITH $$ . DELETE EXECUTE"), (PG, "UPDATE COMMIT 5 SET 3"), (PG, "(" * 5000)],
)
def test_what_the_parser_trips_over_is_undetermined(vendor: str, text: str) -> None:
    """Text that breaks the parser, or whose tree is no statement's, is unknown and no error."""
    assert any(one.undetermined for one in judged(vendor, text))


WORDS = [
    "DROP",
    "TABLE",
    "IF",
    "EXISTS",
    "a",
    "b",
    "CASCADE",
    ",",
    ";",
    "(",
    ")",
    "ALTER",
    "COLUMN",
    "TYPE",
    "varchar",
    "3",
    "RENAME",
    "TO",
    "DELETE",
    "FROM",
    "WHERE",
    "=",
    "UPDATE",
    "SET",
    "SELECT",
    "*",
    "WITH",
    "AS",
    "RETURNING",
    "TRUNCATE",
    "INSERT",
    "INTO",
    "VALUES",
    "ON",
    "CONFLICT",
    "DO",
    "'txt'",
    '"q"',
    "`m`",
    "$$",
    "--",
    "/*",
    "*/",
    "CREATE",
    "OR",
    "REPLACE",
    "INDEX",
    "VIEW",
    "MERGE",
    "USING",
    "WHEN",
    "MATCHED",
    "THEN",
    "NULL",
    "NOT",
    "DEFAULT",
    "ADD",
    "CONSTRAINT",
    "SCHEMA",
    "MODIFY",
    "CHANGE",
    "%s",
    "::",
    ".",
    "@",
    "BEGIN",
    "END",
]


@given(st.lists(st.sampled_from(WORDS), max_size=14), st.sampled_from([PG, MY, LITE]))
def test_no_text_is_an_error(words: list[str], vendor: str) -> None:
    """Whatever stands in a migration, something is told of it; and a table that one word drops is never lost sight of."""
    text = " ".join(words)

    found = judged(vendor, text)

    assert found or not words
    after = judged(vendor, f"DROP TABLE doomed;\n{text}")
    assert any("doomed" in one.tables or one.undetermined for one in after)


@given(
    st.permutations(["DROP TABLE one", "DELETE FROM two", "UPDATE three SET b = 1", "SELECT ';'", "-- x\nSELECT 1"]),
    st.sampled_from([PG, MY, LITE]),
    st.sampled_from([";", ";\n", " ;\n-- DROP TABLE four\n", "; /* ; */ "]),
)
def test_no_statement_of_several_is_passed_over(statements: list[str], vendor: str, between: str) -> None:
    """In whatever order statements stand in one text, each is told."""
    found = judged(vendor, between.join(statements))

    assert {name for one in found for name in one.things} == {"one", "two", "three.b"}
    assert not any(one.undetermined for one in found)
