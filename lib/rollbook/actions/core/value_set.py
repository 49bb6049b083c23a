"""`value.set`: values for later steps."""

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import ClassVar

from ...action import Fact, Readers, Subject
from ...dataclass import dataclass
from ...ops import OpResult
from ...values import Plain


@dataclass(frozen=True, slots=True)
class SetValues:
    """What was worked out."""

    values: Mapping[str, Plain] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ValueSet(Fact[SetValues]):
    """
    Work something out once and give it a name.

    `value` becomes the output `value`; `values` gives several, each an output of its own name.
    """

    kind: ClassVar[str] = "value.set"
    example: ClassVar[Mapping[str, Plain]] = {"values": {"window": "2h", "channel": "ops"}}

    value: Plain = None
    values: Mapping[str, Plain] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if "value" in self.values:
            raise ValueError("values: `value` is given by the argument of that name")

    def subjects(self) -> frozenset[Subject]:
        """Name nothing: no target is looked at."""
        return frozenset()

    def probe(self, read: Readers) -> SetValues:  # noqa: ARG002  # nothing is read
        """Give the values, which were worked out when the arguments were rendered."""
        return SetValues({"value": self.value, **self.values} if self.value is not None else dict(self.values))

    def outputs(self, after: SetValues, results: Sequence[OpResult]) -> Mapping[str, Plain]:  # noqa: ARG002  # no ops
        """Give each value under its own name."""
        return dict(after.values)
