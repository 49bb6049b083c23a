"""A step whose effect is there, but which did not pass: it passes only once it would have at first."""

import pytest

from rollbook.engine.ports import OnDoubt

from .workshop import Workshop, nobody, through_a_crash, write_step

VERIFY = """\
    verify:
      - {{id: look, file.contains: {{path: "{folder}/seen", text: fine}}}}
"""
COMMAND = """\
steps:
  - id: c
    name: Make it.
    shell.run: {{command: "touch made; cat seen", creates: "{folder}/made", directory: "{folder}"}}
    fail_when: "'ERROR' in outputs.stdout"
"""


def write(workshop: Workshop, extra: str = "") -> None:
    """Write a step that is looked at afterwards, in a world that does not show what it should."""
    workshop.write("r", "steps:\n" + write_step("a", "new", extra + VERIFY.format(folder=workshop.folder)))
    (workshop.folder / "seen").write_text("broken")


@pytest.mark.parametrize("extra", ["", "    retries: 2\n    delay: 10ms\n"], ids=["once", "with retries"])
def test_what_did_not_pass_does_not_pass_by_being_there(workshop: Workshop, extra: str) -> None:
    """Neither at another attempt nor in a resume, until what is looked at is as it should be."""
    write(workshop, extra)

    failed = workshop.run("r")
    again = workshop.resume()
    (workshop.folder / "seen").write_text("fine")
    fine = workshop.resume()

    assert [run.status for run in (failed, again, fine)] == ["failed", "failed", "succeeded"]
    assert fine.steps[0].status == "recovered"
    assert workshop.undo(fine).status == "undone"
    assert not (workshop.folder / "a.txt").exists()


def test_what_is_there_already_is_looked_at_as_well(workshop: Workshop) -> None:
    """A step that has nothing to do promises the same as one that had."""
    write(workshop)
    (workshop.folder / "a.txt").write_text("new")

    assert workshop.run("r").status == "failed"


def test_a_crash_before_it_was_looked_at_lets_nothing_pass(workshop: Workshop) -> None:
    """Wherever the run is cut off: a resume looks."""
    write(workshop)

    for place in range(1, 12):
        (workshop.folder / "a.txt").unlink(missing_ok=True)
        run = through_a_crash(workshop, "r", place, nobody())

        assert run.status == "failed", place
        assert not run.steps[0].done


def test_a_step_that_wrote_and_did_not_pass_counts_as_a_change(workshop: Workshop) -> None:
    """Its write is known to be carried out, so reports, `status` and the way back tell of it."""
    write(workshop)

    step = workshop.run("r").steps[0]

    assert (step.status, step.ops_done, step.changed) == ("failed", 1, True)


@pytest.mark.parametrize(("decision", "status"), [("done", "succeeded"), ("redo", "failed")])
def test_a_command_that_its_judge_did_not_pass_is_asked_about(
    workshop: Workshop, decision: OnDoubt, status: str
) -> None:
    """What it printed is gone, so that its file is there does not tell that it went well."""
    workshop.write("r", COMMAND.format(folder=workshop.folder))
    (workshop.folder / "seen").write_text("ERROR")

    failed = workshop.run("r")
    asked = workshop.resume()
    decided = workshop.resume(nobody(doubts={"c": decision}))

    assert (failed.status, asked.status) == ("failed", "waiting")
    assert decided.status == status


def write_counted(workshop: Workshop) -> None:
    """Write a command that counts once and is looked at afterwards, in a world that does not show what it should."""
    command = (
        f"  - id: c\n    name: Count.\n    shell.run: {{command: 'echo x >> log', directory: '{workshop.folder}'}}\n"
    )
    undo = "    undo: {leave: it was counted}\n"
    workshop.write("r", "steps:\n" + command + undo + VERIFY.format(folder=workshop.folder))
    (workshop.folder / "seen").write_text("broken")


def test_a_command_that_counts_once_is_looked_at_again_and_not_run_again(workshop: Workshop) -> None:
    """It ended well; what was to be seen after it is looked for by every resume."""
    write_counted(workshop)

    failed = workshop.run("r")
    again = workshop.resume()
    (workshop.folder / "seen").write_text("fine")
    fine = workshop.resume()

    assert [run.status for run in (failed, again, fine)] == ["failed", "failed", "succeeded"]
    assert workshop.said() == ["x"]


def test_a_command_that_counts_once_is_run_again_where_somebody_says_so(workshop: Workshop) -> None:
    """Who looked and saw that it did nothing has it done again, and the journal says who."""
    write_counted(workshop)
    workshop.run("r")
    (workshop.folder / "seen").write_text("fine")

    run = workshop.resume(nobody(doubts={"c": "redo"}))

    assert (run.status, workshop.said()) == ("succeeded", ["x", "x"])
    assert [(answer.address, answer.value, answer.how) for answer in run.answers] == [("c", "redo", "doubt")]
