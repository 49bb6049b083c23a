"""What is saved before a migration and put back after it is whole, however often and wherever the runs were killed."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from servers import SqlServer

from ..deploys.killing import Moment, finish_crashed, finish_killed
from .board import APP, PROTECT, RECOVER, Board, Desk, Pattern, database

pytestmark = [pytest.mark.server, pytest.mark.timeout(600)]

PARTS = 8
WAYS = ("migrate", "fake")  # back: by Django, into empty tables; or only said, so that all is made from the snapshot
PHASES = ("protect", "recover", "undo")


@pytest.fixture(params=["postgres", "mariadb"])
def server(request: pytest.FixtureRequest) -> SqlServer:
    found: SqlServer = request.getfixturevalue(f"{request.param}_server")
    return found


@pytest.mark.parametrize(
    ("server", "back"),
    [
        ("postgres", "fake"),
        ("mariadb", "migrate"),
        pytest.param("postgres", "migrate", marks=pytest.mark.torture),
        pytest.param("mariadb", "fake", marks=pytest.mark.torture),
    ],
    indirect=["server"],
)
def test_killed_in_the_middle(server: SqlServer, tmp_path: Path, back: str) -> None:
    """Killed while it saves, while it loads and while it puts back, it ends with every row and value as before."""
    chance = random.Random(f"{server.url[:5]} {back}")  # noqa: S311  # the same moments every time
    with database(server.url, "rb_killed") as url, Board(tmp_path, url).opened() as board:
        board.build(7, notes=8_000)
        desk, before = Desk(tmp_path / "desk", board), board.contents()

        killed = finish_killed(desk, PROTECT, (Moment("save", chance.uniform(0, 0.4)),))
        board.code.migrate(APP, "-v", "0")
        moments = (Moment("load", chance.uniform(0, 0.5)), Moment("recover", chance.uniform(0, 0.5)))
        killed += finish_killed(desk, (*RECOVER, f"--set=backwards={back}"), moments)

        assert killed > 0
        assert board.contents() == before
        require_tidy(desk)


def require_tidy(desk: Desk) -> None:
    """Fail where a kill has left a scratch database, or a half of a snapshot."""
    assert desk.board.beside() == []
    assert [path.name for path in (desk.folder / "snapshots").iterdir() if path.name.startswith(".")] == []


@pytest.mark.torture
@pytest.mark.timeout(36000)
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize(
    ("phase", "back"), [("protect", "migrate"), *((phase, back) for phase in PHASES[1:] for back in WAYS)]
)
def test_killed_everywhere(server: SqlServer, tmp_path: Path, phase: str, back: str, part: int) -> None:
    """At every single place of saving, of putting back, and of its undo, it ends as an undisturbed run does."""
    failures = {}
    with prepared(server, tmp_path, back) as pattern:
        for place in pattern.places[phase][part::PARTS]:
            pattern.begin(phase)
            try:
                finish_crashed(pattern.desk, pattern.words[phase], place)
                require_tidy(pattern.desk)
                assert pattern.look() == pattern.ends[phase]
            except AssertionError as error:
                failures[place] = str(error)
    assert not failures


@contextmanager
def prepared(server: SqlServer, folder: Path, back: str) -> Iterator[Pattern]:
    with database(server.url, "rb_killed") as url, Board(folder / "pattern", url).opened() as board:
        board.build(7)
        pattern = Pattern(Desk(folder / "desk", board), back)
        yield pattern
        pattern.close()
