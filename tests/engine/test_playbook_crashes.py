"""Killed at any instant, a playbook's run resumes rightly."""

import pytest

from rollbook.errors import JournalError, RefusedError
from rollbook.run import Run
from rollbook.testing.crash import CrashError, crashing

from .scenes import ANSWERS, WANTED, files
from .workshop import Workshop, nobody

PLACES = 120


def test_every_place_is_crashed_at(scene: Workshop) -> None:
    """The crashes below reach the last place of an undisturbed run."""
    with crashing(PLACES + 1) as points:
        scene.run("scene", nobody(ANSWERS))

    assert points.passed == PLACES


@pytest.mark.parametrize("at", range(1, PLACES + 1))
def test_a_crash_at_any_place_resumes_to_the_same_end(scene: Workshop, at: int) -> None:
    """After a crash at any boundary of a playbook, its stages possible and planned, the end is an undisturbed run's."""
    run: Run | None = None
    with crashing(at) as points:
        try:
            run = scene.run("scene", nobody(ANSWERS))
        except CrashError:
            assert points.crashed
    if run is None and not scene.runs.all():
        run = scene.run("scene", nobody(ANSWERS))  # killed before its first record: nothing was done
    elif run is None:
        try:
            run = scene.resume(nobody(ANSWERS))
        except JournalError as error:
            assert "before it began" in str(error)  # the same, in the midst of that record
            run = scene.run("scene", nobody(ANSWERS))
        except RefusedError as error:
            assert "is over" in str(error)
            run = scene.runs.all()[-1].read()

    assert (run.status, files(scene.folder)) == ("succeeded", WANTED)
