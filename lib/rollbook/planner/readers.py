"""The readers that probes get: targets by reference, the clock, and a wait that can be stopped."""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Protocol, TypeVar, overload

from ..action import Readers, Ref
from ..errors import Interrupted
from ..ops import Execution, Op, OpResult
from ..targets.base import Reader, Target
from ..targets.redaction import Redactor
from ..values import Secret

R = TypeVar("R", bound=Reader, covariant=True)


class Pool(Protocol):
    """The open targets of an environment; `targets.TargetPool` is one, tests have their own."""

    def reader(self, name: str) -> Reader:
        """Give the read-only side of a target. Raises `NotFoundError`."""

    def target(self, name: str) -> Target:
        """Give a target; for the engine only."""

    def execute(self, op: Op, execution: Execution) -> OpResult:
        """Hand an op to its target; for the engine only."""

    def shown(self, op: Op) -> tuple[str, ...]:
        """Give what is sent for *op*, with the prefix or host that it goes through."""

    def running(self, target: str, mark: str) -> tuple[int, ...]:
        """Name a step's processes that are still alive."""

    def look_up(self, secret: Secret) -> None:
        """Look a secret up. Raises `SecretError`."""

    def prime(self, secrets: Iterable[Secret]) -> None:
        """Hide the values of those of *secrets* that are cheap to look up."""

    def secrets_of(self, names: Iterable[str]) -> tuple[Secret, ...]:
        """Give the secrets by which targets are reached."""

    @property
    def redactor(self) -> Redactor:
        """What takes this environment's secrets out of texts."""

    def __contains__(self, name: object) -> bool: ...


class ForeseeingReaders:
    """Readers that see, beside what is there, what planned steps will have loaded: *seen* by the target's name."""

    def __init__(self, read: Readers, seen: Mapping[str, Reader]) -> None:
        self._read = read
        self._seen = seen
        self.pause, self.monotonic, self.now = read.pause, read.monotonic, read.now

    @overload
    def __getitem__(self, ref: Ref[R]) -> R: ...
    @overload
    def __getitem__(self, ref: str) -> Reader: ...
    def __getitem__(self, ref: Ref[R] | str) -> R | Reader:
        name = ref.name if isinstance(ref, Ref) else ref
        return self._seen[name] if name in self._seen else self._read[name]

    def __contains__(self, ref: object) -> bool:
        return ref in self._read


class LiveReaders:
    """
    Readers on the real systems. *stop* is set when the operator asks to stop: waits end with `Interrupted`.

    Of the pool it uses `reader` alone, so a probe has no way to a target that can be written to.
    """

    def __init__(self, pool: Pool, clock: Callable[[], datetime], stop: threading.Event) -> None:
        self._pool = pool
        self._clock = clock
        self._stop = stop

    @overload
    def __getitem__(self, ref: Ref[R]) -> R: ...
    @overload
    def __getitem__(self, ref: str) -> Reader: ...
    def __getitem__(self, ref: Ref[R] | str) -> R | Reader:
        return self._pool.reader(ref.name if isinstance(ref, Ref) else ref)

    def __contains__(self, ref: object) -> bool:
        return (ref.name if isinstance(ref, Ref) else ref) in self._pool

    def pause(self, seconds: float) -> None:
        """Wait; raises `Interrupted` as soon as the operator asks to stop."""
        if self._stop.wait(max(0.0, seconds)):
            raise Interrupted("Stopped while waiting.")

    def monotonic(self) -> float:
        """Read the clock that never goes back."""
        return time.monotonic()

    def now(self) -> str:
        """Read the run's clock."""
        return self._clock().astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
