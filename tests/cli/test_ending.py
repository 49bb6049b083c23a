"""How a run ends for the operator."""

import os
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from rollbook.cli.ending import boundary, brief, ending_lines, run_code, sentence
from rollbook.cli.holder import holder_of
from rollbook.cli.screen import Screen
from rollbook.journal import Journal, RecordType
from rollbook.plan import OWN_STEPS, PlannedStep

from .plans import POINTERS, restore_plan
from .runs import BEGAN, RUN_ID, finished, started, write_run

Records = tuple[tuple[RecordType, dict[str, object]], ...]

WAITING: Records = (finished("versions"), ("waiting", {"step": "choice"}))
FAILED: Records = (
    finished("versions"),
    finished("choice"),
    started("pointers"),
    ("downtime_began", {"by": "pointers"}),
    ("step_failed", {"step": "pointers", "error": "the ledger is read-only"}),
    ("run_finished", {"status": "failed"}),
)
STOPPED: Records = (finished("versions"), ("interrupted", {"text": "stopped by Ctrl-C"}))
PAUSED: Records = (finished("versions"), ("interrupted", {"text": "paused by ada@desk"}))
DOUBT: Records = (started("pointers"), ("in_doubt", {"step": "pointers"}))
DONE: Records = (started("pointers"), finished("pointers", "changed"), ("run_finished", {"status": "succeeded"}))


@pytest.mark.parametrize(
    ("records", "code"),
    [(DONE, 0), (FAILED, 1), (WAITING, 3), (DOUBT, 3), (PAUSED, 3), (STOPPED, 130)],
)
def test_the_exit_code_tells_how_it_ended(tmp_path: Path, records: Records, code: int) -> None:
    """Machines read the end from the exit code alone."""
    _, run = write_run(tmp_path, *records)

    assert run_code(run) == code


@pytest.mark.parametrize(
    ("records", "words"),
    [
        (DONE, ("succeeded", "1 changed")),
        (FAILED, ("failed", "pointers", "the ledger is read-only")),
        (WAITING, ("waits for an answer", "choice")),
        (STOPPED, ("stopped", "it can be resumed")),
        (PAUSED, ("paused", "it can be resumed")),
    ],
)
def test_one_sentence_says_how_it_stands(tmp_path: Path, records: Records, words: tuple[str, ...]) -> None:
    """The sentence names the run, how it stands and where."""
    _, run = write_run(tmp_path, *records)

    told = sentence(run)

    assert RUN_ID in told
    assert all(word in told for word in words)


@pytest.mark.parametrize(
    ("records", "hints"),
    [
        (DONE, ("undo " + RUN_ID, "note " + RUN_ID)),
        (FAILED, ("resume " + RUN_ID, "abandon " + RUN_ID, "site down; stopping here leaves it down")),
        (WAITING, ("resume " + RUN_ID + " --answer choice=default",)),
        (DOUBT, ("--doubt pointers=done|redo|abort",)),
    ],
)
def test_the_end_says_what_may_be_typed_next(tmp_path: Path, records: Records, hints: tuple[str, ...]) -> None:
    """Whoever reads only the last lines knows how to go on, and how to go back."""
    _, run = write_run(tmp_path, *records)

    shown = "\n".join(ending_lines(run, {"md": tmp_path / "report.md"}, Screen(), {}))

    assert run.head in shown
    assert str(tmp_path / "report.md") in shown
    assert all(hint in shown for hint in hints)


AGREEMENT: Records = (
    finished("versions"),
    ("answered", {"step": "choice", "value": "x", "by": "grace@laptop"}),
    finished("choice"),
    ("waiting", {"step": "choice", "text": "the newly planned steps must be agreed to", "agreement": True}),
)
DRIFT: Records = (
    finished("versions"),
    ("drift", {"step": "pointers", "differences": ["draft: a -> b"]}),
    ("interrupted", {"text": "pointers was not as planned"}),
)
GIVEN_UP: Records = (*FAILED, ("run_resumed", {"operator": "ada@desk", "abandoning": "a drill"}), started("thaw"))


@pytest.mark.parametrize(
    ("records", "right", "wrong"),
    [
        (AGREEMENT, f"resume {RUN_ID} --yes", "--answer"),
        (DOUBT, "--doubt pointers=done|redo|abort", "  answer"),
        ((*GIVEN_UP, ("waiting", {"step": "thaw"})), f"resume {RUN_ID}", " abandon "),
    ],
)
def test_only_the_right_way_on_is_offered(tmp_path: Path, records: Records, right: str, wrong: str) -> None:
    """Whoever types what is printed goes on; nothing beside it would pick the wrong thing."""
    _, run = write_run(tmp_path, *records)

    shown = "\n".join(ending_lines(run, {}, Screen(), {}))

    assert right in shown
    assert wrong not in shown


def test_all_who_wait_are_named(tmp_path: Path) -> None:
    """Where members of a group wait, each has its line."""
    members = tuple(replace(POINTERS, address=f"pointers@{name}", group="pointers") for name in ("one", "two"))
    records: Records = (("waiting", {"step": "pointers@one"}), ("waiting", {"step": "pointers@two"}))
    _, run = write_run(tmp_path, *records, plan=restore_plan(steps=members))

    shown = "\n".join(ending_lines(run, {}, Screen(), {}))

    assert f"approve {RUN_ID} pointers@one" in shown
    assert f"approve {RUN_ID} pointers@two" in shown


def test_a_failed_run_says_what_helps(tmp_path: Path) -> None:
    """The advice of what failed is among the last lines; once the step is begun anew, it is advice no more."""
    failed = ("step_failed", {"step": "pointers", "error": "the ledger is read-only", "advice": "Ask the\nkeeper."})
    ended: tuple[RecordType, dict[str, object]] = ("run_finished", {"status": "failed"})
    _, run = write_run(tmp_path / "a", started("pointers"), failed, ended)
    _, again = write_run(tmp_path / "b", started("pointers"), failed, started("pointers"))
    _, without = write_run(tmp_path / "c", *FAILED)

    shown = [" ".join("\n".join(ending_lines(one, {}, Screen(), {})).split()) for one in (run, again, without)]

    assert "now Ask the keeper." in shown[0]
    assert "keeper" not in shown[1]
    assert "now " not in shown[2]


def test_drift_is_a_refusal(tmp_path: Path) -> None:
    """A run that stopped because a target was not as planned has the code of a refused plan, and says why."""
    _, run = write_run(tmp_path, *DRIFT)

    assert run_code(run) == 4
    assert "not as planned" in sentence(run)


def test_no_step_is_blamed_that_was_never_reached(tmp_path: Path) -> None:
    """A failure is told of the step that failed, not of the next one ahead."""
    records: Records = (*FAILED[:-1], ("step_skipped", {"step": "pointers", "reason": "it failed"}))
    _, run = write_run(tmp_path, *records, ("run_finished", {"status": "failed"}))

    assert "failed: pointers: the ledger is read-only" in sentence(run)
    assert "step mail" not in sentence(run)


def test_a_run_that_is_being_given_up_says_so(tmp_path: Path) -> None:
    """Until its last steps are done, sentence and brief tell that the run is being given up, and why."""
    _, run = write_run(tmp_path, *GIVEN_UP, ("interrupted", {"text": "stopped by Ctrl-C"}))

    assert "is being given up (a drill)" in sentence(run)
    assert "goes on giving it up" in sentence(run)
    assert "being given up" in brief(run, BEGAN)


def test_an_approval_is_asked_for_from_the_people_who_give_it(tmp_path: Path) -> None:
    """A run that waits for an approval says how others give it."""
    _, run = write_run(tmp_path, ("waiting", {"step": "pointers"}))

    shown = "\n".join(ending_lines(run, {}, Screen(), {}))

    assert f"approve {RUN_ID} pointers" in shown


def test_the_way_back_counts_what_was_really_changed(tmp_path: Path) -> None:
    """A planned change that was not made needs no undo."""
    _, before = write_run(tmp_path / "a", finished("versions"))
    _, after = write_run(tmp_path / "b", *DONE)

    assert boundary(before, {}).reversible == 0
    assert boundary(after, {}).reversible == 1


def test_in_the_middle_of_a_step_nobody_is_told_that_they_may_stop(tmp_path: Path) -> None:
    """A step that began and did not end may have written half of it; once it has ended, one may stop."""
    _, cut = write_run(tmp_path / "a", finished("versions"), started("pointers"))
    _, doubtful = write_run(tmp_path / "b", *DOUBT)
    _, over = write_run(tmp_path / "c", started("tell"), finished("tell", "changed"))

    for run in (cut, doubtful):
        assert "step pointers began and did not end" in str(boundary(run, {}))
        assert "you may stop here" not in str(boundary(run, {}))
    assert "step pointers is under way" in str(boundary(cut, {}, held=True))
    assert boundary(over, {}).stopping() == "you may stop here"


def test_a_run_that_nobody_carries_out_any_more_is_told_as_cut_off(tmp_path: Path) -> None:
    """A killed process leaves a run that looks as if it went on; its lock tells that it does not."""
    folder, run = write_run(tmp_path, finished("versions"), started("pointers"))

    assert holder_of(folder) == ""
    assert "cut off" in sentence(run)
    assert "cut off" in brief(run, BEGAN)
    with Journal(folder.journal):
        assert f"process {os.getpid()}" in holder_of(folder)
    assert "being carried out by grace" in sentence(run, "grace@laptop, process 5")


@pytest.mark.parametrize(
    ("records", "words"),
    [
        ((finished("versions"), finished("choice"), started("pointers")), ("2 of 7 steps done", "left")),
        (WAITING, ("waiting for an answer", "for 5", "of work left")),
        ((finished("versions"),), ("1 of 7 steps done, waits for a person at “Choose the version",)),
        (FAILED, ("failed", "the site is down", "it can be resumed", "of work left")),
        (STOPPED, ("stopped", "of work left")),
        (DONE, ("succeeded after", "1 of 7 steps")),
    ],
)
def test_the_brief_status_is_one_sentence(tmp_path: Path, records: Records, words: tuple[str, ...]) -> None:
    """The incident channel gets one line with where it is and what is left."""
    _, run = write_run(tmp_path, *records)

    told = brief(run, BEGAN + timedelta(minutes=1), "grace@laptop, process 5")

    assert "\n" not in told
    assert all(word in told for word in words)


@pytest.mark.parametrize("rest", [(started("pointers"),), (("waiting", {"step": "choice"}),), ()])
def test_the_brief_status_tells_that_the_site_is_down(tmp_path: Path, rest: Records) -> None:
    """Also while a step is carried out, while an answer is waited for, and while somebody is asked."""
    _, run = write_run(tmp_path, finished("versions"), ("downtime_began", {"by": "versions"}), *rest)

    assert brief(run, BEGAN + timedelta(minutes=1), "grace@laptop, process 5").endswith("; the site is down.")


def test_the_brief_status_promises_nothing_of_what_was_never_timed(tmp_path: Path) -> None:
    """What earlier runs timed is told as that, with how many steps they did not; a step that takes longer is told too."""
    _, run = write_run(tmp_path, started("pointers"))
    step, *rest = (replace(one, planned=replace(one.planned, estimate=None)) for one in run.steps if not one.done)
    timed = replace(step, status="running", started_at=BEGAN, planned=replace(step.planned, estimate=2.0))

    soon = brief(replace(run, steps=(timed, *rest)), BEGAN + timedelta(seconds=1), "grace@laptop, process 5")
    late = brief(replace(run, steps=(timed, *rest)), BEGAN + timedelta(minutes=1), "grace@laptop, process 5")

    assert re.search(r"left of what earlier runs timed, and \d+ steps never timed\.$", soon)
    assert "1 min in it, longer than usual" in late


def test_a_run_cut_off_in_its_only_change_can_be_undone(tmp_path: Path) -> None:
    """What its step did before the cut may be there: nobody is told that there is nothing to take back."""
    _, run = write_run(tmp_path, started("pointers"))

    told = "\n".join(ending_lines(run, {}, Screen(), {}))

    assert "resume or undo the run; undo looks at what pointers did" in " ".join(told.split())
    assert f"undo {RUN_ID}" in told
    assert "nothing to take back" not in told


GIVEN_UP_IN_DOUBT: Records = (
    *DOUBT,
    ("run_resumed", {"operator": "ada@desk", "abandoning": "a drill"}),
    ("run_finished", {"status": "abandoned", "reason": "a drill"}),
)


def test_a_run_given_up_in_doubt_is_not_to_be_resumed(tmp_path: Path) -> None:
    """It ends as any run that was given up, and says what may be half done and what helps, which no resume does."""
    _, run = write_run(tmp_path, *GIVEN_UP_IN_DOUBT)

    told = " ".join("\n".join(ending_lines(run, {}, Screen(), {})).split())

    assert run_code(run) == 0
    assert "step pointers began and did not end: its writes may be half done; look at its target, or undo" in told
    assert "resume" not in told
    assert f"undo {RUN_ID}" in told


OWN = replace(POINTERS, undo_reason=f"{OWN_STEPS}: Write it back")
UNREACHABLE: Records = (started("pointers"), ("unreachable", {"step": "pointers", "error": "no answer"}))
FAILED_WHOLE: Records = (started("pointers"), ("step_failed", {"step": "pointers", "error": "exit 1"}))
WROTE: Records = (started("pointers"), ("op_finished", {"step": "pointers", "index": 0}), FAILED_WHOLE[1])
PASSED: tuple[RecordType, dict[str, object]] = ("step_skipped", {"step": "pointers", "reason": "why", "by": "ada"})
NEVER_BEGUN: Records = (FAILED_WHOLE[1],)


@pytest.mark.parametrize("passed", [(), (PASSED,)], ids=["left", "passed over"])
@pytest.mark.parametrize(
    ("records", "planned", "changes"),
    [
        (UNREACHABLE, POINTERS, 1),
        (WROTE, POINTERS, 1),
        (FAILED_WHOLE, OWN, 1),
        (FAILED_WHOLE, POINTERS, 0),
        (NEVER_BEGUN, OWN, 0),
    ],
    ids=["no answer", "wrote", "own undo", "wrote nothing", "never begun"],
)
def test_what_failed_counts_where_its_undo_has_work(
    tmp_path: Path, records: Records, planned: PlannedStep, changes: int, passed: Records
) -> None:
    """A failure that may have written, or has undo steps of its own, is taken back: nobody reads that nothing is."""
    plan = restore_plan(steps=(planned,))
    _, run = write_run(tmp_path, *records, *passed, plan=plan)

    assert boundary(run, {}).reversible == changes


def test_a_run_given_up_and_taken_back_does_not_wait(tmp_path: Path) -> None:
    """What was taken back while it was being given up waits for nobody, however its journal ends."""
    _, run = write_run(tmp_path, *GIVEN_UP, ("waiting", {"step": "thaw"}))

    told = brief(run, BEGAN, back=True)

    assert "was to be given up (a drill)" in told
    assert "waiting" not in told
