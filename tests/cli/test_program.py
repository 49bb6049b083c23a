"""The command line as a process: what an operator types, and what comes back."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

import rollbook

LIBRARY = str(Path(rollbook.__file__).parents[1])
ROLLBOOK = (sys.executable, "-c", "import sys; sys.argv[0] = 'rollbook'; from rollbook.cli.program import main; main()")
INVOKE = (sys.executable, "-m", "invoke")
SLOW = """\
runbook: slow
title: Wait for a while
steps:
  - id: first
    name: Write something down
    file.present: {path: "{{ inputs.folder }}/first.txt", content: "one"}
  - id: wait
    name: Wait for a while
    shell.run: {command: "echo waiting; sleep 1.5", effect: read}
  - id: last
    name: Write something more
    file.present: {path: "{{ inputs.folder }}/last.txt", content: "two"}
inputs: {folder: path}
targets: {local: local}
"""
ASKING = """\
runbook: asking
title: Ask before a file is written
steps:
  - id: sure
    name: Ask whether it may be written
    human.confirm: {text: "Write it?"}
  - id: written
    name: Write it
    file.present: {path: "{{ inputs.folder }}/written.txt", content: "{{ steps.sure.outputs.value | string }}"}
inputs: {folder: path}
targets: {local: local}
"""


def run(
    folder: Path, *words: str, program: tuple[str, ...] = ROLLBOOK, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a command line in *folder* without a terminal."""
    return subprocess.run(
        [*program, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": LIBRARY, **environment},
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )


@contextmanager
def slow_run(folder: Path) -> Iterator[tuple[subprocess.Popen[str], IO[str]]]:
    """Start the slow runbook; give the process and what it prints."""
    with subprocess.Popen(
        [*ROLLBOOK, "run-runbook", "slow", "--set", f"folder={folder}", "--yes"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": LIBRARY},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        yield process, process.stdout


def wait_until(text: str, output: IO[str]) -> None:
    """Read *output* until a line holds *text*."""
    for line in output:
        if text in line:
            return
    pytest.fail(f"{text!r} was never printed")


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """Give an operator's own repository, with two more runbooks."""
    folder = tmp_path / "own"
    assert run(tmp_path, "init", "own").returncode == 0
    (folder / "runbooks/slow.yml").write_text(SLOW)
    (folder / "runbooks/asking.yml").write_text(ASKING)
    return folder


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
    """Nothing is to be said against the example, nor against the targets that its environment offers."""
    inventory = own / "inventory/here.yml"
    inventory.write_text(re.sub(r"(?m)^  # (ledger|app|site):", r"  \1:", inventory.read_text()))

    linted = run(own, "lint", "runbooks/hello.yml", "inventory/here.yml")

    assert "2 files: no errors, no other findings." in linted.stdout
    assert "site:" in inventory.read_text().splitlines()[-1]
    assert "/tmp" not in (own / "runbooks/hello.yml").read_text()


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


def test_the_report_holds_what_people_noted(own: Path) -> None:
    """A note of today is in the report of yesterday's run, in every format."""
    run(own, "run-runbook", "slow", "--set", f"folder={own}", "--yes")

    noted = run(own, "note", "last", "The disk was full.", "--section", "root-cause")

    assert noted.returncode == 0, noted.stderr
    for path in next((own / ".rollbook/runs").iterdir()).glob("report.*"):
        assert "The disk was full." in path.read_text()
    for format_ in ("md", "html", "json"):
        assert "The disk was full." in run(own, "report", "last", "--format", format_).stdout
    assert run(own, "report", "last", "--out", "r.html").returncode == 0
    assert (own / "r.html").read_text().startswith("<!")
    assert "is whole" in run(own, "verify-journal", "last").stdout


def _three_files(own: Path) -> str:
    """Run a runbook that writes a.txt, b.txt and c.txt; gives its run."""
    steps = "".join(
        f"  - id: {name}\n    name: Write {name}.\n    file.present: {{path: {name}.txt, content: x}}\n"
        for name in "abc"
    )
    (own / "runbooks/three.yml").write_text(
        f"runbook: three\ntitle: Three\nowner: tests\nsummary: Three files.\nsteps:\n{steps}"
    )
    run(own, "run-runbook", "three", "--yes")
    return run(own, "runs").stdout.splitlines()[1].split()[0]


def test_an_undo_in_part_is_told_as_one(own: Path) -> None:
    """Nobody who looks at runs, status or report believes that all is back while changes stand."""
    first = _three_files(own)

    told = " ".join(run(own, "undo", "last", "--to", "b", "--yes").stdout.split())

    assert f"run {first} is taken back down to b, which stays" in told
    assert f"took back run {first} down to b, which stays." in told
    assert [(own / f"{name}.txt").exists() for name in "abc"] == [True, True, False]
    assert f"{first}  undone in part" in run(own, "runs").stdout
    status = " ".join(run(own, "status", first).stdout.split())
    assert "undone down to b, which stays" in status
    assert "undo takes back 2 changes" in status
    assert "then undone down to b, which stays" in run(own, "report", first).stdout
    assert "took it back down to b, which stays." in run(own, "status", first, "--brief").stdout
    again = run(own, "undo", first, "--to", "b", "--yes")
    assert "was taken back down to b already" in again.stderr
    run(own, "undo", first, "--yes")
    assert f"{first}  undone  " in run(own, "runs").stdout
    run(own, "undo", "last", "--to", "undo/b", "--yes")
    assert f"{first}  undone in part" in run(own, "runs").stdout
    assert "took that undo back in turn down to undo/b, which stays" in " ".join(
        run(own, "status", first).stdout.split()
    )


def test_undos_in_part_add_up(own: Path) -> None:
    """What several undos took back is gone from what status says can be taken back, until one of them is undone."""
    first = _three_files(own)
    run(own, "undo", first, "--to", "b", "--yes")

    run(own, "undo", first, "--to", "a", "--yes")

    assert [(own / f"{name}.txt").exists() for name in "abc"] == [True, False, False]
    assert "undo takes back 1 change" in " ".join(run(own, "status", first).stdout.split())
    (told,) = [one for one in json.loads(run(own, "runs", "--json").stdout) if one["run"] == first]
    assert (told["status"], told["taken_back"]) == ("succeeded", "undone in part")
    run(own, "undo", "last", "--yes")
    assert [(own / f"{name}.txt").exists() for name in "abc"] == [True, True, False]
    assert "undo takes back 2 changes" in " ".join(run(own, "status", first).stdout.split())
    assert run(own, "undo", first, "--yes").returncode == 0
    assert not list(own.glob("?.txt"))
    assert json.loads(run(own, "status", first, "--json").stdout)["taken_back"] == "undone"


def test_an_answer_with_a_password_in_it_is_not_given(own: Path) -> None:
    """What somebody pastes by mistake lies in no file until the run takes the answer in."""
    use = (
        '  - id: use\n    name: Use it.\n    shell.run: {command: [uname], environment: {P: {secret: "env:PASTED"}}}\n'
    )
    ask = "  - id: q\n    name: Ask.\n    human.input: {text: Say}\n"
    (own / "runbooks/ask.yml").write_text(f"runbook: ask\ntitle: A\nowner: tests\nsummary: A.\nsteps:\n{ask}{use}")
    asked = run(own, "run-runbook", "ask", "--yes", PASTED="hunter2-hunter2")
    assert asked.returncode == 3, asked.stderr

    refused = run(own, "approve", "last", "q", "--answer", "with hunter2-hunter2", PASTED="hunter2-hunter2")

    assert refused.returncode != 0
    assert "holds the value of ‹secret env:PASTED›; nothing was answered" in " ".join(refused.stderr.split())
    files = [path for path in (own / ".rollbook").rglob("*") if path.is_file()]
    assert not [path for path in files if b"hunter2" in path.read_bytes()]


def test_a_note_is_kept_without_the_values_of_secrets(own: Path) -> None:
    """A password that somebody pastes with a line of a log comes into no journal and no report."""
    text = (own / "runbooks/slow.yml").read_text()
    use = (
        '  - id: use\n    name: Use it.\n    shell.run: {command: [uname], environment: {P: {secret: "env:PASTED"}}}\n'
    )
    (own / "runbooks/slow.yml").write_text(text.replace("steps:\n", "steps:\n" + use, 1))
    run(own, "run-runbook", "slow", "--set", f"folder={own}", "--yes", PASTED="hunter2-hunter2")

    noted = run(own, "note", "last", "login with hunter2-hunter2 failed", PASTED="hunter2-hunter2")

    assert noted.returncode == 0, noted.stderr
    assert "login with ‹secret env:PASTED› failed" in run(own, "report", "last").stdout
    files = [path for path in (own / ".rollbook").rglob("*") if path.is_file()]
    assert not [path for path in files if b"hunter2" in path.read_bytes()]


def test_a_note_goes_into_a_section_that_there_is(own: Path) -> None:
    """Another name of a section is understood; a section that the report has not is refused with those it has."""
    run(own, "run-runbook", "slow", "--set", f"folder={own}", "--yes")

    assert run(own, "note", "last", "Alert on it.", "--section", "action-items").returncode == 0
    refused = run(own, "note", "last", "x", "--section", "root-case")

    assert refused.returncode == 64
    assert "Did you mean root-cause? It has impact, root-cause, lessons, actions, notes" in refused.stderr
    assert "## Action items\n\n> Alert on it." in run(own, "report", "last").stdout


def test_records_cut_off_a_journal_show_against_a_head_from_before(own: Path) -> None:
    """The chain alone says that it does not show this; with the head that was printed, it does."""
    told = run(own, "run-runbook", "slow", "--set", f"folder={own}", "--yes").stdout
    (head,) = re.findall(r"head ([0-9a-f]{64})", told)
    journal = next((own / ".rollbook/runs").glob("*/journal.jsonl"))

    assert "only with a head from before" in run(own, "verify-journal").stdout
    run(own, "note", "last", "later")
    assert "and 1 record came after" in run(own, "verify-journal", "--head", head[:12]).stdout
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:-2]))
    cut = run(own, "verify-journal", "--head", head)

    assert run(own, "verify-journal").returncode == 0
    assert (cut.returncode, "were cut off its end" in cut.stderr) == (1, True)
    assert run(own, "verify-journal", "--head", "abc").returncode == 64


def test_a_torn_last_write_is_told(own: Path) -> None:
    """A journal whose last line a kill cut in two is whole up to there, and says what is left over."""
    run(own, "run-runbook", "slow", "--set", f"folder={own}", "--yes")
    journal = next((own / ".rollbook/runs").iterdir()) / "journal.jsonl"
    with journal.open("ab") as file:
        file.write(b'{"n":99')

    told = run(own, "verify-journal")

    assert told.returncode == 0
    assert "whole up to record" in told.stdout
    assert "torn (7 bytes)" in told.stdout


def test_nobody_reading_does_not_stop_a_run(own: Path) -> None:
    """A run whose output pipe is closed goes on to its end."""
    with slow_run(own) as (process, output):
        output.readline()

        output.close()

        assert process.wait(timeout=30) == 0
    assert (own / "last.txt").exists()


def test_schema_and_status_are_json(own: Path) -> None:
    """What machines read parses."""
    run(own, "run-runbook", "slow", "--set", f"folder={own}", "--yes")

    assert json.loads(run(own, "schema").stdout)["title"] == "Runbook"
    assert "properties" in json.loads(run(own, "schema", "--inventory").stdout)
    assert json.loads(run(own, "status", "last", "--json").stdout)["status"] == "succeeded"
    assert json.loads(run(own, "plan", "hello", "--json").stdout)["plan"]["runbook"] == "hello"
    assert json.loads(run(own, "doctor", "--json").stdout)["environment"] == "here"


def test_two_runs_of_one_second_are_two_runs(own: Path) -> None:
    """Ids sort by time and never clash."""
    for _ in range(2):
        assert (
            run(
                own, "run-runbook", "hello", "--set", f"file={own}/hello.txt", "--yes", "--answer", "sure=default"
            ).returncode
            == 0
        )

    assert len(list((own / ".rollbook/runs").iterdir())) == 2


def test_the_help_names_what_json_holds(own: Path) -> None:
    """Every key that --json prints stands in the command's help, so that a script can be written from it."""
    run(own, "run-runbook", "slow", "--set", f"folder={own}", "--yes")
    runs_help = run(own, "--help", "runs").stdout

    for words in (("runs",), ("status", "last"), ("report", "last"), ("list-runbooks",)):
        told = json.loads(run(own, *words, "--json").stdout)
        shown = run(own, "--help", words[0]).stdout + (runs_help if words[0] == "status" else "")
        keys = told[0] if isinstance(told, list) else told
        assert set(keys) <= set(re.findall("[a-z_]+", shown))


@pytest.mark.parametrize("words", [("--list",), ("--help", "plan"), ("show", "slow"), ("plan", "hello", "--json")])
def test_a_reader_who_goes_away_is_no_error(own: Path, words: tuple[str, ...]) -> None:
    """`| head` ends a command quietly."""
    with subprocess.Popen(
        [*ROLLBOOK, *words],
        cwd=own,
        env={**os.environ, "PYTHONPATH": LIBRARY},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()

        assert process.stderr.read() == b""
        assert process.wait(timeout=60) == 0


def test_a_file_that_cannot_be_written_is_a_mistake(own: Path) -> None:
    """A report or plan that is to be put where there is no folder is refused in words, with what to name instead."""
    run(own, "run-runbook", "slow", "--set", f"folder={own}", "--yes")

    for words in (("report", "last", "--out", "/nowhere/x.md"), ("plan", "hello", "--out", "/nowhere/p.json")):
        ended = run(own, *words)
        assert ended.returncode == 64
        assert "there is no folder /nowhere" in ended.stderr
        assert "report it" not in ended.stderr


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
