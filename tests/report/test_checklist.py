"""A runbook as a checklist."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given

from rollbook.actions.human.task import HumanTask
from rollbook.report.checklist import to_checklist
from rollbook.runbook import Approval, Input, Requirement, Runbook, Step, StepUndo, TargetNeed

from .hostile import texts
from .test_markdown import INLINE, READER, inlines, shape


def runbook(text: str = "") -> Runbook:
    """Give a runbook with *text* in every place that takes one."""
    t = f"x{text}"
    look = Step("look", t, "http.check", {"url": t}, downtime="ends")
    inner = Runbook("pause-pruning", "Pause", (Step("p", t, "shell.run", {"command": ["kubectl", t]}),))
    publish = Step(
        "pub", t, "shell.run", {"command": t, "note": t}, phase="Put it back", when=t, retries=3,
        timeout=timedelta(minutes=10), requires=(Requirement(t, t),), approve=Approval((t, t), 2), downtime="begins",
        verify=(look,), undo=StepUndo(steps=(Step("u", t, "shell.run", {"command": t}),)), run_as=t, fail_when=t,
    )  # fmt: skip
    return Runbook(
        "restore-course", t,
        (Step("key", t, "openedx.course_key", {"course_id": t}), Step("pause", include="pause-pruning"), publish),
        (Step("tell", t, "notify.send", {"to": [t]}, undo=StepUndo(refuse=t)),),
        owner=t, summary=t, lock=t, includes={"pause-pruning": inner},
        inputs={"course_id": Input("course_key", help=t), "n": Input("whole", default=3)},
        targets={"cms": TargetNeed("command", True, t)},
    )  # fmt: skip


def test_every_step_has_a_box() -> None:
    """Each step, included, verifying and undoing ones as well, has a box to tick."""
    checklist = to_checklist(runbook())

    assert checklist.count("- [ ] ") == 7
    assert "### Put it back" in checklist
    assert "## At the very end, whatever happened" in checklist


def test_how_a_kind_is_done_by_hand_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kind's own words stand below the step, with its arguments where those cannot become markup."""
    monkeypatch.setattr(HumanTask, "by_hand", "Ask for `<text>`:\n\n1. go there\n2. say <names>")
    task = Step("t", "Tell them", "human.task", {"text": "the keys", "names": "<b>"})

    checklist = to_checklist(Runbook("r", "R", (task,)))

    assert "  - By hand:\n\n    Ask for `the keys`:\n\n    1. go there\n    2. say <names>\n" in checklist


def test_what_a_hand_needs_is_there() -> None:
    """Conditions, commands, limits, downtime and the way back are written beside the step."""
    checklist = to_checklist(runbook())

    for words in (
        "Only when `x`",
        "Must hold before: `x` (x)",
        "approval of 2 of x, x",
        "**Downtime begins here.**",
        "Give up after 10 min",
        "May be tried again 3 times",
        "To undo it:",
        "**It cannot be undone:** x",
        "| `course_id` | course_key | ________ | x |",
        "| `n` | whole, optional | default 3 |",
    ):
        assert words in checklist
    assert "      kubectl x\n" in checklist


def test_runbook_of_one_step_is_a_checklist() -> None:
    """A runbook without inputs, targets and phases has none of their headings."""
    bare = replace(runbook(), inputs={}, targets={}, finally_=(), steps=(Step("a", "Do it", "shell.run"),))

    assert "## Inputs" not in to_checklist(bare)
    assert "- [ ] **Do it** (`a`: `shell.run`)" in to_checklist(bare)


SHAPE = shape(to_checklist(runbook()))


@given(text=texts)
def test_texts_stay_texts(text: str) -> None:
    """Whatever a runbook's texts hold, the checklist keeps its boxes and holds no link or HTML."""
    markdown = to_checklist(runbook(text.replace("\n", " ").replace("\r", " ")))

    assert shape(markdown) == SHAPE
    assert {token.type for token in inlines(READER.parse(markdown))} <= INLINE


def test_a_person_finds_lines_to_type_and_boxes_to_tick() -> None:
    """An argv list is one line for a shell, and each item of a checklist has a box of its own."""
    steps = (
        Step("say", "Say it.", "shell.run", {"command": ["echo", "it is on", "{{ run.status }}"]}),
        Step("told", "Tell them.", "human.checklist", {"text": "Told", "items": ["the team", "support"]}),
    )

    shown = to_checklist(Runbook("tell", "Tell", steps, targets={"cms": TargetNeed("", True, "")}))

    assert "echo 'it is on' {{ run.status }}\n" in shown
    assert "  - [ ] the team\n    - [ ] support\n" in shown
    assert "| of any kind, optional |" in shown
