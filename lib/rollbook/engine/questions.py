"""Questions to people: asked, judged, journalled with who and when; or left open."""

from dataclasses import replace
from typing import Final

from ..accounts import told_apart
from ..action import Prompt, Question
from ..dataclass import dataclass
from ..errors import StepFailed
from ..plan import PlannedStep
from ..schema import encode
from ..values import Plain
from .inbox import Message
from .ports import Given
from .session import Session


class Waiting(Exception):  # no error: the run waits for somebody
    """Nobody can answer now; the run ends here for the moment and `resume` goes on."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A question's value, by whom it was given, when (ISO 8601, UTC), and why, where that was said."""

    value: Plain
    by: str
    at: str
    reason: str = ""

    @property
    def outputs(self) -> dict[str, Plain]:
        """What later steps may ask for."""
        return {"value": self.value, "by": self.by, "at": self.at, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class AtWork:
    """That a step came to its question at work: what is *seen* of it, and the *problem* with the answer before."""

    seen: tuple[str, ...] = ()
    problem: str = ""

    def prompt(self, session: Session, question: Question) -> Prompt:
        """Give the question as it is put, without secrets."""
        text = session.planner.pool.redactor.text
        return replace(question.prompt(), seen=tuple(map(text, self.seen)))


_TRIES: Final = 5


def ask(session: Session, step: PlannedStep, question: Question, at_work: AtWork | None = None) -> Answered:
    """
    Put a question until it is answered; with a quorum, until enough different people agreed.

    *at_work*: the step came to it while it was carried out, and that it waits is journalled. Raises `Waiting` when
    nobody can answer, and `StepFailed` when the answer stops the run.
    """
    prompt = question.prompt() if at_work is None else at_work.prompt(session, question)
    given: dict[str, Plain] = dict.fromkeys(session.approvals.get(step.address, ()))
    while True:
        answer = _one(session, step, prompt, question, at_work.problem if at_work else "")
        if answer is None:
            if at_work is None:
                session.record("waiting", step=step.address, prompt=encode(prompt))
            raise Waiting
        value, source, message = answer
        reason = question.refused(value)
        _keep(session, step, value, source, message, **({"asked": prompt.text} if at_work else {}))
        if reason:
            raise StepFailed(f"{source.by} answered so that the run stops: {reason}")
        given[source.by] = value
        if prompt.kind != "approve" or len(given) >= prompt.quorum:
            return Answered(value, ", ".join(given), session.planner.read.now(), source.reason)


def _keep(
    session: Session, step: PlannedStep, value: Plain, given: Given, message: Message | None, **more: Plain
) -> None:
    session.record(
        "answered",
        step=step.address,
        value=value,
        by=given.by,
        how=given.how,
        reason=given.reason,
        approval=False,
        **more,
    )
    if message is not None:
        message.done()


def take_at_hand(session: Session, step: PlannedStep, question: Question) -> Answered | None:
    """
    Take the answer to a question at work that was prepared or left by others, where there is one; nobody is asked.

    Raises `StepFailed` when it stops the run.
    """
    prompt = question.prompt()
    message = _from_inbox(session, step)
    given = _given_in(message) if message else session.asker.at_hand(step, prompt)
    if given is None:
        return None
    value, problem = _judge(session, step, prompt, question, given)
    if problem:
        session.record("warning", step=step.address, text=f"the answer of {given.by} was not taken: {problem}")
        if message:
            message.done()
        return None
    _keep(session, step, value, given, message, asked=prompt.text)
    reason = question.refused(value)
    if reason:
        raise StepFailed(f"{given.by} answered so that the run stops: {reason}")
    return Answered(value, given.by, session.planner.read.now(), given.reason)


def _one(
    session: Session, step: PlannedStep, prompt: Prompt, question: Question, problem: str
) -> tuple[Plain, Given, Message | None] | None:
    for _ in range(_TRIES):
        message = _from_inbox(session, step)
        given = _given_in(message) if message else session.asker.answer(step, prompt, problem)
        if given is None:
            return None
        value, problem = _judge(session, step, prompt, question, given)
        if not problem:
            return value, given, message
        if given.how != "terminal":
            session.record("warning", step=step.address, text=f"the answer of {given.by} was not taken: {problem}")
        if message:
            message.done()
    return None


def _judge(session: Session, step: PlannedStep, prompt: Prompt, question: Question, given: Given) -> tuple[Plain, str]:
    """Give the value of an answer, or why it is not taken."""
    problem = _unfit(session, step, prompt, given)
    if problem:
        return None, problem
    if given.how == "default" or (not given.text and prompt.has_default):
        return prompt.default, ""
    try:
        return question.accept(given.text), ""
    except ValueError as error:
        return None, str(error)


def _unfit(session: Session, step: PlannedStep, prompt: Prompt, given: Given) -> str:
    if prompt.kind == "approve" and session.protects(step) and given.how in ("option", "default"):
        return "in a protected environment an approval is not taken from the command line"
    told = session.planner.pool.redactor.labels(given.text.encode("utf-8", "surrogateescape"))
    if told:
        return f"it holds the value of {', '.join(told)}, which no journal may: a secret is given by reference"
    return barred(prompt, step.address, given.by, session.operators)


def barred(prompt: Prompt, address: str, by: str, operators: tuple[str, ...]) -> str:
    """Say why *by* may not answer, empty where they may; *operators* carry the run out."""
    if prompt.kind != "approve":
        return ""
    if prompt.not_operator and _user(by) in map(_user, operators):
        why = "" if told_apart() else f". {_NO_LOGINS}"
        return f"{by} carries out this run and may not approve {address}; somebody else must{why}"
    if prompt.names and not _is_one_of(by, prompt.names):
        return f"{by} may not approve {address}; {', '.join(prompt.names)} may"
    return ""


_NO_LOGINS: Final = (
    "This machine keeps no record of who logged in (/proc/self/loginuid is not set), so nobody who comes by sudo can be"
    " told from the operator: carry such a run out on a host that people log in to by ssh"
)


def _is_one_of(who: str, names: tuple[str, ...]) -> bool:
    return who in names or _user(who) in names


def _user(who: str) -> str:
    return who.split("@")[0].split(" ")[0]


def _from_inbox(session: Session, step: PlannedStep) -> Message | None:
    """Take the first answer to the question that others left; it is removed once it was judged and journalled."""
    for message in session.answers:
        if message.content["step"] in (step.address, step.id):
            session.answers.remove(message)
            return message
    return None


def _given_in(message: Message) -> Given:
    content = message.content
    return Given(str(content["text"]), str(content["by"]), "inbox", str(content.get("reason", "")))
