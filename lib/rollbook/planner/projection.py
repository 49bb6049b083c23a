"""What earlier planned steps will have written, so that a later one is planned on their result."""

from dataclasses import field
from typing import Any

from ..action import Action, AnyState, Subject
from ..dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Written:
    """The state that the step at *address* will leave of a subject, in terms of its own *kind*."""

    address: str
    kind: str
    state: AnyState


@dataclass(slots=True)
class Projection:
    """Subject → what the last planned step that writes it will leave."""

    written: dict[Subject, Written] = field(default_factory=dict)
    blurred: dict[str, str] = field(default_factory=dict)

    def add(self, address: str, action: Action[Any], after: AnyState) -> None:
        """Note that a planned step writes its subjects."""
        for subject in action.subjects():
            self.written[subject] = Written(address, action.kind, after)

    def hide(self, address: str, action: Action[Any]) -> None:
        """Note that a step that is not known yet may write its subjects."""
        if action.family in ("state", "artefact", "command"):
            for subject in action.subjects():
                self.written[subject] = Written(address, "", None)

    def blur(self, address: str, targets: tuple[str, ...]) -> None:
        """Note that a step may write anything on *targets*: not even its subjects are known."""
        for target in targets:
            self.blurred[target] = address

    def touches(self, action: Action[Any]) -> bool:
        """Tell whether a planned step writes a subject of *action*."""
        return any(subject in self.written for subject in action.subjects())

    def before(self, action: Action[Any]) -> tuple[AnyState, str]:
        """
        Give the state that *action* will find, and the address of the step that makes it unknowable.

        `(None, "")`: nothing planned touches it, so probe. `(state, "")`: as an earlier step of the same
        kind leaves it. `(None, address)`: a step of another kind writes it, so it is known only after that.
        """
        for subject in action.subjects():
            if subject.target in self.blurred:
                return None, self.blurred[subject.target]
        touched = [self.written[subject] for subject in sorted(action.subjects()) if subject in self.written]
        for entry in touched:
            if entry.kind != action.kind or action.family == "fact":
                return None, entry.address
        subjects = action.subjects()
        if touched and len(touched) == len(subjects):
            return touched[-1].state, ""
        return None, touched[-1].address if touched else ""
