"""A shop's database, and the machine that works on it."""

from collections.abc import Iterator

import pytest
from servers import SqlServer

from ..conftest import Machine
from .shops import Shop, opened


@pytest.fixture
def shop(postgres_server: SqlServer) -> Iterator[Shop]:
    """Make the database, with rows."""
    with opened(postgres_server) as shop:
        yield shop


@pytest.fixture
def desk(shop: Shop) -> Machine:
    """Plan and carry out on the shop's targets."""
    return Machine(shop.pool)
