"""Killed at any instant, a run resumes rightly."""

import os
from pathlib import Path

import pytest

from rollbook.action import Readers
from rollbook.actions.file.present import FilePresent
from rollbook.actions.file.state import FileState
from rollbook.journal import replay
from rollbook.ops import Execution, Op, OpResult
from rollbook.targets.pool import TargetPool
from rollbook.testing.crash import CrashError, crashing

from .workshop import Workshop, nobody, through_a_crash

RUNBOOK = """
steps:
  - id: which
    name: Choose one.
    human.choose: {text: "Which?", from: [a, b], default: a}
  - id: fresh
    name: Write a new file.
    file.present: {path: fresh.txt, content: "new {{ steps.which.outputs.value }} {{ run.id }}\\n"}
  - id: over
    name: Overwrite a file.
    file.present: {path: over.txt, content: "after\\n"}
  - id: count
    name: Count, once.
    shell.run: {command: "echo counted >> counts.txt; touch done.txt", creates: done.txt}
    undo: {leave: "a count stays"}
  - id: lines
    name: Read the count.
    shell.run: {command: [wc, -l, counts.txt], effect: read}
  - id: told
    name: Use what was read.
    file.present: {path: told.txt, content: "{{ steps.lines.outputs.stdout }}"}
  - id: gone
    name: Remove a file.
    file.absent: {path: gone.txt}
finally:
  - id: end
    name: Say how it ended.
    file.present: {path: end.txt, content: "{{ run.status }}"}
"""

ANSWERS = {"which": "default"}
WANTED = {
    "over.txt": "after\n",
    "counts.txt": "counted\n",
    "done.txt": "",
    "told.txt": "1 counts.txt\n",
    "end.txt": "succeeded",
}


def prepare(workshop: Workshop) -> None:
    """Put the runbook and the files before into place."""
    workshop.write("crash", RUNBOOK)
    (workshop.folder / "over.txt").write_text("before\n")
    (workshop.folder / "gone.txt").write_text("here\n")


def files(folder: Path) -> dict[str, str]:
    """Read the visible text files."""
    return {path.name: path.read_text() for path in folder.glob("*.txt") if not path.name.startswith(".")}


PLACES = 102


def test_every_place_is_crashed_at(workshop: Workshop) -> None:
    """The crashes below reach the last place of an undisturbed run."""
    prepare(workshop)

    with crashing(PLACES + 1) as points:
        workshop.run("crash", nobody(ANSWERS))

    assert points.passed == PLACES


@pytest.mark.parametrize("at", range(1, PLACES + 1))
def test_a_crash_at_any_place_resumes_to_the_same_end(workshop: Workshop, at: int) -> None:
    """After a crash at any journal boundary, in a line, or around an op, the run ends as an undisturbed one."""
    prepare(workshop)

    run = through_a_crash(workshop, "crash", at, nobody(ANSWERS))

    found = files(workshop.folder)
    fresh = found.pop("fresh.txt")
    assert fresh == f"new a {run.id}\n"
    assert found == WANTED
    assert run.status == "succeeded"


def test_a_crash_during_the_resume_too(workshop: Workshop) -> None:
    """Crashes one after another, each a little further on, still lead to the same end."""
    prepare(workshop)

    with crashing(12), pytest.raises(CrashError):
        workshop.run("crash", nobody(ANSWERS))
    for at in range(3, 15, 2):
        with crashing(at):
            try:
                workshop.resume(nobody(ANSWERS))
            except CrashError:
                continue
            pytest.fail("the resume was over before its crash")

    assert workshop.resume(nobody(ANSWERS)).status == "succeeded"
    assert files(workshop.folder).items() >= WANTED.items()


def test_a_command_without_a_probe_is_never_run_again_on_a_guess(workshop: Workshop) -> None:
    """A command that began, did not end and cannot be probed makes the run wait; the answer decides."""
    workshop.write(
        "once",
        'steps:\n  - id: pay\n    name: Pay.\n    shell.run: {command: "echo paid >> paid.txt"}\n    undo: {leave: paid}\n',
    )
    with crashing(9), pytest.raises(CrashError):
        workshop.run("once")
    paid = workshop.folder / "paid.txt"
    assert paid.read_text() == "paid\n"

    waiting = workshop.resume(nobody())
    assert (waiting.status, waiting.steps[0].status, paid.read_text()) == ("waiting", "in_doubt", "paid\n")
    aborted = workshop.resume(nobody(doubts={"pay": "abort"}))
    assert (aborted.status, aborted.steps[0].status) == ("waiting", "in_doubt")
    assert workshop.resume(nobody()).status == "waiting"
    assert paid.read_text() == "paid\n"
    done = workshop.resume(nobody(doubts={"pay": "done"}))

    assert done.status == "succeeded"
    assert paid.read_text() == "paid\n"
    assert [record.type for record in replay(workshop.runs.all()[-1].journal)].count("in_doubt") == 5


def test_nothing_is_done_or_asked_before_all_that_is_over_would_survive_a_power_cut(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a run does or asks, the disk was made to hold all that was journalled before."""
    prepare(workshop)
    forced: list[int] = []
    looked: list[str] = []
    force, execute, probe = os.fdatasync, TargetPool.execute, FilePresent.probe

    def forcing(file: int) -> None:
        force(file)
        forced.append(os.fstat(file).st_size)

    def held(word: str) -> None:
        for journal in workshop.folder.glob(".rollbook/runs/*/journal.jsonl"):
            assert journal.stat().st_size == forced[-1], word
            looked.append(word)

    def executing(pool: TargetPool, op: Op, execution: Execution) -> OpResult:
        held("execute")
        return execute(pool, op, execution)

    def probing(action: FilePresent, read: Readers) -> FileState:
        held("probe")
        return probe(action, read)

    monkeypatch.setattr(os, "fdatasync", forcing)
    monkeypatch.setattr(TargetPool, "execute", executing)
    monkeypatch.setattr(FilePresent, "probe", probing)

    run = workshop.run("crash", nobody(ANSWERS))

    assert run.status == "succeeded"
    assert looked.count("execute") >= 7
    assert looked.count("probe") >= 3
