"""Steps that were cut off in the middle are not done again on a guess."""

import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from rollbook.cli.ending import going_on
from rollbook.engine import stepper
from rollbook.engine.attempt import Attempt
from rollbook.targets.base import TargetSpec

from .workshop import Workshop, newest, nobody, write_step

COUNT = 'shell.run: {command: "echo x >> count.txt; sleep 5"}\n    undo: {leave: a count stays}\n'


def test_an_interrupted_group_is_in_doubt(workshop: Workshop) -> None:
    """Members that were killed in the middle are not told as failed, and not run again on a guess."""
    names = ("h1", "h2")
    for name in names:
        (workshop.folder / name).mkdir()
    workshop.targets = {name: TargetSpec(name, "local", {"directory": str(workshop.folder / name)}) for name in names}
    workshop.groups = {"web": names}
    workshop.write(
        "g", f"targets: {{web: {{kind: local}}}}\nsteps:\n  - id: s\n    name: All.\n    target: web\n    {COUNT}"
    )

    def end() -> None:
        while not all((workshop.folder / name / "count.txt").exists() for name in names):
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=end)
    thread.start()
    stopped = workshop.run("g")
    thread.join()
    assert stopped.status == "stopped"
    waiting = workshop.resume()

    assert waiting.status == "waiting"
    assert [(workshop.folder / name / "count.txt").read_text() for name in names] == ["x\n", "x\n"]


def test_an_unexpected_error_leaves_the_step_in_doubt(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """What broke after a command had begun says nothing about the command."""
    workshop.write(
        "u",
        'steps:\n  - id: c\n    name: Count.\n    shell.run: {command: "echo x >> count.txt"}\n    undo: {leave: x}\n',
    )
    with monkeypatch.context() as patched:
        patched.setattr("rollbook.engine.stepper.verify_after", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            workshop.run("u")

    waiting = workshop.resume()

    assert (waiting.status, waiting.steps[0].status) == ("waiting", "in_doubt")
    assert (workshop.folder / "count.txt").read_text() == "x\n"


@pytest.mark.parametrize("answer", ["yes", "no"])
def test_an_end_that_was_cut_off_is_not_done_again_on_a_guess(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    """A finally step that may be done once only, and of which nobody knows what became, is asked about by an undo."""
    last = 'finally:\n  - {id: end, name: Count., shell.run: {command: "echo x >> count.txt"}, undo: {leave: x}}\n'
    workshop.write("e", f"steps:\n{write_step('a', 'x')}{last}")
    with monkeypatch.context() as patched:
        verify = stepper.verify_after
        patched.setattr(stepper, "verify_after", lambda attempt, after: _broken(verify, attempt, after))
        with pytest.raises(ZeroDivisionError):
            workshop.run("e")
    run, counted = newest(workshop).read(), workshop.folder / "count.txt"

    waiting = workshop.undo(run)
    undone = workshop.resume(nobody({"end/sure": answer}))

    assert (waiting.status, waiting.waiting_for) == ("waiting", "end/sure")
    assert undone.status == ("undone" if answer == "yes" else "failed")
    assert counted.read_text() == ("x\nx\n" if answer == "yes" else "x\n")
    assert not (workshop.folder / "a.txt").exists()
    if answer == "no":
        assert next(text for label, text in going_on(undone) if label == "leave").endswith("--skip end --reason WHY")
        assert workshop.resume(skip={"end/sure": "it was done"}).status == "undone"
        assert counted.read_text() == "x\n"


def _broken(verify: Callable[[Attempt, Any], Any], attempt: Attempt, after: object) -> object:
    """Break after the command of the step `end`, as a defect would."""
    if attempt.planned.address == "end":
        raise ZeroDivisionError
    return verify(attempt, after)


def test_a_step_that_was_begun_again_after_a_stop_tells_so(workshop: Workshop) -> None:
    """Attempts are counted over all processes that carried the run on."""
    workshop.write(
        "f", "steps:\n  - id: c\n    name: Try.\n    shell.run: {command: 'test -e ok'}\n    undo: {leave: x}\n"
    )
    workshop.run("f")
    (workshop.folder / "ok").touch()

    run = workshop.resume()

    assert (run.status, run.steps[0].attempts, len(run.steps[0].starts)) == ("succeeded", 2, 2)
