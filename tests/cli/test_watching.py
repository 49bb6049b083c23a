"""A run told while it happens."""

import io
import re
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from rollbook.cli.livewatch import LiveWatcher
from rollbook.cli.narration import Narrator
from rollbook.cli.plainwatch import PlainWatcher
from rollbook.cli.screen import Screen
from rollbook.cli.words import answer_shown
from rollbook.journal import TYPES, Record, replay

from .plans import restore_plan
from .runs import finished, started, write_run

SILENT = {"op_started", "op_finished", "lock_taken"}


def plain() -> PlainWatcher:
    """Give a watcher with a clock that stands still."""
    return PlainWatcher(Narrator(restore_plan()), now=lambda: datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))


def test_without_a_terminal_each_record_is_one_line_with_its_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every line begins with the time of day in UTC, and names the step it is about."""
    folder, _ = write_run(
        tmp_path,
        started("pointers"),
        ("attempt", {"step": "pointers", "attempt": 1, "error": "the server is busy", "next_in": 2.0}),
        finished("pointers", "changed"),
        ("step_skipped", {"step": "refresh", "reason": "no cms"}),
        ("run_finished", {"status": "succeeded"}),
    )
    watcher = plain()

    for record in replay(folder.journal):
        watcher.record(record)

    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 6
    assert all(re.match(r"\d\d:\d\d:\d\dZ . ", line) for line in lines)
    assert lines[1].endswith("pointers: Point the ledger and the modulestore at that version (about 2 s)")
    assert "the server is busy; again in 2" in lines[2]
    assert "; site down; stopping here leaves it down; undo takes back 1 change" in lines[3]


def test_a_person_who_skips_a_step_is_named() -> None:
    """Whoever went past a step is told with the reason; a step that takes no part was skipped by nobody."""
    narrator, at = Narrator(restore_plan()), "2026-01-02T03:04:05+00:00"
    records = [
        Record(number, at, "step_skipped", {"step": "refresh", "reason": "no cms", **who}, "")
        for number, who in enumerate(({}, {"by": "bo@studio"}), 1)
    ]

    told = [narrator.tell(record) for record in records]

    assert [one.text for one in told if one] == ["skipped: no cms", "skipped by bo@studio: no cms"]


def test_what_was_asked_decides_how_an_answer_reads() -> None:
    """A task is done, not answered yes; of a checklist it is told how much of it holds."""
    task = {"kind": "task", "text": "Suspend the job"}
    both = {"kind": "checklist", "items": ["a", "b"]}

    assert answer_shown(True, task) == "done"
    assert answer_shown(["a"], both) == "1 of 2 items"
    assert answer_shown(True, {"kind": "confirm"}) == "yes"


def test_every_record_type_that_concerns_people_has_words() -> None:
    """A new type of record cannot be forgotten silently."""
    from rollbook.cli import narration

    assert set(narration._WORDS) | SILENT == TYPES


def test_output_is_printed_in_whole_lines_under_its_step(capsys: pytest.CaptureFixture[str]) -> None:
    """Chunks may end anywhere; a progress meter shows what it showed last; nothing drives the terminal."""
    watcher = plain()

    watcher.output("refresh", b"one\ntw")
    watcher.output("refresh", b"o\n 10 %\r 90 %\r\n\033[2Jthree\n")

    assert capsys.readouterr().out.splitlines() == [
        "03:04:05Z   refresh | one",
        "03:04:05Z   refresh | two",
        "03:04:05Z   refresh |  90 %",
        "03:04:05Z   refresh | ␛[2Jthree",
    ]


def test_the_end_of_an_output_without_a_newline_is_not_lost(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is left of a line is printed before the step's end."""
    folder, _ = write_run(tmp_path, finished("refresh"))
    watcher = plain()

    watcher.output("refresh", b"no newline")
    watcher.record(replay(folder.journal)[1])

    assert "no newline" in capsys.readouterr().out.splitlines()[0]


def test_live_what_is_over_scrolls_up_and_a_question_has_the_screen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Finished steps are printed once, above what is drawn; the drawing is gone while a question is asked."""
    folder, _ = write_run(tmp_path, started("pointers"), finished("pointers", "changed"))

    with LiveWatcher(Narrator(restore_plan()), Screen(100)) as watcher:
        for record in replay(folder.journal):
            watcher.record(record)
        watcher.output("smoke", b"GET /\n")
        watcher.progress("smoke", 512, 2048, "B")
        with watcher.aside():
            print("a question")

    shown = capsys.readouterr().out
    assert shown.count("changed after") == 1
    assert "a question" in shown


def test_whoever_redraws_never_waits_for_whoever_prints() -> None:
    """The thread that redraws holds rich's lock, for which a line to print waits: a run stood still for ever in a terminal."""
    watcher = LiveWatcher(Narrator(restore_plan()), Screen(100, terminal=True, answers=True, moves=True))
    watcher._console = Console(file=io.StringIO(), force_terminal=True, force_interactive=True)
    over = Record(1, "2026-01-02T03:04:05+00:00", "step_skipped", {"step": "refresh", "reason": "no cms"}, "")
    printing = threading.Thread(target=watcher.record, args=(over,), daemon=True)
    drawing = threading.Thread(target=watcher._drawing, daemon=True)
    with watcher:
        assert watcher._live is not None
        with watcher._live._lock:
            printing.start()
            printing.join(0.5)
            waits = printing.is_alive()
            drawing.start()
            drawing.join(10)
            drawn = not drawing.is_alive()
        printing.join(10)
        assert (waits, drawn, printing.is_alive()) == (True, True, False)


def test_output_without_end_is_printed_up_to_a_measure(capsys: pytest.CaptureFixture[str]) -> None:
    """The first 5,000 lines of an attempt are printed, then where the rest is; a chunk's lines go out as one text."""
    watcher = plain()
    for _ in range(60):
        watcher.output("dump", b"line\n" * 100)
    watcher.output("other", b"its own\n")

    lines = capsys.readouterr().out.splitlines()
    assert [line.rpartition("| ")[2] for line in lines[4999:]] == [
        "line",
        "… it goes on; its output is in the run's folder, and is not shown from here on",
        "its own",
    ]
