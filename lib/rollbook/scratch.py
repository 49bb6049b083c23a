"""What a run leaves beside things: databases that it works with while it is not over, and halves of backups."""

from collections.abc import Iterator
from typing import Final

from .dataclass import dataclass
from .run import Run, StepRun

_DROPS: Final = ("sql.drop_scratch", "postgres.drop_scratch")
_BACKUPS: Final = ("postgres.snapshot_dump", "sql.take_snapshot", "backup.download", "backup.download_dump")


@dataclass(frozen=True, slots=True)
class Scratch:
    """A database that is still there; *made_by* is the address of the step, *goes* says when it will go."""

    database: str
    made_by: str
    environment: str
    goes: str


def scratch_of(run: Run) -> tuple[Scratch, ...]:
    """Give those that a run which did not come to its end has not dropped, in the order in which they were made."""
    found: dict[tuple[str, str], Scratch] = {}
    goes = f"goes when the run is {'resumed to its end, or ' if run.resumable else ''}undone"
    for step in run.steps if run.status not in ("succeeded", "undone") else ():
        where = step.planned.environment or run.plan.environment
        for name in _dropped(step):
            found.pop((where, name), None)
        for name in _made(step):
            found[where, name] = Scratch(name, step.address, where, goes)
    return tuple(found.values())


def halves_of(run: Run) -> tuple[tuple[str, str], ...]:
    """
    Give the folders that backups may have left which were cut off in a run that was given up, each with its step.

    Whoever resumes such a run has them removed; nobody else does.
    """
    cut_off = [step for step in run.steps if step.started_at and not step.done and step.status != "failed"]
    return tuple(
        (half_of(f"{op['folder']}/{op['name']}"), step.address)
        for step in (cut_off if run.status == "abandoned" else ())
        for op in step.ops
        if isinstance(op, dict) and op.get("op") in _BACKUPS
    )


def snapshots_of(run: Run) -> tuple[str, ...]:
    """Give the folders into which a run saved tables, whole ones and halves, wherever they lie."""
    taken = (
        op for step in run.steps for op in step.ops if isinstance(op, dict) and op.get("op") == "sql.take_snapshot"
    )
    return tuple(f"{op['folder']}/{name}" for op in taken for name in (op["name"], f".{op['name']}.partial"))


def half_of(path: str) -> str:
    """Give the folder in which the backup that is to be at *path* is made, or fetched, until it is whole."""
    above, _, name = path.rpartition("/")
    return f"{above}/.{name}.partial"


def _made(step: StepRun) -> Iterator[str]:
    outputs, after = step.outputs, step.after
    gone = isinstance(after, dict) and after.get("exists") is False
    if step.done and not gone and isinstance(outputs, dict) and outputs.get("role") == "scratch":
        yield str(outputs["database"])


def _dropped(step: StepRun) -> Iterator[str]:
    given = step.arguments if step.arguments is not None else step.planned.arguments
    if step.done and step.planned.kind in _DROPS and isinstance(given, dict) and step.status != "skipped":
        yield str(given.get("database"))
