"""Playbooks as they are written: what becomes of them, and every problem at its place."""

from pathlib import Path

import pytest

from rollbook.errors import NotFoundError, SchemaError, UsageError
from rollbook.library import Library, runbook_from_sources
from rollbook.lint import lint_file
from rollbook.report import to_checklist
from rollbook.runbook import Runbook

WORD = """runbook: word
title: Write a word
owner: tests
summary: For tests.
inputs: {word: text, file: path}
lock: "file {{ inputs.file }}"
steps:
- id: put
  name: Write it down
  file.present: {path: "{{ inputs.file }}", content: "{{ inputs.word }}"}
  verify: [{assert.that: {that: true}}]
"""
HEAD = "playbook: scene\ntitle: A scene\nowner: tests\nsummary: For tests.\n"
DECIDE = """decide:
- id: broken
  name: Say what is broken
  human.choose: {text: "What?", from: [code, rows], default: code}
- id: found
  name: Keep it
  value.set: {values: {what: "{{ steps.broken.outputs.value }}"}}
"""
STAGES = """inputs: {where: {type: list, default: [a, b]}}
stages:
- name: Write it here
  id: here
  runbook: word
  inputs: {word: one, file: x}
  urgent: true
- name: Write it everywhere
  runbook: word
  environments: "{{ inputs.where }}"
  gate: {text: "On in {{ env.name }}?", names: [ada], quorum: 1}
  when: steps.found.outputs.what == 'code'
  inputs: {word: "{{ steps.broken.outputs.value }}", file: why}
  on_failure: continue
"""


def library(folder: Path, text: str, name: str = "scene") -> Library:
    for sort, file, content in (("runbooks", "word", WORD), ("playbooks", name, text)):
        (folder / sort).mkdir(exist_ok=True)
        (folder / sort / f"{file}.yml").write_text(content)
    return Library(folder, stock=False)


def read(folder: Path, text: str) -> Runbook:
    return library(folder, text).playbook("scene")


def problems(folder: Path, body: str, head: str = HEAD) -> list[str]:
    with pytest.raises(SchemaError) as caught:
        read(folder, head + body)
    return [str(one).splitlines()[0].removeprefix(f"{folder}/playbooks/scene.yml:") for one in caught.value.problems]


def test_a_playbook_decides_and_then_orders_runbooks(tmp_path: Path) -> None:
    """The steps of decide: come first, each stage is an include with its environments, gate and urgency."""
    playbook = read(tmp_path, HEAD + DECIDE + STAGES)

    _, _, here, everywhere = playbook.steps
    assert (playbook.playbook, [step.id for step in playbook.steps]) == (True, ["broken", "found", "here", "word"])
    assert here.stage is not None
    assert (here.include, here.stage.environments, here.stage.gate, here.stage.urgent) == ("word", (), None, True)
    assert everywhere.stage is not None
    assert (everywhere.stage.environments, everywhere.on_failure) == ("{{ inputs.where }}", "continue")
    gate = everywhere.stage.gate
    assert gate is not None
    assert (gate.id, gate.kind, gate.when) == ("word-gate", "human.approve", everywhere.when)


def test_a_stage_may_come_before_all_is_decided(tmp_path: Path) -> None:
    """A stage stands right after the step of decide: that it names, and knows nothing of those that come later."""
    stage = "- {name: Write it, runbook: word, inputs: {word: a, file: b}, after: broken, when: %s}\n"

    playbook = read(tmp_path, f"{HEAD}{DECIDE}stages:\n{stage % 'steps.broken.outputs.value'}")
    later = problems(tmp_path, f"{DECIDE}stages:\n{stage % 'steps.found.outputs.what'}")
    nowhere = problems(tmp_path, DECIDE + "stages:\n" + (stage % "true").replace("after: broken", "after: brocken"))

    assert [step.id for step in playbook.steps] == ["broken", "word", "found"]
    assert later == ["13:84: the step 'found' comes later, in line 9: its outputs are not known here"]
    assert nowhere == ["13:70: decide: has no step 'brocken'; did you mean 'broken'?"]


def test_a_playbook_is_read_again_from_what_its_plan_holds(tmp_path: Path) -> None:
    """The texts that a plan holds are enough to read the playbook and the runbooks of its stages again."""
    playbook = read(tmp_path, HEAD + DECIDE + STAGES)

    again = runbook_from_sources(playbook.sources)

    assert list(playbook.sources) == ["playbooks/scene.yml", "word.yml"]
    assert (again.playbook, again.includes["word"].title, len(again.steps)) == (True, "Write a word", 4)


@pytest.mark.parametrize(
    ("step", "found"),
    [
        ("shell.run: {command: [ls], effect: read}", "shell.run is of the family command"),
        ("file.present: {path: x, content: z}", "file.present is of the family"),
        ("notify.send: {text: x, target: channel}", "notify.send is of the family"),
        ("include: word\n  inputs: {word: a, file: b}", "no include; order the runbook as a stage"),
        ("value.set: {value: 1}\n  undo: {leave: it does no harm at all}", "there is nothing to undo"),
    ],
)
def test_a_playbook_does_not_act(tmp_path: Path, step: str, found: str) -> None:
    """Whatever does more than read and ask is told with its place, and where it belongs."""
    body = f"targets: {{channel: http}}\ndecide:\n- id: one\n  name: Do one thing\n  {step}\nstages: [{{name: Go on, runbook: word, inputs: {{word: a, file: b}}}}]\n"

    told = problems(tmp_path, body)

    where = 10 if "undo" in step else 9
    assert any(line.startswith(f"{where}:3: a playbook decides and does not act") and found in line for line in told)


@pytest.mark.parametrize(
    ("stages", "wanted"),
    [
        ("[]", "5:9: expected at least one stage"),
        ("[one]", "5:10: expected a stage: a mapping with name and runbook"),
        ("\n- {runbook: word, inputs: {word: a, file: b}}", '6:3: missing key "name"'),
        ("\n- {name: Go on, runbook: wird}", "6:26: There is no runbook 'wird'. Did you mean word?"),
        ("\n- {name: Go on, runbook: word}", "6:26: The inputs of word do not fit:"),
        (
            "\n- {name: Go on, runbook: word, inputs: {word: a, file: b}, environment: a, environments: [b]}",
            "6:3: expected one of environment and environments, not both",
        ),
        (
            "\n- {name: Go on, runbook: word, inputs: {word: a, file: b}, environment: '{{ vars.x }}'}",
            "6:73: environments are opened before anything is read or asked: only inputs are known then",
        ),
        (
            (
                "\n- {name: Go on, runbook: word, inputs: {word: a, file: b}, when: steps.later.status}\n"
                "- {name: Go on, id: later, runbook: word, inputs: {word: a, file: b}}"
            ),
            "6:66: the step 'later' comes later, in line 7: its outputs are not known here",
        ),
        (
            (
                "\n- {name: Go on, runbook: word, inputs: {word: a, file: b}}\n"
                "- {name: Go on, runbook: word, inputs: {word: a, file: b}}"
            ),
            "7:26: the id 'word' is taken; give this stage an id: of its own",
        ),
        (
            "\n- {name: Go on, runbook: word, inputs: {word: a, file: b}, gate: 'Sure of {{ inputs.no }}?'}",
            "6:66: there is no input 'no'",
        ),
        (
            "\n- {name: Go on, runbook: word, inputs: {word: a, file: b}, onfailure: undo}",
            '6:60: unknown key "onfailure"; did you mean "on_failure"?',
        ),
    ],
)
def test_what_is_wrong_with_a_stage_is_told_at_its_place(tmp_path: Path, stages: str, wanted: str) -> None:
    """A stage that does not fit is told with line and column, and what was probably meant."""
    told = problems(tmp_path, f"stages: {stages}\n")

    assert wanted in told, "\n".join(told)


def test_stages_may_look_at_how_earlier_ones_ended(tmp_path: Path) -> None:
    """A stage's status is there for those that come after it; outputs it has none."""
    stage = "- {name: Go on, id: %s, runbook: word, inputs: {word: a, file: b}, when: %s}\n"
    first = stage % ("one", "true")

    playbook = read(tmp_path, f"{HEAD}stages:\n{first}{stage % ('two', 'steps.one.status')}")
    told = problems(tmp_path, f"stages:\n{first}{stage % ('two', 'steps.one.outputs.x')}")

    assert playbook.steps[1].when == "steps.one.status"
    assert told[0].startswith("7:75: an include gives no outputs")


def test_a_name_is_one_books(tmp_path: Path) -> None:
    """Where a runbook and a playbook have one name, neither is taken for the other."""
    books = library(tmp_path, HEAD + DECIDE + STAGES)
    (tmp_path / "runbooks" / "scene.yml").write_text(WORD.replace("runbook: word", "runbook: scene"))

    with pytest.raises(UsageError, match="the name of a runbook and of a playbook"):
        books.book("scene")

    assert (books.playbook("scene").playbook, books.runbook("scene").playbook) == (True, False)
    assert (books.book("word").name, books.playbook_names()) == ("word", ("scene",))
    with pytest.raises(NotFoundError, match="There is no playbook 'scnee'"):
        books.playbook("scnee")


def test_lint_reads_playbooks(tmp_path: Path) -> None:
    """A clean playbook is silent; a file that is named otherwise than it says, or leaves its owner out, is not."""
    library(tmp_path, HEAD + DECIDE + STAGES)
    wrong = tmp_path / "playbooks" / "other.yml"
    wrong.write_text(
        (HEAD + DECIDE + STAGES).replace("playbook: scene", "playbook: other").replace("owner: tests\n", "")
    )

    clean = lint_file(tmp_path / "playbooks" / "scene.yml", Library(tmp_path, stock=False))
    found = lint_file(wrong, Library(tmp_path, stock=False))

    assert (clean, [finding.code for finding in found]) == ((), ["RB007"])


def test_a_playbook_is_a_checklist_too(tmp_path: Path) -> None:
    """By hand, one decides first, then goes through each stage's steps under its heading."""
    sheet = to_checklist(read(tmp_path, HEAD + DECIDE + STAGES))

    headings = [line for line in sheet.splitlines() if line.startswith("## ")]
    assert headings == ["## Inputs", "## Decide", "## Stage: Write it here", "## Stage: Write it everywhere"]
    assert sheet.count("**Write it down** (`put`: `file.present`)") == 2
    assert "- **Urgent:** do it before looking at anything that comes later" in sheet
    assert "- [ ] **Agree before: Write it everywhere** (`word-gate`: `human.approve`)" in sheet
