"""A small Django site on real databases, on this machine or behind a prefix."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from rollbook.targets import Redactor, SecretStore, TargetPool
from rollbook.targets.base import TargetSpec

from ..conftest import Machine, use

SITE = Path(__file__).parents[2] / "django_site"
# Another version of Django than the tests' own can be named.
PYTHON = os.environ.get("ROLLBOOK_DJANGO_PYTHON", sys.executable)


@dataclass(frozen=True)
class Site:
    """A copy of the site with a database of its own."""

    folder: Path
    database: dict[str, str]
    machine: Machine

    def use(self, kind: str, **arguments: Any) -> Any:
        """Build an action on it; the name of its database is given as a secret."""
        environment = {**self.database, "SITE_NAME": {"secret": "env:SITE_NAME"}}
        given = {"directory": str(self.folder), "python": PYTHON, "environment": environment, "target": "host"}
        return use(kind, **{**given, **arguments})

    def migrate(self, app: str = "", to: str = "") -> None:
        """Migrate it in one go."""
        words = [PYTHON, "manage.py", "migrate", *filter(None, (app, to)), "-v", "0"]
        subprocess.run(words, check=True, cwd=self.folder, env={**os.environ, **self.database})

    def applied(self) -> dict[str, tuple[str, ...]]:
        """Read what is applied."""
        return dict(self.use("django.showmigrations").probe(self.machine.read).applied)

    def sql(self, statement: str) -> None:
        """Change the database behind the site's back."""
        name = self.database["SITE_NAME"]
        if self.database["SITE_ENGINE"] == "sqlite3":
            with closing(sqlite3.connect(name)) as connection, connection:
                connection.execute(statement)
            return
        port, user = int(self.database["SITE_PORT"]), self.database["SITE_USER"]
        with psycopg.connect(host="127.0.0.1", port=port, user=user, dbname=name) as session:
            session.execute(statement.encode())


@pytest.fixture
def machine_here() -> Iterator[Machine]:
    """Give the targets of this machine alone."""
    redactor = Redactor()
    pool = TargetPool({"local": TargetSpec("local", "local")}, SecretStore({}, redactor), redactor)
    yield Machine(pool)
    pool.close()


@pytest.fixture(params=["sqlite", "postgres"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """Give the site on SQLite on this machine, and on PostgreSQL behind a prefix."""
    folder = tmp_path / "site"
    shutil.copytree(SITE, folder)
    if request.param == "sqlite":
        database = {"SITE_ENGINE": "sqlite3", "SITE_NAME": str(tmp_path / "db.sqlite3")}
        host = TargetSpec("host", "local", {})
    else:
        url = urlsplit(request.getfixturevalue("postgres_url"))
        database = {
            "SITE_ENGINE": "postgresql",
            "SITE_NAME": url.path.lstrip("/"),
            "SITE_HOST": "127.0.0.1",
            "SITE_PORT": str(url.port),
            "SITE_USER": str(url.username),
        }
        host = TargetSpec("host", "command", {"prefix": ["env", "BEHIND=prefix"]})
    redactor = Redactor()
    pool = TargetPool({"host": host}, SecretStore({"SITE_NAME": database["SITE_NAME"]}, redactor), redactor)
    yield Site(folder, database, Machine(pool))
    pool.close()


@pytest.fixture
def migrated(site: Site) -> Site:
    """Give the site with all its migrations applied."""
    site.migrate()
    return site
