"""`assert.that`: conditions that must hold."""

from collections.abc import Mapping
from dataclasses import field
from typing import ClassVar

from ...action import Assertion, Outcome, Readers, Subject
from ...dataclass import dataclass
from ...values import Plain


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition, and what to tell the operator when it does not hold."""

    that: bool
    message: str = ""


@dataclass(frozen=True, slots=True)
class AssertThat(Assertion):
    """
    Stop unless conditions hold.

    One is written as `that` with a `message`; several as `all`, a list of such pairs: every one
    that fails is told, not only the first.
    """

    kind: ClassVar[str] = "assert.that"
    example: ClassVar[Mapping[str, Plain]] = {
        "that": "{{ steps.count.outputs.rows > 0 }}",
        "message": "The table is empty: restore it first.",
    }

    that: bool | None = field(default=None, metadata={"help": "an expression that gives true or false"})
    message: str = field(default="", metadata={"help": "what to tell when it does not hold, and what to do"})
    all_: tuple[Condition, ...] = field(default=(), metadata={"help": "several conditions, all looked at"})

    def __post_init__(self) -> None:
        if (self.that is None) == (not self.all_):
            raise ValueError("expected either `that` or `all`, with at least one condition")
        if self.message and self.that is None:
            raise ValueError("with `all`, each condition has its own message")

    def _conditions(self) -> tuple[Condition, ...]:
        return self.all_ if self.that is None else (Condition(self.that, self.message),)

    def subjects(self) -> frozenset[Subject]:
        """Name nothing: no target is looked at."""
        return frozenset()

    def describe(self) -> str:
        """Say what must hold."""
        messages = [condition.message for condition in self._conditions() if condition.message]
        return "; ".join(f"or stop: {message}" for message in messages) or "a condition must hold"

    def probe(self, read: Readers) -> Outcome:  # noqa: ARG002  # the conditions were worked out before
        """Tell which conditions do not hold."""
        conditions = self._conditions()
        failed = [
            condition.message or f"condition {number} does not hold"
            for number, condition in enumerate(conditions, 1)
            if not condition.that
        ]
        count = "the condition holds" if len(conditions) == 1 else f"all {len(conditions)} conditions hold"
        return Outcome(not failed, "; ".join(failed) or count)
