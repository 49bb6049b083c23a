"""A run's question, found from elsewhere: what it asks, who may answer, and whether an answer would be accepted."""

from ..action import Prompt, Question
from ..dataclass import dataclass
from ..engine.approval import approval_of
from ..engine.asking import question_at_work
from ..engine.questions import barred
from ..errors import RefusedError, RollbookError, UsageError
from ..library import Library
from ..plan import SYMBOLS, Plan
from ..planner.secrecy import ADVICE, hide_secrets
from ..registry import action_type
from ..run import Run, StepRun
from ..schema import build
from ..values import bind, unknowns
from .ending import current
from .hints import typed
from .keyboard import Keyboard
from .questionview import default_lead, head_lines, how, is_long, question_lines
from .screen import Screen, write
from .workspace import reopen_workplace


@dataclass(frozen=True, slots=True)
class Reply:
    """What somebody answers, and why; an empty *text* takes the default."""

    text: str
    reason: str = ""


def asking(run: Run, name: str) -> StepRun:
    """Find the step, by address or id, that may still be answered. Raises `RefusedError` when that is over."""
    step = next(one for one in run.steps if name in (one.address, one.planned.id))
    if step.done:
        raise RefusedError(f"Step {step.address} of run {run.id} is over ({step.status}); it asks nothing any more.")
    if not run.resumable:
        raise RefusedError(f"Run {run.id} is over ({run.status}); it asks nothing any more.")
    return step


def question_of(run: Run, step: StepRun) -> Question | None:
    """
    Give the question of a step; None where what it asks is not known yet.

    Raises `RefusedError` for a step that asks nothing.
    """
    planned = step.planned
    if step.asks is not None:
        return question_at_work(step.asks)
    if planned.quorum:
        return approval_of(planned, protected=run.plan.protects(planned))
    kind = action_type(planned.kind) if planned.kind else None
    if kind is None or not issubclass(kind, Question):
        raise RefusedError(
            f"Step {step.address} of run {run.id} asks nothing ({planned.kind or 'a group'}).",
            advice="`status RUN` marks with ◔ what waits for an answer.",
        )
    arguments = bind(planned.arguments, {"run.id": run.id})
    if arguments is None or any(unknowns(arguments)):
        return None
    action = build(kind, arguments)
    return action if isinstance(action, Question) else None


def show_question(run: Run, step: StepRun, prompt: Prompt, by: str, screen: Screen) -> None:
    """Print what is asked. Raises `RefusedError` when *by* may not answer it."""
    why = barred(prompt, step.address, by, run.operators)
    if why:
        raise RefusedError(f"{why}.")
    head = head_lines(SYMBOLS["ask"], step.address, step.planned.name, screen)
    for line in (*head, *question_lines(prompt, screen, whole=not screen.answers)):
        write(line)


def reply(question: Question | None, answer: str, screen: Screen) -> Reply | None:
    """
    Give the *answer*, or have one typed; None when nobody wants to.

    Raises `UsageError` for an answer that would not be accepted, and where none is given nor can be typed.
    """
    if answer:
        problem = _problem(question, answer)
        if problem:
            raise UsageError(f"--answer {answer} is not accepted: {problem}.")
        return Reply(answer)
    if question is None or not screen.answers:
        where = "What it asks is not known yet" if question is None else "There is no terminal to answer in"
        raise UsageError(f"{where}; nothing was answered.", advice="Add --answer TEXT.")
    return _typed_reply(question, Keyboard(screen))


def _typed_reply(question: Question, keyboard: Keyboard) -> Reply | None:
    prompt = question.prompt()
    more = "; ? shows all that is known of each" if is_long(prompt, keyboard.screen) else ""
    while True:
        keyboard.say(f"Type {how(prompt)}{more}. Ctrl-D: do not answer.", "dim")
        text = keyboard.line(f"{default_lead(prompt)}> ")
        if text is None:
            return None
        if text == "?" and prompt.choices:
            for line in question_lines(prompt, keyboard.screen):
                write(line)
            continue
        problem = _problem(question, text)
        if not problem:
            return Reply(text, keyboard.line("  Why? (Enter: no reason) ") or "")
        keyboard.say(f"Not accepted: {problem}.", "red")


def _problem(question: Question | None, text: str) -> str:
    """Say why the question would not take *text*; an empty one takes the default where there is one."""
    if question is None or (not text and question.prompt().has_default):
        return ""
    try:
        question.accept(text)
    except ValueError as error:
        return str(error)
    return ""


def require_harmless(plan: Plan, *texts: str) -> None:
    """
    Raise `RefusedError` where one of *texts* holds the value of a secret of *plan* that is cheap to look up here.

    Whoever carries the run on looks for all of them; until then what is answered lies in a file.
    """
    try:
        with reopen_workplace(plan, Library()) as place:
            hide_secrets(plan, place.planner.pool)
            labels = [label for text in texts for label in place.planner.pool.redactor.labels(text.encode())]
    except RollbookError:  # who answers may have neither the inventory nor the secrets
        return
    if labels:
        raise RefusedError(
            f"The answer holds the value of {', '.join(dict.fromkeys(labels))}; nothing was answered.",
            advice=ADVICE,
        )


def fate(run: Run, step: StepRun, question: Question | None) -> str:
    """Say what becomes of an answer that was just given."""
    if question is None:
        return "What it asks is not known yet: the answer is kept until it is asked, and judged then."
    if run.waiting_for == step.address:
        return f"It is judged when the run goes on: {typed('resume', run.id)}"
    if current(run) is not step:
        return "It is not asked yet: the answer is kept until then."
    return (
        "It is judged by whoever carries the run out. Where a terminal asks for it already, what is typed there first "
        f"counts: press Ctrl-D there to have this one taken, then {typed('resume', run.id)}"
    )
