"""A command that outlives its run: nothing goes on beside it."""

import fcntl
import subprocess
import sys
import time
from functools import partial

import pytest

from rollbook.cli.screen import Screen
from rollbook.cli.unfinished import require_ended_commands, unfinished, unfinished_lines
from rollbook.errors import RefusedError
from rollbook.run import Run
from rollbook.targets.base import TargetSpec

from .workshop import HELD, Workshop, meanwhile, nobody, write_step


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
    assert workshop.undo(run, nobody({"undo/c/sure": "yes"})).status == "undone"
    assert (workshop.folder / "count.txt").exists() == (settled == "done")  # done by hand, so it is taken back by hand


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


def test_of_many_runs_that_are_not_over_the_newest_are_named(workshop: Workshop) -> None:
    """A plan must stay readable where many were left: three are told, and how many more there are."""
    workshop.write("w", "steps:\n  - {id: q, name: Ask., human.input: {text: Say}}\n")
    waiting = [workshop.run("w").id for _ in range(5)]

    found = tuple(unfinished(workshop.planner("w").plan()))
    told = "\n".join(unfinished_lines(found, Screen()))

    assert [run.id for _, run in found] == waiting[::-1]
    assert [name for name in waiting if name in told] == waiting[2:]
    assert "And 2 more that are not over" in told


@pytest.mark.parametrize("first", ["one", "book"])
def test_runs_of_playbooks_and_of_their_runbooks_know_of_each_other(workshop: Workshop, first: str) -> None:
    """Whoever begins what takes a lock hears of the run that has it and is not over, alone or as a stage."""
    asks = "lock: the site\nsteps:\n  - {id: q, name: Ask., human.input: {text: Say}}\n"
    workshop.write("one", asks)
    workshop.write("other", asks.replace("the site", "another"))
    workshop.write_playbook("book", "stages:\n  - {id: here, name: Do it., runbook: one}\n")
    workshop.write_playbook("elsewhere", "stages:\n  - {id: here, name: Do it., runbook: other}\n")
    run = workshop.run(first)

    known = {name: [one.id for _, one in unfinished(workshop.planner(name).plan())] for name in ("one", "book")}
    strange = [tuple(unfinished(workshop.planner(name).plan())) for name in ("other", "elsewhere")]

    assert run.status == "waiting"
    assert known == {"one": [run.id], "book": [run.id]}
    assert strange == [(), ()]


def test_a_run_that_somebody_carries_out_is_told_with_what_can_be_done(workshop: Workshop) -> None:
    """While a process has the run neither resume nor abandon would be taken: nobody is sent there."""
    workshop.write("w", "steps:\n  - {id: q, name: Ask., human.input: {text: Say}}\n")
    run = workshop.run("w")
    found = tuple(unfinished(workshop.planner("w").plan()))

    with workshop.runs.find(run.id).journal.open() as journal:
        fcntl.flock(journal, fcntl.LOCK_EX)
        told = "\n".join(unfinished_lines(found, Screen()))

    assert f"status {run.id}" in told
    assert "resume" not in told.replace("it can be resumed", "")
    assert "abandon" not in told


def test_nobody_is_told_to_end_the_command_of_a_run_that_is_carried_out(workshop: Workshop) -> None:
    """Who begins the same beside a colleague hears who that is, and how to have it stop: its command is no stray."""
    workshop.write("o", HELD)
    refused: list[RefusedError] = []

    def second() -> None:
        planner = workshop.planner("o")
        try:
            require_ended_commands(unfinished(planner.plan()), planner.pool)
        except RefusedError as error:
            refused.append(error)

    with meanwhile(workshop, second):
        run = workshop.run("o")

    assert run.status == "succeeded"
    assert f"Run {run.id} is being carried out by" in refused[0].message
    assert f"pause {run.id}" in refused[0].advice


def test_the_same_run_is_named_though_a_lock_of_its_was_not_known_yet(workshop: Workshop) -> None:
    """Whoever begins it anew hears of the one that waits, whichever locks are known by then."""
    workshop.write("inner", "lock: 'leaf {{ inputs.n }}'\ninputs: {n: text}\nsteps:\n" + write_step("a", "x"))
    asks = "  - {id: q, name: Ask., human.input: {text: Say}}\n"
    include = "  - {id: in, name: Include it., include: inner, inputs: {n: '{{ steps.q.outputs.value }}'}}\n"
    workshop.write("outer", f"steps:\n{asks}{include}")
    run = workshop.run("outer")

    for answers in ({}, {"q": "k1"}):
        plan = workshop.planner("outer", answers=answers).plan()
        assert [one.id for _, one in unfinished(plan)] == [run.id]
