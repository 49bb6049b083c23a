"""Estimates: what steps took before, skimmed from journals as they are written."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rollbook.estimates import estimates
from rollbook.journal import Journal


def journal(folder: Path, runbook: str, *records: tuple[int, str, str, str]) -> Path:
    """Write a journal of *records*: (second, type, step, status)."""
    moments: Iterator[int] = iter((0, *(second for second, *_ in records)))

    def clock() -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=next(moments))

    path = folder / "journal.jsonl"
    with Journal(path, clock=clock) as kept:
        kept.append("run_started", operator='a"b@c', plan={"runbook": runbook, "steps": []})
        for _, kind, step, status in records:
            kept.append(kind, **({"step": step} if step else {}), **({"status": status} if status else {}))  # type: ignore[arg-type]  # as given
    return path


def test_the_median_of_the_runs_of_one_runbook_is_given(tmp_path: Path) -> None:
    """Journals of other runbooks, and ends that were no good ones, tell nothing about a step."""
    took = [
        journal(
            tmp_path / str(seconds),
            "one",
            (0, "step_started", 'a["x"]', ""),
            (seconds, "step_finished", 'a["x"]', "changed"),
            (seconds, "step_started", "b", ""),
            (seconds + 1, "step_failed", "b", ""),
        )
        for seconds in (2, 4, 9)
    ]
    other = journal(tmp_path / "o", "two", (0, "step_started", "a", ""), (50, "step_finished", "a", "ok"))

    assert estimates([*took, other, tmp_path / "none"], "one") == {'a["x"]': 4.0}


def test_the_wait_for_a_person_is_not_the_time_of_the_work(tmp_path: Path) -> None:
    """A step that waited first began when it was begun; one that only waited took as long as the wait."""
    path = journal(
        tmp_path / "w",
        "one",
        (0, "waiting", "a", ""),
        (100, "step_started", "a", ""),
        (103, "step_finished", "a", "changed"),
        (103, "waiting", "b", ""),
        (110, "step_finished", "b", "ok"),
    )

    assert estimates([path], "one") == {"a": 3.0, "b": 7.0}


def test_a_step_that_comes_again_takes_what_it_took_then(tmp_path: Path) -> None:
    """Neither what lies between its end and its next begin is its time, nor what lies before a resume."""
    path = journal(
        tmp_path / "w",
        "one",
        (0, "step_started", "a", ""),
        (2, "step_finished", "a", "changed"),
        (3, "step_started", "b", ""),
        (4, "step_failed", "b", ""),
        (500, "run_resumed", "", ""),
        (500, "step_started", "a", ""),
        (501, "step_finished", "a", "changed"),
        (502, "step_started", "b", ""),
        (505, "step_finished", "b", "ok"),
    )

    assert estimates([path], "one") == {"a": 1.0, "b": 3.0}


def test_a_step_that_was_tried_again_took_all_its_tries(tmp_path: Path) -> None:
    """The time of a step is that from its first begin to its end."""
    path = journal(
        tmp_path / "w",
        "one",
        (0, "step_started", "a", ""),
        (5, "step_failed", "a", ""),
        (20, "step_started", "a", ""),
        (21, "step_finished", "a", "ok"),
    )

    assert estimates([path], "one") == {"a": 21.0}
