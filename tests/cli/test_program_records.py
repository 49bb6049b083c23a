"""What the command line tells of runs afterwards: notes, reports, undos in part, journals."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from .program import LIBRARY, ROLLBOOK, run, slow_run


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


def test_an_undo_in_part_is_not_taken_back_under_a_whole_one(own: Path) -> None:
    """What it had taken back would be there again without what it rests on."""
    first = _three_files(own)
    run(own, "undo", first, "--to", "b", "--yes")
    part = run(own, "runs").stdout.splitlines()[1].split()[0]
    run(own, "undo", first, "--yes")

    refused = run(own, "undo", part, "--yes")

    assert "was taken back as a whole by run" in " ".join(refused.stderr.split())
    assert not list(own.glob("?.txt"))
    assert "can be resumed" not in run(own, "status", first, "--brief").stdout


def test_a_run_that_went_to_and_fro_names_the_undo_to_take_back(own: Path) -> None:
    """However often it was taken back and came again, one command takes it where its operator wants it."""
    first = _three_files(own)
    for there in (False, True, False):
        run(own, "undo", "last", "--yes")
        assert (own / "a.txt").exists() is there
        last = run(own, "runs").stdout.splitlines()[1].split()[0]

        refused = run(own, "undo", first, "--yes")

        assert refused.returncode == 4
        assert ("came again" if there else "undone already") in refused.stderr
        assert refused.stderr.rstrip().endswith(f"undo {last}")


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
        keys = [*(told[0] if isinstance(told, list) else told)]
        keys += told["step_list"][0] if words[0] == "status" else []
        assert set(keys) <= set(re.findall("[a-z_]+", shown))


def test_what_is_over_is_adopted_no_more_and_told_as_on_every_screen(own: Path) -> None:
    """Who adopts a command that only looked is told that it ran; one sentence and JSON do not go together."""
    run(own, "run-runbook", "slow", "--set", f"folder={own}", "--yes", "--until", "wait")

    adopted = run(own, "adopt", "last", "wait", "--reason", "r")
    both = run(own, "status", "last", "--brief", "--json")

    assert "is over already (ran, to read only)" in adopted.stderr
    assert (both.returncode, both.stdout) == (64, "")


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
