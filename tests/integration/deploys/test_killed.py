"""A deploy that is taken back ends as if nothing had happened, however often and wherever the run was killed."""

import random
from dataclasses import replace
from pathlib import Path

import pytest

from rollbook.run import Run

from .conftest import Undisturbed
from .desk import Desk, answering
from .ending import Ending, look, require_kept, require_same, require_told
from .killing import finish_crashed, finish_killed, moments
from .site import LIVE, Board, Pattern
from .writers import Writer

pytestmark = [pytest.mark.server, pytest.mark.timeout(600)]

PARTS = 10


@pytest.mark.parametrize("seed", range(5))
def test_killed_twice_somewhere(desk: Desk, undisturbed: Undisturbed, seed: int) -> None:
    """Killed twice and resumed, a run ends as an undisturbed one, and so does its undo; no acknowledged row is lost."""
    board, chance = desk.board, random.Random(20240501 + seed)  # noqa: S311  # the same moments every time
    first = board.databases()[LIVE][0]
    kills = moments(undisturbed.run, chance, 2)
    later = moments(undisturbed.undo, chance, 2)

    with Writer(board.pattern.url(user="forum"), seed).writing() as writer:
        killed = finish_killed(desk, desk.going_back(), kills)
        run, done = desk.last(), look(board, first)
        killed += finish_killed(desk, ("undo", run.id, "--yes"), later)
    undone = look(board, first)

    assert killed > 0
    require_same(done, undisturbed.done)
    require_same(undone, undisturbed.undone)
    require_kept(board, writer)
    require_told(desk)


@pytest.mark.parametrize("seed", range(2))
def test_the_undo_of_an_undo_killed_somewhere(desk: Desk, undisturbed: Undisturbed, seed: int) -> None:
    """Taken back, that taken back, and that killed: the board is as after the first run, with every row written since."""
    board, chance = desk.board, random.Random(20240601 + seed)  # noqa: S311  # the same moments every time
    first = board.databases()[LIVE][0]

    with Writer(board.pattern.url(user="forum"), seed).writing() as writer:
        codes = [desk.type(*desk.going_back())[0], desk.type("undo", "last", "--yes")[0]]
        again = ("undo", desk.last().id, "--yes", *answering())
        killed = finish_killed(desk, again, moments(undisturbed.again, chance, 2))
        once = desk.last()
    there = look(board, first)
    code, said = desk.type("undo", once.id, "--yes")

    assert (codes, code) == ([0, 0], 0), said[-3000:]
    assert killed > 0
    require_same(there, undisturbed.there)
    require_same(replace(there, backups=undisturbed.done.backups), undisturbed.done)  # it backs up once more
    require_same(replace(look(board, first), backups=undisturbed.undone.backups), undisturbed.undone)
    require_kept(board, writer)
    require_told(desk)


def _places(run: Run, records: int) -> range:
    """Number the places at which a run like this one may crash: three of each record, two of each op."""
    return range(1, 3 * records + 2 * sum(step.ops_done for step in run.steps) + 1)


@pytest.mark.torture
@pytest.mark.timeout(36000)
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("which", ["run", "undo", "again"])
def test_killed_everywhere(pattern: Pattern, undisturbed: Undisturbed, tmp_path: Path, part: int, which: str) -> None:
    """At every single place of the run, of its undo, and of the undo of that."""
    known = undisturbed
    run, records, wanted = {
        "run": (known.run, known.records, known.done),
        "undo": (known.undo, known.undo_records, known.undone),
        "again": (known.again, known.again_records, known.there),
    }[which]
    failures = {}
    for place in _places(run, records)[part::PARTS]:
        try:
            _check(pattern, wanted, tmp_path / str(place), place, which)
        except AssertionError as error:
            failures[place] = str(error)
    assert not failures


def _check(pattern: Pattern, wanted: Ending, folder: Path, place: int, which: str) -> None:
    with Board(pattern, folder / "board") as board:
        desk, first = Desk(folder / "desk", board), board.databases()[LIVE][0]
        words = desk.going_back()
        with Writer(board.pattern.url(user="forum"), place).writing() as writer:
            if which != "run":
                code, said = desk.type(*words)
                assert code == 0, said[-4000:]
                words = ("undo", desk.last().id, "--yes")  # an undo that never began would be the last run
            if which == "again":
                code, said = desk.type(*words)
                assert code == 0, said[-4000:]
                words = ("undo", desk.last().id, "--yes", *answering())
            finish_crashed(desk, words, place)
        require_same(look(board, first), wanted)
        require_kept(board, writer)
        require_told(desk)
