"""The demo: servers of its own, a course that a mistaken import destroyed, and the way back."""

import os
import shlex
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeVar

from ..action import Prompt
from ..demo.keeping import wait_for_ctrl_c
from ..demo.place import DemoPlace
from ..library import Library, stock_folder
from ..plan import Plan, PlannedStep
from ..planner import plan_undo
from ..runs import Runs
from ..schema import build
from ..values import Plain, unknowns
from .agreement import Agreement
from .asker import default_text
from .carry import carry_new
from .command import OK, Started
from .hints import typed
from .planning import show_plan
from .screen import screen, write
from .workspace import DEMO, Wanted, open_workplace, reopen_workplace

T = TypeVar("T")
_RUNBOOK: Final = "restore-course"
_AGREED: Final = Agreement(yes=True, reason="the demo")


def demonstrate(folder: Path) -> int:
    """Build the sample, plan, run with every question's usual answer, and say how to undo."""
    paint = screen().paint
    with told_afterwards(_place(folder), "demo", "Course and ledger", "demo") as place:
        course = place.sample.course_id
        write(paint(f"The course {course} was overwritten by a mistaken import. This is the way back.", "bold"))
        write()
        return carry_out(Wanted(_RUNBOOK, DEMO, inputs={"course_id": course}))


def carry_out(want: Wanted) -> int:
    """Plan, give every question its usual answer, show the plan and carry it out."""
    library = Library(stock_folder(), stock=False)
    with open_workplace(want, library) as work:
        answers = usual_answers(work.planner.plan())
    with open_workplace(replace(want, answers={**answers, **want.answers}), library) as work:
        plan = work.planner.plan()
        show_plan(plan, screen(), work.sites)
        return carry_new(plan, work, _AGREED)


@contextmanager
def told_afterwards(place: AbstractContextManager[T], whose: str, kept: str, command: str) -> Iterator[T]:
    """Say, however the demo ends, that its servers are down, and what can be typed all the same."""
    began = False
    try:
        with place as entered:
            began = True
            yield entered
    finally:
        if began:
            write()
            write(f"The {whose}'s servers are stopped now: no resume or undo reaches them. {kept} are kept.")
            write(f"  take it back   {typed(command, undo=True)}")
            write(f"  servers up     {typed(command, stay=True)}    then all else works in another terminal")


def take_back(folder: Path) -> int:
    """Undo the last run of the demo, on the servers and data that it left."""
    with _place(folder, keep=True):
        return undo_last(_RUNBOOK, DEMO, typed("demo"))


def undo_last(runbook: str, environment: str, otherwise: str) -> int:
    """Undo the last run of a runbook in an environment; where there is none, say what to type first."""
    last = next(
        (
            run
            for _, run in Runs().readable()
            if run.plan.runbook == runbook and run.plan.environment == environment and not run.plan.undo_of
        ),
        None,
    )
    if last is None:
        write(f"There is no run of the demo yet: {otherwise}")
        return OK
    library = Library(stock_folder(), stock=False)
    with reopen_workplace(last.plan, library) as work:
        answers = usual_answers(plan_undo(last, work.planner, Runs()))
    with reopen_workplace(last.plan, library, answers=answers) as work:
        plan = plan_undo(last, work.planner, Runs())
        show_plan(plan, screen(), work.sites)
        return carry_new(plan, work, _AGREED)


def stay_up(folder: Path) -> int:
    """Keep the servers up until Ctrl-C, and say how other terminals reach them."""
    with _place(folder, keep=True) as place:
        course = shlex.quote(f"course_id={place.sample.course_id}")
        serve_until_ctrl_c(
            "The demo's servers are up.",
            place.environment(),
            f"{Started.program} plan {_RUNBOOK} --env {DEMO} --set {course}",
            note=(
                f"Where `{Started.program} demo` has restored the course already, that plan finds nothing to do:"
                f" `{Started.program} undo last`, typed there first, brings the destroyed one back."
            ),
        )
    return OK


def serve_until_ctrl_c(
    what: str, environment: Mapping[str, str], *commands: str, programs: str = "", note: str = ""
) -> None:
    """Say what other terminals must export to reach the servers, and which commands may be tried there; and wait."""
    write(f"{what} In another terminal:")
    write()
    write(f"  cd {shlex.quote(str(Path.cwd()))}")
    folders = [shlex.quote(folder) for folder in (str(Path(sys.executable).parent), programs) if folder]
    write(f'  export PATH={":".join(folders)}:"$PATH"')
    for name, value in environment.items():
        write(f"  export {name}={shlex.quote(value)}")
    for command in commands:
        write(f"  {command}")
    write()
    if note:
        write(note)
        write()
    write("Ctrl-C stops them.")
    wait_for_ctrl_c()


@contextmanager
def _place(folder: Path, *, keep: bool = False) -> Iterator[DemoPlace]:
    write(screen().paint("Starting a MongoDB, a ledger and a site on this machine …", "dim"))
    with DemoPlace(folder, keep=keep) as place:
        os.environ.update(place.environment())
        yield place


def usual_answers(plan: Plan) -> Mapping[str, str]:
    """Answer every question: its default, else yes, done, all or the first choice."""
    return {step.address: answer for step in plan.steps if (answer := _usual_answer_to(step))}


def _usual_answer_to(step: PlannedStep) -> str:
    if step.prompt is not None and not any(unknowns(step.prompt)):
        return usual_answer(step.prompt)
    # Of a question that only comes up in the run its kind is known, which is enough for most.
    later = {"human.confirm": "yes", "human.approve": "yes", "human.task": "done", "human.checklist": "all"}
    return later.get(step.kind, "") if step.verdict == "unknown" else ""


def usual_answer(content: Plain) -> str:
    """Give the answer to one prompt that lets a demo go on; empty where there is none."""
    prompt = build(Prompt, content)
    if prompt.has_default:
        return default_text(prompt)
    match prompt.kind:
        case "confirm" | "approve":
            return "yes"
        case "task":
            return "done"
        case "checklist":
            return "all"
        case "choose":
            return prompt.choices[0].label if prompt.choices else ""
        case "input":
            return ""
