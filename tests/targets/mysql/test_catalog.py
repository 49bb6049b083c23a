"""The catalog of a schema on a real MariaDB."""

from collections.abc import Iterator
from contextlib import closing

import pytest
import sqlalchemy as sa

from rollbook.mysql.catalog import Catalog, common_key
from rollbook.targets.mysql.catalog import read_catalog
from rollbook.targets.mysql.session import connect, rows, run

pytestmark = pytest.mark.server

SHOP = (
    "CREATE TABLE makers (id int PRIMARY KEY, code varchar(5) NOT NULL, UNIQUE KEY code (code(2)))",
    """CREATE TABLE things (
        id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, name varchar(20) CHARACTER SET latin1 NOT NULL DEFAULT 'it''s',
        mood enum('a','b)') COMMENT 'x\\ny DEFAULT 5', at datetime(6) DEFAULT current_timestamp(6) ON UPDATE current_timestamp(6),
        bits bit(3) DEFAULT b'101', doc json, twice int AS (maker * 2) STORED, once int AS (maker) VIRTUAL, maker int,
        mark char(36) DEFAULT uuid(), sum int DEFAULT (1 + 2), CONSTRAINT made FOREIGN KEY (maker) REFERENCES makers (id)
        ON DELETE CASCADE ON UPDATE RESTRICT, UNIQUE KEY names (name, maker), KEY moods (mood))""",
    "INSERT INTO makers VALUES (1, 'x')",
    "INSERT INTO things (id, name, maker) VALUES (41, 'n', 1)",
    "CREATE TABLE kept (id int PRIMARY KEY) WITH SYSTEM VERSIONING",
    "CREATE TRIGGER shout BEFORE INSERT ON things FOR EACH ROW SET NEW.name = upper(NEW.name)",
    "CREATE VIEW seen AS SELECT id FROM things",
    "CREATE SEQUENCE numbers",
    "CREATE FUNCTION one() RETURNS int RETURN 1",
)


@pytest.fixture
def catalog(mariadb_url: str) -> Iterator[Catalog]:
    """Read the shop's."""
    engine = sa.create_engine(mariadb_url)
    with closing(connect(engine)) as connection:
        for statement in SHOP:
            run(connection, statement)
        connection.commit()
    with closing(connect(engine, reading=True)) as connection:
        yield read_catalog(connection, str(engine.url.database))


def test_columns_are_as_the_server_writes_them(catalog: Catalog) -> None:
    """Types are whole; defaults are SQL; what is computed is told apart."""
    things = catalog.tables["things"]

    found = {one.name: (one.type, one.required, one.default, one.generated) for one in things.columns}

    assert found["id"] == ("bigint(20) unsigned", True, None, False)
    assert found["name"] == ("varchar(20)", True, "'it''s'", False)
    assert found["mood"] == ("enum('a','b)')", False, None, False)
    assert found["at"] == ("datetime(6)", False, "current_timestamp(6)", False)
    assert found["bits"][2], found["sum"][2] == ("b'101'", "(1 + 2)")
    assert [one.name for one in things.columns if one.generated] == ["twice", "once"]
    assert [one.name for one in things.columns if one.automatic] == ["id"]
    assert things.column("mood").comment == "x\ny DEFAULT 5"


def test_keys_tell_rows_apart(catalog: Catalog) -> None:
    """A unique key over the beginnings of texts, or over what may be NULL, is none."""
    assert catalog.tables["makers"].keys == (("id",),)
    assert catalog.tables["things"].keys == (("id",),)
    assert common_key(catalog.tables["makers"], catalog.tables["things"]) == ("id",)
    assert {one.name: one.unique for one in catalog.tables["things"].indexes}["names"]


def test_what_holds_between_tables_is_told(catalog: Catalog) -> None:
    """Foreign keys with their actions, triggers with their bodies, and what else there is by kind and name."""
    (key,) = catalog.foreign_keys
    (trigger,) = catalog.triggers

    assert (key.name, key.child, key.columns, key.parent, key.on_delete) == (
        "made",
        "things",
        ("maker",),
        "makers",
        "CASCADE",
    )
    assert (trigger.name, trigger.timing, trigger.event) == ("shout", "BEFORE", "INSERT")
    assert catalog.others == ("function one", "sequence numbers", "view seen")
    assert catalog.tables["kept"].versioned
    assert catalog.tables["things"].next == 42
    assert catalog.mariadb


def test_cells_are_given_as_they_are(mariadb_url: str) -> None:
    """No cell becomes a Python value that could not be given back bit for bit."""
    query = "SELECT 18446744073709551615, 0.1e0, x'ff', cast('2026-01-01 00:00:00.123456' AS datetime(6)), '0000-00-00', '😀', NULL"

    with closing(connect(sa.create_engine(mariadb_url), reading=True)) as connection:
        found = rows(connection, query)

    assert found == [("18446744073709551615", "0.1", b"\xff", "2026-01-01 00:00:00.123456", "0000-00-00", "😀", None)]
