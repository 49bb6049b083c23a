"""Sessions that save and recover, on a real MariaDB."""

import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
import sqlalchemy as sa

from rollbook.targets.mysql.session import connect, rows, streamed

pytestmark = pytest.mark.server


@pytest.fixture
def hasty(mariadb_url: str) -> Iterator[sa.Engine]:
    """Have the server end every statement after a tenth of a second."""
    engine = sa.create_engine(mariadb_url)
    with engine.connect() as session:
        session.execute(sa.text("SET GLOBAL max_statement_time = 0.1"))
        yield engine
        session.execute(sa.text("SET GLOBAL max_statement_time = 0"))
    engine.dispose()


def test_a_password_is_sent_as_its_account_was_given_it(mariadb_url: str) -> None:
    """One with letters that Latin-1 lacks opens a session, as it does elsewhere."""
    engine = sa.create_engine(mariadb_url)
    with engine.connect() as session:
        session.exec_driver_sql("CREATE USER foreign_one@'%%' IDENTIFIED BY 'pä€ß'")
        session.exec_driver_sql(f"GRANT SELECT ON {engine.url.database}.* TO foreign_one@'%%'")
        account = sa.create_engine(engine.url.set(username="foreign_one", password="pä€ß"))

        with closing(connect(account)) as found:
            told = rows(found, "SELECT user()")

        session.exec_driver_sql("DROP USER foreign_one@'%%'")
    assert str(told[0][0]).startswith("foreign_one@")


@pytest.mark.parametrize("reading", [True, False])
def test_what_takes_long_is_not_ended_by_the_server(hasty: sa.Engine, reading: bool) -> None:
    """A limit that the whole server has on statements holds for others, and ends no saving and no recovery."""
    with closing(connect(hasty, reading=reading)) as session:
        assert rows(session, "SELECT sleep(0.3)") == [("0",)]


def test_rows_that_are_left_early_are_not_waited_for(mariadb_url: str) -> None:
    """What fails in the midst of a table, as on a full disk, does not read the rest of it first."""
    engine = sa.create_engine(mariadb_url)
    began = time.monotonic()

    with closing(connect(engine)) as connection, pytest.raises(OSError, match="full"):
        _left_early(connection)
    engine.dispose()

    assert time.monotonic() - began < 5


def _left_early(connection: Any) -> None:
    with streamed(connection, "SELECT seq, SLEEP(0.05), REPEAT('x', 20000) FROM seq_1_to_200") as cursor:
        next(cursor)
        raise OSError("full")
