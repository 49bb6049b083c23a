"""Steps that somebody did, or went past; journals that somebody changed; groups."""

import json

import pytest

from rollbook.cli.reports import render
from rollbook.cli.screen import Screen
from rollbook.cli.statusview import status_lines
from rollbook.demo.process import free_port
from rollbook.engine import Decision, Engine
from rollbook.errors import RefusedError, RollbookError, UsageError
from rollbook.estimates import estimates
from rollbook.journal import replay
from rollbook.targets.base import TargetSpec

from .workshop import Workshop, newest, nobody, write_step


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


@pytest.mark.parametrize(
    ("step", "refusal"),
    [
        ("shell.run: {command: touch made.txt, creates: made.txt}", "is not done"),
        ("shell.run: {command: touch made.txt, unless: [test, -e, made.txt]}", "is not done"),
        ("file.contains: {path: made.txt, pattern: x}", "does not hold"),
    ],
)
def test_adopt_believes_no_look_that_says_otherwise(workshop: Workshop, step: str, refusal: str) -> None:
    """A command that says how to see whether it was done, and an assertion, are looked at first."""
    undo = "    undo: {leave: x}\n" if step.startswith("shell") else ""
    asked = "steps:\n  - id: q\n    name: Wait.\n    human.input: {text: Say}\n"
    workshop.write("a", f"{asked}  - id: a\n    name: See.\n    {step}\n{undo}")
    run = workshop.run("a")

    with pytest.raises(RefusedError, match=refusal):
        workshop.engine(run).adopt("a", "did it")
    (workshop.folder / "made.txt").write_text("x")
    adopted = workshop.engine(run).adopt("a", "did it").step("a")

    assert adopted is not None
    assert (adopted.status, adopted.reason) == ("ok", "did it")


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


def test_the_id_of_a_loop_is_the_item_that_is_left(workshop: Workshop) -> None:
    """What is over is not meant; where several are left, they are named."""
    said = '    loop: [a, b, c]\n    shell.run: {command: "test ! -e {{ item }}-fails && echo {{ item }} >> log"}\n'
    workshop.write("r", f"steps:\n  - id: s\n    name: Say it.\n{said}    undo: {{leave: x}}\n")
    for item in "bc":
        (workshop.folder / f"{item}-fails").touch()
    run = workshop.run("r")

    with pytest.raises(UsageError, match=r"'s' is the id of s\[b\], s\[c\]"):
        workshop.engine(run).resume(skip={"s": "why"})
    (workshop.folder / "c-fails").unlink()
    resumed = workshop.engine(run).resume(skip={"s[b]": "why"})
    assert (resumed.status, workshop.said()) == ("succeeded", ["a", "c"])


def test_the_same_command_twice_is_run_twice(workshop: Workshop) -> None:
    """A command that nothing shows was run is planned and run as often as the runbook says."""
    step = '    name: Count.\n    shell.run: {command: "echo x >> count.txt"}\n'
    workshop.write("twice", f"steps:\n  - id: a\n{step}  - id: b\n{step}")

    run = workshop.run("twice")

    assert [step.planned.verdict for step in run.steps] == ["run", "run"]
    assert run.status == "succeeded"
    assert (workshop.folder / "count.txt").read_text() == "x\nx\n"


def test_a_message_that_nobody_got_is_not_told_as_sent(workshop: Workshop) -> None:
    """The run goes on without it, in its steps and at its end; status, screen and report say that it failed."""
    hook = TargetSpec("hook", "http", {"base_url": f"http://127.0.0.1:{free_port()}/x"})
    workshop.targets = {"hook": hook}
    tell = "  - {{id: {0}, name: Tell {0}., notify.send: {{text: hello, target: hook}}}}\n"
    workshop.write(
        "m",
        f"targets: {{hook: {{}}}}\nsteps:\n{tell.format('now')}{write_step('a', 'x')}finally:\n{tell.format('last')}",
    )

    run = workshop.run("m")
    told = render(run, "md")

    assert run.status == "succeeded"
    assert [step.status for step in run.steps] == ["skipped", "changed", "skipped"]
    assert all(step.error.startswith("not sent: ") for step in run.steps if step.status == "skipped")
    assert "“Tell now.” failed (not sent: " in told
    assert "Of 3 steps, 1 changed something and 2 skipped." in told


def test_adopt_keeps_to_what_resume_keeps_to(workshop: Workshop) -> None:
    """A run that is over takes no step done by hand."""
    workshop.write("a", "steps:\n" + write_step("a", "x"))
    workshop.run("a")

    with pytest.raises(RefusedError, match="is over"):
        Engine(newest(workshop), workshop.planner("a"), asker=nobody(), watcher=workshop.watcher).adopt("a", "by hand")


def test_a_message_that_nobody_got_is_no_part_of_what_is_taken_back(workshop: Workshop) -> None:
    """A step whose own undo steps tell somebody, and take it back, is taken back; and comes again without a question."""
    workshop.targets = {"hook": TargetSpec("hook", "http", {"base_url": f"http://127.0.0.1:{free_port()}/x"})}
    tell = "{id: tell, name: Tell., notify.send: {text: hello, target: hook}}"
    undo = f"{{steps: [{tell}, {{id: un, name: Unsay., shell.run: {{command: echo un >> log}}}}]}}"
    step = f"  - {{id: s, name: Say., shell.run: {{command: echo s >> log}}, undo: {undo}}}\n"
    workshop.write("m", f"targets: {{hook: {{}}}}\nsteps:\n{step}")
    run = workshop.run("m")

    undone = workshop.undo(run)
    again = workshop.undo(undone)

    assert (undone.status, again.status, workshop.said()) == ("undone", "undone", ["s", "un", "s"])
    assert "NOT taken back" not in render(run, "md")
    lines = "\n".join(status_lines(undone, workshop.runs.find(undone.id), Screen()))
    assert "not sent: " in " ".join(lines.split())
