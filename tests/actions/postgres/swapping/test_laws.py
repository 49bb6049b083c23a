"""The kinds that go back keep the laws, on a real server."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cached_property
from typing import Any, cast

import psycopg
import pytest
from servers import SqlServer

from actions.conftest import Machine, use
from rollbook.ops import Op, OpResult
from rollbook.planner.readers import LiveReaders
from rollbook.testing import Case, FakeWorld, Law, law_id, laws_of
from rollbook.values import Plain

from .conftest import Site, make_site

pytestmark = pytest.mark.server
_servers: list[SqlServer] = []
_sites: list[Site] = []
_inside: list[psycopg.Connection[Any]] = []


@pytest.fixture(autouse=True)
def _worlds(postgres_server: SqlServer) -> Iterator[None]:
    _servers[:] = [postgres_server]
    yield
    _clear()


class World:
    """A site under names that are always the same, made when it is first looked at; somebody of the site's is in it."""

    def __init__(self, prepare: Callable[[Site, Machine], object]) -> None:
        self._prepare = prepare

    @cached_property
    def _made(self) -> tuple[Site, Machine]:
        _clear()
        site = make_site(_servers[0], "law")
        _sites.append(site)
        site.build()
        machine = site.machine()
        self._prepare(site, machine)
        with suppress(psycopg.OperationalError):
            _inside.append(psycopg.connect(site.url(user=site.app)))
        return site, machine

    @property
    def read(self) -> LiveReaders:
        return self._made[1].read

    def carry_out(self, *ops: Op) -> tuple[OpResult, ...]:
        return self._made[1].carry_out(*ops)

    def contents(self) -> Plain:
        site = self._made[0]
        databases = "SELECT datname, datallowconn, datconnlimit, shobj_description(oid, 'pg_database') FROM pg_database"
        live = site.admin("SELECT count(*), sum(hashtext(book::text)) FROM book", database=site.live)
        return [sorted(site.admin(databases), key=str), live]


def _clear() -> None:
    while _inside:
        _inside.pop().close()
    while _sites:
        _sites.pop().drop()


def world(prepare: Callable[[Site, Machine], object] = lambda _site, _machine: None) -> Callable[[], FakeWorld]:
    return lambda: cast("FakeWorld", World(prepare))


def doing(kind: str, **arguments: Any) -> Callable[[Site, Machine], object]:
    return lambda _site, machine: machine.apply(use(kind, **arguments))


FOLDER = tempfile.gettempdir() + "/rollbook-laws"
CARRY = {"restored": "site_law_restored", "base": "site_law_base", "folder": FOLDER, "run": "r1"}
SWAP = {"incoming": "site_law_restored", "kept": "site_law_kept", "run": "r1", "folder": FOLDER}
KEPT = {"database": "site_law_kept"}
CASES = [
    Case(
        "carry: final after first", "postgres.carry", CARRY | {"final": True}, world(doing("postgres.carry", **CARRY))
    ),
    Case("fence: up", "postgres.fence", {"run": "r1"}, world()),
    Case("fence: down", "postgres.fence", {"up": False}, world(doing("postgres.fence", run="r1"))),
    Case("swap: first", "postgres.swap", SWAP, world()),
    Case("drop_kept: there", "postgres.drop_kept", KEPT, world(doing("postgres.swap", **SWAP))),
]


@pytest.mark.parametrize(("case", "law"), laws_of(CASES), ids=law_id)
def test_laws(case: Case, law: Law) -> None:
    """A kind keeps each law."""
    law(case)
