"""What is read anew when a step is not as planned, and what stays as it is known."""

from contextlib import suppress
from pathlib import Path
from typing import cast

import pytest

from rollbook.actions.core.value_set import ValueSet
from rollbook.errors import PlanDrift, RefusedError, RollbookError, Unreachable
from rollbook.journal import replay
from rollbook.registry import BUILTINS, forget
from rollbook.targets.base import TargetSpec
from rollbook.testing.crash import CrashError, crashing

from .workshop import Workshop, nobody, write_step

SAVED = """
targets: {live: {}}
steps:
  - {id: save, name: Save., test.saved: {source: a.txt, to: saved.txt}}
  - {id: sure, name: Ask., human.input: {text: Which?}}
  - {id: a, name: Write a., file.present: {path: a.txt, content: new, target: live}}
"""

STEPS = "steps:\n  - {id: read, name: Read., value.set: {values: {at: one}}}\n" + write_step("a", "x")
LATER = "  - {id: later, name: Read later., value.set: {values: {at: two}}}\n"


def finished(workshop: Workshop) -> list[str]:
    """Name the steps that ended, as often as they did."""
    records = replay(workshop.runs.all()[-1].journal)
    return [record["step"] for record in records if record.type == "step_finished"]


@pytest.fixture
def drifted(workshop: Workshop) -> Workshop:
    """Give a run that stopped since a file was there that should not be."""
    workshop.write("one", STEPS + LATER)
    plan = workshop.planner("one").plan()
    Path("a.txt").write_text("somebody else's")
    with pytest.raises(PlanDrift):
        workshop.run("one", plan=plan)
    return workshop


def failing(monkeypatch: pytest.MonkeyPatch, value: str, error: RollbookError) -> None:
    """Let nobody read what a fact with that value reads, until Path("open") is there."""
    probe = ValueSet.probe

    def closed(self: ValueSet, read: object) -> object:
        if self.values["at"] == value and not Path("open").exists():
            raise error
        return probe(self, read)  # type: ignore[arg-type]  # passed on as it is

    monkeypatch.setattr(ValueSet, "probe", closed)


def test_what_reads_as_before_is_not_read_once_more(drifted: Workshop) -> None:
    """A fact that drift put in question, and that is as it was, is over as it was."""
    run = drifted.resume()

    assert (run.status, finished(drifted)) == ("succeeded", ["read", "a", "later"])


def test_what_cannot_be_read_anew_stays_as_it_is_known(drifted: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A site that is down by now does not keep its run from going on."""
    failing(monkeypatch, "one", Unreachable("it is down"))

    run = drifted.resume()

    assert (run.status, finished(drifted)) == ("succeeded", ["read", "a", "later"])


def test_what_forbids_the_run_now_is_heeded(drifted: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fact that refuses the run when it is read anew ends it there, before anything is written."""
    failing(monkeypatch, "one", RefusedError("not with this"))

    run = drifted.resume()

    step = run.step("read")
    assert step is not None
    assert (run.status, Path("a.txt").read_text()) == ("failed", "somebody else's")
    assert "not with this" in step.error


@pytest.mark.parametrize("error", [Unreachable("it is down"), RefusedError("not yet")])
def test_what_cannot_be_read_yet_is_planned_when_it_is_reached(
    drifted: Workshop, monkeypatch: pytest.MonkeyPatch, error: RollbookError
) -> None:
    """A later step whose system is closed where the run stands is not known yet, and no reason to stop there."""
    failing(monkeypatch, "two", error)

    stopped = drifted.resume(nobody(agrees=True))
    Path("open").touch()
    run = drifted.resume()

    step = stopped.step("later")
    assert step is not None
    assert (stopped.status, Path("a.txt").read_text()) == ("failed", "x")
    assert error.message in step.error
    assert (run.status, finished(drifted)) == ("succeeded", ["read", "a", "later"])


def _saved(workshop: Workshop, monkeypatch: pytest.MonkeyPatch, answer: str, more: str = "") -> None:
    """Run up to a question, to which the plan assumed *answer*: what is about to be overwritten is saved by then."""
    monkeypatch.setitem(cast("dict[str, str]", BUILTINS), "test.saved", "engine.saved:Saved")
    forget()
    workshop.targets = {"live": TargetSpec("live", "local")}
    workshop.write("one", SAVED + more)
    Path("a.txt").write_text("old")
    plan = workshop.planner("one", answers={"sure": answer}).plan()
    assert workshop.run("one", plan=plan).status == "waiting"
    assert Path("saved.txt").read_text() == "old"


@pytest.fixture(params=["one", "two"])
def overwritten(workshop: Workshop, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Workshop:
    """Give a run before a write, where somebody wrote meanwhile: it stopped by that, or an answer plans the rest anew."""
    _saved(workshop, monkeypatch, request.param)
    Path("a.txt").write_text("somebody else's")
    if request.param == "one":
        with pytest.raises(PlanDrift):
            workshop.resume(nobody({"sure": "one"}))
    return workshop


def test_what_was_saved_is_saved_anew_where_it_is_another_by_now(overwritten: Workshop) -> None:
    """What is about to be overwritten is what the newly planned step saves, not what stood there before."""
    run = overwritten.resume(nobody({"sure": "one"}))

    assert (run.status, Path("saved.txt").read_text(), Path("a.txt").read_text()) == (
        "succeeded",
        "somebody else's",
        "new",
    )
    assert finished(overwritten) == ["save", "sure", "save", "a"]


def test_what_was_saved_is_saved_anew_also_where_agreement_comes_later(overwritten: Workshop) -> None:
    """Who is asked whether the new plan may be carried out may answer in another resume."""
    waiting = overwritten.resume(nobody({"sure": "one"}, agrees=False))

    run = overwritten.resume(nobody({"sure": "one"}))

    assert (waiting.status, run.status, Path("saved.txt").read_text()) == ("waiting", "succeeded", "somebody else's")


@pytest.mark.parametrize("at", range(1, 24))
def test_what_is_to_be_saved_anew_is_saved_after_a_kill(overwritten: Workshop, at: int) -> None:
    """Wherever the resume is killed, nothing is overwritten that is not saved."""
    asker = nobody({"sure": "one"})
    with crashing(at) as points, suppress(CrashError):
        overwritten.resume(asker)

    run = overwritten.runs.all()[-1].read()
    if points.crashed and run.resumable:
        run = overwritten.resume(asker)

    assert (run.status, Path("saved.txt").read_text(), Path("a.txt").read_text()) == (
        "succeeded",
        "somebody else's",
        "new",
    )


def test_what_the_run_went_on_from_is_not_saved_anew(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A later step that was not as planned is no reason to save what the run itself has written since."""
    _saved(workshop, monkeypatch, "one", write_step("b", "x"))
    Path("b.txt").write_text("somebody else's")
    with pytest.raises(PlanDrift):
        workshop.resume(nobody({"sure": "one"}))

    run = workshop.resume(nobody({"sure": "one"}))

    assert (run.status, finished(workshop)) == ("succeeded", ["save", "sure", "a", "b"])
    assert Path("saved.txt").read_text() == "old"
