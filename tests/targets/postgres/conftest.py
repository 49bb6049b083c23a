"""Three databases owned by somebody who is no superuser: live, base and restored."""

from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest
from servers import SqlServer

_EMPTY = "DROP SCHEMA IF EXISTS public, rollbook, other CASCADE; CREATE SCHEMA public AUTHORIZATION keeper"


@dataclass(frozen=True, slots=True)
class Trio:
    """The addresses of the three; `clear` empties them, `mighty` gives them to a superuser."""

    live: str
    base: str
    restored: str

    def mighty(self) -> "Trio":
        return Trio(*(url.replace("keeper@", "postgres@") for url in (self.live, self.base, self.restored)))

    def clear(self) -> None:
        mighty = self.mighty()
        for url in (mighty.live, mighty.base, mighty.restored):
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute(_EMPTY)


@pytest.fixture(scope="session")
def owned(postgres_server: SqlServer) -> Iterator[Trio]:
    """Make the three databases."""
    address = postgres_server.url.replace("+psycopg", "")
    names = ("carry_live", "carry_base", "carry_restored")
    with psycopg.connect(f"{address}postgres", autocommit=True) as connection:
        connection.execute("CREATE ROLE keeper LOGIN")
        for name in names:
            connection.execute(f"CREATE DATABASE {name} OWNER keeper")
    mine = address.replace("postgres@", "keeper@")
    yield Trio(*(f"{mine}{name}" for name in names))
    with psycopg.connect(f"{address}postgres", autocommit=True) as connection:
        for name in names:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
        connection.execute("DROP ROLE keeper")


@pytest.fixture
def trio(owned: Trio) -> Trio:
    """Give the three databases, empty."""
    owned.clear()
    return owned
