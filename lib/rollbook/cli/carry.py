"""Carrying out a plan: agreed to, watched, questions answered, and its end told."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from ..engine import Engine
from ..engine.ports import Asker, Nobody, OnDoubt, Watcher
from ..errors import RollbookError
from ..journal import replay, utc_now
from ..plan import Plan
from ..planner import plan_undo
from ..run import Run, StepStatus
from ..runs import RunFolder, Runs, new_run_id
from .agreement import Agreement, agree
from .asker import TerminalAsker
from .command import Started, describe, exit_code, tell
from .ending import ending_lines, run_code
from .keyboard import Keyboard, edit_lines
from .narration import Narrator
from .plainwatch import PlainWatcher
from .planning import show_plan
from .reports import write_reports
from .screen import Screen, screen, write
from .workspace import Workplace

Go = Callable[[Engine], Run]


@dataclass(frozen=True, slots=True)
class Prepared:
    """What the command line says beforehand: answers, decisions about doubts, and whether new plans are agreed to."""

    answers: Mapping[str, str] = field(default_factory=dict)
    doubts: Mapping[str, OnDoubt] = field(default_factory=dict)
    yes: bool = False


def carry_new(plan: Plan, place: Workplace, agreement: Agreement) -> int:
    """Have *plan* agreed to, carry it out as a new run, tell its end, and give the exit code."""
    here = screen()
    edit_lines()
    reason = agree(plan, agreement, Keyboard(here) if here.answers else None)
    folder = Runs().create(new_run_id(utc_now()))
    prepared = Prepared(plan.answers, {}, agreement.yes)
    return _carry(plan, folder, place, prepared, lambda engine: engine.run(plan, reason=reason))


def carry_on(run: Run, folder: RunFolder, place: Workplace, prepared: Prepared, go: Go) -> int:
    """Carry an earlier run on (*go* says how), tell its end, and give the exit code."""
    edit_lines()
    over = {step.address: step.status for step in run.steps if step.done}
    return _carry(run.plan, folder, place, prepared, go, over)


def _carry(
    plan: Plan,
    folder: RunFolder,
    place: Workplace,
    prepared: Prepared,
    go: Go,
    over: Mapping[str, StepStatus] | None = None,
) -> int:
    here = screen()
    before = _records(folder)
    write()
    try:
        with _watching(plan, place, here, over or {}) as (watcher, keyboard):
            asker = _asker(keyboard, prepared, place, folder)
            Started.journal = folder.journal
            engine = Engine(folder, place.planner, asker=asker, watcher=watcher)
            run = go(engine)
    except RollbookError as error:
        return _cut_short(error, folder, place, here, before)
    code = tell_end(run, folder, place, here)
    return _take_back(run, place, prepared) if engine.undo_wanted else code


def _records(folder: RunFolder) -> int:
    return len(replay(folder.journal)) if folder.journal.exists() else 0


def _cut_short(error: RollbookError, folder: RunFolder, place: Workplace, here: Screen, before: int) -> int:
    """Tell an error that ended a run early; one that never began leaves no folder behind."""
    records = _records(folder)
    if not records:
        Started.journal = None
        folder.journal.unlink(missing_ok=True)
        for left in folder.path.iterdir():
            left.unlink()
        folder.path.rmdir()
        raise error
    if records == before:
        raise error
    tell(describe(error))
    tell_end(folder.read(), folder, place, here)
    return exit_code(error)


def _take_back(run: Run, place: Workplace, prepared: Prepared) -> int:
    """Undo a run whose failure asks for it, at once."""
    plan = plan_undo(run, place.planner)
    here = screen()
    write()
    show_plan(plan, here, place.sites)
    return carry_new(plan, place, Agreement(yes=prepared.yes, reason=f"{run.id} failed"))


def tell_end(run: Run, folder: RunFolder, place: Workplace, here: Screen) -> int:
    """Write the reports, print how the run stands and what may be typed next, and give the exit code."""
    for line in ending_lines(run, write_reports(run, folder), here, place.sites):
        write(line)
    return run_code(run)


def _asker(keyboard: Keyboard | None, prepared: Prepared, place: Workplace, folder: RunFolder) -> Asker:
    who = place.planner.operator
    sheet = Nobody(prepared.answers, who, prepared.doubts, prepared.yes)
    if keyboard is None:
        return sheet
    return TerminalAsker(keyboard, sheet, who, folder.id, place.sites, place.planner.stop.is_set)


@contextmanager
def _watching(
    plan: Plan, place: Workplace, here: Screen, over: Mapping[str, StepStatus]
) -> Iterator[tuple[Watcher, Keyboard | None]]:
    """Draw live where somebody looks on and can answer, else print lines."""
    narrator = Narrator(plan, place.sites, dict(over))
    if not (here.answers and here.moves):
        yield PlainWatcher(narrator, here), Keyboard(here) if here.answers else None
        return
    from .livewatch import LiveWatcher

    with LiveWatcher(narrator, here, over=frozenset(over), stopping=place.planner.stop.is_set) as watcher:
        yield watcher, Keyboard(here, watcher.aside)
