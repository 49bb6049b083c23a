"""Playbooks on the command line, as processes."""

import json
from pathlib import Path

import pytest

from .program import run

NOTE = """\
runbook: write-note
title: Write a note
owner: tests
summary: For tests.
inputs: {text: text}
targets: {box: local}
lock: "note"
steps:
  - id: put
    name: Write it down
    file.present: {path: "{{ env.name }}.txt", content: "{{ inputs.text }}", target: box}
    verify: [{assert.that: {that: true}}]
"""
SCENE = """\
playbook: note-everywhere
title: Write a note in each environment
owner: tests
summary: For tests.
inputs: {text: text}
decide:
  - id: sure
    name: Say whether it is written
    human.choose: {text: "Write it?", from: ["yes", "no"]}
stages:
  - name: Write the note
    id: note
    runbook: write-note
    environments: [here, prod]
    when: steps.sure.outputs.value == 'yes'
    inputs: {text: "{{ inputs.text }}"}
"""
PROD = "environment: prod\nprotected: true\ntargets: {box: {kind: local}}\n"
GIVEN = ("note-everywhere", "--env", "here", "--set", "text=hello", "--answer", "sure=yes")


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """Give an operator's own repository with a playbook over two environments, one of them protected."""
    folder = tmp_path / "own"
    assert run(tmp_path, "init", "own").returncode == 0
    (folder / "playbooks").mkdir(exist_ok=True)
    (folder / "playbooks/note-everywhere.yml").write_text(SCENE)
    (folder / "runbooks/write-note.yml").write_text(NOTE)
    (folder / "inventory/prod.yml").write_text(PROD)
    here = folder / "inventory/here.yml"
    here.write_text(here.read_text().replace("  local: {kind: local}", "  local: {kind: local}\n  box: {kind: local}"))
    return folder


def test_playbooks_are_listed_shown_and_checked(own: Path) -> None:
    """They have a list of their own, which that of the runbooks points to; show and lint take them."""
    listed, told = run(own, "list-playbooks"), json.loads(run(own, "list-playbooks", "--json").stdout)
    shown, checked = run(own, "show", "note-everywhere"), run(own, "lint")

    assert "note-everywhere\n    Write a note in each environment (owner: tests)" in listed.stdout
    assert [one["file"] for one in told if one["name"] == "note-everywhere"] == ["note-everywhere.yml"]
    assert "note-everywhere" in run(own, "list-runbooks").stdout.splitlines()[-1]
    assert "## Stage: Write the note" in shown.stdout
    assert checked.returncode == 0, checked.stdout


def test_a_plan_shows_what_is_possible(own: Path) -> None:
    """Without an answer the stage is a line in each environment, under a heading that says where it is protected."""
    planned = run(own, "plan", "note-everywhere", "--env", "here", "--set", "text=hello")

    assert planned.returncode == 0, planned.stderr
    assert "playbook     note-everywhere (owner: tests)" in planned.stdout
    assert "and in stages: prod (PROTECTED)" in planned.stdout
    assert "━━ Write the note, in prod  PROTECTED" in planned.stdout
    assert "possible: Write a note (write-note)" in planned.stdout
    assert "run-playbook note-everywhere --env here" in planned.stdout


def test_each_protected_environment_is_named(own: Path) -> None:
    """Without a terminal, the name of every protected environment that is written to, and a reason, must be given."""
    unnamed = run(own, "run-playbook", *GIVEN, "--yes")
    unreasoned = run(own, "run-playbook", *GIVEN, "--confirm-environment", "prod")
    wrong = run(own, "run-playbook", *GIVEN, "--confirm-environment", "prod", "--confirm-environment", "edge")
    named = run(own, "run-playbook", *GIVEN, "--confirm-environment", "prod", "--reason", "drill")

    assert (unnamed.returncode, "prod is protected and there is no terminal" in unnamed.stderr) == (4, True)
    assert (unreasoned.returncode, "prod is protected: a reason is required" in unreasoned.stderr) == (4, True)
    assert (wrong.returncode, "this is the environment here and prod" in wrong.stderr) == (64, True)
    assert named.returncode == 0, named.stderr
    assert [(own / f"{name}.txt").read_text() for name in ("here", "prod")] == ["hello", "hello"]


def test_a_run_is_resumed_undone_and_reported(own: Path) -> None:
    """What was begun with a playbook goes on, and is taken back, with the same words as a runbook's run."""
    waiting = run(
        own,
        *("run-playbook", "note-everywhere", "--env", "here", "--set", "text=hello"),
        *("--confirm-environment", "prod", "--reason", "drill"),
    )
    resumed = run(own, "resume", "last", "--answer", "sure=yes", "--yes")
    undone = run(own, "undo", "last", "--confirm-environment", "prod", "--reason", "drill")

    assert waiting.returncode == 3, waiting.stderr
    assert resumed.returncode == 0, resumed.stderr
    assert undone.returncode == 0, undone.stderr
    assert not (own / "prod.txt").exists()
    report = json.loads(run(own, "report", "last", "--format", "json").stdout)
    assert report["run"]["playbook"] is True


def test_a_saved_plan_of_a_playbook_is_carried_out(own: Path) -> None:
    """A plan that was saved holds for all environments: it is refused when one of them is protected no more."""
    plan = ("plan", *GIVEN, "--out", "plan.json")
    saved = ("run-playbook", "note-everywhere", "--plan", "plan.json", "--reason", "drill")
    assert run(own, *plan).returncode == 0
    (own / "inventory/prod.yml").write_text(PROD.replace("protected: true", "protected: false"))

    refused = run(own, *saved, "--yes")
    (own / "inventory/prod.yml").write_text(PROD)
    done = run(own, *saved, "--confirm-environment", "prod")

    assert refused.returncode == 4
    assert "protection: prod: planned yes, now no" in refused.stderr
    assert done.returncode == 0, done.stderr


def test_the_answer_to_a_step_of_its_own_answers_none_in_a_stage(own: Path) -> None:
    """Of two questions of one id a short name means the playbook's; the stage's waits until it is answered by its address."""
    asking = NOTE.replace("steps:\n", 'steps:\n  - {id: sure, name: Ask, human.confirm: {text: "Write now?"}}\n')
    (own / "runbooks/write-note.yml").write_text(asking)
    (own / "playbooks/note-everywhere.yml").write_text(SCENE.replace("[here, prod]", "[here]"))

    asked = run(own, "run-playbook", *GIVEN, "--yes")
    waiting = (own / "here.txt").exists()
    done = run(own, "resume", "last", "--answer", "note@here/sure=yes", "--yes")

    assert (asked.returncode, waiting) == (3, False), asked.stdout + asked.stderr
    assert (done.returncode, (own / "here.txt").read_text()) == (0, "hello"), done.stdout + done.stderr


def test_what_is_called_is_what_is_meant(own: Path) -> None:
    """A playbook is not run as a runbook, nor the other way round; each error says what to type."""
    runbook = run(own, "run-runbook", "note-everywhere", "--env", "here", "--yes")
    playbook = run(own, "run-playbook", "hello", "--env", "here", "--yes")
    nowhere = run(own, "run-playbook", "note-everywhere", "--env", "here", "--set", "text=x", "--answer", "nope=1")

    assert "note-everywhere is no runbook: it is a playbook." in runbook.stderr
    assert "run-playbook note-everywhere" in runbook.stderr
    assert "hello is no playbook: it is a runbook." in playbook.stderr
    assert (nowhere.returncode, "has no step 'nope'" in nowhere.stderr) == (64, True)


def test_an_environment_that_is_not_there_is_told(own: Path) -> None:
    """The environments of all stages are opened before anything is planned."""
    (own / "playbooks/note-everywhere.yml").write_text(SCENE.replace("[here, prod]", "[here, nowhere]"))

    planned = run(own, "plan", *GIVEN)

    assert planned.returncode != 0
    assert "There is no environment 'nowhere'." in planned.stderr
