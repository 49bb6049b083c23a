"""A run that is given up is over only once its end is done."""

import pytest

from rollbook.cli.ending import going_on, sentence
from rollbook.engine import Engine

from .workshop import Workshop, newest, nobody, write_step


def test_a_run_being_abandoned_goes_on_being_abandoned(workshop: Workshop) -> None:
    """A question among its finally steps makes the end wait; a resume ends the run and carries out no other step."""
    workshop.write(
        "ab",
        "steps:\n  - id: q\n    name: Ask.\n    human.input: {text: Say}\n"
        + write_step("danger", "x")
        + "finally:\n  - id: told\n    name: Tell.\n    human.task: {text: Tell people}\n",
    )
    workshop.run("ab")

    waiting = Engine(newest(workshop), workshop.planner("ab"), asker=nobody(), watcher=workshop.watcher).abandon("no")
    assert (waiting.status, waiting.abandoning) == ("waiting", "no")
    assert "at step told (Tell.)" in sentence(waiting)
    assert "--answer told=done" in dict(going_on(waiting))["answer"]
    run = workshop.resume(nobody({"told": "done", "q": "go"}))

    assert (run.status, run.ended_because) == ("abandoned", "no")
    assert not (workshop.folder / "danger.txt").exists()


@pytest.mark.parametrize("mended", [True, False])
def test_a_run_is_given_up_only_once_its_end_is_done(workshop: Workshop, mended: bool) -> None:
    """What fails among its finally steps can be done by a resume, or left with a reason; until then it is not over."""
    last = "finally:\n  - id: back\n    name: Give it back.\n    shell.run: {command: test -e mended && echo x > back.txt}\n"
    workshop.write("ab", "steps:\n  - id: q\n    name: Ask.\n    human.input: {text: Say}\n" + last)
    workshop.run("ab")
    back = workshop.folder / "back.txt"

    planner = workshop.planner("ab")
    failed = Engine(newest(workshop), planner, asker=nobody(), watcher=workshop.watcher).abandon("no")
    assert (failed.status, failed.abandoning, failed.resumable) == ("failed", "no", True)
    assert "what had to be done at the end failed: back" in failed.ended_because
    assert any("--skip back --reason WHY" in text for _, text in going_on(failed))
    if mended:
        (workshop.folder / "mended").touch()
        run = workshop.resume()
    else:
        run = workshop.engine(failed).resume(skip={"back": "its host is gone for good"})

    assert (run.status, run.ended_because, back.exists()) == ("abandoned", "no", mended)
