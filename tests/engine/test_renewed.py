"""What is read anew when a step is not as planned, and what stays as it is known."""

from pathlib import Path

import pytest

from rollbook.actions.core.value_set import ValueSet
from rollbook.errors import PlanDrift, RefusedError, RollbookError, Unreachable
from rollbook.journal import replay

from .workshop import Workshop, nobody, write_step

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
