"""One run takes another back: only while nobody carries that one out, and nobody goes on with it meanwhile."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from typing import Final

from ..beside import write_beside
from ..errors import RefusedError
from ..journal import held_still
from ..plan import Plan
from ..planner.readers import Pool
from ..run import Run
from ..runs import RunFolder, Runs
from ..undos import Undone, first_of, standing_undo, under_way
from .outlived import require_ended

UNDONE_BY: Final = "undone-by"
BEING_UNDONE_BY: Final = "being-undone-by"
# Markers lie beside a run's journal, not in it: what was written there stays as it was written.


@contextmanager
def beginning(folder: RunFolder, plan: Plan, pool: Pool, undone: Undone | None = None) -> Iterator[Run | None]:
    """
    Begin the run in *folder* within this block; give the run that *plan* takes back, not carried on from then on.

    Raises `LockHeld` when somebody carries that one out, and `RefusedError` when it went on, or was taken back, since
    *plan* was made of it as *undone*, or a command of it that outlived its process still does.
    """
    if not plan.undo_of:
        yield None
        return
    place = folder.beside(plan.undo_of)
    run = place.read()
    first = first_of(place.runs, run)
    # Undos of a run, and of one another, begin one after the other: whoever comes second sees the first.
    with held_still(first.journal), held_still(place.journal) if first.id != place.id else nullcontext():
        run = place.read()
        require_ended(place, run, pool, "Nothing was taken back.")
        if (before := _begun(place, _marked(place, BEING_UNDONE_BY))) is not None:
            require_ended(place.beside(before.id), before, pool, "Nothing was taken back.")
        _require_alone(place.runs, run)
        if undone is not None:
            _require_as_planned(Undone.of(place.runs, run), undone)
        try:
            _mark(place, BEING_UNDONE_BY, folder)
        except OSError as error:
            raise RefusedError(
                f"Run {run.id} cannot be marked as being taken back, in {place.path}: {error.strerror}.",
                advice="Nothing was taken back. Make room, or see to the folder's owner; then undo it again.",
            ) from error
        yield run


def _require_alone(runs: Runs, run: Run) -> None:
    """Raise `RefusedError` while another undo of the same first run is under way; *run* is gone on with, or undone."""
    other = under_way(runs, run)
    if other is not None:
        what = (
            "is being taken back" if other.plan.undo_of == run.id else f"waits: run {other.plan.undo_of} is taken back"
        )
        raise RefusedError(
            f"Run {run.id} {what} by run {other.id}, which is not over ({other.status}).",
            advice=f"Go on with that one: `resume {other.id}`; or give it up first: `abandon {other.id}`.",
        )


def _require_as_planned(now: Undone, planned: Undone) -> None:
    name = now.run.id
    went_on = _statuses(now.run) != _statuses(planned.run)
    if went_on or now.undos != planned.undos:
        what = "went on" if went_on else "was taken back, or came again,"
        raise RefusedError(
            f"Run {name} {what} since its undo was planned; nothing was taken back by this one.",
            advice=f"Look how it stands (`status {name}`), then plan its undo again.",
        )


def mark_undone(folder: RunFolder, run: Run) -> None:
    """Mark the run that *run*, in *folder*, took back as a whole, if it did."""
    if run.plan.undo_of and not run.plan.undo_to and run.status == "undone":
        with suppress(OSError):  # on a full disk; its own journal tells it as well
            _mark(folder.beside(run.plan.undo_of), UNDONE_BY, folder)


def require_open(folder: RunFolder, run: Run, *, giving_up: bool = False) -> None:
    """
    Raise `RefusedError` when nobody may go on with *run*: it is over, was taken back, or is being taken back.

    One that was taken back in part may be given up, but does not go on: what is gone would be missing at its end.
    """
    if by := _marked(folder, UNDONE_BY):
        raise _undone(run, by)
    if not run.resumable:
        how = f"it took back run {run.plan.undo_of}" if run.status == "undone" else run.status
        raise RefusedError(f"Run {run.id} is over: {how}.", advice="Start a new run, or `undo` this one.")
    undo = _begun(folder, _marked(folder, BEING_UNDONE_BY))
    if undo is None:
        return
    if undo.status == "undone" and not undo.plan.undo_to:
        raise _undone(run, undo.id)  # killed before it could leave its mark
    _require_alone(folder.runs, run)
    part = None if giving_up else standing_undo(folder.runs, run)
    if part is not None:
        raise RefusedError(
            f"Run {run.id} was taken back{part.plan.down_to} by run {part.id}: what went back would be missing.",
            advice=f"To go on, bring it again first: `undo {part.id}`. Or take the rest back as well: `undo {run.id}`.",
        )


def _undone(run: Run, by: str) -> RefusedError:
    return RefusedError(f"Run {run.id} is over: undone by {by}.", advice="Start a new run.")


def _statuses(run: Run) -> Mapping[str, str]:
    return {step.address: step.status for step in run.steps}


def _begun(folder: RunFolder, run_id: str) -> Run | None:
    """Read the run *run_id* beside *folder*; None where it was refused or killed before its first record was whole."""
    other = folder.beside(run_id) if run_id else folder
    return other.read() if other is not folder and _has_record(other) else None


def _has_record(folder: RunFolder) -> bool:
    if not folder.journal.exists():
        return False
    with folder.journal.open("rb") as journal:
        return journal.readline().endswith(b"\n")


def _mark(folder: RunFolder, name: str, by: RunFolder) -> None:
    write_beside(folder.path / name, (f"{by.id}\n".encode(),))


def _marked(folder: RunFolder, name: str) -> str:
    marker = folder.path / name
    return marker.read_text(encoding="utf-8").strip() if marker.exists() else ""
