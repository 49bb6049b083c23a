"""What guards a run is taken again by undos of it, and given back at their end."""

import pytest

from rollbook.targets.base import TargetSpec

from .workshop import Workshop, write_step

FREEZE = """\
steps:
  - id: take
    name: Take it.
    shell.run: {command: "echo take >> log"}
    effect: idempotent
    undo: {steps: [{id: give, name: Give it., shell.run: {command: "echo give >> log"}, effect: idempotent}]}
  - {id: a, name: Write a., file.present: {path: a.txt, content: a}}
  - {id: b, name: Write b., file.present: {path: b.txt, content: b}}
finally:
  - id: end
    name: Give it.
    when: run.status and steps.take.status in ['changed', 'ok', 'recovered']
    shell.run: {command: "echo give >> log"}
    effect: idempotent
    undo: {steps: [{id: again, name: Take it., shell.run: {command: "echo take >> log"}, effect: idempotent}]}
"""


def test_an_undo_in_part_gives_back_what_it_took_again(workshop: Workshop) -> None:
    """It ends as the run ended; a whole undo gives it back by the step's own way back, once."""
    workshop.write("r", FREEZE)
    run = workshop.run("r")

    part = workshop.undo(run, to="a")
    after_part = workshop.said()
    files = [path.name for path in workshop.folder.glob("*.txt")]
    whole = workshop.undo(run)

    assert (run.status, part.status, whole.status) == ("succeeded", "undone", "undone")
    assert (after_part, files) == (["take", "give"] * 2, ["a.txt"])
    assert workshop.said() == ["take", "give"] * 3


def test_what_counts_once_is_taken_again_where_an_undo_in_part_gave_it_back(workshop: Workshop) -> None:
    """The whole undo goes back as guarded as the one in part did."""
    workshop.write("r", FREEZE.replace("effect: idempotent", "effect: once"))
    run = workshop.run("r")
    workshop.undo(run, to="a")

    workshop.undo(run)

    assert workshop.said() == ["take", "give"] * 3


@pytest.mark.parametrize("effect", ["idempotent", "once"])
def test_the_undo_of_an_undo_in_part_is_guarded_like_it(workshop: Workshop, effect: str) -> None:
    """What that gave back at its end is taken again first, and given back at the end; and so on, at whatever depth."""
    workshop.write("r", FREEZE.replace("effect: idempotent", f"effect: {effect}"))
    run = workshop.run("r")
    part = workshop.undo(run, to="a")
    (workshop.folder / "log").unlink()

    again = workshop.undo(part)
    after_again, there = workshop.said(), (workshop.folder / "b.txt").exists()
    back = workshop.undo(again)
    after_back, gone = workshop.said(), not (workshop.folder / "b.txt").exists()
    deeper = workshop.undo(workshop.undo(workshop.undo(back)))
    after_deeper = workshop.said()[4:]
    whole = workshop.undo(run)

    assert {one.status for one in (again, back, deeper, whole)} == {"undone"}
    assert after_deeper == ["take", "give"] * 3
    assert (there, gone, list(workshop.folder.glob("*.txt"))) == (True, True, [])
    assert [step.address for step in again.steps if step.changed] == ["undo/end/again", "b", "end"]
    assert (after_again, after_back, workshop.said()) == (["take", "give"], ["take", "give"] * 2, ["take", "give"] * 6)


INNER = """\
runbook: v
title: A test
owner: tests
summary: A test.
steps:
  - id: d
    name: Do.
    shell.run: {command: "echo d >> log"}
    undo: {steps: [{id: un, name: Undo it., shell.run: {command: "echo -d >> log"}}]}
finally:
  - {id: out, name: Out., shell.run: {command: "echo out >> log"}, undo: {leave: x}}
"""


@pytest.mark.parametrize("fails", [True, False])
def test_what_never_began_does_not_end_when_a_run_comes_again(workshop: Workshop, fails: bool) -> None:
    """An include of which nothing was done has no end, and the run's end is told how the run ended at first."""
    workshop.write("v", INNER)
    stop = "  - {id: f, name: Fail., shell.run: {command: 'test -e allowed'}, undo: {leave: x}}\n"
    end = (
        "finally:\n  - {id: tell, name: Tell., shell.run: {command: 'echo {{ run.status }} >> log'}, "
        "undo: {leave: x}}\n"
    )
    workshop.write("r", f"steps:\n{write_step('a', 'x')}{stop}  - {{id: i, name: Include it., include: v}}\n{end}")
    if not fails:
        (workshop.folder / "allowed").touch()
    back = workshop.undo(workshop.run("r"))
    (workshop.folder / "log").unlink()

    again = workshop.undo(back)

    assert (back.status, again.status) == ("undone", "undone")
    assert workshop.said() == (["failed"] if fails else ["d", "out", "succeeded"])


def test_the_end_of_an_include_that_stood_is_not_done_again(workshop: Workshop) -> None:
    """Where an undo in part left an include, the undo of it leaves that include's end."""
    workshop.write("v", INNER)
    workshop.write("r", f"steps:\n  - {{id: i, name: Include it., include: v}}\n{write_step('a', 'x')}")
    part = workshop.undo(workshop.run("r"), to="i/d")
    (workshop.folder / "log").unlink()

    again = workshop.undo(part)

    assert again.status == "undone"
    assert (workshop.folder / "a.txt").exists()
    assert not (workshop.folder / "log").exists()


GUARDED = INNER.replace(
    "undo: {leave: x}", "undo: {steps: [{id: in, name: In., shell.run: {command: 'echo in >> log'}}]}"
)


def test_an_undo_in_part_within_an_include_is_guarded_by_its_end(workshop: Workshop) -> None:
    """What the include's end gave back is taken again and given back, by the undo and by the undo of it."""
    workshop.write("v", GUARDED.replace("finally:", write_step("w", "x") + "finally:"))
    workshop.write("r", "steps:\n  - {id: i, name: Include it., include: v}\n")
    run = workshop.run("r")
    (workshop.folder / "log").unlink()

    part = workshop.undo(run, to="i/d")
    after_part, gone = workshop.said(), not (workshop.folder / "w.txt").exists()
    again = workshop.undo(part)

    assert (part.status, again.status) == ("undone", "undone")
    assert (gone, (workshop.folder / "w.txt").exists()) == (True, True)
    assert (after_part, workshop.said()) == (["in", "out"], ["in", "out"] * 2)


def test_the_end_of_what_comes_again_is_told_as_at_first_at_any_depth(workshop: Workshop) -> None:
    """A run that succeeded is told as that however often it was taken back and came again."""
    end = "finally:\n  - {id: t, name: Tell., shell.run: {command: 'echo {{ run.status }} >> log'}, undo: {leave: x}}\n"
    workshop.write("r", "steps:\n" + write_step("a", "x") + end)
    run = workshop.run("r")
    for _ in range(4):
        run = workshop.undo(run)

    assert workshop.said() == ["succeeded"] * 3
    assert (workshop.folder / "a.txt").exists()


def test_an_undo_that_is_given_up_leaves_the_end_to_a_run_that_may_go_on(workshop: Workshop) -> None:
    """What the run guards is not given back under it; its own end gives it back, once."""
    fails = "  - {id: fails, name: Fail., shell.run: {command: test -e mended}, undo: {leave: nothing}}\n"
    stuck = """\
  - id: stuck
    name: Cannot go back.
    shell.run: {command: "echo stuck >> log"}
    effect: idempotent
    undo: {steps: [{id: unstick, name: Fail., shell.run: {command: "false"}}]}
"""
    workshop.write("r", FREEZE.replace("finally:", f"{stuck}{fails}finally:"))
    run = workshop.run("r")
    undo = workshop.undo(run)
    (workshop.folder / "mended").touch()

    given_up = workshop.engine(undo).abandon("why")
    log = workshop.said()
    resumed = workshop.engine(run).resume()

    assert (undo.status, given_up.status, resumed.status) == ("failed", "abandoned", "succeeded")
    assert log == ["take", "stuck"]
    assert workshop.said() == ["take", "stuck", "give"]


def test_what_stays_needs_no_target_for_that(workshop: Workshop) -> None:
    """Where the environment has it no more, all the rest is taken back."""
    workshop.targets = {"box": TargetSpec("box", "local")}
    text = """\
targets: {{box: {{kind: local, optional: true}}}}
steps:
  - id: kept
    name: Keep.
    target: box
    shell.run: {{command: "echo kept >> {log}"}}
    undo: {{leave: It is of use.}}
  - id: gone
    name: Go.
    shell.run: {{command: "echo gone >> {log}"}}
    undo: {{steps: [{{id: back, name: Back., shell.run: {{command: "echo back >> {log}"}}}}]}}
"""
    workshop.write("r", text.format(log=workshop.folder / "log"))
    run = workshop.run("r")
    workshop.targets = {}

    undo = workshop.undo(run)

    assert (undo.status, workshop.said()) == ("undone", ["kept", "gone", "back"])


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
