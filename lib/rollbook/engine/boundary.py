"""The boundary before a step: what is over lasts, what others sent is taken in, and here a run stops."""

from ..plan import PlannedStep
from . import inbox
from .inbox import Message
from .session import Session


def boundary(session: Session, following: PlannedStep | None = None) -> None:
    """
    Take in what others sent, and stop here when somebody asked to.

    What is over survives a power cut from here on, unless the *following* step only journals its intent first.
    """
    if following is None or not _begins_at_once(following):
        session.journal.force()
    session.answers.clear()
    for message in inbox.take(session.folder.inbox):
        match message.kind:
            case "note":
                session.record("note", **message.content)
            case "answer" if over := _over(session, message):
                text = f"the answer of {message.content['by']} was not taken: it had been answered before"
                session.record("warning", step=over, text=text)
                message.done()
            case "answer":
                session.answers.append(message)
            case "pause":
                session.stopped_by = f"paused by {message.content.get('by', 'somebody')}"
                session.stop.set()
    session.check_stop()


def _over(session: Session, message: Message) -> str:
    """Give the address of the step that an answer is for where none that it may be for is still to come."""
    meant = [step.address for step in session.plan.steps if message.content["step"] in (step.address, step.id)]
    return meant[0] if meant and all(address in session.known for address in meant) else ""


def _begins_at_once(planned: PlannedStep) -> bool:
    """Tell of a step that nothing is looked at or asked for before its intent is journalled."""
    return planned.verdict == "run" and not planned.group and not planned.quorum
