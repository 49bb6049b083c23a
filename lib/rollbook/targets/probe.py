"""What the reading sides of all targets have alike."""

from typing import Protocol


class Named(Protocol):
    """Anything that the inventory names."""

    @property
    def name(self) -> str:
        """The name in the inventory."""

    @property
    def kind(self) -> str:
        """The kind in the inventory."""


class BaseProbe:
    """Knows the name and kind of its target, and nothing by which it could be written to."""

    def __init__(self, target: Named) -> None:
        self._name = target.name
        self._kind = target.kind

    @property
    def name(self) -> str:
        """The target's name in the inventory."""
        return self._name

    @property
    def kind(self) -> str:
        """The target's kind in the inventory."""
        return self._kind
