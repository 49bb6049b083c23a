"""The journal: what is appended is there, in order, unchanged."""

import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollbook.errors import JournalError, LockHeld
from rollbook.journal import GENESIS, Journal, read_records, replay
from rollbook.plan import Plan, PlannedStep
from rollbook.schema import encode

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=50, deadline=None)
@given(contents=st.lists(PLAIN, min_size=1, max_size=5))
def test_what_is_appended_is_read_back(tmp_path_factory: pytest.TempPathFactory, contents: list[object]) -> None:
    """Any plain content survives, numbered from 1, each record naming the one before."""
    path = tmp_path_factory.mktemp("journal") / "run" / "journal.jsonl"
    with Journal(path) as journal:
        written = [journal.append("note", text=content) for content in contents]

    records = replay(path)

    assert [record["text"] for record in records] == contents
    assert [record.number for record in records] == list(range(1, len(contents) + 1))
    assert [record.digest for record in records] == [record.digest for record in written]


def test_a_name_that_cannot_be_decoded_survives(tmp_path: Path) -> None:
    """A file name with bytes that are no text does not stop a run."""
    name = os.fsdecode(b"caf\xe9.txt")
    with Journal(tmp_path / "run" / "journal.jsonl") as journal:
        journal.append("note", text=name)

    assert replay(tmp_path / "run" / "journal.jsonl")[0]["text"] == name


@pytest.mark.parametrize("kept", range(1, 60, 7))
def test_a_torn_last_line_is_cut_before_the_next_append(tmp_path: Path, kept: int) -> None:
    """A write that was cut anywhere leaves no trace, and the chain goes on from the last whole record."""
    path = tmp_path / "run" / "journal.jsonl"
    with Journal(path) as journal:
        journal.append("note", text="whole")
        head = journal.head
        journal.append("note", text="torn")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[1][:kept])

    with Journal(path) as journal:
        assert journal.head == head
        journal.append("note", text="next")

    assert [record["text"] for record in replay(path)] == ["whole", "next"]


@pytest.mark.parametrize("damage", ["change", "remove", "swap", "garbage"])
def test_a_changed_journal_is_told(tmp_path: Path, damage: str) -> None:
    """A line that was changed, removed, swapped or spoilt breaks the chain."""
    path = tmp_path / "run" / "journal.jsonl"
    with Journal(path) as journal:
        for text in ("one", "two", "three"):
            journal.append("note", text=text)
    lines = path.read_bytes().splitlines(keepends=True)
    changed = {
        "change": [lines[0].replace(b"one", b"ONE"), *lines[1:]],
        "remove": [lines[0], lines[2]],
        "swap": [lines[1], lines[0], lines[2]],
        "garbage": [lines[0], b"{}\n", lines[2]],
    }[damage]
    path.write_bytes(b"".join(changed))

    with pytest.raises(JournalError, match=r"journal\.jsonl:\d+: "):
        replay(path)


def test_a_second_opener_is_refused(tmp_path: Path) -> None:
    """A journal has one writer; the other is told which process that is."""
    path = tmp_path / "run" / "journal.jsonl"
    with Journal(path), pytest.raises(LockHeld, match=f"process {os.getpid()}"):
        Journal(path)


def test_a_failed_append_stops_the_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a write that failed the file is as it was, and every further append is refused."""
    path = tmp_path / "run" / "journal.jsonl"
    with Journal(path) as journal:
        journal.append("note", text="before")
        size = path.stat().st_size
        with monkeypatch.context() as patched:
            patched.setattr(os, "fdatasync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
            with pytest.raises(JournalError, match="No space left"):
                journal.append("note", text="lost")

        assert path.stat().st_size == size
        with pytest.raises(JournalError, match="The run stops here"):
            journal.append("note", text="after")


def test_what_is_not_forced_by_itself_is_forced_before_the_journal_closes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record that need not last yet is in the file at once, and lasts after `force`, the next append, or the end."""
    forced = _forced_sizes(monkeypatch)
    path = tmp_path / "run" / "journal.jsonl"
    with Journal(path) as journal:
        journal.append("note", forced=False, text="one")
        assert len(replay(path)) == 1
        assert not forced

        journal.force()
        journal.force()
        assert forced == [path.stat().st_size]

        journal.append("note", forced=False, text="two")
        journal.append("note", text="three")
        assert forced[1:] == [path.stat().st_size]

        journal.append("note", forced=False, text="four")

    assert forced[2:] == [path.stat().st_size]


def _forced_sizes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    sizes: list[int] = []
    monkeypatch.setattr(os, "fdatasync", lambda file: sizes.append(os.fstat(file).st_size))
    return sizes


def test_the_first_record_names_nothing_before_it(tmp_path: Path) -> None:
    """An empty journal's head is sixty-four zeros, and its clock is the one it was given."""
    clock = datetime(2026, 1, 2, 3, 4, 5, 678000, UTC)
    with Journal(tmp_path / "run" / "journal.jsonl", clock=lambda: clock) as journal:
        assert journal.head == GENESIS
        record = journal.append("note", text="x")

    assert record.at == "2026-01-02T03:04:05.678Z"


def test_a_plan_is_written_as_it_would_be_as_json(tmp_path: Path) -> None:
    """A plan that is given as it is reads back as its JSON form, with the hash of its line."""
    step = PlannedStep("one", "one", "‹run id›", "shell.run", "run", arguments={"steps": []})
    for steps in ((), (step,), (step, step)):
        plan = Plan("book", "t", "here", steps, sources={"book.yml": "é"})
        path = tmp_path / str(len(steps)) / "journal.jsonl"

        with Journal(path) as journal:
            written = journal.append("run_started", plan=plan, reason="why")

        (record,) = replay(path)
        assert record.content == {"plan": encode(plan), "reason": "why"}
        assert record.digest == written.digest


def test_a_first_record_that_is_known_is_taken_for_its_own_line_only(tmp_path: Path) -> None:
    """What is known of the first line stands for a line with its hash; any other line is read."""
    path = tmp_path / "run" / "journal.jsonl"
    with Journal(path) as journal:
        first = journal.append("note", text="first" * 20_000)
        journal.append("note", text="second")
    known = replace(first, content={"text": "known"})

    assert [record["text"] for record in read_records(path, known)] == ["known", "second"]
    assert next(read_records(path, replace(known, digest=GENESIS)))["text"] == first["text"]
