"""What a report counts as waiting for people, where they decide about failures and doubts."""

import pytest

from rollbook.report.model import report_of
from rollbook.report.steps import own_seconds
from rollbook.run import Run

from .accounts import Story, restore_plan


def failed(kind: str = "step_failed") -> Story:
    """Tell a run up to the failure of `pruning`, which worked for five seconds."""
    return Story(restore_plan()).begin("pruning").tell(kind, 5, step="pruning", error="no route")  # type: ignore[arg-type]  # one of two


def measured(run: Run) -> tuple[float, float, float]:
    """Give the seconds of work, waiting and standing still, to a tenth."""
    impact = report_of(run).impact
    return round(impact.working, 1), round(impact.waiting, 1), round(impact.stopped, 1)


@pytest.mark.parametrize("kind", ["step_failed", "unreachable"])
def test_a_decision_about_a_failure_is_waited_for(kind: str) -> None:
    """From the failure until the step begins again a person was waited for, be it for a failure or a time limit."""
    run = failed(kind).begin("pruning", 12, attempt=2).end("pruning", 3, "changed").finish()

    assert measured(run) == (8, 12, 0)
    assert own_seconds(run)["pruning"] == pytest.approx(8)


def test_a_decision_to_stop_is_waited_for() -> None:
    """Where somebody decides to stop they were waited for until then, and the run stood still from then on."""
    run = failed().tell("run_finished", 12, status="failed").tell("run_resumed", 60, operator="a@b").finish()

    assert measured(run) == (5, 12, 60)
    assert [gap.text for gap in report_of(run).impact.gaps] == ["stopped after a failure"]


def test_what_the_runbook_decides_is_waited_for_by_nobody() -> None:
    """A failure that the runbook goes past is followed at once, so the time after that is no wait."""
    story = failed().tell("step_skipped", 0.02, step="pruning", reason="its on_failure is continue", by="a@b")

    assert measured(story.step("snapshot", 30, "changed").finish()) == (35, 0, 0)


def test_a_run_killed_after_a_failure_waited_for_nobody_that_is_known() -> None:
    """Where a run was cut off after a failure the journal does not tell how long somebody was asked."""
    run = failed().tell("run_resumed", 60, operator="a@b").begin("pruning", 0.1).end("pruning", 3, "changed").finish()

    assert measured(run) == (8.1, 0, 60)


def test_a_check_tried_again_says_what_the_wait_holds() -> None:
    """What only reads journals no begin, so the wait until it ended says that the attempt is in it."""
    story = Story(restore_plan()).tell("step_failed", 7, step="smoke", error="500").end("smoke", 20)

    (wait,) = report_of(story.finish()).impact.waits

    assert measured(story.run()) == (7, 20, 0)
    assert wait.text == "what to do about its failure, and the attempt after that"


def test_word_that_comes_with_a_resume_was_waited_for() -> None:
    """Word of a step in doubt was waited for since it was first asked for, over every resume until it came."""
    story = Story(restore_plan()).begin("pruning").tell("run_resumed", 60, operator="a@b")
    story.tell("in_doubt", 1, step="pruning", text="?").tell("run_resumed", 20, operator="a@b")
    story.tell("in_doubt", 0, step="pruning", text="?")
    story.tell("answered", 0, step="pruning", value="done", by="a@b", how="doubt")

    impact = report_of(story.end("pruning", 0, "recovered").finish()).impact

    assert (impact.waiting, impact.stopped) == (pytest.approx(20), pytest.approx(60))
    assert [gap.text for gap in impact.gaps] == [
        "cut off in the middle of a step",
        "not running: an answer was awaited",
    ]


def test_who_leaves_a_step_in_doubt_is_waited_for_on() -> None:
    """A step that somebody left in doubt waits for word from then on as well."""
    story = Story(restore_plan()).begin("pruning").tell("run_resumed", 60, operator="a@b")
    story.tell("in_doubt", 0, step="pruning", text="?")
    story.tell("answered", 5, step="pruning", value="abort", by="a@b", how="doubt")
    story.tell("in_doubt", 0, step="pruning", text="left").tell("run_resumed", 30, operator="a@b")
    story.tell("answered", 0.5, step="pruning", value="redo", by="a@b", how="doubt").begin("pruning", 0)

    impact = report_of(story.end("pruning", 2, "changed").finish()).impact

    assert [(wait.text, round(wait.seconds(wait.began), 1)) for wait in impact.waits] == [
        ("left in doubt", 5),
        ("answered by a@b", 30.5),
    ]


def test_an_approval_keeps_its_wait_where_the_step_fails_later() -> None:
    """What an approval took is told with it, also where the step waits for a decision later."""
    story = Story(restore_plan()).tell("waiting", 0, step="pruning")
    story.tell("answered", 90, step="pruning", value="yes", by="bo", how="inbox")
    story.begin("pruning").tell("step_failed", 5, step="pruning", error="no route")

    (answer,) = report_of(story.tell("run_finished", 12, status="failed").run()).answers

    assert answer.seconds == pytest.approx(90)
