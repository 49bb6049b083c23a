"""What the engine does with a plan: in order, journalled, verified, and never on a guess."""

import json
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from rollbook import plan as plans
from rollbook.engine import Decision, put_answer, put_note, put_pause
from rollbook.engine.inbox import put
from rollbook.errors import LockHeld, NotFoundError, PlanDrift, RefusedError, RollbookError, UndoRefused, UsageError
from rollbook.estimates import estimates
from rollbook.journal import replay
from rollbook.testing.crash import CrashError, crashing

from .workshop import Workshop, nobody


def write_step(name: str, content: str, extra: str = "") -> str:
    """Give a step that writes a file."""
    return f'  - id: {name}\n    name: Write {name}.\n    file.present: {{path: {name}.txt, content: "{content}"}}\n{extra}'


def types(workshop: Workshop) -> list[str]:
    """Name the records of the newest run."""
    return [record.type for record in replay(workshop.runs.all()[-1].journal)]


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


def test_includes_loops_and_conditions_have_addresses(workshop: Workshop) -> None:
    """Each use of a step has an address of its own, in the plan, the journal and the folder."""
    workshop.write("inner", "inputs: {who: {type: text}}\nsteps:\n" + write_step("i", "{{ inputs.who }}"))
    workshop.write(
        "outer",
        "steps:\n  - id: inc\n    name: Do the inner one.\n    include: inner\n    inputs: {who: me}\n"
        "  - id: l\n    name: Loop.\n    loop: [p, q]\n    file.present: {path: '{{ item }}.txt', content: '{{ item }}'}\n"
        + write_step("s", "x", "    when: 1 == 2\n"),
    )

    run = workshop.run("outer")

    assert [step.address for step in run.steps] == ["inc/i", "l[p]", "l[q]", "s"]
    assert [step.status for step in run.steps] == ["changed", "changed", "changed", "skipped"]
    assert run.steps[-1].reason == "when: 1 == 2 does not hold"


def test_until_stops_after_a_step_and_resume_goes_on(workshop: Workshop) -> None:
    """`--until` ends in a stopped run that can be resumed."""
    workshop.write("one", "steps:\n" + write_step("a", "x") + write_step("b", "y"))

    stopped = workshop.run("one", until="a")

    assert (stopped.status, [step.status for step in stopped.steps]) == ("stopped", ["changed", "pending"])
    with pytest.raises(NotFoundError):
        workshop.planner("one", until="zzz").plan()


def test_ctrl_c_stops_after_journalling(workshop: Workshop) -> None:
    """The first Ctrl-C lets the running command end, stops at the boundary and leaves a resumable run."""
    workshop.write(
        "one",
        "steps:\n  - id: s\n    name: Sleep.\n    shell.run: {command: [sleep, '0.6']}\n    undo: {leave: x}\n"
        + write_step("b", "y"),
    )
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()

    stopped = workshop.run("one")
    assert (stopped.status, [step.status for step in stopped.steps]) == ("stopped", ["changed", "pending"])
    run = workshop.resume()

    assert run.status == "succeeded"


def test_sigterm_ends_the_running_command_and_leaves_it_in_doubt(workshop: Workshop) -> None:
    """A terminated run journals that it was interrupted; the command it killed is not claimed to be done."""
    workshop.write(
        "one", "steps:\n  - id: s\n    name: Sleep.\n    shell.run: {command: [sleep, '30']}\n    undo: {leave: x}\n"
    )
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM)).start()
    began = time.monotonic()

    stopped = workshop.run("one")

    assert stopped.status == "stopped"
    assert time.monotonic() - began < 20
    assert workshop.resume().status == "waiting"


def test_a_pause_and_a_note_reach_the_run(workshop: Workshop) -> None:
    """Other processes put a wish to pause and notes into the inbox; the holder journals them."""
    workshop.write(
        "one",
        "steps:\n  - id: s\n    name: Sleep.\n    shell.run: {command: [sleep, '0.5']}\n    undo: {leave: x}\n"
        + write_step("b", "y"),
    )

    def meanwhile() -> None:
        folder = workshop.runs.all()[-1]
        put_note(folder, "lessons", "a remark", "bob@example")
        put_pause(folder, "bob@example")

    threading.Timer(0.25, meanwhile).start()
    stopped = workshop.run("one")

    assert stopped.status == "stopped"
    assert [(note.section, note.text, note.by) for note in stopped.notes] == [("lessons", "a remark", "bob@example")]
    assert any("paused by bob@example" in event.text for event in stopped.events)
    with pytest.raises(RollbookError, match="not being carried out"):
        put_pause(workshop.runs.all()[-1], "bob@example")


def test_an_unreadable_message_is_put_aside(workshop: Workshop) -> None:
    """A file in the inbox that is no message does not stop a run, and is kept."""
    workshop.write("one", "steps:\n" + write_step("a", "x") + write_step("b", "y"))
    with crashing(5), pytest.raises(CrashError):
        workshop.run("one")
    folder = workshop.runs.all()[-1]
    put(folder, "note", {"section": "s", "text": "t", "by": "b"})
    (folder.inbox / "0.json").write_text("{")

    run = workshop.resume()

    assert (run.status, len(run.notes)) == ("succeeded", 1)
    assert [path.name for path in folder.inbox.iterdir()] == ["0.unreadable"]


def test_two_runs_under_one_lock_exclude_each_other(workshop: Workshop) -> None:
    """The second is refused at once, told who holds the lock, and leaves no run behind."""
    workshop.write(
        "one",
        "lock: shared\nsteps:\n  - id: s\n    name: Sleep.\n    shell.run: {command: [sleep, '0.8']}\n    undo: {leave: x}\n",
    )
    assert workshop.planner("one").plan().lock_scope == "this machine only"
    errors: list[BaseException] = []

    def second() -> None:
        try:
            workshop.run("one")
        except LockHeld as error:
            errors.append(error)

    timer = threading.Timer(0.3, second)
    timer.start()
    first = workshop.run("one")
    timer.join()

    assert first.status == "succeeded"
    assert first.id in str(errors[0])
    assert len(workshop.runs.all()) == 1


def test_a_second_process_may_not_resume_a_run_that_is_held(workshop: Workshop) -> None:
    """A run holds its journal; whoever else wants it is told who has it."""
    workshop.write(
        "one", "steps:\n  - id: s\n    name: Sleep.\n    shell.run: {command: [sleep, '0.8']}\n    undo: {leave: x}\n"
    )
    errors: list[BaseException] = []

    def second() -> None:
        try:
            workshop.resume()
        except LockHeld as error:
            errors.append(error)

    timer = threading.Timer(0.3, second)
    timer.start()
    workshop.run("one")
    timer.join()

    assert "is being carried out by" in str(errors[0])


def test_no_secret_reaches_journal_outputs_or_errors(workshop: Workshop) -> None:
    """A secret printed by a command, in base64 too, and in an error's text, stands nowhere on the disk."""
    value = "hunter2-hunter2"
    workshop.environ = {**os.environ, "TOKEN": value}
    workshop.variables = {"token": None}
    workshop.write(
        "s",
        "steps:\n  - id: a\n    name: Leak.\n"
        '    shell.run: {command: ["sh", "-c", "echo $T; printf %s $T | base64; echo $T >&2"], environment: {T: {secret: "env:TOKEN"}}}\n'
        "    undo: {leave: x}\n"
        "  - id: b\n    name: Fail with it.\n"
        '    shell.run: {command: ["sh", "-c", "echo broken $T >&2; exit 3"], environment: {T: {secret: "env:TOKEN"}}}\n',
    )

    run = workshop.run("s")

    assert run.status == "failed"
    written = b"".join(path.read_bytes() for path in workshop.runs.root.rglob("*") if path.is_file())
    assert b"\xe2\x80\xb9secret env:TOKEN\xe2\x80\xba" in written
    for form in (value.encode(), b"aHVudGVyMi1odW50ZXIy"):
        assert form not in written


def test_files_are_for_their_owner_only(workshop: Workshop) -> None:
    """Folders of a run are 0700, files 0600."""
    workshop.write(
        "one", "steps:\n  - id: s\n    name: Print.\n    shell.run: {command: [echo, x]}\n    undo: {leave: x}\n"
    )
    workshop.run("one")

    modes = {(path.is_dir(), oct(path.stat().st_mode & 0o777)) for path in workshop.runs.folder.rglob("*")}

    assert modes == {(True, "0o700"), (False, "0o600")}


def test_fail_when_and_parse_judge_the_output(workshop: Workshop) -> None:
    """An exit code alone is not trusted: `fail_when` sees the parsed output."""
    step = "  - id: s\n    name: Print.\n    shell.run: {command: [echo, '{\"errors\": 2}'], effect: read}\n    parse: json\n"
    workshop.write("ok", "steps:\n" + step + write_step("note", "{{ steps.s.outputs.value.errors }} errors"))
    workshop.write("bad", "steps:\n" + step + "    fail_when: outputs.value.errors > 0\n")

    assert workshop.run("ok").status == "succeeded"
    assert (workshop.folder / "note.txt").read_text() == "2 errors"
    failed = workshop.run("bad")

    assert (failed.status, "fail_when" in failed.steps[0].error) == ("failed", True)


def test_requires_stop_the_run_with_their_message(workshop: Workshop) -> None:
    """A requirement that does not hold is told in the runbook's words."""
    workshop.write("r", "steps:\n" + write_step("a", "x", "    requires: [{that: 1 == 2, message: Call the owner.}]\n"))

    run = workshop.run("r")

    assert (run.status, run.steps[0].error) == ("failed", "Call the owner.")


def test_verify_steps_must_hold_after_the_change(workshop: Workshop) -> None:
    """A step's own verify is looked at after the write; its failure fails the step."""
    verify = "    verify:\n      - id: v\n        name: See it.\n        assert.that: {that: '{{ 1 == 2 }}', message: it is not so}\n"
    workshop.write("v", "steps:\n" + write_step("a", "x", verify))

    run = workshop.run("v")

    assert run.status == "failed"
    assert "it is not so" in run.steps[0].error


def test_adopt_probes_before_it_believes(workshop: Workshop) -> None:
    """A step done by hand is recorded as such only when a probe shows it."""
    from rollbook.engine import Engine

    workshop.write("a", "steps:\n  - id: q\n    name: Wait.\n    human.input: {text: Say}\n" + write_step("a", "x"))
    workshop.run("a")
    folder = workshop.runs.all()[-1]

    def adopt() -> object:
        return Engine(folder, workshop.planner("a"), asker=nobody(), watcher=workshop.watcher).adopt("a", "did it")

    with pytest.raises(RefusedError, match="is not done"):
        adopt()
    (workshop.folder / "a.txt").write_text("x")
    adopt()
    run = workshop.resume(nobody({"q": "go"}))

    assert (run.status, run.step("a").by, run.step("a").reason) == ("succeeded", "ada@example", "did it")  # type: ignore[union-attr]  # it is there


def test_what_was_done_by_hand_is_known_from_the_journal(workshop: Workshop) -> None:
    """A step adopted before its turn has no work of its own; one that failed before keeps the times of its failure."""
    from rollbook.engine import Engine

    failing = "  - id: f\n    name: Fail.\n    shell.run: {command: ['false']}\n    undo: {leave: x}\n"
    workshop.write("a", f"steps:\n{failing}{write_step('w', 'x')}")
    failed = workshop.run("a").step("f")
    (workshop.folder / "w.txt").write_text("x")
    folder = workshop.runs.all()[-1]
    Engine(folder, workshop.planner("a"), asker=nobody(), watcher=workshop.watcher).adopt("w", "typed it")
    run = Engine(folder, workshop.planner("a"), asker=nobody(), watcher=workshop.watcher).resume(done={"f": "did it"})

    early, late = run.step("w"), run.step("f")

    assert run.status == "succeeded"
    assert failed is not None
    assert early is not None
    assert late is not None
    assert (early.starts, early.attempts, early.ended_at) == ((), 0, early.adopted_at)
    assert (late.started_at, late.ended_at, late.shown) == (failed.started_at, failed.ended_at, failed.shown)
    assert late.adopted_at not in (None, failed.ended_at)
    assert (late.status, late.by, late.reason) == ("ok", "ada@example", "did it")


def test_what_is_marked_done_after_a_failure_was_done_by_hand(workshop: Workshop) -> None:
    """The step that somebody marks done where they are asked is adopted, and no other."""
    failing = "  - id: f\n    name: Fail.\n    shell.run: {command: ['false']}\n    undo: {leave: x}\n"
    workshop.write("a", f"steps:\n{failing}{write_step('w', 'x')}")

    run = workshop.run("a", asker=nobody(decisions={"f": Decision("done", "did it")}))

    adopted = {step.address: step.adopted_at is not None for step in run.steps}
    assert (run.status, adopted) == ("succeeded", {"f": True, "w": False})


def test_what_was_done_by_hand_tells_no_later_plan_how_long_it_takes(workshop: Workshop) -> None:
    """The time until somebody marked a failed step as done is no time that the step takes."""
    failing = "  - id: f\n    name: Fail.\n    shell.run: {command: ['false']}\n    undo: {leave: x}\n"
    workshop.write("a", f"steps:\n{failing}{write_step('w', 'x')}")

    workshop.run("a", asker=nobody(decisions={"f": Decision("done", "did it")}))

    assert set(estimates([workshop.runs.all()[-1].journal], "a")) == {"w"}


def test_what_somebody_went_past_is_known_from_the_journal(workshop: Workshop) -> None:
    """A failed step that is skipped keeps the times of its failure; one that the plan left out was skipped by nobody."""
    from rollbook.engine import Engine

    failing = "  - id: f\n    name: Fail.\n    shell.run: {command: ['false']}\n    undo: {leave: x}\n"
    workshop.write("a", "steps:\n" + failing + write_step("w", "x", "    when: 1 == 2\n"))
    failed = workshop.run("a").step("f")
    folder = workshop.runs.all()[-1]
    run = Engine(folder, workshop.planner("a"), asker=nobody(), watcher=workshop.watcher).resume(
        skip={"f": "not today"}
    )

    passed, absent = run.step("f"), run.step("w")

    assert run.status == "succeeded"
    assert failed is not None
    assert passed is not None
    assert absent is not None
    assert (passed.started_at, passed.ended_at, passed.seconds) == (failed.started_at, failed.ended_at, failed.seconds)
    assert passed.skipped_at not in (None, failed.ended_at)
    assert (passed.status, passed.by, passed.reason) == ("skipped", "ada@example", "not today")
    assert (absent.status, absent.skipped_at) == ("skipped", None)


@pytest.mark.parametrize("decision", [Decision("skip", "not today"), None])
def test_what_is_skipped_after_a_failure_took_the_time_until_it(workshop: Workshop, decision: Decision | None) -> None:
    """Whether somebody who is asked goes past it, or its runbook: a failed step worked until it failed."""
    failing = "  - id: f\n    name: Fail.\n    shell.run: {command: ['false']}\n    on_failure: continue\n"
    workshop.write("a", f"steps:\n{failing}    undo: {{leave: x}}\n")

    run = workshop.run("a", asker=nobody(decisions={"f": decision} if decision else None))

    at = {event.address: event.at for event in run.events if event.type == "step_failed"}["f"]
    (step,) = run.steps
    assert (step.status, step.ended_at, step.skipped_at is not None) == ("skipped", at, True)


@pytest.mark.parametrize(("by_hand", "own"), [("open", "close"), ("close", "open")])
def test_downtime_begins_and_ends_with_what_was_done_by_hand(workshop: Workshop, by_hand: str, own: str) -> None:
    """An adopted step that begins or ends a downtime does so at its adoption, and the site is not told as down."""
    from rollbook.engine import Engine

    steps = [write_step(name, "x", f"    downtime: {word}\n") for name, word in (("close", "begins"), ("open", "ends"))]
    ask = "  - id: q\n    name: Wait.\n    human.input: {text: Say}\n"
    workshop.write(
        "a", f"steps:\n{steps[0] if by_hand == 'open' else ''}{ask}{steps[0] if own == 'open' else ''}{steps[1]}"
    )
    workshop.run("a")
    (workshop.folder / f"{by_hand}.txt").write_text("x")
    folder = workshop.runs.all()[-1]
    Engine(folder, workshop.planner("a"), asker=nobody(), watcher=workshop.watcher).adopt(by_hand, "typed it")
    run = workshop.resume(nobody({"q": "go"}))

    (stretch,) = run.downtimes

    assert run.status == "succeeded"
    assert (stretch.began_by, stretch.ended_by) == ("close", "open")
    adopted = run.step(by_hand)
    assert adopted is not None
    assert adopted.adopted_at is not None
    assert adopted.adopted_at <= ((stretch.ended_at or run.started_at) if by_hand == "open" else stretch.began_at)


def test_a_tampered_journal_is_told_with_its_line(workshop: Workshop) -> None:
    """A record changed afterwards breaks the chain at a named line."""
    workshop.write("one", "steps:\n" + write_step("a", "x"))
    workshop.run("one")
    journal = workshop.runs.all()[-1].journal
    lines = journal.read_text().splitlines(keepends=True)
    record = json.loads(lines[1])
    lines[1] = json.dumps({**record, "step": record["step"], "at": "2020-01-01T00:00:00.000Z"}) + "\n"
    journal.write_text("".join(lines))

    with pytest.raises(RollbookError, match=r"journal\.jsonl:3: the chain breaks here"):
        replay(journal)


def test_a_group_runs_on_all_members_and_counts_failures(workshop: Workshop) -> None:
    """Members run in parallel; one failure within the limit is told, and a resume does only what failed."""
    from rollbook.targets.base import TargetSpec

    for name in ("h1", "h2", "h3"):
        (workshop.folder / name).mkdir()
    workshop.targets = {
        name: TargetSpec(name, "local", {"directory": str(workshop.folder / name)}) for name in ("h1", "h2", "h3")
    }
    workshop.groups = {"web": ("h1", "h2", "h3")}
    (workshop.folder / "h2" / "bad").touch()
    command = "echo x >> count.txt; test ! -e bad"
    workshop.write(
        "g",
        f'targets: {{web: {{kind: local}}}}\nsteps:\n  - id: s\n    name: All.\n    target: web\n    shell.run: {{command: "{command}", effect: idempotent}}\n    undo: {{leave: x}}\n',
    )

    failed = workshop.run("g")
    assert [(step.address, step.status) for step in failed.steps] == [
        ("s@h1", "changed"),
        ("s@h2", "failed"),
        ("s@h3", "changed"),
    ]
    (workshop.folder / "h2" / "bad").unlink()
    run = workshop.resume()

    assert run.status == "succeeded"
    assert [len((workshop.folder / name / "count.txt").read_text().split()) for name in ("h1", "h2", "h3")] == [1, 2, 1]


def test_the_same_command_twice_is_run_twice(workshop: Workshop) -> None:
    """A command that nothing shows was run is planned and run as often as the runbook says."""
    step = '    name: Count.\n    shell.run: {command: "echo x >> count.txt"}\n'
    workshop.write("twice", f"steps:\n  - id: a\n{step}  - id: b\n{step}")

    run = workshop.run("twice")

    assert [step.planned.verdict for step in run.steps] == ["run", "run"]
    assert run.status == "succeeded"
    assert (workshop.folder / "count.txt").read_text() == "x\nx\n"
