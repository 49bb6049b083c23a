"""What a report says of a run."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from rollbook.journal import RecordType
from rollbook.report.html import to_html
from rollbook.report.markdown import to_markdown
from rollbook.report.model import report_of
from rollbook.run import Run

from .accounts import BEGAN, COURSE, NEW, OLD, Story, plan_of, restore_plan, restored, step, undo_of


def sentences(run: Run, undo: Run | None = None) -> str:
    """Give the summary as one text."""
    return "\n".join(f"{sentence.text} {sentence.command}" for sentence in report_of(run, undo=undo).summary)


def test_success_is_told_with_its_way_back() -> None:
    """A run that succeeded says how many steps changed what, how long people took, and how to undo it."""
    run = restored().finish()

    told = sentences(run)

    assert "It succeeded after 53 min 12 s." in told
    assert "Of 12 steps, 5 changed something" in told
    assert "“Point the ledger and the modulestore at that version”" in told
    assert "People gave 3 answers" in told
    assert f"2 changes can be taken back: rollbook undo {run.id}" in told


def test_time_adds_up() -> None:
    """Working, waiting, standing still and the time between are all of the elapsed time, and no more."""
    impact = report_of(restored().finish()).impact

    parts = impact.working + impact.waiting + impact.stopped + impact.between

    assert parts == pytest.approx(impact.elapsed)
    assert impact.waiting == pytest.approx(340 + 1260 + 1500)
    assert impact.working == pytest.approx(89.7, abs=1)


def test_downtime_is_measured_between_its_steps() -> None:
    """Downtime is told with who began and who ended it."""
    (stretch,) = report_of(restored().finish()).impact.downtimes

    assert (stretch.began_by, stretch.ended_by, stretch.open) == ("pointers", "smoke", False)
    assert stretch.seconds == pytest.approx(83.9, abs=0.1)


def test_open_downtime_is_told_loudly() -> None:
    """A downtime that nobody ended is in the summary, in the worst tone, with the advice to look."""
    story = Story(restore_plan())
    story.begin("pointers").tell("downtime_began", 0, by="pointers").tell("step_failed", 5, step="pointers", error="no")

    report = report_of(story.finish("failed"))

    assert report.impact.still_down
    assert [s.tone for s in report.summary if "DOWNTIME IS STILL OPEN" in s.text] == ["bad"]


def test_undo_may_end_what_the_run_began() -> None:
    """A downtime left open counts as ended when a step of the undo ended it."""
    story = Story(restore_plan())
    story.begin("pointers").tell("downtime_began", 0, by="pointers").end("pointers", 1, "changed")
    run = story.finish("failed")
    back = plan_of((step("up", "Open the site", "shell.run", "run", downtime="ends", undo_of="pointers"),))
    undo = Story(back, id="u", at=run.ended_at or BEGAN).step("up", 3, "changed").finish()

    (stretch,) = report_of(run, undo=undo).impact.downtimes

    assert (stretch.open, stretch.ended_by) == (False, "u: up")


def test_change_is_told_field_by_field() -> None:
    """A change names each field before and after, and the fields that stayed."""
    account = next(step for step in report_of(restored().finish()).steps if step.address == "pointers")

    first = account.fields[0]
    assert (first.name, first.before, first.after) == ("draft", OLD, NEW)
    assert account.unchanged == ("org",)
    assert account.sent[0] == "BEGIN"


def test_answer_has_its_question_label_and_wait() -> None:
    """An answer is told in the words that people saw, with who gave it, how, and after how long."""
    answers = report_of(restored().finish()).answers

    assert (answers[2].question, answers[2].by, answers[2].how) == ("Put the course back?", "bo@studio", "inbox")
    assert answers[1].answer == "20 Nov 16:04, before the import (112 blocks)"
    assert answers[2].seconds == pytest.approx(1500)
    assert answers[2].wanted == "1 of bo, carol"


def test_notes_fill_their_sections_and_empty_ones_say_how() -> None:
    """Each section that people write has its notes with author and time, or the command that adds one."""
    story = restored()
    story.tell("note", 1, section="timeline of support", text="first call at 08:50", by="dee")

    written = {section.key: section for section in report_of(story.finish()).written}

    assert [note.by for note in written["root-cause"].notes] == ["anna@ops-laptop"]
    assert written["lessons"].notes == ()
    assert written["lessons"].command == f'rollbook note {story.id} --section lessons "…"'
    assert written["timeline of support"].command.endswith("""--section 'timeline of support' "…\"""")


def test_undo_is_folded_into_the_first_report() -> None:
    """What an undo took back is marked with its run and time; what it left says so; its steps follow."""
    run = restored().finish()
    undo = undo_of(run).step("pointers", 0.4, "changed").step("pruning", 1.2, "changed").finish()

    report = report_of(run, undo=undo)

    states = {step.address: step.undo.state for step in report.undoable if step.undo}
    assert states["pointers"] == states["pruning"] == "reversed"
    assert states["snapshot"] == "left"
    assert report.run.words == "Succeeded, then undone"
    assert len(report.steps) == 14
    assert "2 changes of 5 were taken back" in sentences(run, undo)


def test_nobody_is_told_to_resume_what_was_undone() -> None:
    """A run that failed and was taken back is told as failed, without the command to go on with it."""
    story = Story(restore_plan()).begin("pointers")
    run = story.tell("step_failed", 1, step="pointers", error="no").finish("failed")
    undo = undo_of(run).step("pointers", 0.4, "changed").finish("undone")

    assert "It failed after" in sentences(run, undo)
    assert f"rollbook resume {run.id}" not in sentences(run, undo)


def test_failed_undo_is_not_called_undone() -> None:
    """A change whose undo step failed is told as not taken back, with the error."""
    run = restored().finish()
    story = undo_of(run).step("pointers", 0.4, "changed").begin("pruning")
    undo = story.tell("step_failed", 1, step="pruning", error="kubectl: forbidden").finish("failed")

    report = report_of(run, undo=undo)

    states = {step.address: step.undo for step in report.undoable if step.undo}
    assert states["pruning"].state == "not reversed"
    assert states["pruning"].reason == "kubectl: forbidden"
    assert report.run.words == "Succeeded"


def test_killed_and_resumed_run_shows_the_gap() -> None:
    """The time between the last sign of life and the resume is a gap, and no step's work."""
    story = Story(restore_plan())
    story.step("key", 1).begin("pruning").tell("run_resumed", 3600, operator="carol@ops")
    story.tell("in_doubt", 0.1, step="pruning").tell("recovered", 0.1, step="pruning")
    run = story.end("pruning", 0.1, "recovered").finish()

    report = report_of(run)

    (gap,) = report.impact.gaps
    assert gap.text == "cut off in the middle of a step"
    assert report.impact.stopped == pytest.approx(3600)
    assert report.impact.working < 5
    assert report.run.operators == ("anna@ops-laptop", "carol@ops")


def test_stop_on_purpose_is_told_as_such() -> None:
    """A run that was interrupted and taken up again stood still on purpose."""
    story = Story(restore_plan()).step("key", 1).tell("interrupted", 1, text="Ctrl-C")

    (gap,) = report_of(story.tell("run_resumed", 60, operator="a@b").finish()).impact.gaps

    assert (gap.text, gap.seconds(gap.began)) == ("stopped on purpose", 60)


def test_agreement_to_new_steps_is_a_wait_and_no_work() -> None:
    """A step planned anew took the time from its start; until it was agreed to, people were waited for, once."""
    story = Story(restore_plan()).step("key", 1)
    story.tell("drift", 0.1, step="pruning", differences=["a: 1 -> 2"]).tell("interrupted", 0.1, text="drift")
    story.tell("run_resumed", 50, operator="a@b").tell("waiting", 0.1, step="pruning", text="must be agreed to")
    story.tell("run_resumed", 600, operator="a@b").step("pruning", 2, "changed")

    report = report_of(story.finish())

    pruning = next(one for one in report.steps if one.address == "pruning")
    assert pruning.seconds == pytest.approx(2, abs=0.1)
    assert report.impact.waiting == pytest.approx(600)
    assert [(span.kind, round(span.seconds(span.began))) for span in report.impact.idle] == [("gap", 50), ("wait", 600)]


def test_waiting_for_an_answer_is_told_once() -> None:
    """A run that ended while it waited, and went on with the answer, waited; it did not stand still as well."""
    story = Story(restore_plan()).step("key", 1).tell("waiting", 1, step="editors")
    story.tell("run_resumed", 60, operator="a@b").tell("answered", 1, step="editors", value="done", by="bo", how="x")

    impact = report_of(story.end("editors").finish()).impact

    assert [span.kind for span in impact.idle] == ["wait"]
    assert "an answer was awaited" in impact.gaps[0].text


def test_answers_given_beforehand_fill_no_table() -> None:
    """A wait of some milliseconds is no line of the impact."""
    story = Story(restore_plan()).step("key", 1).ask("editors", 0.005, "done", how="option")

    assert report_of(story.finish()).impact.idle == ()


def test_only_what_binds_is_told_as_changed() -> None:
    """Fields that are evidence only are kept apart from those that a change was compared on."""
    plan = plan_of(
        (step("p", verdict="update", before={"a": 1, "rows": 5}, after={"a": 2, "rows": 7}, compared=("a",)),)
    )

    (account,) = report_of(Story(plan).step("p", 1, "changed").finish()).steps

    assert [field.name for field in account.fields] == ["a"]
    assert [field.name for field in account.seen] == ["rows"]


def test_the_question_is_told_with_the_runs_id() -> None:
    """A question planned before the run had an id is told with it."""
    plan = plan_of((step("ok", verdict="ask", kind="human.confirm", prompt={"text": "Write ‹run id›.sql?"}),))

    (answer,) = report_of(Story(plan, id="r-1").ask("ok", 2, value=True).finish()).answers

    assert answer.question == "Write r-1.sql?"


def test_the_lock_is_taken_before_the_first_step() -> None:
    """The chronology tells what came first, also within one millisecond."""
    story = Story(restore_plan()).tell("lock_taken", 0.001, name="course").end("key", 0.002)

    words = [moment.type for moment in report_of(story.finish()).moments]

    assert words[:3] == ["begin", "lock_taken", "step"]


def test_waiting_run_has_an_open_wait() -> None:
    """A run that waits says so, for whom, and how to go on; its wait lasts to the last record."""
    story = Story(restore_plan()).step("key", 1).tell("waiting", 1, step="editors")
    run = story.tell("note", 100, section="impact", text="x", by="y").run()

    report = report_of(run)

    assert report.impact.waits[0].ended is None
    assert report.impact.waiting == pytest.approx(100)
    assert f"rollbook resume {run.id}" in sentences(run)


def test_failure_says_what_is_not_known() -> None:
    """A step that failed with writes under way says how many of them are known to be done."""
    story = Story(restore_plan()).begin("pointers").tell("op_finished", 0.1, step="pointers", index=0)
    run = story.tell("step_failed", 1, step="pointers", error="primary stepped down").finish("failed")

    account = next(step for step in report_of(run).missing if step.address == "pointers")

    assert account.doubt.startswith("1 of 2 writes")
    assert account.changed
    assert "primary stepped down" in sentences(run)


def test_what_was_never_reached_is_listed() -> None:
    """An abandoned run lists the steps it never came to, and the skipped ones with their reason."""
    story = Story(restore_plan()).step("key", 1).tell("step_skipped", 0, step="editors", reason="nobody edits")

    report = report_of(story.finish("abandoned", reason="the course team changed its mind"))

    missing = {step.address: step.reason for step in report.missing}
    assert missing["editors"] == "nobody edits"
    assert len(missing) == 11
    assert "abandoned" in sentences(story.run())


def test_refused_undo_is_in_the_summary() -> None:
    """A change that cannot be taken back is named in the summary."""
    plan = plan_of((step("mail", "Delete the archive", "shell.run", "run", undo="refuse", undo_reason="it is gone"),))

    run = Story(plan).step("mail", 1, "changed").finish()

    assert "Not everything can be taken back: “Delete the archive”." in sentences(run)


def test_an_undo_is_told_with_where_it_ends() -> None:
    """What is typed goes back as far as can be: down to the last change that cannot be taken back."""
    kept = {"undo": "refuse", "undo_reason": "it is gone"}
    plan = plan_of(
        (
            step("mail", "Delete the archive", "shell.run", "run", **kept),
            step("purge", "Purge the queue", "shell.run", "run", **kept),
            step("page", "Put the page up", "file.present", "create"),
        )
    )
    story = Story(plan).step("mail", 1, "changed").step("purge", 2, "changed").step("page", 3, "changed")

    report = report_of(story.finish())

    assert report.undo_command == f"rollbook undo {report.run.id} --to purge"
    assert report.undo_command in to_html(report)
    assert report.undo_command in to_markdown(report)


def test_run_without_steps_is_told() -> None:
    """A plan without steps gives a report that says nothing was done."""
    assert "nothing was done" in sentences(Story(plan_of(())).finish())


def test_chronology_is_in_order() -> None:
    """The chronology goes forward in time, from the run's begin to its end."""
    run = restored(notes=False).finish()

    moments = report_of(run).moments

    assert [m.at for m in moments] == sorted(m.at for m in moments)
    assert (moments[0].type, moments[-1].type) == ("begin", "end")
    assert any(m.word == "tried again" for m in moments)


def test_inputs_and_sources_are_evidence() -> None:
    """Inputs, the runbook's checksum, the targets' identities and the journal's head are in the report."""
    run = restored().finish()

    told = report_of(run, local_zone=ZoneInfo("Europe/Berlin")).run

    assert dict(told.inputs)["course_id"] == COURSE
    assert len(dict(told.sources)["runbooks/restore-course.yml"]) == 64
    assert dict(told.identities)["modulestore"] == "set rs0"
    assert (told.head, told.records) == (run.head, run.records)
    assert told.verify == f"rollbook verify-journal {run.id} --head {run.head[:16]}"


def test_report_is_computed_from_the_run_alone() -> None:
    """The same run gives an equal report, whenever it is asked for."""
    run = restored().finish()

    assert report_of(run) == report_of(run)
    assert report_of(run).run.seconds == pytest.approx(timedelta(minutes=53, seconds=12).total_seconds(), abs=1)


def test_steps_without_a_start_began_at_the_record_before() -> None:
    """Reading and asking journal only their end: they count from the record before, questions as waiting."""
    story = Story(restore_plan()).end("key", 2).reply("editors", 300, "done").end("versions", 7).step("pruning", 1)

    impact = report_of(story.finish()).impact

    assert impact.waiting == pytest.approx(300)
    assert impact.working == pytest.approx(2 + 7 + 1, abs=0.1)


def test_doubt_is_waited_for_from_the_question_on() -> None:
    """A person's word on a step in doubt was waited for since the doubt, not since the step began."""
    story = Story(restore_plan()).begin("pruning").tell("run_resumed", 3600, operator="a@b")
    story.tell("in_doubt", 1, step="pruning", text="no probe can tell")
    story.tell("answered", 30, step="pruning", value="done", by="a@b", how="doubt")

    impact = report_of(story.end("pruning", 0.1, "recovered").finish()).impact

    assert impact.waiting == pytest.approx(30)
    assert impact.stopped == pytest.approx(3600)


def test_approval_at_the_terminal_is_waiting() -> None:
    """The time that an approval before a step took is no work of the step."""
    story = Story(restore_plan()).end("key", 1)
    story.tell("answered", 120, step="pruning", value=True, by="bo", how="terminal").step("pruning", 2, "changed")

    report = report_of(story.finish())

    assert report.impact.waiting == pytest.approx(120)
    assert report.answers[0].seconds == pytest.approx(120)
    assert report.impact.working == pytest.approx(3, abs=0.1)


def test_open_doubt_is_an_open_wait() -> None:
    """A run that stopped at a step in doubt waits for a word on it."""
    story = Story(restore_plan()).begin("pruning").tell("run_resumed", 60, operator="a@b")

    report = report_of(story.tell("in_doubt", 1, step="pruning", text="no probe can tell").run())

    assert [(wait.address, wait.ended) for wait in report.impact.waits] == [("pruning", None)]


@pytest.mark.parametrize("settled", ["step_finished", "step_skipped"])
def test_what_a_person_settled_is_waited_for_no_longer(settled: RecordType) -> None:
    """A step in doubt that somebody adopted or skipped was waited for until then, and the run is only stopped."""
    story = Story(restore_plan()).begin("pruning").tell("run_resumed", 60, operator="a@b")
    story.tell("in_doubt", 1, step="pruning", text="no probe can tell")
    stopped = story.tell(settled, 30, step="pruning", status="ok", by="bo", reason="done by hand").run()

    impact = report_of(story.tell("run_resumed", 600, operator="a@b").finish()).impact

    assert (stopped.status, stopped.waiting_for) == ("stopped", "")
    assert [(wait.address, wait.text) for wait in impact.waits] == [("pruning", "settled by bo")]
    assert (impact.waiting, impact.stopped) == (pytest.approx(30), pytest.approx(660))


def test_a_run_waits_on_for_the_other_of_two_steps() -> None:
    """Where two steps wait and a person settles the one, the run still waits for the other."""
    story = Story(restore_plan()).tell("waiting", 1, step="editors").tell("in_doubt", 1, step="pruning", text="?")

    run = story.tell("step_finished", 1, step="pruning", status="ok", by="bo", reason="done by hand").run()

    assert (run.status, run.waiting_for) == ("waiting", "editors")


def test_last_failure_is_told_once() -> None:
    """An unreachable target at the end of a run has one line in the chronology."""
    story = Story(restore_plan()).begin("pruning").tell("unreachable", 9, step="pruning", error="no route to host")

    moments = report_of(story.finish("failed")).moments

    assert sum("no route to host" in moment.text for moment in moments) == 1


def test_a_command_past_its_time_is_not_told_as_a_target_out_of_reach() -> None:
    """What gave no answer in time is told as that: whether the target could be reached is another matter."""
    story = Story(restore_plan()).begin("pruning").tell("unreachable", 9, step="pruning", error="past its time limit")

    moments = report_of(story.finish("failed")).moments

    assert [moment.word for moment in moments if "past its time limit" in moment.text] == ["no answer came"]


def test_what_has_one_time_is_told_as_the_run_did_it() -> None:
    """A question's answer comes before the step after it, also where the clock shows the same millisecond."""
    story = Story(restore_plan()).reply("editors", 3, "done").end("versions", 0)

    told = [(moment.word, moment.address) for moment in report_of(story.finish()).moments if moment.address]

    assert told.index(("answered", "editors")) < told.index(("looked at", "versions"))


def test_the_time_of_standing_still_is_one_number() -> None:
    """The summary names the time that the impact measures, without what a wait for an answer covers."""
    story = (
        Story(restore_plan())
        .end("key", 1)
        .tell("interrupted", 1, text="stopped")
        .tell("run_resumed", 90, operator="a@b")
    )

    report = report_of(story.end("versions", 1).finish())

    assert report.impact.stopped == pytest.approx(90)
    assert any("after standing still for 1 min 30 s" in sentence.text for sentence in report.summary)


def test_inputs_that_nobody_gave_are_left_out() -> None:
    """Only what was given stands among the facts."""
    plan = restore_plan(inputs={"course_id": "course-v1:O+C+R", "before": None, "note": ""})

    assert report_of(Story(plan).finish()).run.inputs == (("course_id", "course-v1:O+C+R"),)


def test_an_undo_tells_that_it_succeeded_and_not_that_it_was_undone() -> None:
    """What an undo did is told of the run that it took back, not of itself."""
    undo = undo_of(restored().finish()).step("pointers", 0.4, "changed").finish("undone")

    report = report_of(undo)

    assert report.run.words == "Succeeded"
    assert "that run is taken back" in sentences(undo)


def test_a_run_whose_undo_was_taken_back_in_turn_tells_what_holds_now() -> None:
    """Whoever reads the report of the first run must not believe that its changes are gone."""
    run = restored().finish()
    undo = undo_of(run).step("pointers", 0.4, "changed").finish("undone")
    again = undo_of(run).step("pointers", 0.6, "changed").finish("undone")

    report = report_of(run, undo=undo, turns=[again])

    assert report.run.words == "Succeeded, then undone, and that undone again"
    assert f"taken back in turn by run {again.id}" in "\n".join(sentence.text for sentence in report.summary)
