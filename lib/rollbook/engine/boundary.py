"""The boundary before a step: what is over lasts, what others sent is taken in, and here a run stops."""

from ..plan import PlannedStep
from . import inbox
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
            case "answer":
                session.answers.append(message)
            case "pause":
                session.stopped_by = f"paused by {message.content.get('by', 'somebody')}"
                session.stop.set()
    session.check_stop()


def _begins_at_once(planned: PlannedStep) -> bool:
    """Tell of a step that nothing is looked at or asked for before its intent is journalled."""
    return planned.verdict == "run" and not planned.group and not planned.quorum
