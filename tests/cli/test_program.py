"""The command line as a process: what an operator types, and what comes back."""

import json
import re
import signal
from pathlib import Path

import pytest
import yaml

from rollbook.cli.starter import FILES
from rollbook.library import stock_folder

from .program import INVOKE, ROLLBOOK, run, slow_run, wait_until


@pytest.mark.parametrize("program", [ROLLBOOK, INVOKE])
def test_every_command_is_listed_with_what_it_does(own: Path, program: tuple[str, ...]) -> None:
    """`--list` names the same commands under both programs."""
    listed = run(own, "--list", program=program).stdout

    for name in (
        "list-runbooks",
        "list-playbooks",
        "run-runbook",
        "run-playbook",
        "resume",
        "undo",
        "verify-journal",
        "doctor",
        "demo",
    ):
        assert f"  {name} " in listed


@pytest.mark.parametrize("program", [ROLLBOOK, INVOKE])
def test_a_fresh_repository_lists_and_plans(own: Path, program: tuple[str, ...]) -> None:
    """What `init` wrote works as it is."""
    listed = run(own, "list-runbooks", program=program)
    planned = run(own, "plan", "hello", "--set", f"file={own}/hello.txt", program=program)

    assert "hello" in listed.stdout
    assert planned.returncode == 0, planned.stderr
    assert "(14 bytes, mode 0644)" in planned.stdout
    assert f"{'invoke' if program is INVOKE else 'rollbook'} run-runbook hello --env here --set file=" in planned.stdout


def test_what_init_wrote_is_clean(own: Path) -> None:
    """Nothing is to be said against the example, nor against all that its environment offers as comments."""
    inventory = own / "inventory/here.yml"
    inventory.write_text(offered(inventory.read_text()))

    linted = run(own, "lint", "runbooks/hello.yml", "inventory/here.yml")

    assert "2 files: no errors, no other findings." in linted.stdout
    assert "\n  site:" in inventory.read_text()
    assert "/tmp" not in (own / "runbooks/hello.yml").read_text()


def test_what_stock_books_look_for_is_offered() -> None:
    """Each variable and target that a runbook or playbook of Rollbook's reads stands in the environment of `init`."""
    books = [
        path.read_text() for folder in ("runbooks", "playbooks") for path in (stock_folder() / folder).glob("*.yml")
    ]
    read = {name for book in books for name in re.findall(r"\bvars\.(\w+)", book)}
    bound = {name for book in books for name in yaml.safe_load(book).get("targets", {})}

    inventory = yaml.safe_load(offered(FILES["inventory/here.yml"]))

    assert {"pruning_resume_command", "backup_folder"} <= read
    assert set(inventory["vars"]) == read
    assert set(inventory["targets"]) == bound | {"local"}


def offered(inventory: str) -> str:
    """Take the comment away from what an environment offers, as its text says."""
    return re.sub(r"(?m)^(\s*)# (vars:| {2}|[a-z_]+: \{)", r"\1\2", inventory)


def test_init_never_overwrites(own: Path) -> None:
    """A second init is refused and changes nothing."""
    (own / "README.md").write_text("ours")

    again = run(own.parent, "init", "own")

    assert again.returncode == 4
    assert (own / "README.md").read_text() == "ours"


def test_a_dry_run_prints_the_plan_and_tells_by_its_code_whether_anything_would_change(own: Path) -> None:
    """Exit 2 with changes, 0 when the world is as wanted; nothing is written, no run begins."""
    words = ("slow", "--set", f"folder={own}")

    before = run(own, "run-runbook", *words, "--dry-run")

    assert before.returncode == 2
    assert "+ first" in before.stdout
    assert not (own / "first.txt").exists()
    assert not (own / ".rollbook").exists()


def test_a_run_is_told_line_by_line_and_leaves_a_report(own: Path) -> None:
    """Without a terminal a run needs --yes, prints plain lines and ends with code 0."""
    refused = run(own, "run-runbook", "slow", "--set", f"folder={own}")
    done = run(own, "run-runbook", "slow", "--set", f"folder={own}", "--yes")

    assert refused.returncode == 4
    assert "--yes" in refused.stderr
    assert done.returncode == 0, done.stderr
    assert "\033" not in done.stdout
    assert "wait | waiting" in done.stdout
    assert (own / "last.txt").read_text() == "two"
    folder = next((own / ".rollbook/runs").iterdir())
    assert {path.suffix for path in folder.glob("report.*")} == {".md", ".html", ".json"}
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.glob("report.*"))


def test_an_undo_is_a_run_of_its_own(own: Path) -> None:
    """After an undo the files are gone, and the list tells which run took back which."""
    run(own, "run-runbook", "slow", "--set", f"folder={own}", "--yes")

    shown = run(own, "undo", "last", "--dry-run")
    undone = run(own, "undo", "last", "--yes")

    assert shown.returncode == 2
    assert undone.returncode == 0, undone.stderr
    assert not (own / "first.txt").exists()
    rows = json.loads(run(own, "runs", "--json").stdout)
    assert [row["undo_of"] for row in rows] == [rows[1]["run"], None]
    listed = run(own, "runs").stdout.splitlines()
    assert "succeeded" in listed[1]
    assert "undone" in listed[2]


def test_going_back_is_itself_undoable(own: Path) -> None:
    """The undo of an undo brings back what the first run made, and the list tells so."""
    run(own, "run-runbook", "slow", "--set", f"folder={own}", "--yes")
    run(own, "undo", "last", "--yes")

    again = run(own, "undo", "last", "--yes")

    assert again.returncode == 0, again.stderr
    assert (own / "first.txt").read_text() == "one"
    assert [line.split()[1] for line in run(own, "runs").stdout.splitlines()[1:]] == [
        "succeeded",
        "undone",
        "succeeded",
    ]


def test_until_stops_on_purpose_after_a_step(own: Path) -> None:
    """The run ends with code 3 behind the step that was named, and `resume` goes to the end."""
    stopped = run(own, "run-runbook", "slow", "--set", f"folder={own}", "--yes", "--until", "first")

    assert stopped.returncode == 3, stopped.stderr
    assert not (own / "last.txt").exists()
    assert run(own, "resume", "last").returncode == 0
    assert (own / "last.txt").exists()


def test_a_question_without_an_answer_makes_the_run_wait(own: Path) -> None:
    """Exit 3; `resume` with the answer goes on, and agrees to what had to be planned again with --yes."""
    waiting = run(own, "run-runbook", "asking", "--set", f"folder={own}", "--yes")
    answered = run(own, "resume", "last", "--answer", "sure=yes", "--yes")

    assert waiting.returncode == 3, waiting.stderr
    assert "--answer sure=yes" in waiting.stdout
    assert "  Write it?\n" in waiting.stdout
    assert "left       2 of 2 steps\n  @ sure  Ask whether it may be written\n" in answered.stdout
    assert answered.returncode == 0, answered.stderr + answered.stdout
    assert (own / "written.txt").exists()


def test_a_resume_takes_answers_for_an_undo_that_may_follow(own: Path) -> None:
    """As for a run, the steps of an undo that nobody planned yet cannot be checked; others must be there."""
    run(own, "run-runbook", "asking", "--set", f"folder={own}", "--yes")

    refused = run(own, "resume", "last", "--answer", "sure=yes", "--answer", "write/undo=yes", "--yes")
    answered = run(own, "resume", "last", "--answer", "sure=yes", "--answer", "undo/write=yes", "--yes")

    assert (refused.returncode, answered.returncode) == (64, 0), answered.stderr
    assert "--answer names 'write/undo'" in refused.stderr


def test_an_answer_from_elsewhere_is_shown_its_question_and_judged_at_once(own: Path) -> None:
    """`approve` prints what is asked, refuses what would not be accepted, and answers nothing by itself."""
    run(own, "run-runbook", "asking", "--set", f"folder={own}", "--yes")

    silent = run(own, "approve", "last", "sure")
    wrong = run(own, "approve", "last", "sure", "--answer", "maybe")
    nothing = run(own, "approve", "last", "written", "--answer", "yes")
    nobody = run(own, "approve", "last", "sur", "--answer", "yes")
    given = run(own, "approve", "last", "sure", "--answer", "yes", "--reason", "looked at it")

    assert silent.returncode == 64
    assert "Write it?" in silent.stdout
    assert "--answer" in silent.stderr
    assert wrong.returncode == 64
    assert "answer yes or no" in wrong.stderr
    assert nothing.returncode == 4
    assert "asks nothing" in nothing.stderr
    assert nobody.stderr.count("Did you mean sure?") == 1
    assert given.returncode == 0, given.stderr
    assert "It is judged when the run goes on" in given.stdout
    assert run(own, "resume", "last", "--yes").returncode == 0
    assert (own / "written.txt").exists()


def test_ctrl_c_stops_after_journalling_and_the_run_can_be_resumed(own: Path) -> None:
    """Exit 130, the step under way is finished and journalled, the next is not begun."""
    with slow_run(own) as (process, output):
        wait_until("wait | waiting", output)

        process.send_signal(signal.SIGINT)

        rest = output.read()
        assert process.wait(timeout=30) == 130
    assert "it can be resumed" in " ".join(rest.split())
    assert not (own / "last.txt").exists()
    assert run(own, "resume", "last").returncode == 0
    assert (own / "last.txt").exists()


def test_pause_stops_a_run_at_the_next_boundary(own: Path) -> None:
    """Another process asks; the run ends with code 3 and is resumable."""
    with slow_run(own) as (process, output):
        wait_until("wait | waiting", output)

        asked = run(own, "pause", "last")

        rest = output.read()
        assert asked.returncode == 0, asked.stderr
        assert process.wait(timeout=30) == 3, rest
    assert "was paused" in " ".join(rest.split())


def test_a_saved_plan_is_carried_out_only_while_it_holds(own: Path) -> None:
    """A plan that no longer holds is refused with each difference; one that holds is run."""
    folder = own / "out"
    folder.mkdir()
    words = ("slow", "--set", f"folder={folder}")
    assert run(own, "plan", *words, "--out", "plan.json").returncode == 0
    (folder / "first.txt").write_text("somebody else's")

    refused = run(own, "run-runbook", "slow", "--plan", "plan.json", "--yes")

    assert refused.returncode == 4
    assert "step first" in refused.stderr
    (folder / "first.txt").unlink()
    assert run(own, "run-runbook", "slow", "--plan", "plan.json", "--yes").returncode == 0


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("plan", "helo"), 64, "Did you mean hello"),
        (("plan", "hello", "--set", "nothing"), 64, "expected a name"),
        (("plan", "hello", "--set", "whom=x"), 64, "whom"),
        (("plan", "hello", "--env", "nowhere"), 64, "nowhere"),
        (("status", "2026"), 64, "There is no run"),
        (("run-runbook", "hello", "--json"), 64, "--dry-run"),
        (("run-runbook", "hello", "--yes", "--confirm-environment", "prod"), 64, "this is the environment here"),
        (("run-runbook", "hello", "--plan", "nothing.json"), 4, "nothing.json"),
        (("plan", "hello", "--nonsense"), 64, "plan has no option --nonsense"),
        (("plan", "hello", "--evn", "here"), 64, "Did you mean --env"),
        (("plan", "hello", "course-v1:O+C+R"), 64, "--set NAME=course-v1:O+C+R"),
        (("plans",), 64, "Did you mean plan"),
    ],
)
def test_a_mistake_is_answered_with_what_to_do(own: Path, words: tuple[str, ...], code: int, told: str) -> None:
    """Usage errors exit 64, refusals 4; never a traceback."""
    ended = run(own, *words)

    assert ended.returncode == code, ended.stderr
    assert told in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("program", [ROLLBOOK, INVOKE])
@pytest.mark.parametrize("words", [("init", "--help"), ("plan", "-h"), ("plan", "hello", "--help"), ("runs", "-h")])
def test_help_behind_a_command_is_help(own: Path, program: tuple[str, ...], words: tuple[str, ...]) -> None:
    """`COMMAND --help` prints the command's help and does nothing, whatever the command takes."""
    helped = run(own, *words, program=program)

    assert helped.returncode == 0, helped.stderr
    assert f" {words[0]} [--options]" in helped.stdout
    assert not [path for path in own.iterdir() if path.name.startswith("-")]


@pytest.mark.parametrize("program", [ROLLBOOK, INVOKE])
def test_init_takes_no_option_for_a_name(tmp_path: Path, program: tuple[str, ...]) -> None:
    """What begins with a dash is never made a folder."""
    (tmp_path / "tasks.py").write_text("from rollbook.cli import namespace as namespace\n")

    refused = run(tmp_path, "init", "--hlep", program=program)

    assert refused.returncode == 64
    assert not (tmp_path / "--hlep").exists()


@pytest.mark.parametrize("program", [ROLLBOOK, INVOKE])
def test_what_is_plain_may_be_left_out(own: Path, program: tuple[str, ...]) -> None:
    """`status` alone is about the last run; `lint` takes files as they are; help is given behind any word."""
    run(own, "run-runbook", "slow", "--set", f"folder={own}", "--yes")

    assert "succeeded" in run(own, "status", program=program).stdout
    assert "slow" in run(own, "report", program=program).stdout
    assert "2 files" in run(own, "lint", "runbooks/hello.yml", "runbooks/slow.yml", program=program).stdout
    assert "--dry-run" in run(own, "run-runbook", "--help", "slow", program=program).stdout


def test_invokes_dry_option_is_refused(own: Path) -> None:
    """`invoke --dry` would show nothing and run nothing; it says which option is meant."""
    ended = run(own, "--dry", "run-runbook", "hello", program=INVOKE)

    assert ended.returncode == 64
    assert "--dry-run" in ended.stderr
