"""Keys whose spelling users changed where the type or the collation takes both for one."""

import tracemalloc
from typing import Any

import pytest
from carry_sites import site
from databases import script

from rollbook.errors import StepFailed
from rollbook.targets.postgres.carry import carry

pytestmark = pytest.mark.server
COLLATION = "CREATE COLLATION folded (provider = icu, locale = 'und-u-ks-level2', deterministic = false)"
GOOD = (COLLATION, "CREATE TABLE tags (k text COLLATE folded PRIMARY KEY, n int)", "INSERT INTO tags VALUES ('Key', 1)")
SPELLED = (
    COLLATION,
    'CREATE TABLE "100%" (k text COLLATE folded, b text, n int, more text, PRIMARY KEY (k, b))',
    """INSERT INTO "100%" VALUES ('Key', 'b', 1, 'm'), ('Gone', 'b', 1, 'm'), (E'T\\tab', 'b', 1, 'm'), ('Mine', 'b', 1, 'm')""",
    "CREATE TABLE f (k float8 PRIMARY KEY, n int); INSERT INTO f VALUES ('-0', 1), (2, 1)",
    "CREATE TABLE d (k numeric PRIMARY KEY, n int); INSERT INTO d VALUES (1.0, 1), (2.50, 1)",
    "CREATE TABLE j (k jsonb PRIMARY KEY, n int); INSERT INTO j VALUES ('{\"a\": 1.0}', 1)",
    "CREATE TABLE p (k char(4) PRIMARY KEY, n int); INSERT INTO p VALUES ('a', 1), ('b', 1)",
    "CREATE TABLE c (id int PRIMARY KEY, k numeric REFERENCES d); INSERT INTO c VALUES (1, 1)",
)


@pytest.mark.parametrize("passes", [(True,), (False, True)])
def test_a_key_spelled_otherwise_is_its_row_s(trio: Any, passes: tuple[bool, ...]) -> None:
    """It is one row that users changed: it is merged cell by cell, and has the users' spelling afterwards."""
    migration = """ALTER TABLE "100%" DROP more; UPDATE "100%" SET n = 7 WHERE k = 'mine'"""
    users = (
        """UPDATE "100%" SET k = 'KEY', n = 2 WHERE k = 'key'; DELETE FROM "100%" WHERE k = 'gone'""",
        """UPDATE "100%" SET k = E't\\tAB' WHERE k = E't\\tab'; UPDATE "100%" SET k = 'MINE' WHERE k = 'mine'""",
        """INSERT INTO "100%" VALUES ('new', 'b', 3)""",
        "UPDATE f SET k = '0' WHERE k = 0; UPDATE d SET k = 1.000, n = 5 WHERE k = 1",
        "UPDATE j SET k = '{\"a\": 1.00}'; UPDATE p SET n = 2 WHERE k = 'a'; DELETE FROM p WHERE k = 'b'",
    )
    sources = site(trio, SPELLED, (migration,), users)

    for at, final in enumerate(passes):
        carry(sources, final=final)
        if at == 0 and not final:
            script(
                trio.live, "UPDATE d SET k = 1.0000, n = 6 WHERE k = 1", """UPDATE "100%" SET n = 9 WHERE k = 'key'"""
            )

    last = passes[0]
    assert script(trio.restored, 'SELECT k, n, more FROM "100%" ORDER BY k COLLATE "C"') == [
        ("KEY", 2 if last else 9, "m"),
        ("MINE", 1, "m"),
        ("new", 3, None),
        ("t\tAB", 1, "m"),
    ]
    assert script(trio.restored, "SELECT k::text, n FROM f ORDER BY k") == [("0", 1), ("2", 1)]
    assert script(trio.restored, "SELECT k::text, n FROM d ORDER BY k") == [
        ("1.000", 5) if last else ("1.0000", 6),
        ("2.50", 1),
    ]
    assert script(trio.restored, "SELECT k::text, n FROM j") == [('{"a": 1.00}', 1)]
    assert script(trio.restored, "SELECT k, n FROM p") == [("a   ", 2)]
    assert script(trio.restored, "SELECT kind, relation, settled FROM rollbook.conflicts") == []


def test_of_many_keys_that_one_side_alone_has_few_are_in_memory(trio: Any) -> None:
    """However many rows came and went, spelled otherwise or not, each is itself; what is held of them is bounded."""
    many = 60_000
    good = (
        "CREATE TABLE d (k numeric PRIMARY KEY, n int, more text)",
        f"INSERT INTO d SELECT g, g, repeat('x', 200) FROM generate_series(1, {many}) g",
    )
    users = (
        "UPDATE d SET k = k::numeric(12, 2), n = -n WHERE k % 2 = 0; DELETE FROM d WHERE k % 3 = 0",
        f"INSERT INTO d SELECT g + 0.5, g, repeat('y', 200) FROM generate_series(1, {many}) g",
    )
    sources = site(trio, good, (), users)

    tracemalloc.start()
    carry(sources, final=True)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    query = "SELECT md5(string_agg(k || ' ' || n || more, ',' ORDER BY k)) FROM d"
    assert script(trio.restored, query) == script(trio.live, query)
    assert most < 60_000_000


def test_a_key_spelled_otherwise_is_named_where_its_type_is_another(trio: Any) -> None:
    """Where the migration changed the key's type, the refusal names table, key and spellings; its advice works."""
    migration = "ALTER TABLE tags ALTER k TYPE varchar(9) COLLATE folded"
    users = ("UPDATE tags SET k = 'KEY', n = 2", "INSERT INTO tags VALUES ('new', 3)")
    sources = site(trio, GOOD, (migration,), users)

    with pytest.raises(
        StepFailed, match=r"public\.tags: the key \(k\) .*Key.*KEY|tags: the key \(k\) .*KEY.*Key"
    ) as said:
        carry(sources, final=False)
    script(trio.live, "UPDATE tags SET k = 'Key' WHERE k = 'Key'")
    for final in (False, True):
        carry(sources, final=final)

    assert "spelling that the backup has" in said.value.advice
    assert script(trio.restored, "SELECT k, n FROM tags ORDER BY n") == [("Key", 2), ("new", 3)]
