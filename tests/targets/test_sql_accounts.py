"""Laws of SQL databases about accounts and identities, on real servers."""

from collections.abc import Iterator
from typing import Any, cast
from urllib.parse import quote

import pytest
import sqlalchemy as sa

from rollbook.errors import TargetError
from rollbook.ops import Sql, Statement
from rollbook.targets.base import SqlReader, TargetSpec
from rollbook.values import NOW, RUN_ID

pytestmark = pytest.mark.server

PASSWORDS = ("gehäim wört", "秘密の言葉→€", "pä%ss/w:o@rd?#")


@pytest.fixture(params=PASSWORDS)
def account(request: pytest.FixtureRequest, mariadb_url: str) -> Iterator[sa.URL]:
    """Make an account whose password is not ASCII."""
    url = sa.make_url(mariadb_url)
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as admin:
        admin.execute(sa.text("CREATE USER beyond@'%' IDENTIFIED BY :password"), {"password": request.param})
        admin.exec_driver_sql(f"GRANT ALL ON {url.database}.* TO beyond@'%%'")
        yield url.set(username="beyond", password=request.param)
        admin.exec_driver_sql("DROP USER beyond@'%%'")
    engine.dispose()


def logged_in(pool: Any) -> str:
    (row,) = cast("SqlReader", pool.reader("db")).rows("SELECT CURRENT_USER() AS found")
    return str(row["found"])


def test_a_password_beyond_ascii_logs_in(account: sa.URL, make_pool: Any) -> None:
    """MariaDB takes it from a url, escaped, and from a secret of its own; a wrong one is told without showing it."""
    address = (
        f"mysql://beyond:{quote(account.password or '', safe='')}@{account.host}:{account.port}/{account.database}"
    )
    parts = {"driver": "mariadb", "host": account.host, "port": account.port, "database": account.database}
    own = {**parts, "user": "beyond", "password": {"secret": "env:PASS"}}

    assert logged_in(make_pool({"URL": address}, db=("sql", {"url": {"secret": "env:URL"}}))) == "beyond@%"
    assert logged_in(make_pool({"PASS": account.password}, db=("sql", own))) == "beyond@%"
    with pytest.raises(TargetError, match="the account was refused") as caught:
        logged_in(make_pool({"PASS": "nicht das Wört"}, db=("sql", own)))
    assert "nicht das" not in str(caught.value)


def expecting(make_pool: Any, url: str, **expect: str) -> list[Any]:
    pool = make_pool(db=TargetSpec("db", "sql", {"url": url}, expect=expect))
    return [finding for finding in pool.target("db").check() if finding.subject == "identity"]


def test_postgresql_is_known_by_its_system_identifier(postgres_url: str, make_pool: Any) -> None:
    """The right identifier passes; another is told with both."""
    engine = sa.create_engine(postgres_url)
    with engine.connect() as session:
        own = str(session.exec_driver_sql("SELECT system_identifier FROM pg_control_system()").scalar())
    engine.dispose()

    (right,) = expecting(make_pool, postgres_url, system_identifier=own)
    (wrong,) = expecting(make_pool, postgres_url, system_identifier="7123456789012345678")

    assert right.severity == "ok"
    assert wrong.severity == "missing"
    assert own in wrong.message
    assert "7123456789012345678" in wrong.message


def test_mariadb_is_known_by_its_server_uid(mariadb_url: str, make_pool: Any) -> None:
    """MariaDB has no server_uuid: that is told with what it does tell, and its server_uid passes."""
    (missing,) = expecting(make_pool, mariadb_url, server_uuid="3e11fa47-71ca-11e1-9e33-c80aa9429562")
    own = make_pool(db=("sql", {"url": mariadb_url})).reader("db").identity()["server_uid"]
    (right,) = expecting(make_pool, mariadb_url, server_uid=own)

    assert missing.severity == "missing"
    assert "not told by this server, which tells" in missing.message
    assert "server_uid" in missing.message
    assert "MariaDB server_uid" in missing.advice
    assert right.severity == "ok"


@pytest.fixture(params=["mysql", "postgresql"])
def half_allowed(request: pytest.FixtureRequest) -> Iterator[sa.URL]:
    """Make an account that may read two tables and update one, but insert into neither."""
    mysql = request.param == "mysql"
    url = sa.make_url(request.getfixturevalue("mariadb_url" if mysql else "postgres_url"))
    name = "half@'%%'" if mysql else "half"
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as admin:
        admin.exec_driver_sql("CREATE TABLE course (id int PRIMARY KEY, place text)")
        admin.exec_driver_sql("CREATE TABLE history (id int, why text)")
        admin.exec_driver_sql("INSERT INTO course VALUES (1, 'here')")
        admin.exec_driver_sql(f"CREATE USER {name} " + ("IDENTIFIED BY" if mysql else "PASSWORD") + " 'halfhalf'")
        for table, rights in (("course", "SELECT, UPDATE"), ("history", "SELECT")):
            place = f"{url.database}.{table}" if mysql else table
            admin.exec_driver_sql(f"GRANT {rights} ON {place} TO {name}")
        yield url.set(username="half", password="halfhalf")  # of a throw-away server
        admin.exec_driver_sql(f"DROP USER {name}" if mysql else "DROP OWNED BY half; DROP USER half")
    engine.dispose()


def test_a_statement_that_the_account_may_not_send_is_found_beforehand(half_allowed: sa.URL, make_pool: Any) -> None:
    """The server is asked for each writing statement of an op, whatever is not known yet, and nothing is written."""
    target = make_pool(db=("sql", {"url": half_allowed.render_as_string(hide_password=False)})).target("db")
    later = {"place": {"$date": NOW}, "id": 1}
    move = Statement("UPDATE course SET place = :place WHERE id = :id", later, rows=1)
    remember = Statement("INSERT INTO history (id, why) VALUES (:id, :why)", {"id": 1, "why": RUN_ID})
    unknown = Statement("INSERT INTO made_by_an_earlier_step VALUES (:id)", {"id": 1})

    assert target.forbidden(Sql("db", (move,))) == ()
    (found,) = target.forbidden(Sql("db", (move, remember)))
    assert (found.severity, found.subject) == ("missing", "write rights")
    assert "history" in found.message
    if half_allowed.drivername.startswith("postgresql"):
        assert target.forbidden(Sql("db", (unknown,))) == ()
    (row,) = target.reader().rows("SELECT place FROM course")
    assert row["place"] == "here"
    assert not tuple(target.reader().rows("SELECT id FROM history"))


def test_an_account_with_just_the_rights_that_it_needs_may_go_on(postgres_url: str, make_pool: Any) -> None:
    """Who may update one table and insert into another lacks nothing, but for the sequence that numbers the rows."""
    url = sa.make_url(postgres_url)
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    remember = Sql("db", (Statement("INSERT INTO log (why) VALUES (:why)", {"why": "x"}),))
    numbered = Sql("db", (Statement("INSERT INTO log (id, why) VALUES (:id, :why)", {"id": 1, "why": "x"}),))
    with engine.connect() as admin:
        for statement in (
            "CREATE TABLE course (id int PRIMARY KEY, place text); CREATE TABLE log (id serial, why text)",
            "CREATE TABLE other (id int); CREATE USER exact PASSWORD 'exactexact'",
            "GRANT SELECT, UPDATE (id, place) ON course TO exact; GRANT SELECT, INSERT ON log TO exact",
        ):
            admin.exec_driver_sql(statement)
        try:
            address = url.set(username="exact", password="exactexact")  # of a throw-away server
            target = make_pool(db=("sql", {"url": address.render_as_string(hide_password=False)})).target("db")

            (rights,) = (one for one in target.findings() if one.subject == "write rights")
            (lacking,) = target.forbidden(remember)
            given = target.forbidden(numbered)
            admin.exec_driver_sql("GRANT UPDATE ON SEQUENCE log_id_seq TO exact")
            after = target.forbidden(remember)
        finally:
            admin.exec_driver_sql("DROP OWNED BY exact; DROP USER exact")
    engine.dispose()

    assert (rights.severity, rights.message) == ("warning", "the account may write to 2 of 3 tables")
    assert (lacking.severity, "log_id_seq" in lacking.message) == ("missing", True)
    assert lacking.advice == "GRANT USAGE ON SEQUENCE log_id_seq TO the account."
    assert (given, after) == ((), ())
