"""Which run took back which."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from typing import Final

from ..errors import JournalError, RefusedError
from ..run import Run
from ..runs import RunFolder, Runs
from ..undos import is_over, steps_taken_back, under_way, undos_of
from .hints import typed

UNDONE: Final = "undone"
_IN_PART: Final = f"{UNDONE} in part"


def undo_of(run: Run) -> Run | None:
    """Find the newest run that took, or tries to take, *run* back; one that was given up where there is no other."""
    given_up: Run | None = None
    for undo in undos_of(Runs(), run):
        if undo.status != "abandoned":
            return undo
        given_up = given_up or undo
    return given_up


def left_to_end(run: Run) -> Run | None:
    """Give the run that *run*, which was given up, was to take back, where that one has still to come to its end."""
    if run.status != "abandoned" or not run.plan.undo_of or run.plan.again:
        return None
    first = next((folder for folder in Runs().all() if folder.id == run.plan.undo_of), None)
    past = first.read() if first else None
    return past if past is not None and not is_over(Runs(), past) else None


def undone_by(folder: RunFolder) -> str:
    """Name the run that undid the one in *folder*; empty where none did."""
    from ..engine.undoing import UNDONE_BY  # the engine takes long to import, and a list of runs has no use for it

    marker = folder.path / UNDONE_BY
    return marker.read_text(encoding="utf-8").strip() if marker.exists() else ""


def check_undoable(run: Run, to: str = "") -> None:
    """Raise `RefusedError` when *run* was undone down to the step *to*, or while an undo of it is not over."""
    _require_part_of_what_stands(run)
    undo = undo_of(run)
    other = under_way(Runs(), run) if undo is not None or run.plan.undo_of else None
    if other is not None:
        what = "is being undone" if other.plan.undo_of == run.id else f"waits: run {other.plan.undo_of} is being undone"
        raise RefusedError(
            f"Run {run.id} {what} by run {other.id}, which is not over ({other.status}).",
            advice=f"Go on with that one: {typed('resume', other.id)}",
        )
    if undo is None:
        return
    again = undo_of(undo) if undo.status == "undone" else None
    if to and undo.status == "undone" and (again is None or again.status != "undone"):
        _require_further(run, undo, to)
    if undo.status == "undone" and not _left(run, undo):
        *before, last = undo, *turns_of(undo)
        if len(before) % 2:
            raise RefusedError(
                f"Run {run.id} was undone by run {undo.id}, and came again by run {last.id}.",
                advice=f"Take the last one back: {typed('undo', last.id)}",
            )
        if before:
            raise RefusedError(
                f"Run {run.id} was undone already, at last by run {last.id}.",
                advice=f"To bring its changes back, undo that: {typed('undo', last.id)}",
            )
        raise RefusedError(
            f"Run {run.id} was undone already, by run {undo.id}.",
            advice=f"To bring its changes back, undo the undo: {typed('undo', undo.id)}",
        )


def turns_of(run: Run) -> Iterator[Run]:
    """Yield the run that took *run* back, the one that took that back, and so on, as far as they came to their end."""
    last = run
    while (undo := undo_of(last)) is not None and undo.status == "undone":
        yield undo
        last = undo


def _require_part_of_what_stands(undo: Run) -> None:
    """
    Refuse to take back what took a part of a run back while the whole run is taken back by another.

    Its steps rest on those before them. So with what came of such a part by undos to and fro.
    """
    folders = {folder.id: folder for folder in Runs().all()} if undo.plan.undo_of else {}
    part = undo
    while (place := folders.get(part.plan.undo_of)) is not None:
        run, whole = place.read(), undone_by(place)
        back = steps_taken_back(Runs(), run)
        mine = _changes(undo) if part is undo and undo.plan.undo_to and whole != undo.id else ()
        if mine and back.isdisjoint(mine):
            raise RefusedError(
                f"What run {undo.id} took back of run {run.id} is there again.",
                advice=f"How that run stands: {typed('status', run.id)}",
            )
        if whole and whole != part.id and not _is_there_again(place.beside(whole), back):
            raise RefusedError(
                f"Run {run.id}, of which {part.id} took a part back, was taken back as a whole by run {whole}.",
                advice=f"Take that back first: {typed('undo', whole)}",
            )
        _require_last(part, run)
        part = run


def _require_last(part: Run, run: Run) -> None:
    """Refuse to take back what came of *part*, an undo of *run*, where another undo did some of the same since."""
    for later in undos_of(Runs(), run):
        if later.id > part.id and not _deeds(part).isdisjoint(_deeds(later)):
            raise RefusedError(
                f"Of what run {part.id} did to run {run.id}, run {later.id} did some again since.",
                advice=f"How that run stands: {typed('status', run.id)}",
            )


def _deeds(undo: Run) -> frozenset[str]:
    """Name the steps that an undo took back or, where it brought them again, those."""
    changed = (step for step in undo.steps if step.changed and step.planned.section == "steps")
    return frozenset(step.address if undo.plan.again else step.planned.undo_of for step in changed) - {""}


def _changes(undo: Run) -> frozenset[str]:
    return frozenset(step.planned.undo_of for step in undo.steps if step.changed and step.planned.undo_of)


def _is_there_again(folder: RunFolder, back: Collection[str]) -> bool:
    """Tell whether the undo in *folder* was undone, and nothing that it took is among the steps taken *back*."""
    if not folder.journal.exists():
        return False
    undo = folder.read()
    return any(turns_of(undo)) and _changes(undo).isdisjoint(back)


def _require_further(run: Run, undo: Run, to: str) -> None:
    """Refuse to go back to a step that an undo went back to, or past, already."""
    places = {name: at for at, step in enumerate(run.steps) for name in (step.address, step.planned.id)}
    before = places.get(undo.plan.undo_to)
    if before is not None and places.get(to, -1) >= before:
        raise RefusedError(
            f"Run {run.id} was taken back down to {undo.plan.undo_to} already, by run {undo.id}.",
            advice=f"Name a step before that, or leave --to out: {typed('undo', run.id)}",
        )


def _left(run: Run, undo: Run) -> bool:
    """Tell whether *undo* went back to a step only (`--to`), or passed some over, so that changes are still there."""
    passed = {step.planned.undo_of for step in undo.steps if step.skipped_at}
    if not undo.plan.undo_to and not passed:
        return False
    back = steps_taken_back(Runs(), run)
    left = (step.address for step in run.steps if step.changed and step.address not in back)
    return any(undo.plan.undo_to or address in passed for address in left)


def taken_back(runs: Runs) -> Mapping[str, str]:
    """Say of each run that was taken back, by an undo that was not taken back in turn, whether it was so as a whole."""
    found: dict[str, str] = {}
    for run in _undos(runs):  # the newest first, so an undo's own undo is seen before it
        given_up = run.status == "abandoned" and any(step.changed for step in run.steps)
        if (given_up or run.status == "undone") and found.get(run.id) != UNDONE:
            part = given_up or run.plan.undo_to or run.id in found
            found.setdefault(run.plan.undo_of, _IN_PART if part else UNDONE)
    # What went in part may have come again by the undo of another.
    parts = {name for name, how in found.items() if how == _IN_PART}
    for folder in runs.all() if parts else ():
        with suppress(JournalError):
            if folder.id in parts and not steps_taken_back(runs, folder.read()):
                del found[folder.id]
    return found


def _undos(runs: Runs) -> Iterator[Run]:
    """Yield every undo that can be read, the newest first; to read all runs takes long, and most are none."""
    for folder, plan in runs.begun():
        if plan.get("undo_of"):
            with suppress(JournalError):
                yield folder.read()
