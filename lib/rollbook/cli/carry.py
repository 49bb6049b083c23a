"""Carrying out a plan: agreed to, watched, questions answered, and its end told."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import field, replace
from functools import partial
from pathlib import Path

from ..dataclass import dataclass
from ..engine import Engine
from ..engine.ports import Asker, Given, OnDoubt, Watcher
from ..errors import Interrupted, RollbookError
from ..journal import read_records, utc_now
from ..plan import Plan
from ..planner import plan_undo
from ..planner.answers import own_ids
from ..run import DONE, Run, StepStatus
from ..runs import RunFolder, Runs
from ..undos import Undone
from .agreement import Agreement, agree
from .asker import TerminalAsker
from .command import FAILED, INTERRUPTED, OK, Started, describe, exit_code, tell
from .ending import ending_lines, run_code
from .hints import typed
from .keyboard import Keyboard, edit_lines
from .narration import Narrator
from .plainwatch import PlainWatcher
from .planning import show_plan
from .reports import write_reports
from .screen import Screen, screen, write
from .sheet import Sheet, given_already
from .unattended import Unattended
from .workspace import Workplace

Go = Callable[[Engine], Run]


@dataclass(frozen=True, slots=True)
class Prepared:
    """
    What the command line says beforehand.

    Answers, decisions about doubts, whether new plans are agreed to (*yes*), the *names* of environments;
    *given* is what somebody answered in the run already.
    """

    answers: Mapping[str, str] = field(default_factory=dict)
    doubts: Mapping[str, OnDoubt] = field(default_factory=dict)
    yes: bool = False
    names: tuple[str, ...] = ()
    given: Mapping[str, Given] = field(default_factory=dict)


def carry_new(
    plan: Plan, place: Workplace, agreement: Agreement, *, undone: Undone | None = None, well: int = OK
) -> int:
    """
    Have *plan* agreed to, carry it out as a new run, tell its end, and give the exit code: *well* if all went so.

    *undone* is what the plan takes back, as it stood when that was made.
    """
    here = screen()
    edit_lines()
    reason = agree(plan, agreement, Keyboard(here) if here.answers else None)
    folder = Runs().begin(utc_now())
    prepared = Prepared(plan.answers, {}, agreement.yes, agreement.names)
    return _carry(
        plan, folder, place, prepared, partial(Engine.run, plan=plan, reason=reason, undone=undone), well=well
    )


def carry_on(run: Run, folder: RunFolder, place: Workplace, prepared: Prepared, go: Go) -> int:
    """Carry an earlier run on (*go* says how), tell its end, and give the exit code."""
    edit_lines()
    begun = {step.address: step.status for step in run.steps if step.status != "pending"}
    return _carry(run.plan, folder, place, replace(prepared, given=given_already(run)), go, begun)


def _carry(
    plan: Plan,
    folder: RunFolder,
    place: Workplace,
    prepared: Prepared,
    go: Go,
    begun: Mapping[str, StepStatus] | None = None,
    *,
    well: int = OK,
) -> int:
    here = screen()
    before = _records(folder)
    write()
    try:
        run, undo_wanted = _watched(plan, folder, place, prepared, go, begun or {}, here)
    except RollbookError as error:
        return _cut_short(error, folder, place, here, before)
    except BaseException:  # a defect, or Ctrl-C: told elsewhere
        _forget_unbegun(folder)
        raise
    code = tell_end(run, folder, place, here, well if run_code(run) == OK else None)
    return _take_back(run, place, prepared) if undo_wanted else code


def _watched(
    plan: Plan,
    folder: RunFolder,
    place: Workplace,
    prepared: Prepared,
    go: Go,
    begun: Mapping[str, StepStatus],
    here: Screen,
) -> tuple[Run, bool]:
    """Carry the run out, and tell whether it is to be undone; what was kept to tell it is let go with the end."""
    with _watching(plan, place, here, begun) as (watcher, keyboard):
        asker = _asker(keyboard, prepared, place, folder, here)
        Started.journal = folder.journal
        engine = Engine(folder, place.planner, asker=asker, watcher=watcher)
        return go(engine), engine.undo_wanted


def _records(folder: RunFolder) -> int:
    return sum(1 for _ in read_records(folder.journal)) if folder.journal.exists() else 0


def _cut_short(error: RollbookError, folder: RunFolder, place: Workplace, here: Screen, before: int) -> int:
    """Tell an error that ended a run early; one that never began leaves no folder behind."""
    _forget_unbegun(folder)
    if not folder.path.exists() or _records(folder) == before:
        raise error
    tell(describe(error))
    return tell_end(folder.read(), folder, place, here, exit_code(error))


def _forget_unbegun(folder: RunFolder) -> None:
    if folder.journal.exists() and folder.journal.stat().st_size:
        return
    Started.journal = None
    # One whose journal was removed meanwhile may hold output.
    if folder.path.exists() and not (folder.path / "output").exists():
        shutil.rmtree(folder.path)


def _take_back(run: Run, place: Workplace, prepared: Prepared) -> int:
    """Undo a run whose failure asks for it, at once; that the run failed stays so."""
    here = screen()
    write()
    write(here.paint(f"Run {run.id} failed and is now taken back.", "bold"))
    write()
    try:
        undone = Undone.of(Runs(), run)
        plan = plan_undo(run, place.planner, Runs())
        show_plan(plan, here, place.sites)
        agreement = Agreement(yes=prepared.yes, names=prepared.names, reason=f"{run.id} failed")
        return carry_new(plan, place, agreement, undone=undone, well=FAILED) if plan.steps else FAILED
    except RollbookError as error:
        tell(f"{describe(error)}\nThe run failed and was NOT taken back. To do that: {typed('undo', run.id)}")
        return INTERRUPTED if isinstance(error, Interrupted) else FAILED


def tell_end(run: Run, folder: RunFolder, place: Workplace, here: Screen, code: int | None = None) -> int:
    """
    Write the reports, print how the run stands and what may be typed next, and give the exit code.

    *code* is the exit code where it is not the one that the run's state means.
    """
    code = run_code(run) if code is None else code
    for line in ending_lines(run, _reports(run, folder), here, place.sites, code):
        write(line)
    return code


def _reports(run: Run, folder: RunFolder) -> Mapping[str, Path]:
    """Write the reports; where that cannot be, say so: they can be told from the journal at any time."""
    try:
        return write_reports(run, folder)
    except OSError as error:
        tell(f"No report was written: {error.strerror or error}. Make room, then: {typed('report', run.id)}")
        return {}


def _asker(keyboard: Keyboard | None, prepared: Prepared, place: Workplace, folder: RunFolder, here: Screen) -> Asker:
    who = place.planner.operator
    own = own_ids(place.planner.runbook)
    sheet = Sheet(prepared.answers, who, prepared.doubts, prepared.yes, prepared.given, own=own)
    if keyboard is None:
        return Unattended(sheet, here, place.sites)
    return TerminalAsker(keyboard, sheet, who, folder.id, place.sites, place.planner.stop.is_set)


@contextmanager
def _watching(
    plan: Plan, place: Workplace, here: Screen, begun: Mapping[str, StepStatus]
) -> Iterator[tuple[Watcher, Keyboard | None]]:
    """Draw live where somebody looks on and can answer, else print lines."""
    narrator, stopping = Narrator(plan, place.sites, dict(begun)), place.planner.stop.is_set
    if not (here.answers and here.moves):
        yield PlainWatcher(narrator, here), Keyboard(here, stopping=stopping) if here.answers else None
        return
    from .livewatch import LiveWatcher

    over = frozenset(address for address, status in begun.items() if status in DONE)
    with LiveWatcher(narrator, here, over=over, stopping=stopping) as watcher:
        yield watcher, Keyboard(here, watcher.aside, stopping=stopping)
