"""What every kind of target is given, and what all of them do alike."""

from abc import abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from threading import RLock
from typing import ClassVar, Final, Generic, Protocol, TypeVar

from ..dataclass import dataclass
from ..errors import TargetError, Unreachable
from ..ops import Execution, Op, OpResult
from ..values import Plain, Secret
from .base import Finding, Reader, Target, TargetSpec
from .redaction import Redactor
from .secrets import SecretStore

C = TypeVar("C")
CLOCK_SKEW: Final = 5.0  # seconds


def hush(logger: str) -> None:
    """Keep a driver's log from standard error; what it says there is raised as well."""
    import logging

    found = logging.getLogger(logger)
    if not found.handlers:
        found.addHandler(logging.NullHandler())


class Others(Protocol):
    """The other targets of the environment, for those that are reached through one."""

    def target(self, name: str) -> Target:
        """Give a target by name; raises `NotFoundError`."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Secrets, redaction and neighbours of a target; *label* tells servers who is connected (`rollbook <run>`)."""

    secrets: SecretStore
    redactor: Redactor
    others: Others
    label: str = "rollbook"


class BaseTarget(Generic[C]):
    """A target with its settings, as the inventory has it; subclasses set *kind_name* and carry out ops."""

    kind_name: ClassVar[str]

    def __init__(self, spec: TargetSpec, settings: C, surroundings: Surroundings) -> None:
        self.spec = spec
        self.settings = settings
        self.surroundings = surroundings
        self.guard = RLock()

    @property
    def name(self) -> str:
        """The name in the inventory."""
        return self.spec.name

    @property
    def kind(self) -> str:
        """The kind in the inventory."""
        return self.spec.kind

    @property
    def secrets(self) -> SecretStore:
        """Where secrets are looked up."""
        return self.surroundings.secrets

    @property
    def redactor(self) -> Redactor:
        """What takes secrets out of everything that comes back."""
        return self.surroundings.redactor

    @abstractmethod
    def reader(self) -> Reader:
        """Give the read-only side; the same object each time."""

    def execute(self, op: Op, execution: Execution) -> OpResult:  # noqa: ARG002  # the kinds that write override it
        """Refuse an op that this kind does not know."""
        raise self.misplaced(op)

    def forbidden(self, op: Op) -> tuple[Finding, ...]:  # noqa: ARG002  # the kinds that can tell override it
        """Find nothing that keeps the account from it: this kind cannot tell before."""
        return ()

    def shown(self, op: Op) -> tuple[str, ...]:
        """Give what is sent for *op*, as a person would type it here; kinds that go through something else say so."""
        return op.render()

    def misplaced(self, op: Op) -> TargetError:
        """Make the error for an op that this kind cannot carry out."""
        return TargetError(
            f"target {self.name!r} ({self.kind}) cannot carry out {op.op!r}",
            advice="Point the step at a target of another kind.",
        )

    def safe(self, text: object) -> str:
        """Give *text* without secrets, for messages."""
        return self.redactor.text(str(text)).strip()

    def check(self) -> tuple[Finding, ...]:
        """Look whether the target answers and is the one expected, then whatever the kind adds; writes nothing."""
        try:
            found = self.reader().identity()
        except Unreachable as error:
            return (self.finding("reachable", "missing", error.message, error.advice),)
        except TargetError as error:
            return (self.finding("usable", "missing", error.message, error.advice),)
        return (self.finding("reachable", "ok", _joined(found)), *self._expected(found), *self.findings())

    def findings(self) -> tuple[Finding, ...]:
        """Look at what the kind needs besides answering (tools, rights)."""
        return ()

    def finding(
        self, subject: str, severity: str, message: str, advice: str = "", kinds: tuple[str, ...] = ()
    ) -> Finding:
        """Make one line of a preflight."""
        match severity:
            case "ok" | "warning" | "missing":
                return Finding(self.name, subject, severity, self.safe(message), advice, kinds)
        raise ValueError(severity)

    def clock_finding(self, theirs: datetime) -> Finding:
        """Compare the server's clock with this machine's: history, pruning and reports are read by their times."""
        skew = abs((datetime.now(UTC) - theirs.astimezone(UTC)).total_seconds())
        if skew <= CLOCK_SKEW:
            return self.finding("clock", "ok", f"its clock is within {CLOCK_SKEW:.0f} s of this machine's")
        return self.finding(
            "clock",
            "warning",
            f"its clock and this machine's are {skew:.0f} s apart",
            "Have both keep time (NTP) before times of the two are compared.",
        )

    def _expected(self, found: Mapping[str, str]) -> tuple[Finding, ...]:
        return tuple(self._compared(key, wanted, found) for key, wanted in self.spec.expect.items())

    def _compared(self, key: str, wanted: str, found: Mapping[str, str]) -> Finding:
        if found.get(key) == wanted:
            return self.finding("identity", "ok", f"{key} is {wanted}, as expected")
        if key not in found:
            return self.finding(
                "identity",
                "missing",
                f"{key} should be {wanted} and is not told by this server, which tells {', '.join(found) or 'nothing'}",
                "Is it of another make than was thought, or may the account not ask? MySQL has server_uuid, MariaDB "
                "server_uid, PostgreSQL system_identifier. Expect what it does tell, once you know that it is the one.",
            )
        return self.finding(
            "identity",
            "missing",
            f"{key} should be {wanted} and is {found[key]}",
            "This is another system than the inventory means. Check the address; "
            "correct expect: only when the system was replaced on purpose.",
        )

    def lock(self, name: str) -> "AbstractContextManager[None] | None":  # noqa: ARG002  # most kinds have none
        """Give no lock."""
        return None

    def close(self) -> None:
        """Close connections; may be called twice."""


def _joined(found: Mapping[str, str]) -> str:
    return ", ".join(f"{key} {value}" for key, value in found.items()) or "answers"


def secrets_in(value: Plain) -> tuple[Secret, ...]:
    """Find every reference to a secret in plain settings, in either form."""
    found: list[Secret] = []
    parts: list[Plain] = [value]
    for part in parts:  # which grows meanwhile; a plan has ten thousands of them, most of them texts
        if part is None or isinstance(part, str | int | float):
            continue
        match part:
            case Secret():
                found.append(part)
            case {"secret": str(reference), **rest} if not rest:
                found.append(Secret(reference))
            case dict() | Mapping():
                parts += part.values()
            case list() | tuple():
                parts += part
    return tuple(found)
