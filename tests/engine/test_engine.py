"""What the engine does with a plan: in order, journalled, verified, and never on a guess."""

import time
from pathlib import Path

import pytest

from rollbook import plan as plans
from rollbook.cli.ending import boundary, brief
from rollbook.engine import Decision, put_answer
from rollbook.errors import PlanDrift, RefusedError, UndoRefused, UsageError
from rollbook.journal import utc_now

from .workshop import Workshop, nobody, types, write_step


def test_planning_writes_nothing(workshop: Workshop) -> None:
    """A plan leaves no trace, not even a run folder."""
    workshop.write("one", "steps:\n" + write_step("a", "x"))

    plan = workshop.planner("one").plan()

    assert [step.verdict for step in plan.steps] == ["create"]
    assert sorted(path.name for path in workshop.folder.iterdir()) == ["runbooks"]


def test_planning_after_the_run_finds_nothing_to_do(workshop: Workshop) -> None:
    """What a run brought about is planned as noop."""
    workshop.write("one", "steps:\n" + write_step("a", "x"))
    workshop.run("one")

    plan = workshop.planner("one").plan()

    assert [step.verdict for step in plan.steps] == ["noop"]
    assert not plan.writes


def test_a_later_step_is_planned_on_an_earlier_ones_result(workshop: Workshop) -> None:
    """A file written and then removed is planned as created and then deleted, and the run agrees."""
    workshop.write(
        "two", "steps:\n" + write_step("a", "x") + "  - id: b\n    name: Remove it.\n    file.absent: {path: a.txt}\n"
    )

    run = workshop.run("two")

    assert run.status == "succeeded"
    assert not (workshop.folder / "a.txt").exists()


def test_drift_stops_the_run_and_names_the_field(workshop: Workshop) -> None:
    """A target that changed after planning is not written to."""
    workshop.write("one", "steps:\n" + write_step("a", "x"))
    plan = workshop.planner("one").plan()
    (workshop.folder / "a.txt").write_text("somebody else's")

    with pytest.raises(PlanDrift) as caught:
        workshop.run("one", plan=plan)

    assert any("exists: no -> yes" in line for line in caught.value.differences)
    assert (workshop.folder / "a.txt").read_text() == "somebody else's"
    assert workshop.runs.all()[-1].read().status == "stopped"


def test_a_resume_after_drift_plans_anew_and_asks(workshop: Workshop) -> None:
    """After drift nothing is written before somebody agreed to the new plan."""
    workshop.write("one", "steps:\n" + write_step("a", "x"))
    plan = workshop.planner("one").plan()
    (workshop.folder / "a.txt").write_text("somebody else's")
    with pytest.raises(PlanDrift):
        workshop.run("one", plan=plan)

    waiting = workshop.resume(nobody(agrees=False))
    assert (waiting.status, (workshop.folder / "a.txt").read_text()) == ("waiting", "somebody else's")
    run = workshop.resume(nobody(agrees=True))

    assert (run.status, (workshop.folder / "a.txt").read_text()) == ("succeeded", "x")
    assert "replanned" in types(workshop)


def test_a_target_that_is_already_as_wanted_is_left_alone(workshop: Workshop) -> None:
    """Somebody who did the step between plan and run is no drift: the step is ok, not changed."""
    workshop.write("one", "steps:\n" + write_step("a", "x"))
    plan = workshop.planner("one").plan()
    workshop.run("one")

    run = workshop.run("one", plan=plan)

    assert [step.status for step in run.steps] == ["ok"]


def test_an_answer_other_than_assumed_replans_the_tail(workshop: Workshop) -> None:
    """The tail is planned on the answer given, agreed to, and journalled with a digest of its own."""
    workshop.write(
        "ask",
        "steps:\n  - id: q\n    name: Choose.\n    human.choose: {text: Which, from: [a, b], default: a}\n"
        + write_step("out", "{{ steps.q.outputs.value }}"),
    )
    plan = workshop.planner("ask").plan()
    assert plan.steps[0].assumed

    run = workshop.run("ask", nobody({"q": "b"}), plan=plan)

    assert (workshop.folder / "out.txt").read_text() == "b"
    assert run.digest != plan.digest
    assert types(workshop).count("replanned") == 1


def test_a_question_without_an_answer_waits_and_resumes(workshop: Workshop) -> None:
    """Without a terminal an unanswered question makes the run wait; nothing after it happens."""
    workshop.write(
        "ask",
        "steps:\n  - id: q\n    name: Type.\n    human.input: {text: Say}\n"
        + write_step("o", "{{ steps.q.outputs.value }}"),
    )

    waiting = workshop.run("ask")
    assert (waiting.status, waiting.waiting_for) == ("waiting", "q")
    run = workshop.resume(nobody({"q": "hello"}))

    assert run.status == "succeeded"
    assert (workshop.folder / "o.txt").read_text() == "hello"
    assert [(answer.value, answer.how) for answer in run.answers] == [("hello", "option")]


def test_an_answer_from_another_process_is_taken_at_the_resume(workshop: Workshop) -> None:
    """What `approve` leaves in the inbox answers the open question, with who gave it."""
    workshop.write("ask", "steps:\n  - id: q\n    name: Type.\n    human.input: {text: Say}\n")
    workshop.run("ask")

    put_answer(workshop.runs.all()[-1], "q", "from afar", "bob@example")
    run = workshop.resume()

    assert [(answer.value, answer.by, answer.how) for answer in run.answers] == [("from afar", "bob@example", "inbox")]


def test_a_failed_step_stops_the_run_and_resumes(workshop: Workshop) -> None:
    """A failure is journalled with its evidence; the resume does that step again and no other."""
    command = 'shell.run: {command: "echo tried >> tries.txt; test -e ok"}'
    workshop.write(
        "f",
        "steps:\n"
        + write_step("a", "x")
        + f"  - id: c\n    name: Try.\n    {command}\n    undo: {{leave: no}}\n".replace("no}", "'no'}"),
    )

    failed = workshop.run("f")
    assert (failed.status, failed.steps[1].status) == ("failed", "failed")
    (workshop.folder / "ok").touch()
    run = workshop.resume()

    assert run.status == "succeeded"
    assert (workshop.folder / "tries.txt").read_text() == "tried\n" * 2
    assert types(workshop).count("step_started") == 3


def test_retries_are_journalled_attempts(workshop: Workshop) -> None:
    """A step is tried again as often as it says; each attempt leaves a record."""
    command = "echo tried >> tries.txt; test $(wc -l < tries.txt) = 3"
    workshop.write(
        "r",
        f'steps:\n  - id: c\n    name: Try.\n    shell.run: {{command: "{command}", effect: idempotent}}\n    retries: 4\n    delay: 10ms\n',
    )

    run = workshop.run("r")

    assert run.status == "succeeded"
    assert types(workshop).count("attempt") == 2


def test_a_timeout_kills_the_process_group(workshop: Workshop) -> None:
    """A command past its limit is killed with all it started, and its outcome is in doubt."""
    workshop.write(
        "t",
        'steps:\n  - id: c\n    name: Sleep.\n    shell.run: {command: "sleep 60 & echo $! > pid; wait"}\n    timeout: 500ms\n',
    )

    run = workshop.run("t")

    assert (run.status, run.steps[0].status) == ("failed", "unreachable")
    assert "step c began and did not end: its writes may be half done" in boundary(run, {}).stopping()
    assert "its writes may be half done" in brief(run, utc_now())
    pid = int((workshop.folder / "pid").read_text())
    for _ in range(100):
        if not Path(f"/proc/{pid}").exists():
            break
        time.sleep(0.05)
    assert not Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize("what", ["skip", "done", "stop"])
def test_a_failure_is_decided_by_a_person(workshop: Workshop, what: str) -> None:
    """Skip and done need a reason and go on; stop leaves the run resumable."""
    workshop.write(
        "d", "steps:\n  - id: c\n    name: Fail.\n    shell.run: {command: ['false']}\n" + write_step("a", "x")
    )

    run = workshop.run("d", nobody(decisions={"c": Decision(what, "because")}))  # type: ignore[arg-type]  # from the list above

    assert run.status == ("failed" if what == "stop" else "succeeded")
    assert run.steps[0].status == {"skip": "skipped", "done": "ok", "stop": "failed"}[what]
    assert (run.steps[0].reason == "because") is (what != "stop")


def test_on_failure_continue_goes_on_and_tells(workshop: Workshop) -> None:
    """A step whose failure does not matter is told as skipped with the reason, its error kept in the journal."""
    workshop.write(
        "d",
        "steps:\n  - id: c\n    name: Fail.\n    shell.run: {command: ['false']}\n    on_failure: continue\n"
        + write_step("a", "x"),
    )

    run = workshop.run("d")

    assert (run.status, run.steps[0].status) == ("succeeded", "skipped")
    assert "step_failed" in types(workshop)


FINALLY = "finally:\n" + write_step("end", "{{ run.status }}")


def test_finally_does_not_run_while_the_run_is_resumable(workshop: Workshop) -> None:
    """A maintenance page must not come off because a step failed; abandoning the run ends it for good."""
    workshop.write("f", "steps:\n  - id: c\n    name: Fail.\n    shell.run: {command: ['false']}\n" + FINALLY)

    workshop.run("f")
    assert not (workshop.folder / "end.txt").exists()
    folder = workshop.runs.all()[-1]
    planner = workshop.planner("f")
    from rollbook.engine import Engine

    with pytest.raises(UsageError):
        Engine(folder, planner, asker=nobody(), watcher=workshop.watcher).abandon("")
    run = Engine(folder, workshop.planner("f"), asker=nobody(), watcher=workshop.watcher).abandon("given up")

    assert (run.status, run.ended_because) == ("abandoned", "given up")
    assert (workshop.folder / "end.txt").read_text() == "abandoned"
    with pytest.raises(RefusedError):
        workshop.resume()


def test_undo_restores_and_is_a_run_of_its_own(workshop: Workshop) -> None:
    """An undo brings back what was there, last step first, and leaves the first journal as it was."""
    (workshop.folder / "a.txt").write_text("before")
    workshop.write("u", "steps:\n" + write_step("a", "after") + write_step("b", "new"))
    run = workshop.run("u")
    journal = workshop.runs.all()[-1].journal.read_bytes()

    back = workshop.undo(run)

    assert (back.status, back.plan.undo_of) == ("undone", run.id)
    assert [step.planned.undo_of for step in back.steps] == ["b", "a"]
    assert (workshop.folder / "a.txt").read_text() == "before"
    assert not (workshop.folder / "b.txt").exists()
    assert workshop.runs.find(run.id).journal.read_bytes() == journal


def test_a_run_that_was_undone_is_over(workshop: Workshop) -> None:
    """Undoing a failed run runs its finally steps, and the run cannot be resumed afterwards."""
    workshop.write(
        "f",
        "steps:\n"
        + write_step("a", "x")
        + "  - id: c\n    name: Fail.\n    shell.run: {command: ['false']}\n    undo: {leave: x}\n"
        + FINALLY,
    )
    run = workshop.run("f")
    assert run.status == "failed"

    back = workshop.undo(run)

    assert back.status == "undone"
    assert not (workshop.folder / "a.txt").exists()
    assert (workshop.folder / "end.txt").read_text() == "undone"
    from rollbook.engine import Engine

    with pytest.raises(RefusedError, match=f"undone by {back.id}"):
        Engine(workshop.runs.find(run.id), workshop.planner("f"), asker=nobody(), watcher=workshop.watcher).resume()


def test_undo_asks_when_somebody_changed_it_since(workshop: Workshop) -> None:
    """What was changed after the run is not overwritten without a decision."""
    workshop.write("u", "steps:\n" + write_step("a", "after"))
    run = workshop.run("u")
    (workshop.folder / "a.txt").write_text("somebody else's")

    waiting = workshop.undo(run)
    assert (waiting.status, (workshop.folder / "a.txt").read_text()) == ("waiting", "somebody else's")
    back = workshop.resume(nobody({"a-sure": "yes"}))

    assert back.status == "undone"
    assert not (workshop.folder / "a.txt").exists()


def test_a_refused_undo_names_the_step_and_to_stops_short_of_it(workshop: Workshop) -> None:
    """Only a refusal blocks an undo, and it may stop after the step that cannot be taken back."""
    workshop.write(
        "u",
        "steps:\n  - id: c\n    name: Do it.\n    shell.run: {command: ['true']}\n    undo: {refuse: it cannot be taken back}\n"
        + write_step("a", "x"),
    )
    run = workshop.run("u")

    with pytest.raises(UndoRefused, match=r"c \(Do it\.\): it cannot be taken back"):
        workshop.undo(run)
    back = workshop.undo(run, to="c")

    assert back.status == "undone"
    assert not (workshop.folder / "a.txt").exists()


@pytest.mark.parametrize(("answer", "status", "left"), [("yes", "undone", False), ("no", "failed", True)])
def test_an_undo_asks_before_it_goes_past_what_failed_and_cannot_be_taken_back(
    workshop: Workshop, answer: str, status: str, left: bool
) -> None:
    """The step at which a run failed does not keep all that was before it: a person says whether to leave it behind."""
    workshop.write(
        "u", "steps:\n" + write_step("a", "x") + "  - {id: c, name: Do it., shell.run: {command: 'exit 3'}}\n"
    )
    run = workshop.run("u")

    waiting = workshop.undo(run)
    there = (workshop.folder / "a.txt").exists()
    ended = workshop.resume(nobody({"undo/c/sure": answer}))

    assert (run.status, waiting.status, waiting.waiting_for, there) == ("failed", "waiting", "undo/c/sure", True)
    assert "c failed, and no undo takes back what it may have done" in str(waiting.plan.step("undo/c/sure"))
    assert (ended.status, (workshop.folder / "a.txt").exists()) == (status, left)
    assert boundary(run, {}).way_back() == "undo takes back 1 change"


def test_a_steps_own_undo_steps_are_run(workshop: Workshop) -> None:
    """`undo: {steps: …}` replaces the derived undo, and sees the step's outputs."""
    workshop.write(
        "u",
        "steps:\n  - id: c\n    name: Do it.\n    shell.run: {command: [echo, made]}\n    undo:\n      steps:\n"
        "        - id: back\n          name: Take it back.\n"
        '          file.present: {path: back.txt, content: "{{ steps.c.outputs.stdout }}"}\n',
    )
    run = workshop.run("u")

    back = workshop.undo(run)

    assert back.status == "undone"
    assert (workshop.folder / "back.txt").read_text() == "made\n"


def test_a_saved_plan_is_the_run(workshop: Workshop, tmp_path: Path) -> None:
    """A plan saved, loaded and carried out is the same object: same digest, same ops."""
    workshop.write("one", "steps:\n" + write_step("a", "x {{ run.id }}"))
    plan = workshop.planner("one").plan()
    plans.save(plan, tmp_path / "plan.json")

    loaded = plans.load(tmp_path / "plan.json")
    run = workshop.run("one", plan=loaded)

    assert (loaded.digest, run.digest) == (plan.digest, plan.digest)
    assert (workshop.folder / "a.txt").read_text() == f"x {run.id}"


def test_a_saved_plan_that_was_edited_is_refused(workshop: Workshop, tmp_path: Path) -> None:
    """A digest that does not fit is told."""
    workshop.write("one", "steps:\n" + write_step("a", "x"))
    path = tmp_path / "plan.json"
    plans.save(workshop.planner("one").plan(), path)
    path.write_text(path.read_text().replace('"content": "x"', '"content": "y"'))

    with pytest.raises(RefusedError, match="changed after it was saved"):
        plans.load(path)


@pytest.mark.parametrize(("now", "fits"), [("one 5 new", True), ("two 3 old", False)])
def test_what_is_said_of_a_choice_refuses_no_saved_plan(workshop: Workshop, now: str, fits: bool) -> None:
    """Labels and details are evidence; what can be chosen is not."""
    read = "  - {id: r, name: Look., shell.run: {command: cat said, plan: true, effect: read}}\n"
    word = "steps.r.outputs.stdout.split()"
    offer = "{{ [{'value': %s[0], 'label': %s[1], 'detail': %s[2]}] }}" % (word, word, word)  # noqa: UP031  # braces
    choose = f'  - id: c\n    name: Choose.\n    human.choose: {{text: "Which? {{{{ steps.r.outputs.stdout }}}}", from: "{offer}"}}\n'
    workshop.write("one", f"steps:\n{read}{choose}")
    (workshop.folder / "said").write_text("one 3 old")
    planned = workshop.planner("one").plan()
    (workshop.folder / "said").write_text(now)
    found = workshop.planner("one").plan()

    told = [line for line in plans.differences(planned, found) if line.startswith("step c")]

    assert planned.steps[1].verdict == "ask"
    assert (told == []) is fits


def test_each_difference_of_a_saved_plan_is_named(workshop: Workshop) -> None:
    """Runbook, inputs and states that differ are told one by one."""
    workshop.write("one", "inputs: {who: {type: text, default: x}}\nsteps:\n" + write_step("a", "{{ inputs.who }}"))
    planned = workshop.planner("one").plan()
    (workshop.folder / "a.txt").write_text("there now")
    workshop.write("one", "inputs: {who: {type: text, default: z}}\nsteps:\n" + write_step("a", "{{ inputs.who }}"))

    found = plans.differences(planned, workshop.planner("one").plan())

    text = "\n".join(found)
    assert "runbook: one.yml changed" in text
    assert "inputs: who: planned x, now z" in text
    assert "exists: planned no, now yes" in text


def test_every_item_of_a_loop_is_carried_out(workshop: Workshop) -> None:
    """Items that are equal, or look like numbers, have addresses of their own."""
    step = '"echo {{ item }} >> all.txt"'
    workshop.write(
        "l",
        f'steps:\n  - id: a\n    name: All.\n    loop: ["2", "db one", "db two", "db one"]\n    shell.run: {{command: {step}}}\n    undo: {{leave: x}}\n',
    )

    run = workshop.run("l")

    assert [step.address for step in run.steps] == ["a[0]", "a[1]", "a[2]", "a[3]"]
    assert (workshop.folder / "all.txt").read_text() == "2\ndb one\ndb two\ndb one\n"
