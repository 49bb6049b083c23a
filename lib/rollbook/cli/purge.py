"""Clears away people's data of old runs: what steps wrote into their folders, and snapshots; never the record."""

import json
import shutil
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from ..action import Reverse
from ..dataclass import dataclass
from ..engine import put_note
from ..engine.undoing import BEING_UNDONE_BY, UNDONE_BY
from ..errors import JournalError, RefusedError, RollbookError
from ..plan import OWN_STEPS
from ..planner.undo import changed_by
from ..run import Run
from ..runs import RunFolder, Runs, operator
from ..schema import encode
from ..scratch import snapshots_of
from .holder import holder_of, require_free
from .undone import undone_by
from .words import count

# The record: the journal, what programs said, reports, and what tells runs of each other.
_OWN: Final = frozenset({"journal.jsonl", "holder", "inbox", "output", UNDONE_BY, BEING_UNDONE_BY})
_REPORT: Final = "report."
_GOING: Final = ".purged-"
_CHANGED: Final = ("changed", "recovered")


@dataclass(frozen=True, slots=True)
class Leftover:
    """A file or folder that steps of a run wrote; *held* says why it stays, empty if it may go."""

    run: RunFolder
    path: Path
    bytes: int
    held: str = ""


def leftovers(runs: Runs, age: timedelta, now: datetime) -> Iterator[Leftover]:
    """Give what is old enough of what runs wrote, oldest first; of runs that are not over or needed, held."""
    for folder in runs.all():
        yield from _judged(runs, folder, tuple(_written(folder)), now - age)


def _written(folder: RunFolder) -> Iterator[Path]:
    for path in sorted(folder.path.iterdir()):
        if path.name not in _OWN and not path.name.startswith(_REPORT):
            yield path


def _saved(folder: RunFolder, run: Run) -> Iterator[Path]:
    """Give the snapshots that lie elsewhere, and what a deletion of one left that was cut off."""
    for path in map(Path, snapshots_of(run)):
        if folder.path.resolve() not in path.resolve().parents:
            yield from (one for one in (path, path.with_name(f"{_GOING}{path.name}")) if one.is_dir())


def _judged(runs: Runs, folder: RunFolder, found: Sequence[Path], before: datetime) -> Iterator[Leftover]:
    try:
        run = folder.read()
    except JournalError as error:
        yield from (
            Leftover(folder, path, _size(path), f"its journal cannot be read: {error.message}") for path in found
        )
        return
    found = (*found, *_saved(folder, run))
    ended = run.ended_at or run.last_at or run.started_at
    if ended > before or not found:
        return
    why = _unfinished(run, folder)
    needed = () if why else tuple(_needing(runs, folder, run))
    for path in found:
        yield Leftover(folder, path, _size(path), why or next(_holding(path, needed), ""))


def _unfinished(run: Run, folder: RunFolder) -> str:
    holder = holder_of(folder)
    if holder:
        return f"it is being carried out by {holder}"
    return f"the run is not over ({run.status})" if run.resumable else ""


def _holding(path: Path, needed: Collection[tuple[str, str]]) -> Iterator[str]:
    plain = f"{path.parent.name}/{path.name}"
    written = json.dumps(plain)[1:-1]  # as JSON has it, which may be either
    return (why for why, text in needed if plain in text or written in text)


def _needing(runs: Runs, folder: RunFolder, run: Run) -> Iterator[tuple[str, str]]:
    """Give who may still want something of a run's folder, and the text in which its path would stand."""
    if not undone_by(folder):
        yield from _undoing(run, "its undo needs it")
    for other, began in runs.begun():
        if other.id == folder.id or not _mentions(other, folder.id):
            continue
        try:
            that = other.read()
        except JournalError:
            yield f"run {other.id} cannot be read and may need it", json.dumps(began, default=str)
            continue
        if that.resumable or holder_of(other):
            yield f"run {other.id} is not over ({that.status})", other.journal.read_text(errors="replace")
        else:
            yield from _undoing(that, f"the undo of run {other.id} needs it")


def _mentions(other: RunFolder, run_id: str) -> bool:
    return run_id.encode() in other.journal.read_bytes()


def _undoing(run: Run, why: str) -> Iterator[tuple[str, str]]:
    """Give what an undo of the run would send."""
    for step in run.steps:
        if step.status not in _CHANGED:
            continue
        if step.planned.undo_reason.startswith(OWN_STEPS):
            # They are planned when it is undone: whatever any step of the run gave may stand in them.
            yield why, json.dumps([[one.arguments, one.outputs] for one in run.steps], default=str)
        if step.planned.undo != "reverse" or step.planned.undo_reason.startswith(OWN_STEPS):
            continue
        try:
            action, change = changed_by(step)
            decision = action.undo(change)
            ops = action.ops(change.after, decision.goal) if isinstance(decision, Reverse) else ()
        except RollbookError as error:
            yield (
                f"how {step.address} is undone cannot be told: {error.message}",
                json.dumps(step.arguments, default=str),
            )
            continue
        yield why, json.dumps([encode(op) for op in ops], default=str)


def _size(path: Path) -> int:
    if path.is_symlink() or not path.is_dir():
        return path.lstat().st_size
    return sum(one.lstat().st_size for one in path.rglob("*") if not one.is_dir())


def delete(found: Sequence[Leftover]) -> None:
    """Delete what may go, run by run, each with a note in its journal first. Raises `RefusedError`, `LockHeld`."""
    for run_id in dict.fromkeys(one.run.id for one in found):
        mine = [one for one in found if one.run.id == run_id]
        folder = mine[0].run
        require_free(folder)
        names = ", ".join(one.path.name.removeprefix(_GOING) for one in mine)
        put_note(folder, "notes", f"People's data of this run was deleted: {names}", operator())
        for one in mine:
            _remove(one.path)


def _remove(path: Path) -> None:
    # Renamed first: a half of a snapshot must not be taken for one; what a kill leaves is found again.
    going = path if path.name.startswith(_GOING) else path.with_name(f"{_GOING}{path.name}")
    try:
        path.rename(going)
        if going.is_dir() and not going.is_symlink():
            shutil.rmtree(going)
        else:
            going.unlink()
    except OSError as error:
        raise RefusedError(
            f"{path} cannot be deleted: {error.strerror}.", advice="Look at who owns it; the rest was left."
        ) from error


def purge_lines(found: Sequence[Leftover], age: str) -> Iterator[str]:
    """Say what would be taken, and what stays and why."""
    going = [one for one in found if not one.held]
    for one in found:
        held = f"  stays: {one.held}" if one.held else ""
        yield f"  {one.bytes / 1e6:9.1f} MB  {one.path}{held}"
    if not going:
        yield f"Nothing that runs older than {age} wrote may go."
        return
    runs = len({one.run.id for one in going})
    size = sum(one.bytes for one in going) / 1e6
    yield f"{count(len(going), 'file or folder', 'files or folders')} of {count(runs, 'run')}, {size:.1f} MB."
