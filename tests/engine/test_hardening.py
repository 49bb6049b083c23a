"""What an operator, a colleague or an accident does to a run in the middle."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from rollbook import accounts
from rollbook import plan as plans
from rollbook.cli.ending import going_on
from rollbook.engine import Engine, put_answer, stepper
from rollbook.engine.attempt import Attempt
from rollbook.errors import JournalError, LockHeld, PlanDrift, PreflightError, RefusedError, UsageError
from rollbook.journal import replay
from rollbook.planner import plan_undo
from rollbook.run import Run
from rollbook.runs import RunFolder
from rollbook.targets.base import TargetSpec

from .workshop import Workshop, nobody, write_step

COUNT = 'shell.run: {command: "echo x >> count.txt; sleep 5"}\n    undo: {leave: a count stays}\n'


def newest(workshop: Workshop) -> RunFolder:
    """Give the newest run's folder."""
    return workshop.runs.all()[-1]


def test_a_run_being_abandoned_goes_on_being_abandoned(workshop: Workshop) -> None:
    """A question among its finally steps makes the end wait; a resume ends the run and carries out no other step."""
    workshop.write(
        "ab",
        "steps:\n  - id: q\n    name: Ask.\n    human.input: {text: Say}\n"
        + write_step("danger", "x")
        + "finally:\n  - id: told\n    name: Tell.\n    human.task: {text: Tell people}\n",
    )
    workshop.run("ab")

    waiting = Engine(newest(workshop), workshop.planner("ab"), asker=nobody(), watcher=workshop.watcher).abandon("no")
    assert (waiting.status, waiting.abandoning) == ("waiting", "no")
    run = workshop.resume(nobody({"told": "done", "q": "go"}))

    assert (run.status, run.ended_because) == ("abandoned", "no")
    assert not (workshop.folder / "danger.txt").exists()


@pytest.mark.parametrize("mended", [True, False])
def test_a_run_is_given_up_only_once_its_end_is_done(workshop: Workshop, mended: bool) -> None:
    """What fails among its finally steps can be done by a resume, or left with a reason; until then it is not over."""
    last = "finally:\n  - id: back\n    name: Give it back.\n    shell.run: {command: test -e mended && echo x > back.txt}\n"
    workshop.write("ab", "steps:\n  - id: q\n    name: Ask.\n    human.input: {text: Say}\n" + last)
    workshop.run("ab")
    back = workshop.folder / "back.txt"

    planner = workshop.planner("ab")
    failed = Engine(newest(workshop), planner, asker=nobody(), watcher=workshop.watcher).abandon("no")
    assert (failed.status, failed.abandoning, failed.resumable) == ("failed", "no", True)
    assert "what had to be done at the end failed: back" in failed.ended_because
    assert any("--skip back --reason WHY" in text for _, text in going_on(failed))
    if mended:
        (workshop.folder / "mended").touch()
        run = workshop.resume()
    else:
        run = workshop.engine(failed).resume(skip={"back": "its host is gone for good"})

    assert (run.status, run.ended_because, back.exists()) == ("abandoned", "no", mended)


def test_an_interrupted_group_is_in_doubt(workshop: Workshop) -> None:
    """Members that were killed in the middle are not told as failed, and not run again on a guess."""
    names = ("h1", "h2")
    for name in names:
        (workshop.folder / name).mkdir()
    workshop.targets = {name: TargetSpec(name, "local", {"directory": str(workshop.folder / name)}) for name in names}
    workshop.groups = {"web": names}
    workshop.write(
        "g", f"targets: {{web: {{kind: local}}}}\nsteps:\n  - id: s\n    name: All.\n    target: web\n    {COUNT}"
    )
    threading.Timer(0.7, os.kill, (os.getpid(), signal.SIGTERM)).start()

    stopped = workshop.run("g")
    assert stopped.status == "stopped"
    waiting = workshop.resume()

    assert waiting.status == "waiting"
    assert [(workshop.folder / name / "count.txt").read_text() for name in names] == ["x\n", "x\n"]


def test_an_unexpected_error_leaves_the_step_in_doubt(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """What broke after a command had begun says nothing about the command."""
    workshop.write(
        "u",
        'steps:\n  - id: c\n    name: Count.\n    shell.run: {command: "echo x >> count.txt"}\n    undo: {leave: x}\n',
    )
    with monkeypatch.context() as patched:
        patched.setattr("rollbook.engine.stepper.verify_after", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            workshop.run("u")

    waiting = workshop.resume()

    assert (waiting.status, waiting.steps[0].status) == ("waiting", "in_doubt")
    assert (workshop.folder / "count.txt").read_text() == "x\n"


@pytest.mark.parametrize("answer", ["yes", "no"])
def test_an_end_that_was_cut_off_is_not_done_again_on_a_guess(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    """A finally step that may be done once only, and of which nobody knows what became, is asked about by an undo."""
    last = 'finally:\n  - {id: end, name: Count., shell.run: {command: "echo x >> count.txt"}, undo: {leave: x}}\n'
    workshop.write("e", f"steps:\n{write_step('a', 'x')}{last}")
    with monkeypatch.context() as patched:
        verify = stepper.verify_after
        patched.setattr(stepper, "verify_after", lambda attempt, after: _broken(verify, attempt, after))
        with pytest.raises(ZeroDivisionError):
            workshop.run("e")
    run, counted = newest(workshop).read(), workshop.folder / "count.txt"

    waiting = workshop.undo(run)
    undone = workshop.resume(nobody({"end/sure": answer}))

    assert (waiting.status, waiting.waiting_for) == ("waiting", "end/sure")
    assert undone.status == ("undone" if answer == "yes" else "failed")
    assert counted.read_text() == ("x\nx\n" if answer == "yes" else "x\n")
    assert not (workshop.folder / "a.txt").exists()
    if answer == "no":
        assert workshop.resume(done={"end": "it was done"}).status == "undone"
        assert counted.read_text() == "x\n"


def _broken(verify: Callable[[Attempt, Any], Any], attempt: Attempt, after: object) -> object:
    """Break after the command of the step `end`, as a defect would."""
    if attempt.planned.address == "end":
        raise ZeroDivisionError
    return verify(attempt, after)


@pytest.mark.parametrize("settled", ["", "skip", "done"])
def test_nothing_is_taken_back_beside_a_command_that_outlived_its_run(workshop: Workshop, settled: str) -> None:
    """What it does after the undo would be there though the undo says that it took it back; whatever people said of it."""
    remove = "[{id: gone, name: Remove., file.absent: {path: count.txt}}]"
    run = killed_beside_its_command(workshop, remove)
    if settled:
        run = workshop.resume(**{settled: {"c": "a test"}})

    with pytest.raises(RefusedError, match=r"still runs on local: process .* Nothing was taken back"):
        workshop.undo(run)

    assert (workshop.folder / "count.txt").exists()
    while (workshop.folder / "count.txt").read_text() == "x\n":
        time.sleep(0.05)
    time.sleep(0.2)  # it ends
    assert workshop.undo(run).status == "undone"
    assert (workshop.folder / "count.txt").exists() == (settled == "done")  # done by hand, so it is taken back by hand


def test_an_approval_given_early_is_kept_until_its_question(workshop: Workshop) -> None:
    """An answer from the inbox survives resumes that end before its question."""
    workshop.write(
        "q",
        "steps:\n  - id: a\n    name: Ask.\n    human.input: {text: Say}\n"
        "  - id: b\n    name: Approve.\n    human.approve: {text: Go on?}\n",
    )
    workshop.run("q")
    put_answer(newest(workshop), "b", "yes", "bob@example")
    assert workshop.resume().waiting_for == "a"

    run = workshop.resume(nobody({"a": "text"}))

    assert run.status == "succeeded"
    assert [(answer.address, answer.by) for answer in run.answers] == [("a", "ada@example"), ("b", "bob@example")]
    assert list(newest(workshop).inbox.iterdir()) == []


def test_an_answer_that_is_not_taken_is_told_with_its_reason(workshop: Workshop) -> None:
    """Whoever runs the runbook may not approve it; the journal says so."""
    workshop.write(
        "q", "steps:\n  - id: b\n    name: Approve.\n    human.approve: {text: Go on?, not_operator: true}\n"
    )
    workshop.run("q")
    put_answer(newest(workshop), "b", "yes", "ada@elsewhere")

    waiting = workshop.resume()

    assert waiting.status == "waiting"
    assert any("may not approve" in event.text for event in waiting.events if event.type == "warning")


def test_an_account_is_not_what_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """USER and LOGNAME name nobody; only root may stand for somebody else, and that is shown."""
    monkeypatch.setenv("LOGNAME", "bob")
    monkeypatch.setenv("USER", "bob")
    monkeypatch.delenv("SUDO_USER", raising=False)

    assert accounts.operator().split("@")[0].split(" ")[-1] == accounts.account(os.getuid())


def test_adopt_keeps_to_what_resume_keeps_to(workshop: Workshop) -> None:
    """A run that is over takes no step done by hand."""
    workshop.write("a", "steps:\n" + write_step("a", "x"))
    workshop.run("a")

    with pytest.raises(RefusedError, match="is over"):
        Engine(newest(workshop), workshop.planner("a"), asker=nobody(), watcher=workshop.watcher).adopt("a", "by hand")


def test_a_lock_holds_over_all_folders_of_the_machine(workshop: Workshop, tmp_path: Path) -> None:
    """Two working folders on one database exclude each other."""
    steps = "lock: shared\ntargets: {ledger: {kind: sql}}\nsteps:\n  - id: s\n    name: Sleep.\n    shell.run: {command: [sleep, '0.8']}\n    undo: {leave: x}\n"
    targets = {"ledger": TargetSpec("ledger", "sql", {"url": f"sqlite:///{tmp_path}/ledger.sqlite"})}
    (tmp_path / "ledger.sqlite").touch()
    workshop.targets = targets
    workshop.write("one", steps)
    other = replace(workshop, folder=tmp_path / "other")
    other.write("one", steps)
    errors: list[LockHeld] = []

    def second() -> None:
        try:
            other.run("one")
        except LockHeld as error:
            errors.append(error)

    timer = threading.Timer(0.3, second)
    timer.start()
    assert workshop.run("one").status == "succeeded"
    timer.join()

    assert "ada@example" in str(errors[0])


def drifted(workshop: Workshop) -> Run:
    """Run until an approval, change the world, and let the approved write drift."""
    workshop.write(
        "d",
        "steps:\n  - id: look\n    name: Look.\n    shell.run: {command: [cat, a.txt], effect: read, plan: true}\n"
        "  - id: ok\n    name: Approve.\n    human.approve: {text: Go on?, not_operator: false}\n"
        + write_step("a", "mine"),
    )
    (workshop.folder / "a.txt").write_text("first")
    workshop.run("d")
    (workshop.folder / "a.txt").write_text("second")
    with pytest.raises(PlanDrift):
        workshop.resume(nobody({"ok": "yes"}))
    return newest(workshop).read()


def test_an_approval_does_not_survive_drift(workshop: Workshop) -> None:
    """After drift the plan is another one: it is approved again before anything is written."""
    assert drifted(workshop).status == "stopped"

    waiting = workshop.resume(nobody(agrees=True))
    assert (waiting.status, waiting.waiting_for) == ("waiting", "ok")
    assert (workshop.folder / "a.txt").read_text() == "second"
    run = workshop.resume(nobody({"ok": "yes"}))

    assert (run.status, (workshop.folder / "a.txt").read_text()) == ("succeeded", "mine")
    types = [record.type for record in replay(newest(workshop).journal)]
    assert types.count("replanned") == 1


def test_a_secret_that_cannot_be_looked_up_refuses_the_run(workshop: Workshop) -> None:
    """Secrets are looked up before the first write, and hidden from then on, in the reason too."""
    step = '  - id: s\n    name: Use it.\n    shell.run: {command: ["true"], environment: {P: {secret: "env:NOT_SET_HERE"}}}\n    undo: {leave: x}\n'
    workshop.write("s", "steps:\n" + write_step("a", "x") + step)

    with pytest.raises(PreflightError, match="NOT_SET_HERE"):
        workshop.run("s")

    assert not (workshop.folder / "a.txt").exists()


def test_an_answer_to_no_question_is_refused(workshop: Workshop) -> None:
    """A misspelt step in --answer is told, with the nearest one."""
    workshop.write("q", "steps:\n  - id: choose\n    name: Ask.\n    human.input: {text: Say}\n")

    with pytest.raises(UsageError, match="Did you mean choose"):
        workshop.planner("q", answers={"chose": "x"}).plan()


def killed_beside_its_command(workshop: Workshop, undo: str, target: str = "local") -> Run:
    """Give a run that was killed while its command writes a file, which goes on for two seconds."""
    command = '"echo x >> count.txt; sleep 2; echo done >> count.txt"'
    step = f"shell.run: {{command: {command}, effect: idempotent, target: {target}}}"
    workshop.write("o", f"targets: {{pre: {{}}}}\nsteps:\n  - id: c\n    name: Count.\n    {step}\n    undo: {undo}\n")
    workshop.targets = {"pre": TargetSpec("pre", "command", {"prefix": ["env", "FOO=1"]})}
    (workshop.folder / "inventory").mkdir()
    pre = "pre: {kind: command, on: local, prefix: [env, FOO=1]}"
    (workshop.folder / "inventory" / "bench.yml").write_text(f"environment: bench\ntargets: {{{pre}}}\n")
    main = "from rollbook.cli.program import main; main()"
    argv = [sys.executable, "-c", main, "run-runbook", "o", "--env", "bench", "--yes"]
    with subprocess.Popen(argv, cwd=workshop.folder, stdout=subprocess.DEVNULL) as process:
        while not (workshop.folder / "count.txt").exists():
            time.sleep(0.02)
        process.kill()
    return workshop.runs.all()[-1].read()


def test_a_run_beside_one_that_is_not_over_says_so(workshop: Workshop) -> None:
    """While a command of a killed run goes on no other of the same begins; afterwards its plan names the one left open."""
    run = killed_beside_its_command(workshop, "{leave: x}")
    main = "from rollbook.cli.program import main; main()"
    argv = [sys.executable, "-c", main, "run-runbook", "o", "--env", "bench", "--yes"]
    typed = partial(subprocess.run, argv, cwd=workshop.folder, capture_output=True, text=True, check=False)

    beside = typed()
    while "done" not in (workshop.folder / "count.txt").read_text():
        time.sleep(0.05)
    after = typed()
    workshop.engine(run).abandon("begun anew")

    assert beside.returncode == 4
    assert "The command of c still runs on local" in beside.stderr
    assert after.returncode == 0
    assert f"NOT OVER: Run {run.id} of o in bench was cut off" in " ".join(after.stdout.split())
    assert f"resume {run.id}" in after.stdout
    assert "NOT OVER" not in typed().stdout


@pytest.mark.parametrize("target", ["local", "pre"])
def test_a_command_that_outlived_its_run_is_waited_for(workshop: Workshop, target: str) -> None:
    """After a kill the command may go on; until it has ended nothing is decided, and no second one is started."""
    killed_beside_its_command(workshop, "{leave: x}", target)

    waiting = workshop.resume()

    assert (waiting.status, waiting.steps[0].status) == ("waiting", "in_doubt")
    assert any(f"still runs on {target}" in event.text for event in waiting.events)
    assert (workshop.folder / "count.txt").read_text() == "x\n"


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


def test_where_long_values_differ_is_shown(workshop: Workshop) -> None:
    """A difference far into a long command is in the refusal, not only what both begin with."""
    long = "echo " + " ".join(f"word{number}" for number in range(200))
    workshop.write("l", f"steps:\n  - id: a\n    name: Say.\n    shell.run: {{command: {long} here}}\n")
    made = workshop.planner("l").plan()
    workshop.write("l", f"steps:\n  - id: a\n    name: Say.\n    shell.run: {{command: {long} there}}\n")

    told = [one for one in plans.differences(made, workshop.planner("l").plan()) if "command" in one]

    assert told
    for one in told:
        assert one.endswith("word199 there")
        assert "word199 here, now" in one
        assert len(one) < 400


def test_a_plan_with_its_steps_in_another_order_is_another_plan(workshop: Workshop) -> None:
    """Order, section and protection bind: a saved plan in which they were changed is refused with each named."""
    workshop.write("o", "steps:\n" + write_step("a", "x") + write_step("b", "y"))
    made = workshop.planner("o").plan()

    edited = replace(made, steps=(replace(made.steps[1]), replace(made.steps[0], section="finally")), protected=True)

    text = "\n".join(plans.differences(edited, made))
    assert edited.digest != made.digest
    assert "order of the steps: planned b, a, now a, b" in text
    assert "section: planned finally, now steps" in text
    assert "planned as protected, now not protected" in text


def test_a_quorum_is_met_by_answers_that_came_together(workshop: Workshop) -> None:
    """Two approvals in the inbox are two approvals."""
    workshop.write(
        "q", "steps:\n  - id: b\n    name: Approve.\n    human.approve: {text: Go on?, names: [bob, eve], quorum: 2}\n"
    )
    workshop.run("q")
    for who in ("bob@example", "eve@example"):
        put_answer(newest(workshop), "b", "yes", who)

    run = workshop.resume()

    assert run.status == "succeeded"
    assert [answer.by for answer in run.answers] == ["bob@example", "eve@example"]


@pytest.mark.parametrize(
    "content",
    [
        "[]",
        '{"kind": "answer"}',
        '{"kind": "answer", "step": ["a"]}',
        '{"kind": "odd"}',
        "{",
        "[" * 50_000,
        '{"kind": "note", "text": 1}',
    ],
)
def test_a_file_that_is_no_message_is_put_aside(workshop: Workshop, content: str) -> None:
    """Whatever lies in the inbox, a run goes on, its journal whole; the file is kept."""
    workshop.write("q", "steps:\n  - id: b\n    name: Ask.\n    human.input: {text: Say}\n")
    workshop.run("q")
    inbox = newest(workshop).inbox
    inbox.mkdir(exist_ok=True)
    (inbox / "1.json").write_text(content)
    os.mkfifo(inbox / "2.json")

    run = workshop.resume(nobody({"b": "x"}))

    assert run.status == "succeeded"
    assert sorted(path.name for path in inbox.iterdir()) == ["1.unreadable", "2.unreadable"]


def test_a_note_cannot_change_what_binds_a_record(workshop: Workshop) -> None:
    """A message with a record's own fields leaves the chain whole."""
    workshop.write("q", "steps:\n  - id: b\n    name: Ask.\n    human.input: {text: Say}\n")
    workshop.run("q")
    inbox = newest(workshop).inbox
    inbox.mkdir(exist_ok=True)
    (inbox / "1.json").write_text(
        '{"kind": "note", "text": "x", "prev": "00", "n": 99, "at": "never", "type": "run_finished"}'
    )

    run = workshop.resume(nobody({"b": "x"}))

    assert (run.status, [note.text for note in run.notes]) == ("succeeded", ["x"])


def test_a_journal_that_others_can_write_is_not_carried_out(workshop: Workshop) -> None:
    """What a journal says is carried out, so nobody else may be able to say it."""
    workshop.write("q", "steps:\n  - id: b\n    name: Ask.\n    human.input: {text: Say}\n")
    workshop.run("q")
    newest(workshop).journal.chmod(0o666)

    with pytest.raises(JournalError, match="others could have changed"):
        workshop.resume(nobody({"b": "x"}))


@pytest.mark.parametrize(
    "command",
    ['echo "{{ inputs.x }}"', "echo 'a {{ inputs.x }}'", "cat <<E\n{{ inputs.x }}\nE", "sh -c 'ls {{ inputs.x }}'"],
)
def test_a_value_inside_the_commands_own_quotes_is_refused(workshop: Workshop, command: str) -> None:
    """Where quoting a value does not protect, it is not put."""
    step = json.dumps({"id": "s", "name": "Say.", "shell.run": {"command": command}})
    workshop.write("i", f"inputs: {{x: {{type: text}}}}\nsteps: [{step}]\n")

    with pytest.raises(RefusedError, match="inside quotes"):
        workshop.planner("i", {"x": "$(touch pwned)"}).plan()


def test_a_value_that_stands_bare_is_one_word(workshop: Workshop) -> None:
    """Whatever a value holds, the shell sees one word."""
    nasty = "$(touch pwned) '; touch pwned #\n`touch pwned`"
    workshop.write(
        "i",
        'inputs: {x: {type: text}}\nsteps:\n  - id: s\n    name: Say.\n    shell.run: {command: "printf %s {{ inputs.x }} > said.txt"}\n    undo: {leave: x}\n',
    )

    assert workshop.run("i", inputs={"x": nasty}).status == "succeeded"

    assert (workshop.folder / "said.txt").read_text() == nasty
    assert not (workshop.folder / "pwned").exists()


def test_agreement_to_a_changed_tail_is_asked_again_and_the_question_is_not(workshop: Workshop) -> None:
    """A run that waits for agreement goes on from the answer given, and never by the old plan."""
    workshop.write(
        "ask",
        "steps:\n  - id: q\n    name: Choose.\n    human.choose: {text: Which, from: [a, b], default: a}\n"
        + write_step("out", "{{ steps.q.outputs.value }}"),
    )
    waiting = workshop.run("ask", nobody({"q": "b"}, agrees=False))
    assert (waiting.status, waiting.waiting_for, waiting.agreement_due) == ("waiting", "out", True)
    assert workshop.resume(nobody(agrees=False)).status == "waiting"

    run = workshop.resume(nobody(agrees=True))

    assert (run.status, (workshop.folder / "out.txt").read_text()) == ("succeeded", "b")
    assert [answer.value for answer in run.answers] == ["b"]


def test_an_undo_that_drifted_goes_on_back(workshop: Workshop) -> None:
    """What is left of an undo is planned anew as an undo, never as the run that it takes back."""
    workshop.write("u", "steps:\n" + write_step("a", "mine") + write_step("b", "mine"))
    run = workshop.run("u")
    planner = workshop.planner("u")
    plan = plan_undo(run, planner, workshop.runs)
    (workshop.folder / "a.txt").write_text("somebody else's")
    with pytest.raises(PlanDrift):
        Engine(workshop.new_folder(), planner, asker=nobody(), watcher=workshop.watcher).run(plan)
    assert not (workshop.folder / "b.txt").exists()

    waiting = workshop.resume(nobody(agrees=True))
    assert (waiting.status, waiting.waiting_for) == ("waiting", "undo/a/sure")
    back = workshop.resume(nobody({"a-sure": "yes"}))

    assert back.status == "undone"
    assert not (workshop.folder / "a.txt").exists()


def test_a_step_that_was_begun_again_after_a_stop_tells_so(workshop: Workshop) -> None:
    """Attempts are counted over all processes that carried the run on."""
    workshop.write(
        "f", "steps:\n  - id: c\n    name: Try.\n    shell.run: {command: 'test -e ok'}\n    undo: {leave: x}\n"
    )
    workshop.run("f")
    (workshop.folder / "ok").touch()

    run = workshop.resume()

    assert (run.status, run.steps[0].attempts, len(run.steps[0].starts)) == ("succeeded", 2, 2)


@pytest.mark.parametrize("what", [".rollbook", ".rollbook/runs/*/journal.jsonl", ".rollbook/runs/*"])
def test_a_journal_that_is_removed_in_the_middle_is_copied_and_stops_the_run(
    workshop: Workshop, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """What it held until then is saved elsewhere, the error says where, and the copy carries the run on."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("elsewhere")))
    workshop.write(
        "r",
        "steps:\n  - id: a\n    name: Remove.\n    effect: read\n"
        f'    shell.run: {{command: "rm -r {workshop.folder}/{what}; echo a"}}\n' + write_step("c", "x"),
    )
    folder = workshop.new_folder()
    planner = workshop.planner("r")
    engine = Engine(folder, planner, asker=nobody(), watcher=workshop.watcher)

    with pytest.raises(JournalError, match="was removed while the run went on") as caught:
        engine.run(planner.plan(), reason="a test")

    assert not (workshop.folder / "c.txt").exists()
    copy = Path(re.findall(r"A copy is in (\S+),", caught.value.advice)[0])
    assert [record.type for record in replay(copy)] == ["run_started", "step_started"]
    assert copy.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("way", ["true", "false"])
def test_what_an_undo_gave_back_is_not_given_back_again_at_the_end(workshop: Workshop, way: str) -> None:
    """A `finally` step of the unfinished run sees that step as undone; where its way back was passed over, as before."""
    workshop.write(
        "p",
        "steps:\n  - id: take\n    name: Take it.\n    effect: idempotent\n    shell.run: {command: 'true'}\n"
        f"    undo: {{steps: [{{id: give, name: Give it., effect: idempotent, when: '{way}',\n"
        "      shell.run: {command: 'echo x >> given.txt'}}]}\n"
        "  - {id: fail, name: Fail., effect: idempotent, undo: {leave: nothing was done}, shell.run: {command: 'false'}}\n"
        "finally:\n  - id: end\n    name: Give it.\n    effect: idempotent\n"
        "    when: run.status and steps.take.status in ['changed', 'ok', 'recovered']\n"
        "    shell.run: {command: 'echo x >> given.txt'}\n",
    )

    back = workshop.undo(workshop.run("p"))

    assert back.status == "undone"
    assert (workshop.folder / "given.txt").read_text() == "x\n"
