"""Commands that carry an earlier run on or take it back: `resume`, `undo`, `abandon`, `pause`, `adopt`, `approve`."""

from dataclasses import replace
from typing import TYPE_CHECKING

from ..errors import NotFoundError, UsageError
from .command import CHANGES, OK, command
from .options import doubts, known, pairs, reasons
from .screen import screen, write

if TYPE_CHECKING:
    from ..run import Run

_RUN = "The run's id, its beginning or end, or `last`."
_REASON = "Why, for the report."
_ANSWER = "A question's answer as step=value (or step=default); may be repeated."
_YES = "Agree beforehand to steps that have to be planned again; answers no question."


@command(
    "resume",
    help={
        "run": _RUN,
        "answer": _ANSWER,
        "doubt": "What became of a step in doubt, as step=done, step=redo or step=abort; may be repeated.",
        "skip": "Go past this step; needs --reason; may be repeated.",
        "mark_done": "Take this step as done by hand; needs --reason; may be repeated.",
        "reason": _REASON,
        "yes": _YES,
        "confirm_environment": "A protected environment's name, if its failure asks for an undo; may be repeated.",
    },
    iterable=("answer", "doubt", "skip", "mark_done", "confirm_environment"),
)
def resume(
    run: str,
    *,
    answer: tuple[str, ...] = (),
    doubt: tuple[str, ...] = (),
    skip: tuple[str, ...] = (),
    mark_done: tuple[str, ...] = (),
    reason: str = "",
    yes: bool = False,
    confirm_environment: tuple[str, ...] = (),
) -> int:
    """
    Go on with a run where it stopped, failed or waits.

    A run that is being given up goes on being given up.
    """
    from ..engine.undoing import require_open
    from ..library import Library
    from ..runs import Runs
    from .agreement import check_approvals, check_names
    from .answered import check_doubts, check_settled, check_unanswered
    from .carry import Prepared, carry_on
    from .holder import require_free
    from .statusview import left_lines
    from .workspace import reopen_workplace

    folder = Runs().find_own(run)
    require_free(folder)
    past = folder.read()
    require_open(folder, past, giving_up=bool(past.abandoning))
    answers, decisions = pairs("answer", answer), doubts(doubt)
    # A failure may lead to an undo, which is not planned yet and whose steps have addresses of their own.
    asked = tuple(name for name in answers if not name.startswith("undo/"))
    for option, names in (("answer", asked), ("doubt", decisions), ("skip", skip), ("mark-done", mark_done)):
        known(option, names, past.plan.steps)
    check_names(past.plan, confirm_environment)
    check_approvals(past.plan, answers)
    check_unanswered(past, answers)
    check_doubts(past, decisions)
    check_settled(skip, mark_done)
    skipped, done = reasons("skip", skip, reason), reasons("mark-done", mark_done, reason)
    with reopen_workplace(past.plan, Library(), answers=answers) as place:
        prepared = Prepared({**past.plan.answers, **answers}, decisions, yes, confirm_environment)
        for line in left_lines(past, screen()):
            write(line)
        return carry_on(past, folder, place, prepared, lambda engine: engine.resume(skip=skipped, done=done))


@command(
    "undo",
    help={
        "run": _RUN,
        "to": "Go back as far as this step, which stays.",
        "dry_run": "Only print the plan of the undo: exit 0 when nothing would be written, 2 otherwise.",
        "yes": "Agree to the plan beforehand; answers no question.",
        "answer": _ANSWER,
        "reason": "Why it is taken back; required in a protected environment.",
        "confirm_environment": "A protected environment's name, instead of typing it; may be repeated.",
    },
    iterable=("answer", "confirm_environment"),
)
def undo(
    run: str,
    *,
    to: str = "",
    dry_run: bool = False,
    yes: bool = False,
    answer: tuple[str, ...] = (),
    reason: str = "",
    confirm_environment: tuple[str, ...] = (),
) -> int:
    """
    Take back what a run changed, as a run of its own.

    It is planned on what is there now, shown, agreed to and journalled like any other run. The undo of an undo is the
    first run's procedure again, as far as it was taken back, with what was chosen then.
    """
    from ..library import Library
    from ..planner import plan_undo
    from ..runs import Runs
    from ..undos import Undone
    from .agreement import Agreement, check_beforehand
    from .carry import carry_new
    from .holder import require_free
    from .planning import show_plan
    from .undone import check_undoable
    from .workspace import reopen_workplace

    folder = Runs().find_own(run)
    past, here = folder.read(), screen()
    check_undoable(past, to)
    if not dry_run:
        require_free(folder)
    first = folder.first(past.plan)
    # What comes again asks again: what was answered at first is not said for now.
    base = past.plan if first is None or past.plan.again else replace(past.plan, answers={})
    with reopen_workplace(base, Library(), answers=pairs("answer", answer)) as place:
        undone = Undone.of(folder.runs, past)
        made = plan_undo(past, place.planner, folder.runs, to=to)
        show_plan(made, here, place.sites)
        if dry_run:
            return CHANGES if made.writes else OK
        if not made.steps:
            write("There is nothing to take back.")
            return OK
        agreement = Agreement(yes, confirm_environment, reason)
        check_beforehand(made, agreement, answers=here.answers)
        return carry_new(made, place, agreement, undone=undone)


@command(
    "abandon",
    help={
        "run": _RUN,
        "reason": "Why it is given up, for the report; required.",
        "answer": _ANSWER,
        "yes": _YES,
    },
    iterable=("answer",),
)
def abandon(run: str, *, reason: str = "", answer: tuple[str, ...] = (), yes: bool = False) -> int:
    """
    Give a run up for good; what it changed stays.

    Its `finally` steps are carried out; where one of them asks and nobody answers, or fails, `resume` goes on with
    them, and with --skip leaves one.
    Those of an undo are left to the run that it was to take back, where that one may still go on.
    """
    from ..library import Library
    from ..runs import Runs
    from .agreement import check_approvals
    from .answered import check_unanswered
    from .carry import Prepared, carry_on
    from .workspace import reopen_workplace

    if not reason.strip():
        raise UsageError("Giving a run up needs a reason.", advice='Add --reason "why".')
    folder = Runs().find_own(run)
    past = folder.read()
    answers = pairs("answer", answer)
    known("answer", answers, past.plan.steps)
    check_approvals(past.plan, answers)
    check_unanswered(past, answers)
    with reopen_workplace(past.plan, Library(), answers=answers) as place:
        prepared = Prepared({**past.plan.answers, **answers}, {}, yes)
        return carry_on(past, folder, place, prepared, lambda engine: engine.abandon(reason))


def _require_ahead(run: "Run", name: str) -> None:
    """Raise `NotFoundError` for a step that is over already."""
    from ..report.wording import step_words

    found = run.named(name)
    if run.resumable and found and all(step.done for step in found):
        raise NotFoundError(
            f"Step {name!r} is over already ({step_words(found[0])}).", advice=f"`status {run.id}` lists the steps."
        )


@command("adopt", help={"run": _RUN, "step": "The step that was done by hand.", "reason": f"{_REASON} Required."})
def adopt(run: str, step: str, *, reason: str = "") -> int:
    """
    Record that a step was done by hand.

    It is probed first, where it can be.
    """
    from ..library import Library
    from ..runs import Runs
    from .carry import Prepared, carry_on
    from .workspace import reopen_workplace

    if not reason.strip():
        raise UsageError("Taking a step as done by hand needs a reason.", advice='Add --reason "why".')
    folder = Runs().find_own(run)
    past = folder.read()
    known("step", (step,), past.plan.steps)
    _require_ahead(past, step)
    with reopen_workplace(past.plan, Library()) as place:
        carry_on(past, folder, place, Prepared(past.plan.answers), lambda engine: engine.adopt(step, reason))
    return OK


@command("pause", help={"run": _RUN})
def pause(run: str) -> int:
    """
    Ask a run to stop at its next step boundary.

    `resume` goes on with it.
    """
    from ..engine import put_pause
    from ..runs import Runs, operator

    folder = Runs().find_own(run)
    put_pause(folder, operator())
    write(f"Run {folder.id} stops after the step that it is at.")
    return OK


@command(
    "approve",
    help={
        "run": _RUN,
        "step": "The step that asks.",
        "answer": "The answer; asked for in a terminal when left out.",
        "reason": _REASON,
    },
)
def approve(run: str, step: str, *, answer: str = "", reason: str = "") -> int:
    """
    Answer a run's open question from another terminal.

    Shows what is asked. It is answered under one's own name, and judged by whoever carries the run out.
    """
    from ..engine import put_answer
    from ..runs import Runs, operator
    from .answering import asking, fate, question_of, reply, require_harmless, show_question

    folder, here, by = Runs().find_own(run), screen(), operator()
    past = folder.read()
    known("step", (step,), past.plan.steps)
    found = asking(past, step)
    question = question_of(past, found)
    if question is not None:
        show_question(past, found, question.prompt(), by, here)
    given = reply(question, answer, here)
    if given is None:
        write("Nothing was answered.")
        return OK
    require_harmless(past.plan, given.text, reason or given.reason)
    put_answer(folder, found.address, given.text, by, reason or given.reason)
    write(f"{by} answers {found.address} of run {past.id}: {given.text or 'the default'}")
    for line in here.wrap(fate(past, found, question)):
        write(line)
    return OK
