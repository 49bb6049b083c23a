"""What earlier planned steps will have written, so that a later one is planned on their result."""

from collections.abc import Sequence
from dataclasses import field
from typing import Any

from ..action import Action, AnyState, Readers, Subject
from ..dataclass import dataclass
from ..ops import MongoLoad, Op
from ..targets.base import MongoReader
from .readers import ForeseeingReaders


@dataclass(frozen=True, slots=True)
class Written:
    """
    The state that the step at *address* will leave of a subject, in terms of its own *kind*.

    What was *loaded* from a dump can be read before it is written, by steps of every kind.
    """

    address: str
    kind: str
    state: AnyState
    loaded: bool = False


@dataclass(slots=True)
class Projection:
    """Subject → what the last planned step that writes it will leave."""

    written: dict[Subject, Written] = field(default_factory=dict)
    blurred: dict[str, str] = field(default_factory=dict)
    loads: list[MongoLoad] = field(default_factory=list)
    loaded: dict[str, MongoReader] = field(default_factory=dict)

    def add(self, address: str, action: Action[Any], after: AnyState, ops: Sequence[Op] = ()) -> None:
        """Note that a planned step writes its subjects, by these *ops* where they can be foreseen."""
        loads = [op for op in ops if isinstance(op, MongoLoad)]
        foreseen = bool(loads) and len(loads) == len(ops)
        for subject in action.subjects():
            self.written[subject] = Written(address, action.kind, after, foreseen)
        if foreseen:
            self.loads += loads
            self.loaded.clear()

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
        """Tell whether a planned step writes a subject of *action*, but by loads."""
        return any(subject in self.written and not self.written[subject].loaded for subject in action.subjects())

    def over(self, read: Readers) -> Readers:
        """Give readers that see what planned steps will have loaded; what one read of it, all share."""
        for name in {load.target for load in self.loads} - self.loaded.keys():
            reader = read[name]
            if isinstance(reader, MongoReader):
                self.loaded[name] = reader.after([load for load in self.loads if load.target == name])
        return ForeseeingReaders(read, self.loaded) if self.loaded else read

    def foreseen(self, action: Action[Any]) -> str:
        """Name the step of another kind whose loads *action* will find, if there is one."""
        touched = (self.written[subject] for subject in action.subjects() if subject in self.written)
        return next((entry.address for entry in touched if entry.loaded and entry.kind != action.kind), "")

    def before(self, action: Action[Any]) -> tuple[AnyState, str]:
        """
        Give the state that *action* will find, and the address of the step that makes it unknowable.

        `(None, "")`: nothing planned touches it but by loads, so probe with the readers of `over`. `(state, "")`: as an
        earlier step of the same kind leaves it. `(None, address)`: a step of another kind writes it, so it is known
        only after that.
        """
        for subject in action.subjects():
            if subject.target in self.blurred:
                return None, self.blurred[subject.target]
        found = (self.written[subject] for subject in sorted(action.subjects()) if subject in self.written)
        touched = [entry for entry in found if not entry.loaded or entry.kind == action.kind]
        for entry in touched:
            if entry.kind != action.kind or action.family == "fact":
                return None, entry.address
        subjects = action.subjects()
        # A state is that of all subjects at once, as one step leaves them.
        if touched and len(touched) == len(subjects) and len({entry.address for entry in touched}) == 1:
            return touched[-1].state, ""
        return None, touched[-1].address if touched else ""
