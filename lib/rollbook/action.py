"""
The contract of an action: a state type, a probe and a transition.

A kind is one frozen dataclass whose fields are its YAML schema. Everything else (plan, apply,
verify, undo) is derived here and in the engine, and written nowhere else.
"""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, field, fields
from functools import cache
from typing import (
    Any,
    ClassVar,
    Final,
    Generic,
    Literal,
    Protocol,
    Self,
    TypeAlias,
    TypeVar,
    cast,
    get_args,
    get_type_hints,
    overload,
)

from .dataclass import dataclass
from .errors import RefusedError
from .ops import Op, OpResult
from .schema import encode
from .targets.base import Reader
from .values import Plain

AnyState: TypeAlias = Any  # a state of whatever kind, where the kind is known only at run time
S = TypeVar("S")
T = TypeVar("T")
V = TypeVar("V")
R = TypeVar("R", bound=Reader, covariant=True)

Family = Literal["fact", "state", "artefact", "command", "assertion", "question"]
Verdict = Literal["read", "noop", "create", "update", "delete", "run", "ask", "unknown", "skip"]
Effect = Literal["read", "idempotent", "once"]

_EVIDENCE: Final = "evidence"
_IDENTITY: Final = "identity"


def evidence(*, default: Any = MISSING, help: str = "") -> Any:  # noqa: A002, ANN401  # shaped like dataclasses.field
    """Declare a state field that is shown and journalled but takes no part in drift, verify or undo."""
    return field(default=default, metadata={_EVIDENCE: True, "help": help})


def identity(*, default: Any = MISSING, help: str = "") -> Any:  # noqa: A002, ANN401  # shaped like dataclasses.field
    """Declare a fact's field in which it may drift (a checksum, a schema's digest); its other fields are evidence."""
    return field(default=default, metadata={_IDENTITY: True, "help": help})


@dataclass(frozen=True, slots=True)
class Ref(Generic[R]):
    """A reference to a target by its name in the runbook; the parameter says what reader it must give."""

    name: str

    @classmethod
    def __convert__(cls, content: object) -> Self:
        """Take a target's name."""
        match content:
            case Ref(name=name):
                return cls(name)
            case str(name) if name:
                return cls(name)
        raise ValueError("expected the name of a target")

    def __encode__(self) -> Plain:
        """Give the name."""
        return self.name

    @classmethod
    def __json_schema__(cls) -> dict[str, Plain]:
        """Describe a target's name."""
        return {"type": "string", "description": "a target's name"}

    def __str__(self) -> str:
        return self.name


class Readers(Protocol):
    """The targets by reference, readable only; with the run's clock."""

    @overload
    def __getitem__(self, ref: "Ref[R]") -> R: ...
    @overload
    def __getitem__(self, ref: str) -> Reader: ...

    def __contains__(self, ref: object) -> bool:
        """Tell whether the environment has this target (by Ref or name)."""

    def pause(self, seconds: float) -> None:
        """Wait between two looks; raises `Interrupted` as soon as the operator asks to stop."""

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back."""

    def now(self) -> str:
        """Tell the time as ISO 8601 UTC with milliseconds and Z."""


@dataclass(frozen=True, slots=True, order=True)
class Subject:
    """Something that a step reads or writes: a thing of some *kind* and *name* on a target."""

    target: str
    kind: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Change(Generic[S]):
    """State found, state wanted, and the ops between."""

    before: S
    after: S
    ops: tuple[Op, ...] = ()


@dataclass(frozen=True, slots=True)
class Reverse(Generic[S]):
    """The change can be taken back: *goal* is the state to bring about, by default what was there before."""

    goal: S
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Leave:
    """
    The change stays after an undo, and why that is right (a backup made, a mail sent).

    What *stands* is needed by those that the undo reverses: when that is undone in turn, it is not made anew.
    """

    reason: str
    stands: bool = False


@dataclass(frozen=True, slots=True)
class Refuse:
    """The change cannot be taken back, and why; blocks an undo past this step."""

    reason: str


Undo = Reverse[S] | Leave | Refuse


@dataclass(frozen=True, slots=True)
class Action(Generic[S]):
    """
    One use of a kind. Subclasses set *kind* and add fields; every method but `probe` is pure.

    A kind's docstring is its page of the documentation, *example* its YAML arguments there. *by_hand* says how a
    person does the same without Rollbook, as Markdown; `<NAME>` in it stands for the argument of that name.
    """

    kind: ClassVar[str]
    family: ClassVar[Family] = "state"
    state: ClassVar[type[Any]]
    example: ClassVar[Mapping[str, Plain]] = {}
    by_hand: ClassVar[str] = ""
    output_names: ClassVar[tuple[str, ...] | None] = None

    def __init_subclass__(cls) -> None:
        for base in cls.__dict__.get("__orig_bases__", ()):
            arguments = [part for part in get_args(base) if isinstance(part, type)]
            if arguments:
                cls.state = arguments[0]

    def subjects(self) -> frozenset[Subject]:
        """Name what the step reads or writes; by default the kind itself on each target it refers to."""
        return frozenset(Subject(name, self.kind) for name in self.target_names())

    def target_names(self) -> tuple[str, ...]:
        """Name the targets that the step refers to."""
        values = (getattr(self, part.name) for part in fields(self))
        return tuple(value.name for value in values if isinstance(value, Ref))

    @abstractmethod
    def probe(self, read: Readers) -> S:
        """Read the present state."""

    def probe_for(self, read: Readers, goal: S) -> S:  # noqa: ARG002  # most kinds read the same either way
        """
        Read the present state on the way to *goal*, in an undo.

        For kinds that must look at what they lead to: an undo leads elsewhere than the arguments say.
        """
        return self.probe(read)

    def probe_after(self, read: Readers, goal: S) -> S:  # noqa: ARG002  # most kinds read the same either way
        """Read the state that an undo came to, which is to be *goal*."""
        return self.probe(read)

    def desired(self, before: S) -> S:
        """Say what the state should be; the state found, for kinds that only read."""
        return before

    def ops(self, old: S, new: S) -> tuple[Op, ...]:  # noqa: ARG002  # kinds that only read have none
        """
        Give the writes that lead from *old* to *new*, in order.

        After a crash between two ops, `ops(found, new)` must be the rest of `ops(old, new)`:
        that is how a resume knows how far it came.
        """
        return ()

    def undo(self, change: Change[S]) -> Undo[S]:
        """Decide how an undo treats a change that was made."""
        return Reverse(change.before)

    def outputs(self, after: S, results: Sequence[OpResult]) -> Mapping[str, Plain]:
        """Give values to later steps: the fields of the state, then what the ops gave."""
        given: dict[str, Plain] = dict(encode(after))
        for result in results:
            given.update(result.outputs)
        return given

    def verdict(self, change: Change[S]) -> Verdict:
        """Sort the change for the plan."""
        if not change.ops:
            return "read" if self.family in ("fact", "assertion") else "noop"
        there = getattr(change.before, "exists", None), getattr(change.after, "exists", None)
        match there:
            case (False, True):
                return "create"
            case (True, False):
                return "delete"
        return "update"

    def effect(self) -> Effect:
        """Say what a resume may do with a step that began and did not end."""
        return "idempotent"

    def proof(self, read: Readers) -> "Outcome | None":  # noqa: ARG002  # most states prove themselves when probed
        """
        Look, once the ops were carried out, whether they had the effect that people want; None where the state tells.

        For commands that end well and did nothing. What does not pass fails the step.
        """
        return None

    def details(self, change: Change[S]) -> tuple[str, ...]:  # noqa: ARG002  # most changes are told by their fields
        """Give lines that the plan and the report show below the change; made from the states only."""
        return ()

    def came_about(self, before: S, after: S) -> tuple[str, ...]:  # noqa: ARG002  # most changes are known beforehand
        """Give lines that the report shows above those of the plan: what is known only once the change is made."""
        return ()


@dataclass(frozen=True, slots=True)
class Fact(Action[S]):
    """Reads something; runs for real while planning, so that later steps see its outputs."""

    family: ClassVar[Family] = "fact"

    def undo(self, change: Change[S]) -> Undo[S]:  # noqa: ARG002  # nothing was changed
        """Leave it: nothing was changed."""
        return Leave("it only read")

    def refusal(self, state: S) -> RefusedError | str | None:  # noqa: ARG002  # most facts accept what they read
        """
        Say why the runbook must stop on what was read, as an error where there is advice to give, or None.

        Asked while planning and again at the step's turn: a refusal refuses the run before anything is touched.
        """
        return None


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    How an assertion ended; *message* tells what was looked at and what was found.

    A *warning* is told at once, and in the report: of what it passed without having been able to look at.
    """

    passed: bool
    message: str
    seen: Mapping[str, Plain] = field(default_factory=dict)
    warning: str = ""


@dataclass(frozen=True, slots=True)
class Assertion(Action[Outcome]):
    """Passes or fails; probed at its turn only, never while planning."""

    family: ClassVar[Family] = "assertion"

    def describe(self) -> str:
        """Say what will be looked at, for the plan: in one line, or one for each thing."""
        return ""

    def foretell(self, read: Readers) -> tuple[str, ...]:  # noqa: ARG002  # most have nothing to tell beforehand
        """
        Look while planning at what had better be known before the run; gives lines for the plan, and never raises.

        They bind nothing, and decide nothing: the step looks again in its turn.
        """
        return ()

    def undo(self, change: Change[Outcome]) -> Undo[Outcome]:  # noqa: ARG002  # nothing was changed
        """Leave it: nothing was changed."""
        return Leave("it only looked")


PromptKind = Literal["confirm", "approve", "choose", "input", "checklist", "task"]


@dataclass(frozen=True, slots=True)
class Choice:
    """One possible answer; *value* goes to later steps, *label* is what people read."""

    value: Plain
    label: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Prompt:
    """
    A question to people, as data; *names* may answer it (anybody when empty), *quorum* of them must.

    *not_operator*: whoever runs the runbook may not be one of them. *seen* is shown in a terminal, and written nowhere.
    """

    kind: PromptKind
    text: str
    choices: tuple[Choice, ...] = ()
    default: Plain = None
    has_default: bool = False
    items: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    quorum: int = 1
    not_operator: bool = False
    seen: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer: its *value*, who gave it and when (ISO 8601 UTC)."""

    value: Plain = None
    by: str = evidence(default="")
    at: str = evidence(default="")
    reason: str = evidence(default="")


@dataclass(frozen=True, slots=True)
class Question(Action[Answer]):
    """Asks people; the engine puts the prompt to an asker, the command line answers it."""

    family: ClassVar[Family] = "question"

    @abstractmethod
    def prompt(self) -> Prompt:
        """Give the question."""

    @abstractmethod
    def accept(self, text: str) -> Plain:
        """Turn typed *text* into the value; raises ValueError saying what would be accepted."""

    def refused(self, value: Plain) -> str | None:  # noqa: ARG002  # most answers let the run go on
        """Say why the run stops on this answer ("no" to a confirm), or None."""
        return None

    def probe(self, read: Readers) -> Answer:  # noqa: ARG002  # nothing can be read before somebody answers
        """Give the empty answer."""
        return Answer()

    def undo(self, change: Change[Answer]) -> Undo[Answer]:  # noqa: ARG002  # an answer stays given
        """Leave it: an answer stays given."""
        return Leave("an answer stays given")


def _once(function: Callable[[T], V]) -> Callable[[T], V]:
    # Typed as what it wraps: to mypy, a class that may be any is not hashable.
    return cast("Callable[[T], V]", cache(function))


@_once
def compared_fields(state: type[Any]) -> tuple[str, ...]:
    """Name the fields of a state in which it may drift and by which it is verified."""
    return tuple(part.name for part in fields(state) if not part.metadata.get(_EVIDENCE))


@_once
def identity_fields(state: type[Any]) -> tuple[str, ...]:
    """Name the fields of a fact's state in which it may drift."""
    return tuple(part.name for part in fields(state) if part.metadata.get(_IDENTITY))


@_once
def reader_types(action: type[Action[Any]]) -> Mapping[str, type[Reader]]:
    """Give, for each field that refers to a target, the reader it must give."""
    found: dict[str, type[Reader]] = {}
    for name, hint in get_type_hints(action).items():
        for part in (hint, *get_args(hint)):
            if getattr(part, "__origin__", None) is Ref:
                found[name] = get_args(part)[0]
    return found
