"""What reaches a run from outside while it is carried out, and what it keeps to itself."""

import os
import signal
import time

import pytest

from rollbook.engine import put_note, put_pause
from rollbook.engine.inbox import put
from rollbook.errors import LockHeld, NotFoundError, RollbookError, UsageError
from rollbook.testing.crash import CrashError, crashing

from .workshop import HELD, Workshop, meanwhile, write_step


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


@pytest.mark.parametrize(("until", "last"), [("i", "i/l[q]"), ("i/l", "i/l[q]"), ("i/l[p]", "i/l[p]"), ("l", "i/l[q]")])
def test_until_names_an_include_and_a_loop_within_it(workshop: Workshop, until: str, last: str) -> None:
    """An include is over with its last step, a loop with its last item, wherever it stands."""
    loop = "  - {id: l, name: Say., loop: [p, q], shell.run: {command: 'true'}, undo: {leave: x}}\n"
    workshop.write("v", "steps:\n" + loop)
    workshop.write("r", "steps:\n  - {id: i, name: Include., include: v}\n" + write_step("b", "y"))

    stopped = workshop.run("r", until=until)

    assert (stopped.status, [step.address for step in stopped.steps if step.done][-1]) == ("stopped", last)


def test_until_names_a_step_after_which_a_run_can_stop(workshop: Workshop) -> None:
    """No step of the end, which comes in any case; and where an id is in two includes, one of them."""
    workshop.write("v", "steps:\n" + write_step("b", "y"))
    includes = "".join(f"  - {{id: {name}, name: Include., include: v}}\n" for name in ("i", "j"))
    workshop.write("r", f"steps:\n{includes}finally:\n" + write_step("end", "x"))

    with pytest.raises(UsageError, match=r"done whenever the run ends.*\n.*The last step before it is j/b"):
        workshop.planner("r", until="end").plan()
    with pytest.raises(UsageError, match="the id of i/b, j/b"):
        workshop.planner("r", until="b").plan()
    assert workshop.planner("r", until="i/b").plan().until == "i/b"


def test_ctrl_c_stops_after_journalling(workshop: Workshop) -> None:
    """The first Ctrl-C lets the running command end, stops at the boundary and leaves a resumable run."""
    workshop.write("one", HELD + write_step("b", "y"))

    with meanwhile(workshop, lambda: os.kill(os.getpid(), signal.SIGINT)):
        stopped = workshop.run("one")
    assert (stopped.status, [step.status for step in stopped.steps]) == ("stopped", ["changed", "pending"])
    run = workshop.resume()

    assert run.status == "succeeded"


@pytest.mark.parametrize(
    ("signs", "ends"), [("HUP HUP", True), ("INT HUP", True), ("HUP HUP HUP", True), ("INT INT", False)]
)
def test_only_a_second_ctrl_c_ends_the_running_command(workshop: Workshop, signs: str, ends: bool) -> None:
    """A terminal that hangs up ends no step, however often that is told: the kernel does so, and a shell again."""
    told = "".join(f"kill -{sign} $PPID; sleep 0.2; " for sign in signs.split()) + f"sleep {0.3 if ends else 30}"
    workshop.write(
        "one",
        f"steps:\n  - {{id: s, name: Do it., shell.run: {{command: '{told}; echo x > end.txt'}}, undo: {{leave: x}}}}\n"
        + write_step("b", "y"),
    )

    stopped = workshop.run("one")

    assert stopped.status == "stopped"
    assert ([step.status for step in stopped.steps] == ["changed", "pending"]) is ends
    assert (workshop.folder / "end.txt").exists() is ends


def test_sigterm_ends_the_running_command_and_leaves_it_in_doubt(workshop: Workshop) -> None:
    """A terminated run journals that it was interrupted; the command it killed is not claimed to be done."""
    workshop.write(
        "one",
        "steps:\n  - id: s\n    name: Sleep.\n    shell.run: {command: 'touch begun; sleep 60'}\n    undo: {leave: x}\n",
    )
    began = time.monotonic()

    with meanwhile(workshop, lambda: os.kill(os.getpid(), signal.SIGTERM)):
        stopped = workshop.run("one")

    assert stopped.status == "stopped"
    assert time.monotonic() - began < 50
    assert workshop.resume().status == "waiting"


def test_a_pause_and_a_note_reach_the_run(workshop: Workshop) -> None:
    """Other processes put a wish to pause and notes into the inbox; the holder journals them."""
    workshop.write("one", HELD + write_step("b", "y"))

    def send() -> None:
        folder = workshop.runs.all()[-1]
        put_note(folder, "lessons", "a remark", "bob@example")
        put_pause(folder, "bob@example")

    with meanwhile(workshop, send):
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
    workshop.write("one", f"lock: shared\n{HELD}")
    assert workshop.planner("one").plan().lock_scope == "this machine only"
    errors: list[BaseException] = []

    def second() -> None:
        try:
            workshop.run("one")
        except LockHeld as error:
            errors.append(error)

    with meanwhile(workshop, second):
        first = workshop.run("one")

    assert first.status == "succeeded"
    assert first.id in str(errors[0])
    assert len(workshop.runs.all()) == 1


def test_a_second_process_may_not_resume_a_run_that_is_held(workshop: Workshop) -> None:
    """A run holds its journal; whoever else wants it is told who has it."""
    workshop.write("one", HELD)
    errors: list[BaseException] = []

    def second() -> None:
        try:
            workshop.resume()
        except LockHeld as error:
            errors.append(error)

    with meanwhile(workshop, second):
        workshop.run("one")

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


def test_until_names_a_loop_as_a_whole(workshop: Workshop) -> None:
    """The run stops once the loop is over, and a resume goes on behind it."""
    each = "  - {id: each, name: Do each., loop: [p, q], file.present: {path: '{{ item }}.txt', content: x}}\n"
    workshop.write("r", "steps:\n" + each + write_step("a", "x"))

    stopped = workshop.run("r", until="each")
    files = sorted(path.name for path in workshop.folder.glob("*.txt"))
    resumed = workshop.resume()

    assert (stopped.status, files) == ("stopped", ["p.txt", "q.txt"])
    assert resumed.status == "succeeded"
    assert (workshop.folder / "a.txt").exists()


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
