"""Sessions that save and recover, on a real MariaDB."""

from collections.abc import Iterator
from contextlib import closing

import pytest
import sqlalchemy as sa

from rollbook.targets.mysql.session import connect, rows

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


@pytest.mark.parametrize("reading", [True, False])
def test_what_takes_long_is_not_ended_by_the_server(hasty: sa.Engine, reading: bool) -> None:
    """A limit that the whole server has on statements holds for others, and ends no saving and no recovery."""
    with closing(connect(hasty, reading=reading)) as session:
        assert rows(session, "SELECT sleep(0.3)") == [("0",)]
