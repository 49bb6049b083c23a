"""Journals written by hand, as the engine would write them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from rollbook.journal import Journal, RecordType
from rollbook.plan import Plan
from rollbook.run import Run
from rollbook.runs import RunFolder, Runs
from rollbook.schema import encode

from .plans import restore_plan

RUN_ID = "20260102T030405Z-1a2b3c"
BEGAN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class SlowClock:
    """A clock that goes on by one second at each look."""

    def __init__(self) -> None:
        self.at = BEGAN

    def __call__(self) -> datetime:
        self.at += timedelta(seconds=1)
        return self.at


def write_run(
    root: Path, *records: tuple[RecordType, dict[str, object]], plan: Plan | None = None, run_id: str = RUN_ID
) -> tuple[RunFolder, Run]:
    """Write a run whose journal holds its start and *records*; give its folder and what it tells."""
    plan = plan or restore_plan()
    folder = Runs(root).create(run_id)
    with Journal(folder.journal, clock=SlowClock()) as journal:
        journal.append(
            "run_started",
            run=run_id,
            plan=encode(plan),
            digest=plan.digest,
            operator="grace@laptop",
            reason="a mistaken import",
            version="0.1.0",
        )
        for type_, content in records:
            journal.append(type_, **content)
    return folder, folder.read()


def finished(address: str, status: str = "ok") -> tuple[RecordType, dict[str, object]]:
    """Give the record of a step's end."""
    return "step_finished", {"step": address, "status": status, "outputs": {}}


def started(address: str) -> tuple[RecordType, dict[str, object]]:
    """Give the record of a step's start."""
    return "step_started", {"step": address, "attempt": 1, "ops": [{"op": "command"}], "shown": []}
