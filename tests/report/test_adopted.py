"""What a report says of steps that somebody did by hand."""

import json
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

BY = {"status": "ok", "by": "bo@studio", "reason": "the pods were patched by hand"}
PATCH = "kubectl patch cronjob prune"


def never_begun() -> Run:
    """Tell a run that failed at a step before `pruning`; somebody did that one, and it went on ten minutes later."""
    story = Story(restore_plan()).begin("snapshot").tell("step_failed", 20, step="snapshot", error="disk full")
    story.tell("run_finished", 0.01, status="failed").tell("step_finished", 300, step="pruning", **BY)
    story.tell("run_resumed", 300, operator="bo@studio").tell("step_skipped", 0, step="snapshot", reason="r", by="b")
    return story.finish()


def failed_before() -> Run:
    """Tell a run that failed at `pruning` after 20 seconds; somebody did it, and it went on ten minutes later."""
    story = Story(restore_plan()).begin("pruning").tell("step_failed", 20, step="pruning", error="no route")
    story.tell("run_finished", 0.01, status="failed").tell("step_finished", 300, step="pruning", **BY)
    return story.tell("run_resumed", 300, operator="bo@studio").finish()


def marked_done() -> Run:
    """Tell a run in which somebody at the terminal did by hand, within a minute, what had failed after 20 seconds."""
    story = Story(restore_plan()).begin("pruning").tell("step_failed", 20, step="pruning", error="no route")
    return story.tell("step_finished", 60, step="pruning", **BY).finish()


def as_json(report: Report) -> str:
    """Give the report as JSON."""
    return to_json(report)


@pytest.mark.parametrize("told", [to_markdown, to_html, as_json])
@pytest.mark.parametrize("run", [never_begun, failed_before, marked_done])
def test_who_did_it_is_told_everywhere(run: Callable[[], Run], told: Callable[[Report], str]) -> None:
    """Every format says that a step was done by hand, by whom and why, and never that it found nothing to change."""
    text = told(report_of(run()))

    assert "ok, nothing to change" not in text
    assert text.count("done by hand") >= 2
    assert "bo@studio" in text
    assert "the pods were patched by hand" in text


@pytest.mark.parametrize("told", [to_markdown, to_html])
def test_what_was_never_sent_is_not_told_as_sent(told: Callable[[Report], str]) -> None:
    """What a step would have sent that somebody did by hand is told nowhere; what it sent before that is."""
    assert PATCH not in told(report_of(never_begun()))
    assert PATCH in told(report_of(failed_before()))


def test_a_step_done_by_hand_sent_and_took_nothing() -> None:
    """A step that never began has no begin, no duration, no attempt, nothing sent and nothing drawn."""
    step = next(step for step in report_of(never_begun()).steps if step.adopted)

    assert (step.address, step.words, step.by) == ("pruning", "done by hand", "bo@studio")
    assert (step.began, step.seconds, step.sent, step.spans, step.attempts) == (None, None, (), (), 0)
    assert (step.changed, step.ended) == (False, step.adopted)


def test_machines_are_told_when_it_was_done_by_hand() -> None:
    """In JSON a step done by hand has the time of that; the others have null."""
    steps = json.loads(to_json(report_of(never_begun())))["steps"]

    assert {step["address"]: step["adopted"] for step in steps if step["adopted"]} == {
        "pruning": "2026-11-21T09:07:20.020Z"
    }


@pytest.mark.parametrize("run", [never_begun, failed_before])
def test_the_timeline_tells_it_at_its_time(run: Callable[[], Run]) -> None:
    """It is told when it was done, without a duration; that the step failed before keeps its own line."""
    moments = report_of(run()).moments

    told = [(moment.at.strftime("%H:%M:%S"), moment.seconds) for moment in moments if moment.type == "adopted"]
    assert told == [("09:07:20", None)]
    assert [moment.at.strftime("%H:%M:%S") for moment in moments if moment.word == "failed"] == ["09:02:20"]


def test_the_summary_counts_it_by_itself() -> None:
    """It is no step that only read or found nothing to change, and its doer is named."""
    told = " ".join(sentence.text for sentence in report_of(never_begun()).summary)

    assert "none changed anything, 1 was done by hand, 1 skipped and 10 never reached" in told
    assert "Done by hand by bo@studio at 2026-11-21 09:07:20 UTC: “Pause the pruning of old versions”." in told
    assert "Reason: the pods were patched by hand" in told


def test_what_was_foretold_was_not_found() -> None:
    """What the plan told of a step that somebody did by hand is not told as found."""
    story = Story(restore_plan()).tell("step_finished", 5, step="versions", **BY)

    assert report_of(story.finish()).found == ()


@pytest.mark.parametrize("run", [never_begun, failed_before])
def test_until_somebody_went_on_it_stood_still(run: Callable[[], Run]) -> None:
    """The step worked until it failed, and the run stood still from then to the resume, however late it was adopted."""
    impact = report_of(run()).impact

    assert (impact.working, impact.stopped) == (pytest.approx(20), pytest.approx(600, abs=0.1))
    assert [gap.text for gap in impact.gaps] == ["stopped after a failure"]


def test_thinking_about_a_failure_is_no_work() -> None:
    """Where somebody does by hand at once what had failed, its work ends with the failure, and they were waited for."""
    impact = report_of(marked_done()).impact

    assert (impact.working, impact.waiting) == (pytest.approx(20), pytest.approx(60))


def test_what_was_cut_off_and_done_by_hand_worked_for_a_time_unknown() -> None:
    """Of a step that was cut off the journal knows no end: the adoption is none."""
    story = Story(restore_plan()).begin("pruning", 1).tell("step_finished", 300, step="pruning", **BY)

    impact = report_of(story.tell("run_resumed", 300, operator="bo@studio").finish()).impact

    assert (impact.working, impact.stopped) == (0, pytest.approx(600))


def test_a_check_that_failed_and_was_done_by_hand_keeps_its_work() -> None:
    """A step that journals no begin has worked since the record before, until it failed."""
    story = Story(restore_plan()).tell("step_failed", 7, step="smoke", error="500")

    impact = report_of(story.tell("step_finished", 60, step="smoke", **BY).finish()).impact

    assert impact.working == pytest.approx(7)


def test_a_write_that_failed_before_it_began_sent_nothing() -> None:
    """A write whose target could not even be looked at is not told as sent."""
    story = Story(restore_plan()).tell("unreachable", 7, step="pruning", error="no route to host")

    assert PATCH not in to_markdown(report_of(story.finish("failed")))


def test_the_drawing_marks_who_did_it_and_keeps_the_failed_bar() -> None:
    """The bar of what the step did itself is that of a failure, and a mark tells who did it by hand."""
    svg = to_svg(report_of(failed_before()))

    assert (
        svg.count('<g class="bar failed"><title>5. Pause the pruning of old versions: before it was done by hand') == 1
    )
    assert svg.count('<g class="mark done-by-hand"><title>done by hand: Pause the pruning of old versions, by bo@') == 1


def opened_by_hand() -> Run:
    """Tell a run that failed at `smoke`, which ends the downtime; somebody did that, and went on ten minutes later."""
    story = (
        Story(restore_plan()).begin("pointers").tell("downtime_began", 0, by="pointers").end("pointers", 1, "changed")
    )
    story.tell("step_failed", 20, step="smoke", error="500").tell("run_finished", 0.01, status="failed")
    story.tell("step_finished", 300, step="smoke", **BY).tell("downtime_ended", 0.001, by="smoke")
    return story.tell("run_resumed", 300, operator="bo@studio").finish()


def closed_by_hand() -> Run:
    """Tell a run in which somebody did by hand what begins the downtime."""
    story = Story(restore_plan()).tell("step_finished", 5, step="pointers", **BY)
    return (
        story.tell("downtime_began", 0.001, by="pointers")
        .step("smoke", 3)
        .tell("downtime_ended", 0, by="smoke")
        .finish()
    )


@pytest.mark.parametrize("told", [to_markdown, to_html])
@pytest.mark.parametrize(("run", "words"), [(opened_by_hand, "smoke"), (closed_by_hand, "pointers")])
def test_downtime_by_hand_is_told_as_at_the_latest_then(
    run: Callable[[], Run], words: str, told: Callable[[Report], str]
) -> None:
    """A downtime that was begun or ended by hand says that it was by then, in its row and in the chronology."""
    text = told(report_of(run()))

    assert "STILL OPEN" not in text
    assert text.count(f"{words}, done by hand by then") >= 2
    assert text.count("done by hand by then") == text.count(f"{words}, done by hand by then")


def test_downtime_that_was_ended_by_hand_leaves_the_standing_still_whole() -> None:
    """The site was down until the adoption, and the run stood still from the failure to the resume nevertheless."""
    impact = report_of(opened_by_hand()).impact

    assert (impact.down, impact.stopped) == (pytest.approx(321, abs=0.1), pytest.approx(600, abs=0.1))
    assert [(one.began_by_hand, one.ended_by_hand) for one in impact.downtimes] == [(False, True)]


def test_a_downtime_that_the_step_began_itself_is_exact() -> None:
    """What closed the site and failed has begun the downtime then, though somebody did the rest of it by hand."""
    story = Story(restore_plan()).begin("pointers").tell("downtime_began", 0, by="pointers")
    story.tell("step_failed", 5, step="pointers", error="no").tell("step_finished", 60, step="pointers", **BY)

    (stretch,) = report_of(story.tell("downtime_began", 0.001, by="pointers").finish()).impact.downtimes

    assert (stretch.began_by_hand, stretch.seconds) == (False, pytest.approx(65, abs=0.1))
