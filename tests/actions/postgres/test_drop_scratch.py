"""Databases that a run made to work with are dropped; nothing else ever is."""

from pathlib import Path

import psycopg
import pytest

from rollbook.action import Leave
from rollbook.errors import ConflictError, RefusedError
from rollbook.postgres.scratch import Mark, Role
from rollbook.values import RUN_ID

from ..conftest import Machine, use
from .shops import RUN, Shop
from .test_restore import made

pytestmark = pytest.mark.server
OTHER_RUN = "20260102T030405.678Z-ffffff"


def beside(shop: Shop, comment: object) -> str:
    """Make a database beside the shop's, with a comment on it."""
    name = f"{shop.name} beside"
    said = str(comment).replace("'", "''")
    shop.run(f'CREATE DATABASE "{name}"', f"COMMENT ON DATABASE \"{name}\" IS '{said}'", database="postgres")
    return name


def test_a_scratch_restore_is_dropped_and_nothing_else(shop: Shop, desk: Machine, tmp_path: Path) -> None:
    """What the run restored to work with goes, every other database stays, and twice changes nothing."""
    backup = made(shop, desk, tmp_path, "rollbook")
    before = shop.databases()
    restore = use("postgres.restore", backup=str(backup), role="scratch", run=RUN)
    desk.apply(restore)
    (scratch,) = shop.databases() - before
    action = use("postgres.drop_scratch", database=scratch, run=RUN)

    change = desk.apply(action)

    assert shop.databases() == before
    assert isinstance(action.undo(change), Leave)
    assert desk.plan(action).ops == ()


@pytest.mark.parametrize("role", ["base", "scratch", "unfinished", "undecided"])
def test_what_a_run_works_with_is_dropped(shop: Shop, desk: Machine, role: Role) -> None:
    """Every sort of it, also what a kill left half made."""
    name = beside(shop, Mark(RUN, role, shop.name))

    desk.apply(use("postgres.drop_scratch", database=name, run=RUN))

    assert name not in shop.databases()


@pytest.mark.parametrize("run", [RUN, OTHER_RUN, str(RUN_ID)])
def test_the_live_database_is_never_dropped(shop: Shop, desk: Machine, run: str) -> None:
    """Nor planned to be, whatever run asks."""
    with pytest.raises(RefusedError, match="this run did not make it"):
        desk.plan(use("postgres.drop_scratch", database=shop.name, run=run))


@pytest.mark.parametrize("run", [RUN, str(RUN_ID)])
@pytest.mark.parametrize("role", ["kept", "restored"])
def test_what_was_live_or_is_to_be_is_never_dropped(shop: Shop, desk: Machine, role: Role, run: str) -> None:
    """The database that a swap kept, and the one to be swapped in, are no scratch, also of the run itself."""
    name = beside(shop, Mark(RUN, role, shop.name))

    with pytest.raises(RefusedError, match=f"{role} of"):
        desk.plan(use("postgres.drop_scratch", database=name, run=run))


@pytest.mark.parametrize("comment", ["", "somebody's", f"rollbook {RUN} scratch", f"rollbook {RUN} strange of shop"])
def test_what_bears_no_mark_is_never_dropped(shop: Shop, desk: Machine, comment: str) -> None:
    """A comment that only looks like one is none."""
    name = beside(shop, comment)

    with pytest.raises(RefusedError, match=comment or "no mark"):
        desk.plan(use("postgres.drop_scratch", database=name, run=RUN))


def test_another_run_s_is_never_dropped(shop: Shop, desk: Machine) -> None:
    """It is refused as soon as the run's own id is known; before that, it may yet be the run's."""
    name = beside(shop, Mark(OTHER_RUN, "scratch", shop.name))
    planned = desk.plan(use("postgres.drop_scratch", database=name))

    with pytest.raises(RefusedError, match=f"{OTHER_RUN} scratch of"):
        desk.plan(use("postgres.drop_scratch", database=name, run=RUN))
    with pytest.raises(ConflictError, match="does not bear the mark"):
        desk.carry_out(*planned.ops)

    assert name in shop.databases()


def test_what_became_another_s_meanwhile_stays(shop: Shop, desk: Machine) -> None:
    """The mark is looked at again when it is dropped."""
    name = beside(shop, Mark(RUN, "scratch", shop.name))
    planned = desk.plan(use("postgres.drop_scratch", database=name, run=RUN))
    shop.run(f"COMMENT ON DATABASE \"{name}\" IS 'mine now'", database="postgres")

    with pytest.raises(ConflictError, match="mine now"):
        desk.carry_out(*planned.ops)

    assert name in shop.databases()


def test_what_somebody_looks_into_stays(shop: Shop, desk: Machine) -> None:
    """Nobody is thrown out of it."""
    name = beside(shop, Mark(RUN, "scratch", shop.name))
    action = use("postgres.drop_scratch", database=name, run=RUN)

    with psycopg.connect(shop.at(name)), pytest.raises(Exception, match="accessed by other users"):
        desk.apply(action)

    assert name in shop.databases()
    desk.apply(action)
    assert name not in shop.databases()


@pytest.mark.parametrize("name", ["", "never made"])
def test_where_none_was_made_there_is_nothing_to_do(shop: Shop, desk: Machine, name: str) -> None:
    """Nor is there anything to refuse."""
    before = shop.databases()

    change = desk.apply(use("postgres.drop_scratch", database=name, run=RUN))

    assert change.ops == ()
    assert shop.databases() == before
