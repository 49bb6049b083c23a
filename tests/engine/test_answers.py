"""Answers that come before or beside their question, or to none; files in a run's inbox that are no messages."""

import os

import pytest

from rollbook.engine import put_answer
from rollbook.errors import UsageError

from .workshop import Workshop, newest, nobody


def test_an_approval_given_early_is_kept_until_its_question(workshop: Workshop) -> None:
    """An answer from the inbox survives resumes that end before its question."""
    workshop.write(
        "q",
        "steps:\n  - id: a\n    name: Ask.\n    human.input: {text: Say}\n"
        "  - id: b\n    name: Approve.\n    human.approve: {text: Go on?}\n",
    )
    workshop.run("q")
    put_answer(newest(workshop), "b", "yes", "bob@example")
    assert workshop.resume().waiting_for == "a"

    run = workshop.resume(nobody({"a": "text"}))

    assert run.status == "succeeded"
    assert [(answer.address, answer.by) for answer in run.answers] == [("a", "ada@example"), ("b", "bob@example")]
    assert list(newest(workshop).inbox.iterdir()) == []


def test_an_answer_that_is_not_taken_is_told_with_its_reason(workshop: Workshop) -> None:
    """Whoever runs the runbook may not approve it; the journal says so."""
    workshop.write(
        "q", "steps:\n  - id: b\n    name: Approve.\n    human.approve: {text: Go on?, not_operator: true}\n"
    )
    workshop.run("q")
    put_answer(newest(workshop), "b", "yes", "ada@elsewhere")

    waiting = workshop.resume()

    assert waiting.status == "waiting"
    assert any("may not approve" in event.text for event in waiting.events if event.type == "warning")


def test_a_quorum_is_met_by_answers_that_came_together(workshop: Workshop) -> None:
    """Two approvals in the inbox are two approvals."""
    workshop.write(
        "q", "steps:\n  - id: b\n    name: Approve.\n    human.approve: {text: Go on?, names: [bob, eve], quorum: 2}\n"
    )
    workshop.run("q")
    for who in ("bob@example", "eve@example"):
        put_answer(newest(workshop), "b", "yes", who)

    run = workshop.resume()

    assert run.status == "succeeded"
    assert [answer.by for answer in run.answers] == ["bob@example", "eve@example"]


@pytest.mark.parametrize(
    "content",
    [
        "[]",
        '{"kind": "answer"}',
        '{"kind": "answer", "step": ["a"]}',
        '{"kind": "odd"}',
        "{",
        "[" * 50_000,
        '{"kind": "note", "text": 1}',
    ],
)
def test_a_file_that_is_no_message_is_put_aside(workshop: Workshop, content: str) -> None:
    """Whatever lies in the inbox, a run goes on, its journal whole; the file is kept."""
    workshop.write("q", "steps:\n  - id: b\n    name: Ask.\n    human.input: {text: Say}\n")
    workshop.run("q")
    inbox = newest(workshop).inbox
    inbox.mkdir(exist_ok=True)
    (inbox / "1.json").write_text(content)
    os.mkfifo(inbox / "2.json")

    run = workshop.resume(nobody({"b": "x"}))

    assert run.status == "succeeded"
    assert sorted(path.name for path in inbox.iterdir()) == ["1.unreadable", "2.unreadable"]


def test_a_note_cannot_change_what_binds_a_record(workshop: Workshop) -> None:
    """A message with a record's own fields leaves the chain whole."""
    workshop.write("q", "steps:\n  - id: b\n    name: Ask.\n    human.input: {text: Say}\n")
    workshop.run("q")
    inbox = newest(workshop).inbox
    inbox.mkdir(exist_ok=True)
    (inbox / "1.json").write_text(
        '{"kind": "note", "text": "x", "prev": "00", "n": 99, "at": "never", "type": "run_finished"}'
    )

    run = workshop.resume(nobody({"b": "x"}))

    assert (run.status, [note.text for note in run.notes]) == ("succeeded", ["x"])


def test_an_answer_to_no_question_is_refused(workshop: Workshop) -> None:
    """A misspelt step in --answer is told, with the nearest one."""
    workshop.write("q", "steps:\n  - id: choose\n    name: Ask.\n    human.input: {text: Say}\n")

    with pytest.raises(UsageError, match="Did you mean choose"):
        workshop.planner("q", answers={"chose": "x"}).plan()
