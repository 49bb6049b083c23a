"""A restore killed with SIGKILL at any place ends, once resumed, as one that was not disturbed."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from rollbook.demo.sample import Sample

from .desk import Desk, tell
from .killing import kill_and_finish, restored_once
from .places import Place, count_places

pytestmark = pytest.mark.server
Build = Callable[[str], Sample]

PARTS = 10
_CHANCE = random.Random(20240501)  # noqa: S311  # the same places every time
SOMEWHERE = [
    (ledger, _CHANCE.random())
    for ledger, number in (("sqlite", 1), ("mariadb", 4), ("postgres", 2))
    for _ in range(number)
]
"""In which restore, and how far into it."""

# The distinct states around the two writes: "before" a record is the same as "after" the one before it.
AROUND_THE_WRITES = (
    ("before", "step_started", None),
    ("torn", "step_started", None),
    *(
        (when, what, index)
        for index in (0, 1)
        for what, whens in (("op_started", ("before", "torn")), ("op", ("before", "after")), ("op_finished", ("torn",)))
        for when in whens
    ),
    ("after", "op_finished", 1),
    ("torn", "step_finished", None),
    ("after", "step_finished", None),
)
AMID_THE_WRITES = (("after", "op", 0), ("before", "op", 1))


@pytest.fixture(scope="session")
def counted() -> dict[str, tuple[Place, ...]]:
    """Remember the places of a restore, by the ledger's database: they are counted once."""
    return {}


@pytest.fixture
def places(
    counted: dict[str, tuple[Place, ...]], tmp_path: Path, make_sample: Build, ledger_url: str
) -> tuple[Place, ...]:
    """Name the places of a restore, counted in one that is not disturbed."""
    family = ledger_url.partition(":")[0]
    if family not in counted:
        run, counted[family] = count_places(Desk(tmp_path / "counting", make_sample(ledger_url)))
        assert run.status == "succeeded"
    return counted[family]


def around_the_writes(places: tuple[Place, ...], when: str, what: str, index: int | None) -> int:
    """Find a place of the step that writes both stores."""
    (found,) = (
        place.number
        for place in places
        if (place.step, place.when, place.what, place.index) == ("pointers", when, what, index)
    )
    return found


def check(sample: Sample, folder: Path, place: int) -> None:
    """Kill a restore at *place*, finish it, and see that it did what an undisturbed one does."""
    desk = Desk(folder, sample)
    with restored_once(desk):
        kill_and_finish(desk, place)


@pytest.mark.parametrize("ledger_url", ["mariadb"], indirect=True)
@pytest.mark.parametrize(("when", "what", "index"), AROUND_THE_WRITES)
def test_killed_around_the_writes(
    places: tuple[Place, ...],
    make_sample: Build,
    ledger_url: str,
    tmp_path: Path,
    when: str,
    what: str,
    index: int | None,
) -> None:
    """Before, between and after the writes to ledger and modulestore, each is made once."""
    check(make_sample(ledger_url), tmp_path / "killed", around_the_writes(places, when, what, index))


@pytest.mark.parametrize("ledger_url", ["sqlite", "postgres"], indirect=True)
@pytest.mark.parametrize(("when", "what", "index"), AMID_THE_WRITES)
def test_killed_between_the_writes(
    places: tuple[Place, ...],
    make_sample: Build,
    ledger_url: str,
    tmp_path: Path,
    when: str,
    what: str,
    index: int | None,
) -> None:
    """The ledger's write, done but not journalled, or journalled, is not made again on any database."""
    check(make_sample(ledger_url), tmp_path / "killed", around_the_writes(places, when, what, index))


@pytest.mark.parametrize(("ledger_url", "share"), SOMEWHERE, indirect=["ledger_url"])
def test_killed_somewhere(
    places: tuple[Place, ...], make_sample: Build, ledger_url: str, tmp_path: Path, share: float
) -> None:
    """Anywhere else, too."""
    check(make_sample(ledger_url), tmp_path / "killed", places[int(share * len(places))].number)


@pytest.mark.torture
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("part", range(PARTS))
def test_killed_everywhere(
    places: tuple[Place, ...], make_sample: Build, ledger_url: str, tmp_path: Path, part: int
) -> None:
    """At every single place."""
    failures = {}
    for place in places[part::PARTS]:
        try:
            check(make_sample(ledger_url), tmp_path / f"killed{place.number}", place.number)
        except AssertionError as error:
            failures[str(place)] = str(error)
    assert not failures


@pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)
def test_every_place_was_counted(
    places: tuple[Place, ...], make_sample: Build, ledger_url: str, tmp_path: Path
) -> None:
    """A process of its own passes the places that were counted: it dies at the last one, and never behind it."""
    desk = Desk(tmp_path / "killed", make_sample(ledger_url))
    check(desk.sample, desk.folder, places[-1].number)

    done = Desk(tmp_path / "spared", make_sample(ledger_url)).type(*desk.restoring(), crash_at=len(places) + 1)

    assert done.returncode == 0, tell(done)
