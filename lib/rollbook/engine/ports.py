"""What the engine needs from whoever started it: somebody who answers, and somebody who watches."""

from collections.abc import Collection, Mapping
from dataclasses import field
from typing import Literal, Protocol

from ..action import Prompt
from ..dataclass import dataclass
from ..journal import Record
from ..plan import Plan, PlannedStep, answer_to
from ..values import Plain

OnFailure = Literal["retry", "skip", "done", "undo", "stop"]
OnDoubt = Literal["done", "redo", "abort"]


@dataclass(frozen=True, slots=True)
class Given:
    """What somebody typed: *text* for the question's `accept`, *by* `user@host`, and *how* it came."""

    text: str
    by: str
    how: Literal["terminal", "option", "default", "inbox"] = "terminal"
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """
    What to do with a step that failed; a skip and a "done" need a *reason*.

    Nobody is offered `leave`: to go past what is left of the stage, as a playbook may say of it.
    """

    what: OnFailure | Literal["leave"]
    reason: str = ""


class Asker(Protocol):
    """Puts questions to people. Every method may return None: nobody can answer now, so the run waits or stops."""

    def answer(self, step: PlannedStep, prompt: Prompt, problem: str) -> Given | None:
        """Ask *prompt*; *problem* says why the answer before was not accepted, or is empty."""

    def at_hand(self, step: PlannedStep, prompt: Prompt) -> Given | None:
        """Give the answer to *prompt* that was prepared, and ask nobody."""

    def agree(self, plan: Plan, steps: tuple[PlannedStep, ...], why: str) -> bool | None:
        """Show the newly planned *steps* of *plan* and ask whether to go on with them."""

    def after_failure(self, step: PlannedStep, error: str) -> Decision | None:
        """Ask what to do with a step that failed; None: as its `on_failure` says."""

    def in_doubt(self, step: PlannedStep, found: Plain, why: str) -> OnDoubt | None:
        """Ask what became of a step that began and did not end, after showing what a probe *found*."""

    def told_doubt(self, step: PlannedStep) -> OnDoubt | None:
        """Give what was said of the step beforehand, and ask nobody."""


class Watcher(Protocol):
    """Sees everything as it happens; never decides anything. Called from several threads where a group runs."""

    def record(self, record: Record) -> None:
        """See a record just after it is on disk."""

    def output(self, address: str, chunk: bytes) -> None:
        """See redacted output of a running command."""

    def progress(self, address: str, done: int, total: int | None, unit: str) -> None:
        """See how far an op is."""


class Silent:
    """A watcher that sees nothing."""

    def record(self, record: Record) -> None:
        """Pass."""

    def output(self, address: str, chunk: bytes) -> None:
        """Pass."""

    def progress(self, address: str, done: int, total: int | None, unit: str) -> None:
        """Pass."""


@dataclass(frozen=True, slots=True)
class Nobody:
    """
    An asker without a terminal: gives the *answers* it was given (address or step id → text), else None.

    *own* are the ids of the runbook's own steps, which mean no other.
    """

    answers: Mapping[str, str]
    by: str
    doubts: Mapping[str, OnDoubt]
    agrees: bool = False
    own: Collection[str] = field(default=(), kw_only=True)

    def answer(self, step: PlannedStep, prompt: Prompt, problem: str) -> Given | None:
        """Give the answer named for the step; once only, so a refused answer waits."""
        text = answer_to(step.address, step.id, self.answers, self.own)
        if text is None or problem:
            return None
        if text == "default":
            return Given("", self.by, "default") if prompt.has_default else None
        return Given(text, self.by, "option")

    def at_hand(self, step: PlannedStep, prompt: Prompt) -> Given | None:
        """Give the same answer."""
        return self.answer(step, prompt, "")

    def agree(self, plan: Plan, steps: tuple[PlannedStep, ...], why: str) -> bool | None:  # noqa: ARG002  # --yes agrees to any
        """Agree when told to beforehand."""
        return True if self.agrees else None

    def after_failure(self, step: PlannedStep, error: str) -> Decision | None:  # noqa: ARG002  # on_failure decides
        """Leave it to the step's on_failure."""
        return None

    def in_doubt(self, step: PlannedStep, found: Plain, why: str) -> OnDoubt | None:  # noqa: ARG002  # told beforehand
        """Say what was told beforehand with --doubt."""
        return self.told_doubt(step)

    def told_doubt(self, step: PlannedStep) -> OnDoubt | None:
        """Give what --doubt says."""
        return self.doubts.get(step.address, self.doubts.get(step.id))
