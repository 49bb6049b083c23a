"""How rows are hashed."""

import pytest

from rollbook.postgres.catalog import Column, Table
from rollbook.postgres.digest import make_digest
from rollbook.postgres.manifest import ColumnType, TableContent
from rollbook.postgres.names import Name


def table(type_: str) -> Table:
    column = Column("a", type_, required=False, default=None, identity="", generated=False, kind="b")
    return Table(Name("public", "t"), 1, False, 1, (column,), (), (), False)


@pytest.mark.parametrize(
    ("type_", "other", "quick"),
    [
        ("character varying(20)", "character varying(20)", True),
        ("character varying", "character varying", True),
        ("text", "text", True),
        ("character(20)", "character(20)", False),
        ("character varying(20)[]", "character varying(20)[]", False),
        ("numeric(10,2)", "numeric(10,2)", False),
        ("character varying(20)", "integer", False),
    ],
)
def test_values_are_hashed_as_the_server_holds_them_where_equal_means_same(type_: str, other: str, quick: bool) -> None:
    """Only types of which no two equal values have different texts are hashed without making texts of them."""
    digest = make_digest(table(type_), table(other), ("a",), ("a",), dense=False, rows=1, majors=(15,))

    assert digest.texts == (() if quick else ("a",))


@pytest.mark.parametrize(
    ("majors", "mark"),
    [
        ((13, 13), """hashtextextended(ROW(t."a")::text, 0)"""),
        ((14, 14), """hashint8extended(hash_record_extended(ROW(t."a"), 0), 1)"""),
        ((15, 16), """('x' || left(md5(ROW(t."a")::text), 16))::bit(64)::bigint"""),
    ],
)
def test_rows_are_hashed_by_what_both_servers_know(majors: tuple[int, int], mark: str) -> None:
    """Before PostgreSQL 14 no server hashes rows, and no two majors promise to hash a text alike."""
    digest = make_digest(table("text"), table("text"), ("a",), ("a",), dense=False, rows=1, majors=majors)

    assert digest.mark == mark


def test_manifests_of_before_are_hashed_as_they_were() -> None:
    """A manifest that names no columns to hash as text means all of a row, or none of it."""
    columns = (ColumnType("a", "text"), ColumnType("n", "numeric"))
    whole = TableContent("public", "t", 1, ("a",), columns, quick=False).digest()
    values = TableContent("public", "t", 1, ("a",), columns[:1], quick=True).digest()

    assert whole.mark == 'hashtextextended(ROW(t."a", t."n")::text, 0)'
    assert values.mark == 'hashint8extended(hash_record_extended(ROW(t."a"), 0), 1)'
