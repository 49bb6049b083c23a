"""Changes of type are told for what they may lose."""

import pytest

from rollbook.migrations.types import loss, parse_type

KEPT = [
    ("varchar(20)", "varchar(200)"),
    ("character varying(20)", "text"),
    ("varchar(20)", "character varying(20)"),
    ("smallint", "integer"),
    ("integer", "serial"),
    ("integer", "numeric(12, 2)"),
    ("integer", "double precision"),
    ("bigint", "varchar(20)"),
    ("boolean", "integer"),
    ("uuid", "char(36)"),
    ("numeric(5, 2)", "numeric(7, 3)"),
    ("timestamp with time zone", "timestamptz"),
    ("timestamp(3) with time zone", "timestamp with time zone"),
    ("bytea", "bytea"),
    ("tsvector", "tsvector"),
]
LOST = [
    ("varchar(200)", "varchar(20)"),
    ("text", "varchar(20)"),
    ("varchar", "varchar(20)"),
    ("bigint", "integer"),
    ("integer", "numeric(5, 2)"),
    ("bigint", "double precision"),
    ("integer", "varchar(5)"),
    ("integer", "boolean"),
    ("text", "integer"),
    ("numeric(7, 2)", "numeric(5, 2)"),
    ("numeric(7, 4)", "numeric(7, 2)"),
    ("numeric", "numeric(7, 2)"),
    ("double precision", "real"),
    ("timestamp with time zone", "timestamp with time zone(0)"),
    ("timestamp with time zone", "date"),
    ("timestamp with time zone", "timestamp without time zone"),
    ("json", "jsonb"),
    ("integer[]", "bigint[]"),
]
MYSQL_KEPT = [
    ("int(11)", "bigint(20)"),
    ("integer UNSIGNED", "bigint"),
    ("varchar(20)", "longtext"),
    ("varchar(20)", "text"),
    ("bool", "tinyint(1)"),
    ("datetime", "datetime(6)"),
    ("blob", "longblob"),
]
MYSQL_LOST = [
    ("int(10) unsigned", "int(11)"),
    ("integer", "integer UNSIGNED"),
    ("longtext", "text"),
    ("varchar(20000)", "text"),
    ("datetime(6)", "datetime"),
    ("longblob", "blob"),
    ("datetime(6)", "timestamp(6)"),
]


@pytest.mark.parametrize(("old", "new"), KEPT)
def test_what_holds_every_value_loses_nothing(old: str, new: str) -> None:
    """A type that holds every value of another takes nothing away."""
    assert loss(parse_type(old, mysql=False), parse_type(new, mysql=False)) is None


@pytest.mark.parametrize(("old", "new"), LOST)
def test_what_may_not_fit_is_told(old: str, new: str) -> None:
    """A type that does not hold every value of another, or is not known to, is told."""
    assert loss(parse_type(old, mysql=False), parse_type(new, mysql=False))


@pytest.mark.parametrize(("old", "new"), MYSQL_KEPT)
def test_sizes_of_mysql_are_its_own(old: str, new: str) -> None:
    """The words of MySQL and MariaDB mean the sizes that they have there."""
    assert loss(parse_type(old, mysql=True), parse_type(new, mysql=True)) is None


@pytest.mark.parametrize(("old", "new"), MYSQL_LOST)
def test_what_may_not_fit_in_mysql_is_told(old: str, new: str) -> None:
    """Signs, bytes and fractions of a second that go are told."""
    assert loss(parse_type(old, mysql=True), parse_type(new, mysql=True))
