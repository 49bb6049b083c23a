"""The playbook bad-deploy: what it decides, and which runbook it orders; the runbooks are stood in for."""

from datetime import timedelta
from pathlib import Path

import pytest

from rollbook.errors import RefusedError

from .workshop import Workshop, nobody

INPUTS = {
    "stop-writers": "",
    "rollback-deploy": "deploy: text, deployed_at: datetime, backup: {type: path, optional: true}",
    "rollback-database": "deployed_at: datetime, backup: {type: path, optional: true}, cure: text",
    "rollback-code": "deploy: text",
}
TOLD = {
    "stop-writers": "",
    "rollback-deploy": "{{ inputs.deploy }}",
    "rollback-database": "{{ inputs.cure }}",
    "rollback-code": "{{ inputs.deploy }}",
}
ANSWERS = {
    "corrupting": "no",
    "fault": "deploy",
    "severity": "critical",
    "affected": "all",
    "fixable": "no",
    "team": "all",
    "evidence": "all",
    "choice": "default",
    "ready": "all",
    "cure": "default",
    "owner": "Ada",
    "fix": "all",
    "out": "done",
    "well": "all",
}


@pytest.fixture
def stood_in(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    """Give a workshop whose runbooks, of the names of the stock's, only write down that they were carried out."""
    monkeypatch.setattr("rollbook.engine.locks.FOLDER", workshop.folder / "locks")
    workshop.variables = {"contacts": ["technical lead: call the desk"]}
    for name, inputs in INPUTS.items():
        head = f"inputs: {{{inputs}}}\n" if inputs else ""
        step = f'file.present: {{path: {name}.txt, content: "{name} {TOLD[name]}"}}'
        workshop.write(name, f"{head}lock: deploy\nsteps:\n  - id: done\n    name: Write it down.\n    {step}\n")
    return workshop


def carried_out(folder: Path) -> list[str]:
    """Read what was carried out."""
    return sorted(path.read_text().strip() for path in folder.glob("*.txt"))


def deployed(workshop: Workshop, hours: float) -> dict[str, object]:
    """Give the inputs for a deploy that is so many hours old."""
    at = workshop.clock() - timedelta(hours=hours)
    return {"deploy": "abc123", "deployed_at": at.isoformat()}


@pytest.mark.parametrize(
    ("fault", "wanted"),
    [
        ("deploy", ["rollback-deploy abc123"]),
        ("database", ["rollback-database put_back"]),
        ("code", ["rollback-code abc123"]),
    ],
)
def test_the_runbook_that_fits_is_ordered(stood_in: Workshop, fault: str, wanted: list[str]) -> None:
    """What is at fault decides which runbook takes it back, and no other is carried out."""
    answers = {**ANSWERS, "fault": fault}

    run = stood_in.run("bad-deploy", nobody(answers), inputs=deployed(stood_in, 3), answers=answers)

    assert (run.status, carried_out(stood_in.folder)) == ("succeeded", wanted)


@pytest.mark.parametrize(
    ("severity", "hours", "back"),
    [("critical", 30, True), ("critical", 49, False), ("major", 23, True), ("major", 25, False), ("minor", 1, False)],
)
def test_age_and_severity_decide(stood_in: Workshop, severity: str, hours: float, back: bool) -> None:
    """The matrix decides between going back and fixing forward, where nobody overrules it."""
    answers = {**ANSWERS, "severity": severity}

    run = stood_in.run("bad-deploy", nobody(answers), inputs=deployed(stood_in, hours))

    assert (run.status, bool(carried_out(stood_in.folder))) == ("succeeded", back)
    forward = run.step("forward/out")
    assert (forward is not None and forward.status == "ok") is not back


def test_writers_are_stopped_before_the_rest_is_asked(stood_in: Workshop) -> None:
    """Where data is being corrupted, nothing else has to be answered before writers are stopped."""
    waiting = stood_in.run("bad-deploy", nobody({"corrupting": "yes"}), inputs=deployed(stood_in, 3))

    assert (waiting.status, waiting.waiting_for) == ("waiting", "fault")
    assert carried_out(stood_in.folder) == ["stop-writers"]
    resumed = stood_in.resume(nobody(ANSWERS))
    assert (resumed.status, carried_out(stood_in.folder)) == ("succeeded", ["rollback-deploy abc123", "stop-writers"])


def test_corrupted_data_is_not_proposed_to_be_left_as_it_is(stood_in: Workshop) -> None:
    """Where data was being corrupted, users' rows are not whole: going back is what is proposed, nothing being weighed."""
    answers = {**ANSWERS, "corrupting": "yes", "fault": "database"}

    run = stood_in.run("bad-deploy", nobody(answers), inputs=deployed(stood_in, 3))

    assert (run.status, carried_out(stood_in.folder)) == ("succeeded", ["rollback-database go_back", "stop-writers"])


def test_deciding_otherwise_takes_a_reason_that_the_report_has(stood_in: Workshop) -> None:
    """Who goes against the matrix is asked why, and both are among the answers and in what was found."""
    answers = {**ANSWERS, "choice": "fix-forward", "why": "The fix is tested."}

    run = stood_in.run("bad-deploy", nobody(answers), inputs=deployed(stood_in, 3))

    decision = run.step("decision")
    assert decision is not None
    assert run.status == "succeeded"
    assert decision.details[-1] == "AGAINST THE TABLE: fix-forward, because The fix is tested."
    assert [answer.value for answer in run.answers if answer.address == "why"] == ["The fix is tested."]


@pytest.mark.parametrize("choice", ["rollback", "fix-forward"])
def test_the_advice_that_was_shown_holds(stood_in: Workshop, choice: str) -> None:
    """Whoever thinks it over until the deploy is past a bound of the matrix is held to what it said when they were asked."""
    begun, first = stood_in.clock(), {name: answer for name, answer in ANSWERS.items() if name != "choice"}
    inputs = deployed(stood_in, 23)
    waiting = stood_in.run("bad-deploy", nobody({**first, "severity": "major"}), inputs=inputs)
    assert (waiting.status, waiting.waiting_for) == ("waiting", "choice")
    stood_in.clock = lambda: begun + timedelta(hours=2)
    answers = {**first, "severity": "major", "choice": choice, "why": "The fix is tested."}

    run = stood_in.resume(nobody(answers))

    decision = run.step("decision")
    assert decision is not None
    assert run.status == "succeeded", decision.error
    assert any("it said rollback when it was shown" in line for line in decision.details)
    assert bool(carried_out(stood_in.folder)) is (choice == "rollback")
    assert [answer.value for answer in run.answers if answer.address == "why"] == (
        [] if choice == "rollback" else ["The fix is tested."]
    )


def test_a_plan_is_the_same_while_the_matrix_says_the_same(stood_in: Workshop) -> None:
    """Nothing that binds goes by the clock alone, so a saved plan is still that plan a while later."""
    inputs = deployed(stood_in, 3)
    first, begun = stood_in.planner("bad-deploy", inputs, ANSWERS).plan(), stood_in.clock()
    stood_in.clock = lambda: begun + timedelta(minutes=5)

    later = stood_in.planner("bad-deploy", inputs, ANSWERS).plan()

    assert later.digest == first.digest


def test_a_deploy_to_come_is_refused(stood_in: Workshop) -> None:
    """A time in the wrong zone is told before anything is asked about it."""
    with pytest.raises(RefusedError, match="ahead of this machine's clock"):
        stood_in.planner("bad-deploy", deployed(stood_in, -2), ANSWERS).plan()
