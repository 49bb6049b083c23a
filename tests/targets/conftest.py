"""What tests of targets share: a pool made of settings, and an execution that remembers."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from rollbook.targets import Redactor, SecretStore, TargetPool
from rollbook.targets.base import TargetSpec
from rollbook.values import Plain


@dataclass
class Recorded:
    """An execution that keeps what it is told."""

    mark: str = ""
    timeout: float | None = None
    answers: tuple[Plain, ...] = ()
    stop: Callable[[], bool] = lambda: False
    output: bytearray = field(default_factory=bytearray)
    steps: list[tuple[int, int | None, str]] = field(default_factory=list)

    def write_output(self, chunk: bytes) -> None:
        self.output += chunk

    def progress(self, done: int, total: int | None, unit: Literal["B", "rows", "items"]) -> None:
        self.steps.append((done, total, unit))

    def stopping(self) -> bool:
        return self.stop()


MakePool = Callable[..., TargetPool]


@pytest.fixture
def make_pool() -> Iterator[MakePool]:
    """Make pools out of `name=(kind, settings)`; they are closed after the test."""
    pools: list[TargetPool] = []

    def make(environ: Mapping[str, str] | None = None, **targets: Any) -> TargetPool:
        redactor = Redactor()
        specs = {
            name: given if isinstance(given, TargetSpec) else TargetSpec(name, given[0], given[1])
            for name, given in targets.items()
        }
        pools.append(TargetPool(specs, SecretStore(environ or {}, redactor), redactor, label="rollbook test"))
        return pools[-1]

    yield make
    for pool in pools:
        pool.close()


@pytest.fixture
def execution() -> Recorded:
    """Give an execution without a time limit that nobody stops."""
    return Recorded()
