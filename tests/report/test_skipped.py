"""What a report says of steps that somebody went past."""

import json
import re
from collections.abc import Callable

import pytest

from rollbook.report.account import Report
from rollbook.report.html import to_html
from rollbook.report.json import to_json
from rollbook.report.markdown import to_markdown
from rollbook.report.model import report_of
from rollbook.report.timeline import to_svg
from rollbook.run import Run

from .accounts import Story, restore_plan

BY = {"by": "bo@studio", "reason": "the pods are gone anyway"}
TITLE = "Pause the pruning of old versions"


def resumed() -> Run:
    """Tell a run that failed at `pruning` after 20 seconds; ten minutes later somebody went on without it."""
    story = Story(restore_plan()).begin("pruning").tell("step_failed", 20, step="pruning", error="no route")
    story.tell("run_finished", 0.01, status="failed").tell("run_resumed", 600, operator="bo@studio")
    return story.tell("step_skipped", 0.01, step="pruning", **BY).finish()


def at_the_terminal() -> Run:
    """Tell a run in which somebody who was asked went past what had failed after 20 seconds, within a minute."""
    story = Story(restore_plan()).begin("pruning").tell("step_failed", 20, step="pruning", error="no route")
    return story.tell("step_skipped", 60, step="pruning", **BY).finish()


def beforehand() -> Run:
    """Tell a run in which somebody went past a step before its turn."""
    return Story(restore_plan()).tell("step_skipped", 5, step="pruning", **BY).finish()


@pytest.mark.parametrize("run", [resumed, at_the_terminal])
def test_the_summary_says_what_failed_though_the_run_went_on(run: Callable[[], Run]) -> None:
    """A run that ends well has its failure among its first sentences all the same."""
    (told,) = [one for one in report_of(run()).summary if "passed over" in one.text]

    assert (told.text, told.tone) == (f"“{TITLE}” failed (no route), and was passed over.", "bad")
    assert not [one for one in report_of(beforehand()).summary if "passed over" in one.text]


@pytest.mark.parametrize(("run", "at"), [(resumed, "09:12:20"), (at_the_terminal, "09:03:20")])
def test_the_failure_and_the_skip_have_a_line_each(run: Callable[[], Run], at: str) -> None:
    """The failure is told when it happened, the skip when it happened, with who and why."""
    moments = [moment for moment in report_of(run()).moments if moment.address == "pruning"]

    assert [(moment.at.strftime("%H:%M:%S"), moment.word, moment.text, moment.seconds) for moment in moments] == [
        ("09:02:20", "failed", f"{TITLE}: no route", None),
        (at, "skipped", f"{TITLE}, by bo@studio: the pods are gone anyway", None),
    ]


def test_what_is_passed_at_once_comes_after_its_failure() -> None:
    """A skip in the instant of the failure, as a runbook may want it, is told after it."""
    story = Story(restore_plan()).begin("pruning").tell("step_failed", 20, step="pruning", error="no route")

    moments = report_of(story.tell("step_skipped", 0, step="pruning", **BY).finish()).moments

    assert [moment.word for moment in moments if moment.address == "pruning"] == ["failed", "skipped"]


def test_what_never_began_is_told_by_its_skip_alone() -> None:
    """A step that somebody went past before its turn has no begin and no duration, but who and why."""
    report = report_of(beforehand())

    step = next(step for step in report.steps if step.address == "pruning")
    assert (step.began, step.seconds, step.sent, step.spans) == (None, None, (), ())
    assert [moment.text for moment in report.moments if moment.address == "pruning"] == [
        f"{TITLE}, by bo@studio: the pods are gone anyway"
    ]


@pytest.mark.parametrize("told", [to_markdown, to_html])
@pytest.mark.parametrize("run", [resumed, at_the_terminal])
def test_why_it_did_not_happen_is_why_it_was_skipped(run: Callable[[], Run], told: Callable[[Report], str]) -> None:
    """What did not happen gives the reason of who went past it; the failure is told beside it, and who did what."""
    text = re.sub("<[^>]*>", " ", told(report_of(run())).rpartition("What did not happen")[2])

    row = next(line for line in text.splitlines() if "pruning" in line and "the pods are gone anyway" in line)
    assert "bo@studio" in row
    assert "no route" not in row
    assert f"{TITLE}: no route" in text
    assert "before it was skipped" in text


@pytest.mark.parametrize(("run", "badges"), [(resumed, 1), (at_the_terminal, 1), (beforehand, 1)])
def test_the_timeline_has_a_badge_for_it(run: Callable[[], Run], badges: int) -> None:
    """Where somebody went past a step stands a badge that says so, and the legend tells what it is."""
    drawn = to_svg(report_of(run()))

    assert len(re.findall(r'<g class="mark skipped"><title>skipped: .*by bo@studio', drawn)) == badges
    assert re.search(r'<text class="key"[^>]*>skipped</text>', drawn)


def test_machines_are_told_when_it_was_skipped() -> None:
    """In JSON a step that somebody went past has the time of that, and its own work's seconds and error."""
    steps = json.loads(to_json(report_of(resumed())))["steps"]

    (step,) = [step for step in steps if step["skipped"]]
    assert (step["address"], step["skipped"], step["ended"]) == ("pruning", *["2026-11-21T09:12:20.030Z"] * 2)
    assert (step["seconds"], step["error"], step["reason"]) == (20, "no route", BY["reason"])


def test_from_the_failure_to_the_resume_it_stood_still() -> None:
    """The step worked until it failed, and the run stood still from then to the resume."""
    impact = report_of(resumed()).impact

    assert (impact.working, impact.stopped) == (pytest.approx(20), pytest.approx(600, abs=0.1))
    assert [gap.text for gap in impact.gaps] == ["stopped after a failure"]


def test_thinking_about_a_failure_is_no_work() -> None:
    """Where somebody who is asked goes past what had failed, its work ends with the failure, and they were waited for."""
    impact = report_of(at_the_terminal()).impact

    assert (impact.working, impact.waiting) == (pytest.approx(20), pytest.approx(60))


def test_what_was_cut_off_and_skipped_worked_for_a_time_unknown() -> None:
    """Of a step that was cut off the journal knows no end: that somebody went past it is none."""
    story = Story(restore_plan()).begin("pruning", 1).tell("run_resumed", 600, operator="bo@studio")

    impact = report_of(story.tell("step_skipped", 0.01, step="pruning", **BY).finish()).impact

    assert (impact.working, impact.stopped) == (0, pytest.approx(600))


def test_a_check_that_failed_and_was_skipped_keeps_its_work() -> None:
    """A step that journals no begin has worked since the record before, until it failed."""
    story = Story(restore_plan()).tell("step_failed", 7, step="smoke", error="500")

    impact = report_of(story.tell("step_skipped", 60, step="smoke", **BY).finish()).impact

    assert impact.working == pytest.approx(7)


def test_a_question_that_somebody_went_past_was_waited_for_until_then() -> None:
    """An open question that is skipped has no work of its own: it was asked, people were waited for, it was skipped."""
    story = Story(restore_plan()).tell("waiting", 5, step="editors").tell("run_resumed", 60, operator="bo@studio")

    report = report_of(story.tell("step_skipped", 0.01, step="editors", **BY).finish())

    assert (report.impact.working, report.impact.waiting) == (0, pytest.approx(60.01))
    assert [moment.word for moment in report.moments if moment.address == "editors"] == ["asked", "skipped"]


def test_what_takes_no_part_was_skipped_by_nobody() -> None:
    """A step that the plan left out is told when its turn came, as before."""
    story = Story(restore_plan()).tell("step_skipped", 5, step="pruning", reason="when: false")

    report = report_of(story.finish())

    (moment,) = [moment for moment in report.moments if moment.address == "pruning"]
    assert (moment.type, moment.text) == ("step", f"{TITLE}: when: false")
    assert not any(step.settled for step in report.steps)


def test_the_drawing_keeps_the_failed_bar() -> None:
    """The bar of what the step did itself is that of a failure."""
    svg = to_svg(report_of(resumed()))

    assert svg.count(f'<g class="bar failed"><title>5. {TITLE}: before it was skipped') == 1
