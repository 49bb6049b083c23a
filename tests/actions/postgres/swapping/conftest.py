"""A site on a real server: a live database that an application writes to, its backup restored, and its base."""

import itertools
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from databases import script
from servers import SqlServer

from actions.conftest import Machine
from rollbook.planner.readers import LiveReaders
from rollbook.targets import Redactor, SecretStore, TargetPool
from rollbook.targets.base import TargetSpec

_numbers = itertools.count(1)

SITE = """
    CREATE TABLE shelf (id serial PRIMARY KEY, name text UNIQUE);
    CREATE TABLE book (id serial PRIMARY KEY, shelf integer NOT NULL REFERENCES shelf, title text);
    CREATE TABLE note (id integer PRIMARY KEY, book integer REFERENCES book, body text);
    INSERT INTO shelf (name) SELECT 's' || g FROM generate_series(1, 10) g;
    INSERT INTO book (shelf, title) SELECT 1 + g % 10, 't' || g FROM generate_series(1, 200) g;
    INSERT INTO note SELECT g, g, 'n' || g FROM generate_series(1, 20) g"""
MIGRATION = (
    "DROP TABLE note; DELETE FROM book WHERE id % 50 = 7; UPDATE book SET title = title || '!' WHERE id % 50 = 3"
)
USERS = """
    INSERT INTO book (shelf, title) VALUES (2, 'new one'), (3, 'new two'); UPDATE book SET title = 'edited' WHERE id = 20;
    DELETE FROM book WHERE id = 30; INSERT INTO shelf (name) VALUES ('more')"""


@dataclass
class Site:
    """Databases that belong to `keeper`, whose account Rollbook has, and that `app` writes to; neither is superuser."""

    server: SqlServer
    live: str
    keeper: str
    app: str
    pools: list[TargetPool] = field(default_factory=list)

    @property
    def names(self) -> tuple[str, str, str]:
        return (self.live, f"{self.live}_restored", f"{self.live}_base")

    def url(self, database: str = "", user: str = "") -> str:
        address = self.server.url.replace("+psycopg", "")
        return address.replace("postgres@", f"{user or self.keeper}@") + (database or self.live)

    def admin(self, *statements: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url(database, "postgres"), autocommit=True) as connection:
            for statement in statements:
                cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def build(self) -> None:
        """Make the three databases as they are when a deploy went wrong and users went on."""
        for name in self.names:
            self.admin(f"CREATE DATABASE {name} OWNER {self.keeper}")
            script(self.url(name), SITE)
        for name in (self.live, self.names[2]):
            script(self.url(name), MIGRATION)
        grants = f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {self.app}"
        for name in self.names[:2]:
            script(self.url(name), f"{grants}; GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {self.app}")
        script(self.url(user=self.app), USERS)

    def drop(self) -> None:
        for pool in self.pools:
            pool.close()
        self.pools.clear()
        named = self.admin(f"SELECT datname FROM pg_database WHERE starts_with(datname, '{self.live}')")
        for (name,) in named:
            self.admin(f'DROP DATABASE "{name}" WITH (FORCE)')
        for role in (self.keeper, self.app):
            self.admin(f"ALTER ROLE {role} LOGIN", f"DROP ROLE {role}")

    def spec(self, user: str = "", **settings: Any) -> TargetSpec:
        return TargetSpec("db", "postgres", {"url": self.url(user=user), **settings})

    def machine(self, user: str = "", **others: TargetSpec) -> Machine:
        """Give fresh targets, as another process would have."""
        redactor = Redactor()
        specs = {"db": self.spec(user), "local": TargetSpec("local", "local"), **others}
        pool = TargetPool(specs, SecretStore({}, redactor), redactor)
        self.pools.append(pool)
        return Machine(pool)

    def readers(self) -> LiveReaders:
        return LiveReaders(self.machine().pool, lambda: datetime.now(UTC), threading.Event())


def make_site(server: SqlServer, name: str = "") -> Site:
    number = name or f"{os.getpid()}_{next(_numbers)}"
    site = Site(server, f"site_{number}", f"keeper_{number}", f"app_{number}")
    site.admin(
        f"CREATE ROLE {site.keeper} LOGIN CREATEDB CREATEROLE",
        f"CREATE ROLE {site.app} LOGIN",
        f"GRANT pg_signal_backend, pg_read_all_stats TO {site.keeper}",
    )
    if site.admin("SELECT current_setting('server_version_num')::int")[0][0] >= 160000:
        # CREATEROLE alone rules over no role that others made any more.
        site.admin(f"GRANT {site.app} TO {site.keeper} WITH ADMIN OPTION, INHERIT FALSE, SET FALSE")
    return site


@pytest.fixture
def site(postgres_server: SqlServer) -> Iterator[Site]:
    """Give the site, built."""
    made = make_site(postgres_server)
    made.build()
    yield made
    made.drop()
