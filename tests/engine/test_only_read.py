"""A command of which its author says that it only looks is no change, also where its undo does something."""

import json
import re
from collections.abc import Iterator

import pytest

from rollbook.cli.ending import boundary, sentence
from rollbook.cli.narration import Narrator
from rollbook.cli.planfoot import summary
from rollbook.cli.screen import Screen
from rollbook.cli.statusview import status_json, status_lines
from rollbook.report.html import to_html
from rollbook.report.json import to_json
from rollbook.report.markdown import to_markdown
from rollbook.report.model import report_of
from rollbook.run import Run

from .workshop import Workshop

STEPS = """steps:
  - id: look
    name: See that it can be done.
    shell.run: {command: ["true"]}
    effect: read
    undo:
      steps:
        - id: refresh
          name: Refresh what is shown.
          shell.run: {command: [touch, refreshed]}
          effect: idempotent
          undo: {leave: it is refreshed}
  - id: write
    name: Write it.
    shell.run: {command: [touch, written]}
    effect: idempotent
    undo:
      steps:
        - id: remove
          name: Remove it.
          shell.run: {command: [rm, -f, written]}
          effect: idempotent
          undo: {leave: it is gone}
"""


@pytest.fixture
def run(workshop: Workshop) -> Iterator[Run]:
    """Carry both steps out."""
    workshop.write("both", STEPS)
    return workshop.run("both")


def test_every_report_tells_the_same_change(run: Run) -> None:
    """Markdown, HTML and JSON list what changed something outside, and only that can be taken back."""
    report = report_of(run)

    assert [step.address for step in report.changes] == ["write"]
    assert [step.address for step in report.undoable] == ["write"]
    assert [one["changed"] for one in json.loads(to_json(report))["steps"]] == [False, True]
    for told in (to_markdown(report), re.sub("<[^>]*>", "", to_html(report))):
        text = " ".join(told.split())
        assert "Of 2 steps, 1 changed something and 1 only read" in text
        assert "1 change can be taken back" in text


def test_the_end_and_the_status_tell_the_same_change(run: Run, workshop: Workshop) -> None:
    """What a run says at its end, before it, meanwhile and later agrees with the report."""
    folder, screen = workshop.runs.find(run.id), Screen()
    narrator = Narrator(run.plan)
    told = [one.text for record in workshop.watcher.records if (one := narrator.tell(record)) is not None]
    status = "\n".join(status_lines(run, folder, screen))

    assert sentence(run).endswith("2 steps, 1 changed something.")
    assert boundary(run, {}).reversible == 1
    assert "1 change can be taken back; no refusals" in "\n".join(summary(run.plan, screen))
    assert [one["changed"] for one in json.loads(status_json(run, folder))["step_list"]] == [False, True]
    assert re.search(r"✓ look .*ran, to read only", status)
    assert re.search(r"● write .*changed", status)
    assert "undo takes back 1 change" in status
    assert any(text.startswith("ran, to read only after") and "nothing to take back" in text for text in told)


def test_its_own_undo_steps_are_carried_out(run: Run, workshop: Workshop) -> None:
    """That it is no change keeps an undo from nothing that the runbook asks for."""
    undone = workshop.undo(run)

    assert undone.status == "undone"
    assert ((workshop.folder / "refreshed").exists(), (workshop.folder / "written").exists()) == (True, False)
