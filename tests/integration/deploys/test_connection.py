"""The connection to the database is lost while a deploy is taken back: the run says so, and a resume goes on."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from .conftest import Undisturbed
from .desk import Desk
from .ending import look, require_kept, require_same, require_told
from .killing import Errand, Moment
from .site import LIVE, Board
from .wire import Wire
from .writers import Writer

pytestmark = [pytest.mark.server, pytest.mark.timeout(600)]

LOST_IN = pytest.mark.parametrize(
    "steps",
    [
        pytest.param(("base", "carry_last", "swap"), id="some"),
        pytest.param(
            ("safety", "restore", "base", "carry", "fence", "carry_last", "swap"), id="all", marks=pytest.mark.torture
        ),
    ],
)
_MINE = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'rollbook%'"


def lose(errand: Errand, step: str, end: Callable[[], object]) -> tuple[int, str]:
    """Begin or resume, lose the connections as soon as there is one in *step*; gives the exit code and what was said."""
    process = errand.start(Moment(step, 0.0))
    while process.poll() is None and not end():
        time.sleep(0.005)
    return process.wait(timeout=180), errand.desk.said


def require_clear(code: int, said: str) -> None:
    """Fail where a tired operator would not know what happened and what to do."""
    assert "\nTraceback" not in said, said[-3000:]
    why = any(word in said for word in ("PostgreSQL", "answer", "the lock was lost"))
    assert code == 0 or ("resume" in said and why), said[-3000:]


@LOST_IN
def test_the_server_ends_our_sessions(desk: Desk, undisturbed: Undisturbed, steps: tuple[str, ...]) -> None:
    """Whoever ends Rollbook's sessions stops the run, with live as it was; resumes end as if undisturbed."""
    board, errand = desk.board, Errand(desk, desk.going_back())
    first, told, lives = board.databases()[LIVE][0], {}, {}

    with Writer(board.pattern.url(user="forum"), 1).writing() as writer:
        for step in steps:
            told[step] = lose(errand, step, lambda: board.pattern.admin(_MINE))
            lives[step] = board.databases()[LIVE][0]
        errand.finish()

    for code, said in told.values():
        require_clear(code, said)
    assert {lives[step] for step in steps if step != "swap"} == {first}
    assert sum(code != 0 for code, _ in told.values()) >= len(steps) - 2
    require_same(look(board, first), undisturbed.done)
    require_kept(board, writer)
    require_told(desk)


def test_the_server_ends_our_sessions_while_things_are_put_back(desk: Desk) -> None:
    """Putting back has no swap to hide behind: stopped in the middle, live goes on, and a resume puts back the rest."""
    board, errand = desk.board, Errand(desk, desk.bringing_back("put_back"))
    first, pages = board.databases()[LIVE][0], []

    with Writer(board.pattern.url(user="forum"), 1).writing() as writer:
        for step in ("scratch", "recover"):
            require_clear(*lose(errand, step, lambda: board.pattern.admin(_MINE)))
            pages.append(board.page("/shows_show/")[0])
        errand.finish()

    assert pages == [200, 200]
    assert board.page("/channels_post/") == (200, "rows: 2000")
    assert board.databases()[LIVE][0] == first
    require_kept(board, writer)


@pytest.fixture
def wire(board: Board) -> Iterator[Wire]:
    """Give a wire to the board's server."""
    with Wire(int(psycopg.conninfo.conninfo_to_dict(board.pattern.url())["port"])) as made:
        yield made


@pytest.fixture
def wired(board: Board, wire: Wire, tmp_path: Path) -> Desk:
    """Give an operator's folder whose connections go over the wire; those of the site do not."""
    return replace(Desk(tmp_path / "wired", board), port=wire.port)


@LOST_IN
def test_the_wire_is_cut(wired: Desk, wire: Wire, undisturbed: Undisturbed, steps: tuple[str, ...]) -> None:
    """Cut in one step after the other, and refused while it is cut, it is told each time; mended, resumes go on."""
    board, errand = wired.board, Errand(wired, wired.going_back())
    first, told = board.databases()[LIVE][0], {}

    with Writer(board.pattern.url(user="forum"), 1).writing() as writer:
        for step in steps:
            told[step] = lose(errand, step, wire.cut)
            if not errand.over:
                code, said = wired.type(*errand.next())  # nothing can be reached
                assert code != 0
                require_clear(code, said)
            wire.mend()
        errand.finish()

    for code, said in told.values():
        require_clear(code, said)
    assert wire.cuts >= len(steps) - 1
    require_same(look(board, first), undisturbed.done)
    require_kept(board, writer)
    require_told(wired)
