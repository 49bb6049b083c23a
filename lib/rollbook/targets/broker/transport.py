"""What a transport can do for a broker target."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from ...queues import Message


class Transport(Protocol):
    """A way to the messages; every method may raise `Unreachable`."""

    def identity(self) -> Mapping[str, str]:
        """Say which broker it is."""

    def length(self, queue: str) -> int:
        """Count what waits."""

    def reserved(self, queue: str) -> int | None:
        """Count what workers hold and have not ended; None where the transport does not tell."""

    def messages(self, queue: str) -> Iterator[Message]:
        """Read what waits, the next one last; memory stays bounded."""

    def is_held(self, queue: str, hold: str) -> bool:
        """Tell whether a hold is there."""

    def held(self, queue: str, hold: str) -> Iterator[Message]:
        """Read what is in a hold, in the order of `messages`."""

    def take(self, queue: str, hold: str) -> None:
        """Put all that waits into a hold; carried out twice, it is done once."""

    def settle(self, queue: str, hold: str, back: Iterable[Message]) -> None:
        """Put these messages of a hold back and drop it."""

    def give_back(self, queue: str, hold: str, messages: Iterable[Message]) -> None:
        """Put messages before those that wait, and leave a mark with them."""

    def is_returned(self, queue: str, hold: str) -> bool:
        """Tell whether that mark is there."""

    def forget(self, queue: str, hold: str) -> None:
        """Remove the mark."""

    def close(self) -> None:
        """Close connections; may be called twice."""
