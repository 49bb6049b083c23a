"""The kinds that make backups and databases keep the laws of all kinds, on a real server."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from servers import SqlServer

from rollbook.postgres.scratch import Mark
from rollbook.targets import Redactor, SecretStore, TargetPool
from rollbook.targets.base import TargetSpec
from rollbook.testing import LAWS, Case, FakeWorld, Law, law_id
from rollbook.values import Plain

from ..conftest import Machine
from .shops import PASSWORD, RUN, Shop
from .test_restore import dumped

pytestmark = pytest.mark.server
LIVE = "law shop"


class RealWorld(FakeWorld):
    """A small database, and a folder with a backup of it, as they are before every law."""

    def __init__(self, shop: Shop, folder: Path, *, scratch: str = "") -> None:
        super().__init__()
        self._shop = shop
        self._folder = folder
        self._machine = Machine(shop.pool)
        self.read = self._machine.read  # type: ignore[assignment]  # readers of the real targets
        self.carry_out = self._machine.carry_out  # type: ignore[method-assign]  # so that ops reach them
        for name in shop.databases():
            if RUN in name:
                shop.run(f'DROP DATABASE "{name}"', database="postgres")
        shutil.rmtree(folder / "made", ignore_errors=True)
        if scratch:
            marked = f"COMMENT ON DATABASE \"{scratch}\" IS '{Mark(RUN, 'scratch', LIVE)}'"
            shop.run(f'CREATE DATABASE "{scratch}"', marked, database="postgres")

    def contents(self) -> Plain:
        """Give what would differ had something been written."""
        return [sorted(map(str, self._folder.rglob("*"))), sorted(self._shop.databases())]


@dataclass(frozen=True, slots=True)
class Court:
    """Where the laws are tried."""

    shop: Shop
    folder: Path

    def case(self, kind: str, arguments: dict[str, Any]) -> Case:
        given = {name: self._placed(value) for name, value in arguments.items()}
        scratch = arguments["database"] if kind == "postgres.drop_scratch" else ""
        return Case(kind, kind, given, lambda: RealWorld(self.shop, self.folder, scratch=scratch), hidden=(PASSWORD,))

    def _placed(self, value: Any) -> Any:
        return value.replace("FOLDER", str(self.folder)) if isinstance(value, str) else value


@pytest.fixture(scope="module")
def court(postgres_server: SqlServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Court]:
    """Make the database and a backup of it, once."""
    address = postgres_server.url.replace("+psycopg", "")
    folder = tmp_path_factory.mktemp("court")
    with psycopg.connect(f"{address}postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{LIVE}" TEMPLATE template0'.encode())
        info = connection.info
        settings = {"driver": "postgresql", "host": info.host, "port": info.port, "database": LIVE, "user": "postgres"}
    redactor = Redactor()
    spec = TargetSpec("db", "postgres", {**settings, "password": {"secret": "env:DB_PASSWORD"}})
    specs = {"db": spec, "local": TargetSpec("local", "local")}
    pool = TargetPool(specs, SecretStore({"DB_PASSWORD": PASSWORD}, redactor), redactor)
    shop = Shop(LIVE, "postgres", f"{address}postgres", pool)
    shop.run(
        "CREATE TABLE thing (id integer PRIMARY KEY, name text)", "INSERT INTO thing VALUES (1, 'one'), (2, 'two')"
    )
    dumped(shop, folder / "given.dump", "--format=custom")
    yield Court(shop, folder)
    pool.close()
    for name in {LIVE, *(name for name in shop.databases() if RUN in name)}:
        shop.run(f'DROP DATABASE "{name}" WITH (FORCE)', database="postgres")


USES: list[tuple[str, dict[str, Any]]] = [
    ("postgres.backup", {"folder": "FOLDER/made", "run": RUN}),
    ("postgres.backup_check", {"backup": "FOLDER/given.dump"}),
    ("postgres.backup_list", {"folder": "FOLDER"}),
    ("postgres.base", {"backup": "FOLDER/given.dump", "command": ["psql", "-XqAtc", "SELECT 1"], "run": RUN}),
    ("postgres.restore", {"backup": "FOLDER/given.dump", "role": "scratch", "run": RUN}),
    ("postgres.drop_scratch", {"database": f"{LIVE}_rb_{RUN}", "run": RUN}),
    ("postgres.drop_scratch", {"database": "", "run": RUN}),
]


@pytest.mark.parametrize("law", LAWS, ids=law_id)
@pytest.mark.parametrize(("kind", "arguments"), USES, ids=lambda value: str(value)[:40])
def test_laws(court: Court, kind: str, arguments: dict[str, Any], law: Law) -> None:
    """A kind keeps each law."""
    law(court.case(kind, arguments))
