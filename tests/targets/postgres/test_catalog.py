"""What is read from a database's catalogs."""

from contextlib import closing
from typing import Any

import pytest

from rollbook.postgres.catalog import Catalog
from rollbook.postgres.names import Name
from rollbook.targets.postgres.carry import Sources, carry
from rollbook.targets.postgres.catalog import read_catalog
from rollbook.targets.postgres.exporting import export_conflicts, export_table
from rollbook.targets.postgres.ledger import read_conflicts
from rollbook.targets.postgres.lookup import broken_keys
from rollbook.targets.postgres.session import connect

pytestmark = pytest.mark.server
_SITE = """
    CREATE SCHEMA other; CREATE TYPE mood AS ENUM ('ok'); CREATE DOMAIN label AS varchar(20) NOT NULL DEFAULT 'x';
    CREATE TABLE p (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, mail text, n label, m mood, d numeric(5, 2) NOT NULL,
        up text GENERATED ALWAYS AS (upper(mail)) STORED, CONSTRAINT short CHECK (length(mail) < 50));
    CREATE UNIQUE INDEX low ON p (lower(mail)) WHERE m IS NOT NULL; CREATE UNIQUE INDEX nd ON p (d, mail);
    CREATE TABLE other."odd ""name" (a int, b int, PRIMARY KEY (b, a));
    CREATE TABLE c (id serial, p bigint REFERENCES p ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED, a int NOT NULL, b int,
        FOREIGN KEY (b, a) REFERENCES other."odd ""name" (b, a)) PARTITION BY RANGE (id);
    CREATE TABLE c1 PARTITION OF c FOR VALUES FROM (0) TO (100);
    CREATE TABLE heir () INHERITS (p); SELECT setval('c_id_seq', 41)"""


def catalog(url: str, script: str) -> Catalog:
    with closing(connect(url)) as connection:
        connection.execute("SET search_path = public")
        connection.execute(script.encode())
        connection.commit()
        connection.execute("SET search_path = ''")
        return read_catalog(connection)


def test_tables_columns_and_what_holds_between_them_are_read(trio: Any) -> None:
    """Types keep their modifiers, partitions are their root's, and names may be odd."""
    found = catalog(trio.live, _SITE)

    p, odd, c, heir = (Name("public", "p"), Name("other", 'odd "name'), Name("public", "c"), Name("public", "heir"))
    assert sorted(found.tables) == sorted((p, odd, c, heir))
    table = found.tables[p]
    assert [(one.name, one.type, one.required, one.fills_itself) for one in table.written] == [
        ("id", "bigint", True, True),
        ("mail", "text", False, True),
        ("n", "public.label", True, True),
        ("m", "public.mood", False, True),
        ("d", "numeric(5,2)", True, False),
    ]
    assert [one.expression for one in table.checks] == ["(length(mail) < 50)"]
    low = next(one for one in table.uniques if one.name == "low")
    assert (low.columns, low.expressions, low.predicate) == ((), ("lower(mail)",), "(m IS NOT NULL)")
    assert [one.columns for one in table.keys] == [("id",)]
    assert found.tables[odd].keys[0].columns == ("b", "a")
    assert (found.tables[c].partitioned, found.tables[c].relation) == (True, '"public"."c"')
    keys = {one.columns: (one.parent, one.acts, one.deferred, found.nullable(one)) for one in found.foreign_keys}
    assert keys == {("p",): (p, True, True, ("p",)), ("b", "a"): (odd, False, False, ("b",))}
    assert {str(one.name): (one.next, one.users) for one in found.sequences} == {
        "c_id_seq": (42, ((c, "id"), (Name("public", "c1"), "id"))),
        "p_id_seq": (1, ((p, "id"),)),
    }


def test_a_broken_key_is_found_by_looking_up(trio: Any, postgres_server: Any) -> None:
    """Rows that slipped past a constraint are counted, whatever the catalog says."""
    script = "CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE c (p int REFERENCES p); INSERT INTO p VALUES (1);"
    found = catalog(trio.live, script + "INSERT INTO c VALUES (1), (NULL)")
    with closing(connect(trio.live.replace("keeper@", "postgres@"))) as boss:
        assert broken_keys(boss, found) == ()
        boss.execute("SET session_replication_role = replica")
        boss.execute("INSERT INTO public.c VALUES (7), (8)")

        assert [(one.key.name, one.rows) for one in broken_keys(boss, found)] == [("c_p_fkey", 2)]


def test_what_has_no_place_is_written_as_csv(trio: Any) -> None:
    """Tables that only live has, and conflicts with both sides."""
    good = "CREATE TABLE t (id int PRIMARY KEY, a text); INSERT INTO t VALUES (1, 'a');"
    new = "UPDATE t SET a = 'm'; CREATE TABLE fresh (x int, y text);"
    catalog(trio.restored, good)
    catalog(trio.base, good + new)
    found = catalog(trio.live, good + new + "INSERT INTO fresh VALUES (1, 'a,b'); UPDATE t SET a = 'u'")
    pieces: list[bytes] = []
    conflicts: list[bytes] = []

    done = carry(Sources(trio.live, trio.restored, trio.base), final=True)
    with closing(connect(trio.live, reading=True)) as live, closing(connect(trio.restored)) as restored:
        export_table(live, found.tables[done.only_live[0]], pieces.append)
        count = export_conflicts(read_conflicts(restored), conflicts.append)

    assert b"".join(pieces) == b'x,y\n1,"a,b"\n'
    assert count == 1
    assert b"".join(conflicts).splitlines()[1] == (
        b't,"[""1""]",edited_by_both,a,live,"{""a"": ""u"", ""id"": ""1""}","{""a"": ""a"", ""id"": ""1""}"'
    )
