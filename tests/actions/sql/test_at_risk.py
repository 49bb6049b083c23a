"""What is at risk is counted as it stands, on real servers."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import sqlalchemy as sa

from rollbook.errors import RefusedError
from rollbook.migrations.fitting import misfit
from rollbook.migrations.types import parse_type
from rollbook.targets import Redactor, SecretStore, TargetPool
from rollbook.targets.base import TargetSpec
from rollbook.testing import LAWS, Case, FakeWorld, Law, law_id

from ..conftest import Machine, use

pytestmark = pytest.mark.server


@dataclass(frozen=True)
class Database:
    """A database on a real server, and the machine whose target `db` it is."""

    engine: sa.Engine
    machine: Machine

    def execute(self, *statements: str) -> None:
        with self.engine.begin() as session:
            for statement in statements:
                session.exec_driver_sql(statement)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with self.engine.connect() as session:
            return [tuple(row) for row in session.exec_driver_sql(query)]

    def at_risk(self, **arguments: Any) -> Mapping[str, Any]:
        return self.machine.outputs(use("sql.at_risk", **arguments))

    def details(self, **arguments: Any) -> tuple[str, ...]:
        action = use("sql.at_risk", **arguments)
        return action.details(self.machine.plan(action))

    @property
    def mysql(self) -> bool:
        return self.engine.dialect.name == "mysql"

    def quote(self, name: str) -> str:
        return self.engine.dialect.identifier_preparer.quote_identifier(name)


@pytest.fixture(params=["mariadb", "postgres"])
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """Give an empty database on each server."""
    url = request.getfixturevalue(f"{request.param}_url")
    redactor = Redactor()
    pool = TargetPool({"db": TargetSpec("db", "sql", {"url": url})}, SecretStore({}, redactor), redactor)
    engine = sa.create_engine(url)
    yield Database(engine, Machine(pool))
    engine.dispose()
    pool.close()


def test_rows_and_values_are_counted(database: Database) -> None:
    """A table's rows, and of a column the values, and those that are other than what nobody filled in, are counted."""
    database.execute(
        "CREATE TABLE shop (id int PRIMARY KEY, note varchar(50), size int NOT NULL DEFAULT 3, open boolean)",
        "INSERT INTO shop VALUES (1, NULL, 3, true), (2, '', 3, false), (3, 'A', 4, NULL), (4, 'a', 3, NULL)",
    )

    outputs = database.at_risk(
        tables=["shop", "gone"],
        columns=["shop.note", "shop.size", "shop.open", "shop.lost", "gone.x"],
        defaults={"shop.note": "A", "shop.open": False},
    )

    assert (outputs["rows"], outputs["tables"]) == (4, {"shop": 4})
    assert outputs["columns"] == {"shop.note": 2, "shop.size": 1, "shop.open": 1}
    assert outputs["missing"] == ["gone", "shop.lost", "gone.x"]
    assert outputs["tables_at_risk"] == ["shop"]
    assert "3 of 4 rows have a value, 2 another than 'A'" in outputs["table"]


def test_what_will_not_fit_is_counted(database: Database) -> None:
    """Values too long, out of range or with digits too many, and NULL where it must not be, are counted by column."""
    database.execute(
        "CREATE TABLE a (id int PRIMARY KEY, name varchar(50), many bigint, price decimal(9, 4), note text)",
        "INSERT INTO a VALUES (1, 'short', 5, 1.5, '7'), (2, 'much too long', 70000, 1.2345, 'x'), (3, NULL, NULL, 12345.5, NULL)",
    )
    narrowing = [
        {"column": "a.name", "to": "varchar(5)", "required": True},
        {"column": "a.many", "to": "smallint", "required": False},
        {"column": "a.price", "to": "decimal(6, 2)", "required": True},
        {"column": "a.note", "to": "integer", "required": False},
        {"column": "a.id", "to": "bigint", "required": False},
    ]

    outputs = database.at_risk(narrowing=narrowing)

    assert outputs["narrowing"] == {"a.name": 2, "a.many": 1, "a.price": 2, "a.note": 2, "a.id": 0}
    assert outputs["columns_at_risk"] == ["a.many", "a.name", "a.note", "a.price"]
    lines = "\n".join(database.details(narrowing=narrowing))
    assert "1 rows are NULL and must not be; 1 of 3 rows do not fit (only 5 characters fit)" in lines
    assert "may not fit: no query can tell" in lines
    assert "every value fits" in lines


def test_names_are_quoted(database: Database) -> None:
    """Whatever letters names have, they are counted."""
    table, column = 'Odd "name`s :x; %', 'se"lect`:y %s'
    database.execute(
        f"CREATE TABLE {database.quote(table)} (id int, {database.quote(column)} varchar(9))",
        f"INSERT INTO {database.quote(table)} VALUES (1, 'a'), (2, NULL)",
    )

    outputs = database.at_risk(tables=[table], columns=[f"{table}.{column}"])

    assert (outputs["tables"], outputs["columns"]) == ({table: 2}, {f"{table}.{column}": 1})


def test_large_tables_are_estimated(database: Database) -> None:
    """Above the limit nothing is counted: the server's own estimate is given, and said to be one."""
    database.execute("CREATE TABLE big (id int PRIMARY KEY, x varchar(9))")
    database.execute("INSERT INTO big VALUES " + ", ".join(f"({number}, 'a')" for number in range(2000)))
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as session:
        session.exec_driver_sql("ANALYZE TABLE big" if database.mysql else "ANALYZE big")

    arguments = {
        "tables": ["big"], "columns": ["big.x"], "exact_below": 1000,
        "narrowing": [{"column": "big.x", "to": "varchar(1)", "required": True}],
    }  # fmt: skip
    outputs = database.at_risk(**arguments)

    assert 1500 < outputs["rows"] < 2500
    assert outputs["columns"]["big.x"] == outputs["rows"]
    assert outputs["nothing"] is False
    assert all("about" in line for line in outputs["table"].splitlines())


@pytest.mark.may_skip("a schema of MySQL is a database")
def test_other_schemas_are_named(database: Database) -> None:
    """A table outside of the usual schema of PostgreSQL is known by both names."""
    if database.mysql:
        pytest.skip("a schema of MySQL is a database")
    database.execute("CREATE SCHEMA side", "CREATE TABLE side.a (x int)", "INSERT INTO side.a VALUES (1)")

    assert database.at_risk(tables=["side.a"], columns=["side.a.x"])["columns"] == {"side.a.x": 1}


def test_nothing_named_is_nothing_at_risk(database: Database) -> None:
    """Without a name there is nothing, and that is said."""
    outputs = database.at_risk()

    assert (outputs["nothing"], outputs["rows"], outputs["table"]) == (True, 0, "")


def test_sqlite_is_refused(sqlite_url: str) -> None:
    """A kind of database that is not read is refused, with what to do instead."""
    redactor = Redactor()
    sa.create_engine(sqlite_url).connect().close()
    pool = TargetPool({"db": TargetSpec("db", "sql", {"url": sqlite_url})}, SecretStore({}, redactor), redactor)
    action = use("sql.at_risk", tables=["a"])

    with pytest.raises(RefusedError, match="SQLite"):
        action.probe(Machine(pool).read)
    pool.close()


FITS = [
    ("varchar(20)", "varchar(3)", ["''", "'abc'", "'abcd'", "'äöü'", "'äöüß'"]),
    ("text", "varchar(3)", ["'abc'", "'abc '", "'abcd'"]),
    ("bigint", "smallint", ["0", "32767", "32768", "-32768", "-32769"]),
    ("numeric(9, 4)", "numeric(6, 2)", ["9999.99", "9999.995", "10000", "-9999.99", "0.001"]),
    ("integer", "numeric(5, 2)", ["999", "1000", "-1000"]),
    ("numeric(9, 4)", "integer", ["1", "1.5", "-0.5"]),
    ("double precision", "integer", ["1", "1.5", "3000000000"]),
    ("integer", "varchar(3)", ["1", "999", "1000", "-99", "-100"]),
    ("timestamp with time zone", "date", ["'2026-01-02 00:00Z'", "'2026-01-02 00:00:00.000001Z'"]),
    ("timestamp with time zone", "timestamp(0) with time zone", ["'2026-01-02 01:02:03Z'", "'2026-01-02 01:02:03.4Z'"]),
]


@pytest.mark.parametrize(("old", "new", "values"), FITS, ids=[f"{old} to {new}" for old, new, _ in FITS])
def test_a_misfit_is_what_the_server_does_not_give_back(
    postgres_url: str, old: str, new: str, values: list[str]
) -> None:
    """A value counts as one that does not fit exactly when it does not survive the way there and back."""
    condition = misfit("v", parse_type(old, mysql=False), parse_type(new, mysql=False), mysql=False)
    engine = sa.create_engine(postgres_url, isolation_level="AUTOCOMMIT")

    with engine.connect() as session:
        session.exec_driver_sql("SET TIME ZONE 'UTC'")
        for value in values:
            told = session.exec_driver_sql(f"SELECT {condition} FROM (SELECT {value}::{old} AS v) AS s").scalar()
            assert told == _is_lost(session, value, old, new), value
    engine.dispose()


def _is_lost(session: sa.Connection, value: str, old: str, new: str) -> bool:
    session.exec_driver_sql(f"CREATE TEMPORARY TABLE kept (v {old})")
    try:
        session.exec_driver_sql(f"INSERT INTO kept VALUES ({value})")
        try:
            session.exec_driver_sql(f"ALTER TABLE kept ALTER v TYPE {new}")
        except sa.exc.DBAPIError:
            return True
        return not session.exec_driver_sql(f"SELECT v::{old} = {value}::{old} FROM kept").scalar()
    finally:
        session.exec_driver_sql("DROP TABLE kept")


class RealWorld(FakeWorld):
    """The laws' world: a database that is only read."""

    def __init__(self, database: Database) -> None:
        super().__init__()
        self.database = database
        self.read = database.machine.read  # type: ignore[assignment]  # has what the laws use

    def contents(self) -> object:
        """Give what the laws compare."""
        return self.database.rows("SELECT * FROM a ORDER BY x")


LAWFUL: list[dict[str, Any]] = [
    {"tables": ["a", "b"], "columns": ["a.x", "a.y"]},
    {"narrowing": [{"column": "a.x", "to": "smallint", "required": True}]},
    {"tables": ["a"], "exact_below": 0},
]


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
@pytest.mark.parametrize("law", LAWS, ids=law_id)
@pytest.mark.parametrize("arguments", LAWFUL, ids=["counted", "narrowed", "estimated"])
@pytest.mark.parametrize("kind", ["sql.at_risk"])
def test_laws(kind: str, arguments: dict[str, Any], law: Law, database: Database) -> None:
    """The kind keeps each law."""
    database.execute("CREATE TABLE a (x integer)", "INSERT INTO a VALUES (1), (70000)")

    law(Case("on a real server", kind, arguments, lambda: RealWorld(database)))
