"""The kinds that move backups and clear them away keep the laws of all kinds, with a real store."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from rollbook.testing import LAWS, Case, FakeWorld, Law, law_id
from rollbook.values import Plain

from ..conftest import use
from ..real_world import RealWorld
from .conftest import NAME, SECRET, Store, make_backup

pytestmark = pytest.mark.server

SENT = {"backup": f"{{folder}}/{NAME}"}
TAKEN = {"name": "nightly/shop.dump", "folder": "{folder}/fetched"}
FETCHED = {"name": NAME, "folder": "{folder}/fetched"}
CLEARED = {"folder": "{folder}", "runs": "{folder}/runs"}


class StoreWorld(RealWorld):
    """Three backups of one database on this machine, and a store."""

    def __init__(self, store: Store, folder: Path) -> None:
        super().__init__(store.desk, folder)
        self.store = store
        for key in store.held():
            store.client.delete_object(Bucket=store.bucket, Key=key)
        shutil.rmtree(folder, ignore_errors=True)
        for name, day in ((NAME, 2), ("shop_third", 3), ("shop_first", 1)):
            make_backup(folder / name, {"dump/toc.dat": b"toc", "sums.txt": b"1\t2\t3\n"}, day)

    def contents(self) -> object:
        """Give every file, and every object of the store."""
        return super().contents(), sorted(self.store.held())


def sent(world: StoreWorld) -> None:
    """Have the backup in the store already."""
    world.machine.apply(use("backup.upload", backup=str(world.folder / NAME)))


def fetched(world: StoreWorld) -> None:
    """Have it back already, too."""
    sent(world)
    world.machine.apply(use("backup.download", name=NAME, folder=str(world.folder / "fetched")))


def put(world: StoreWorld) -> None:
    """Have a dump of others in the store."""
    world.store.client.put_object(
        Bucket=world.store.bucket, Key="backups/shop/nightly/shop.dump", Body=b"PGDMP and more"
    )


def taken(world: StoreWorld) -> None:
    """Have it here already, too."""
    put(world)
    world.machine.apply(use("backup.download", name=TAKEN["name"], folder=str(world.folder / "fetched")))


CASES: list[tuple[str, Mapping[str, Plain], Callable[[StoreWorld], None]]] = [
    ("backup.upload", SENT, lambda _world: None),
    ("backup.upload", SENT, sent),
    ("backup.download", FETCHED, sent),
    ("backup.download", FETCHED, fetched),
    ("backup.download", TAKEN, put),
    ("backup.download", TAKEN, taken),
    ("backup.retention", {**CLEARED, "keep": 1}, lambda _world: None),
    ("backup.retention", {**CLEARED, "keep": 3}, lambda _world: None),
]


@pytest.mark.parametrize("law", LAWS, ids=law_id)
@pytest.mark.parametrize(
    ("kind", "arguments", "happened"),
    CASES,
    ids=[
        "not sent",
        "sent",
        "not fetched",
        "fetched",
        "others' not fetched",
        "others' fetched",
        "too many",
        "few enough",
    ],
)
def test_laws(
    kind: str,
    arguments: Mapping[str, Plain],
    happened: Callable[[StoreWorld], None],
    law: Law,
    store: Store,
    tmp_path: Path,
) -> None:
    """A kind keeps each law."""
    folder = tmp_path / "shelf"

    def world() -> FakeWorld:
        made = StoreWorld(store, folder)
        happened(made)
        return made

    given = {
        name: value.format(folder=folder) if isinstance(value, str) else value for name, value in arguments.items()
    }
    law(Case(kind, kind, given, world, hidden=(SECRET,)))
