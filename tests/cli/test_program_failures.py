"""The command line where runs fail, drift, are given up or change their plans."""

import json
import re
from pathlib import Path

from .program import SLOW, run, slow_run, wait_until

FAILING = """\
runbook: failing
title: Fail after a change, and take it back
steps:
  - id: first
    name: Write something down
    file.present: {path: "{{ inputs.folder }}/first.txt", content: "one"}
  - id: fails
    name: Fail
    on_failure: undo
    shell.run: {command: "false", effect: read}
inputs: {folder: path}
targets: {local: local}
"""


SLIPPED = """\
runbook: slipped
title: Choose before a file is written
steps:
  - id: pick
    name: Choose
    human.choose: {text: Which?, from: [one, two], default: one}
  - id: sure
    name: Ask whether it may be written
    human.confirm: {text: "Write it?"}
  - id: written
    name: Write it
    file.present: {path: "{{ inputs.folder }}/written.txt", content: "{{ steps.pick.outputs.value }}"}
inputs: {folder: path}
targets: {local: local}
"""


def test_an_answer_to_what_was_answered_is_never_ignored(own: Path) -> None:
    """Who sees a slip is told that it stands, and the way out; the same answer once more, however typed, is taken."""
    (own / "runbooks/slipped.yml").write_text(SLIPPED)
    begun = run(own, "run-runbook", "slipped", "--set", f"folder={own}", "--yes", "--answer", "pick=default")

    refused = [
        run(own, *words, "--answer", "pick=2")
        for words in (("resume", "last", "--answer", "sure=yes"), ("abandon", "last", "--reason", "a slip"))
    ]
    there = (own / "written.txt").exists()
    same = [run(own, "resume", "last", "--answer", f"pick={text}").returncode for text in ("one", "1", "default")]
    ended = run(own, "resume", "last", "--answer", "pick=1", "--answer", "sure=yes", "--yes")

    assert (begun.returncode, [one.returncode for one in refused], there) == (3, [64, 64], False), begun.stderr
    assert all("it was answered already (one, by" in one.stderr for one in refused)
    assert all("abandon" in one.stderr for one in refused)
    assert (same, ended.returncode) == ([3, 3, 3], 0)
    assert (own / "written.txt").read_text() == "one"


def test_a_run_that_was_undone_for_its_failure_has_failed(own: Path) -> None:
    """Exit 1 and the screen says so; status tells which run undid it, and a second undo is refused with that."""
    (own / "runbooks/failing.yml").write_text(FAILING)

    ended = run(own, "run-runbook", "failing", "--set", f"folder={own}", "--yes")

    assert ended.returncode == 1, ended.stdout
    assert ended.stdout.rstrip().endswith("exit     1")
    assert not (own / "first.txt").exists()
    undo, failed = json.loads(run(own, "runs", "--json").stdout)
    told = run(own, "status", failed["run"]).stdout
    assert f"was undone by run {undo['run']}" in told
    assert " resume " not in told
    again = run(own, "undo", failed["run"], "--yes")
    assert again.returncode == 4
    assert f"undone already, by run {undo['run']}" in again.stderr


def test_a_failure_that_is_to_be_undone_asks_for_what_no_undo_takes_back(own: Path) -> None:
    """`on_failure: undo` on a command without `undo:` goes back once somebody has looked at what the command left."""
    (own / "runbooks/failing.yml").write_text(FAILING.replace(", effect: read", ""))

    ended = run(own, "run-runbook", "failing", "--set", f"folder={own}", "--yes")
    there = (own / "first.txt").exists()
    waiting = json.loads(run(own, "status", "last", "--json").stdout)
    gone = run(own, "resume", "last", "--answer", "undo/fails/sure=yes")
    failed = json.loads(run(own, "runs", "--json").stdout)[1]["run"]
    told = run(own, "report", failed).stdout

    assert (ended.returncode, there) == (3, True), ended.stdout + ended.stderr
    assert "--answer undo/fails/sure=yes" in ended.stdout
    assert waiting["status"] == "waiting"
    assert (gone.returncode, (own / "first.txt").exists()) == (0, False), gone.stdout
    assert "1 change of 2 was taken back" in told
    assert "What “Fail” did, if anything, stays: nothing takes it back." in told
    assert "| 2 | Fail | stays | stays as it is, whatever it did: what a command did is not known;" in told


def test_a_command_that_ended_and_was_not_let_pass_may_be_called_done(own: Path) -> None:
    """A resume asks what became of it, so what it is to be told may be said beforehand."""
    step = "{id: b, name: Do it, shell.run: {command: echo WARN >> did; echo WARN}, fail_when: \"'WARN' in outputs.stdout\"}"
    (own / "runbooks/judged.yml").write_text(f"runbook: judged\ntitle: Judge\nsteps:\n  - {step}\n")
    failed = run(own, "run-runbook", "judged", "--yes")

    ended = run(own, "resume", "last", "--yes", "--doubt", "b=done")

    assert (failed.returncode, ended.returncode) == (1, 0), ended.stdout + ended.stderr
    assert (own / "did").read_text() == "WARN\n"


def test_a_question_that_drift_asks_anew_may_be_answered_otherwise(own: Path) -> None:
    """Who said yes to going over one change of somebody's need not say so to the next."""
    (own / "runbooks/hello.yml").write_text(
        "runbook: hello\ntitle: Write\nsteps:\n  - {id: w, name: Write, file.present: {path: w.txt, content: x}}\n"
    )
    run(own, "run-runbook", "hello", "--yes")
    (own / "w.txt").write_text("a colleague's")
    run(own, "undo", "last", "--yes")
    (own / "w.txt").write_text("another's")
    drift = run(own, "resume", "last", "--answer", "undo/w/sure=yes")

    ended = run(own, "resume", "last", "--yes", "--answer", "undo/w/sure=no")

    assert drift.returncode == 4, drift.stdout + drift.stderr
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert (own / "w.txt").read_text() == "another's"


def test_a_word_on_what_is_not_in_doubt_is_never_ignored(own: Path) -> None:
    """Who calls a failed step done by the wrong option is told the right one, before anything is carried out."""
    (own / "runbooks/failing.yml").write_text(FAILING.replace("on_failure: undo", "on_failure: stop"))
    run(own, "run-runbook", "failing", "--set", f"folder={own}", "--yes")
    records = len((own / ".rollbook/runs").glob("*/journal.jsonl").__next__().read_text().splitlines())

    done = run(own, "resume", "last", "--doubt", "fails=done", "--yes")
    again = run(own, "resume", "last", "--doubt", "first=redo", "--yes")
    both = run(own, "resume", "last", "--skip", "fails", "--mark-done", "fails", "--reason", "x")
    left = len((own / ".rollbook/runs").glob("*/journal.jsonl").__next__().read_text().splitlines())
    same = run(own, "resume", "last", "--doubt", "fails=redo", "--doubt", "first=done", "--yes")

    assert [one.returncode for one in (done, again, both)] == [64, 64, 64]
    assert "not in doubt (failed" in done.stderr
    assert "--mark-done fails --reason WHY" in done.stderr
    assert "takes it back" in again.stderr
    assert "--skip and --mark-done both name fails" in both.stderr
    assert left == records
    assert same.returncode == 1


CLOSED = """\
runbook: closed
title: Fail while the site is down
steps:
  - id: close
    name: Close it
    downtime: begins
    file.present: {path: "{{ inputs.folder }}/closed.txt", content: "one"}
  - id: fails
    name: Fail
    shell.run: {command: "false", effect: read}
  - id: open
    name: Open it
    downtime: ends
    file.absent: {path: "{{ inputs.folder }}/closed.txt"}
finally:
  - id: asked
    name: Ask
    human.task: {text: Tell people}
  - id: end
    name: Write an end
    file.present: {path: "{{ inputs.folder }}/end.txt", content: "one"}
inputs: {folder: path}
targets: {local: local}
"""


def test_the_sentence_of_an_undo_that_waits_tells_the_downtime_of_its_run(own: Path) -> None:
    """Whoever asks the undo how it stands hears that the site is down, as of the run that took it down."""
    (own / "runbooks/closed.yml").write_text(
        CLOSED.replace("title:", "lock: closed\ntitle:").replace(", effect: read", "")
    )
    run(own, "run-runbook", "closed", "--set", f"folder={own}", "--yes")
    waiting = run(own, "undo", "last", "--yes")

    told = run(own, "status", "last", "--brief").stdout

    assert waiting.returncode == 3, waiting.stdout + waiting.stderr
    assert "Decide whether to go past" in told
    assert "The site is down." in told


def test_while_a_run_is_given_up_its_lines_tell_how_the_site_is(own: Path) -> None:
    """Steps that are never reached open no site: whoever hands over reads that it is down, also after a question."""
    (own / "runbooks/closed.yml").write_text(CLOSED)
    run(own, "run-runbook", "closed", "--set", f"folder={own}", "--yes")

    waiting = run(own, "abandon", "last", "--reason", "why")
    ended = run(own, "resume", "last", "--answer", "asked=done")

    assert waiting.returncode == 3, waiting.stderr
    assert ended.returncode == 0, ended.stderr
    told = next(line for line in ended.stdout.splitlines() if "end: changed" in line)
    assert "site down; stopping here leaves it down" in told
    assert "site up" not in ended.stdout


def test_status_tells_who_went_past_a_failure_and_what_it_took_itself(own: Path) -> None:
    """A failed step that is skipped has worked until it failed; who went past it, when and why is told instead."""
    (own / "runbooks/failing.yml").write_text(FAILING.replace("on_failure: undo", "on_failure: stop"))
    run(own, "run-runbook", "failing", "--set", f"folder={own}", "--yes")
    failed = json.loads(run(own, "status", "last", "--json").stdout)["step_list"][1]

    resumed = run(own, "resume", "last", "--skip", "fails", "--reason", "not today", "--yes")
    skipped = json.loads(run(own, "status", "last", "--json").stdout)["step_list"][1]
    told = run(own, "status", "last").stdout

    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert (skipped["status"], skipped["seconds"]) == ("skipped", failed["seconds"])
    assert (skipped["reason"], failed["skipped_at"]) == ("not today", None)
    assert f"skipped by {skipped['by']}, at {skipped['skipped_at'][11:19]}Z" in " ".join(told.split())
    assert "not today" in told


def test_a_protected_name_is_handed_on_to_the_undo(own: Path) -> None:
    """Without a terminal, the environment's name given once also carries the undo that a failure asks for."""
    (own / "runbooks/failing.yml").write_text(FAILING)
    inventory = own / "inventory/here.yml"
    inventory.write_text(inventory.read_text().replace("protected: false", "protected: true"))

    ended = run(
        own,
        *("run-runbook", "failing", "--env", "here", "--set", f"folder={own}"),
        *("--confirm-environment", "here", "--reason", "drill"),
    )

    assert ended.returncode == 1, ended.stderr
    assert not (own / "first.txt").exists()


CLOSING = """\
runbook: closing
title: Ask at the start and at the end
steps:
  - id: first
    name: Ask at the start
    human.confirm: {text: "Begin?"}
finally:
  - id: thaw
    name: Ask whether the course is open again
    human.task: {text: "Open the course again."}
targets: {local: local}
"""


def test_a_run_that_is_given_up_can_be_answered(own: Path) -> None:
    """`abandon` takes answers; without one it waits, says so, and `resume` goes on giving the run up."""
    (own / "runbooks/closing.yml").write_text(CLOSING)
    assert run(own, "run-runbook", "closing", "--yes").returncode == 3

    waiting = run(own, "abandon", "last", "--reason", "not needed")

    assert waiting.returncode == 3, waiting.stdout + waiting.stderr
    assert "is being given up (not needed)" in " ".join(waiting.stdout.split())
    assert "--answer thaw=done" in waiting.stdout
    assert " abandon " not in waiting.stdout
    ended = run(own, "resume", "last", "--answer", "thaw=done")
    assert ended.returncode == 0, ended.stderr
    assert "was given up: not needed" in " ".join(ended.stdout.split())
    assert run(own, "run-runbook", "closing", "--yes").returncode == 3
    assert run(own, "abandon", "last", "--reason", "no", "--answer", "thaw=done").returncode == 0


def test_newly_planned_steps_are_printed_and_agreed_to_with_yes(own: Path) -> None:
    """Without a terminal the new plan is on the screen before the run waits, and the hint is to agree, not to answer."""
    waiting = run(own, "run-runbook", "asking", "--set", f"folder={own}", "--yes")
    assert waiting.returncode == 3

    changed = run(own, "resume", "last", "--answer", "sure=yes")

    assert changed.returncode == 3, changed.stdout + changed.stderr
    assert "The plan has changed" in changed.stdout
    assert "+ written" in changed.stdout
    assert re.search(r"agree +rollbook resume \S+ --yes\n", changed.stdout)
    assert "--answer sure" not in changed.stdout


def test_drift_ends_as_the_screen_says(own: Path) -> None:
    """The process and the last line of its screen give one exit code."""
    with slow_run(own) as (process, output):
        wait_until("wait | waiting", output)
        (own / "last.txt").write_text("somebody else's")

        rest = output.read()

        assert process.wait(timeout=30) == 4
    assert rest.rstrip().endswith("exit     4")
    assert "not as planned" in rest


def test_a_run_that_never_began_leaves_nothing(own: Path) -> None:
    """A folder without a first record is no run: it is neither listed nor the last."""
    (own / ".rollbook/runs/20990101T000000.000Z-aaaaaa").mkdir(parents=True)
    (own / ".rollbook/runs/20990101T000000.000Z-aaaaaa/journal.jsonl").touch()

    assert json.loads(run(own, "runs", "--json").stdout) == []
    assert run(own, "status", "last").returncode == 64


PICKING = """\
runbook: picking
title: Pick a version and write it
steps:
  - id: choice
    name: Choose a version
    human.choose: {text: "Which?", from: [v1, v2, v3], default: v1}
  - id: written
    name: Write it
    file.present: {path: "{{ inputs.folder }}/picked.txt", content: "{{ steps.choice.outputs.value }}"}
inputs: {folder: path}
targets: {local: local}
"""


def test_a_changed_choice_is_agreed_to_and_not_asked_again(own: Path) -> None:
    """The hint is --yes; with it the run goes on with what was chosen, told as who chose it did."""
    (own / "runbooks/picking.yml").write_text(PICKING)
    assert run(own, "run-runbook", "picking", "--set", f"folder={own}", "--yes").returncode == 3
    waiting = run(own, "resume", "last", "--answer", "choice=v3")
    assert waiting.returncode == 3, waiting.stdout

    ended = run(own, "resume", "last", "--yes")

    assert "--answer" not in waiting.stdout.partition("exit")[0].partition("agree ")[2]
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert (own / "picked.txt").read_text() == "v3"


def test_an_option_that_is_none_is_told_as_every_misuse(own: Path) -> None:
    """What stands before a command's name and is not known exits 64 with Rollbook's own words."""
    told = run(own, "--nonsense")

    assert told.returncode == 64
    assert told.stderr.startswith("Not understood: No idea what '--nonsense' is!")


def test_a_report_that_cannot_be_written_does_not_hide_how_the_run_ended(own: Path) -> None:
    """The run's end and what may be typed next are told, with why there is no report and how to have it later."""
    text = SLOW.replace("runbook: slow", "runbook: blocked").replace(
        "echo waiting; sleep 1.5", "mkdir {{ run.folder }}/report.md"
    )
    (own / "runbooks/blocked.yml").write_text(text)

    ended = run(own, "run-runbook", "blocked", "--set", f"folder={own}", "--yes")

    assert ended.returncode == 0, ended.stderr
    assert "No report was written" in ended.stderr
    assert "rollbook report" in ended.stderr
    assert "succeeded" in ended.stdout
    assert "rollbook undo" in ended.stdout


def test_a_failure_that_a_person_settled_is_told_as_settled(own: Path) -> None:
    """Whoever looks at the run sees that its step was done by hand since, and that it can go on."""
    steps = "  - {id: broken, name: Break., shell.run: {command: [test, -e, mended], effect: idempotent}, undo: {leave: x}}\n"
    (own / "runbooks/broken.yml").write_text(f"runbook: broken\ntitle: B\nowner: tests\nsummary: B.\nsteps:\n{steps}")
    run(own, "run-runbook", "broken", "--yes")
    assert run(own, "adopt", "last", "broken", "--reason", "done by hand").returncode == 0

    told = " ".join(run(own, "status", "last").stdout.split())

    assert "a person settled that since, so it can be resumed" in told
