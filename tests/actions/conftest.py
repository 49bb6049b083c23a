"""What tests of actions share: this machine as a target, read and written for real."""

import os
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from rollbook.action import Action, Change, Reverse
from rollbook.ops import Op, OpResult
from rollbook.planner.readers import LiveReaders
from rollbook.registry import action_type
from rollbook.schema import build
from rollbook.targets import Redactor, SecretStore, TargetPool
from rollbook.targets.base import TargetSpec
from rollbook.testing import FakeExecution
from rollbook.values import Plain

from .slow_site import SlowSite, open_slow_site


@dataclass
class Machine:
    """This machine: plans and carries out one action at a time."""

    pool: TargetPool
    stop: threading.Event = field(default_factory=threading.Event)
    execution: FakeExecution = field(default_factory=FakeExecution)

    @property
    def read(self) -> LiveReaders:
        return LiveReaders(self.pool, lambda: datetime.now(UTC), self.stop)

    def plan(self, action: Action[Any]) -> Change[Any]:
        before = action.probe(self.read)
        after = action.desired(before)
        return Change(before, after, action.ops(before, after))

    def carry_out(self, *ops: Op) -> tuple[OpResult, ...]:
        return tuple(op.carry_out(self.pool, self.execution) for op in ops)

    def apply(self, action: Action[Any]) -> Change[Any]:
        change = self.plan(action)
        self.carry_out(*change.ops)
        return change

    def undo(self, action: Action[Any], change: Change[Any]) -> None:
        decision = action.undo(change)
        assert isinstance(decision, Reverse)
        self.carry_out(*action.ops(action.probe_for(self.read, decision.goal), decision.goal))

    def outputs(self, action: Action[Any]) -> Mapping[str, Plain]:
        change = self.plan(action)
        return action.outputs(change.after, self.carry_out(*change.ops))


def use(kind: str, **arguments: Any) -> Any:
    """Build an action as a runbook would; `from_` is written `from`."""
    return build(action_type(kind), {name.removesuffix("_"): value for name, value in arguments.items()})


@pytest.fixture
def machine() -> Iterator[Machine]:
    """Give this machine under the name `local`; its environment holds the secret env:TOKEN."""
    redactor = Redactor()
    pool = TargetPool(
        {"local": TargetSpec("local", "local")}, SecretStore({"TOKEN": "s3cret-token-value"}, redactor), redactor
    )
    yield Machine(pool)
    pool.close()


# Root may read everything; without these it is an account like others.
_HUMBLE = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"] if os.geteuid() == 0 else ["env"]


@pytest.fixture
def humble() -> Iterator[Machine]:
    """Give this machine under the name `web`, where the account may not go everywhere."""
    redactor = Redactor()
    specs = {"local": TargetSpec("local", "local"), "web": TargetSpec("web", "command", {"prefix": _HUMBLE})}
    pool = TargetPool(specs, SecretStore({}, redactor), redactor)
    yield Machine(pool)
    pool.close()


@pytest.fixture
def slow_site() -> Iterator[SlowSite]:
    """Serve pages that take a moment."""
    with open_slow_site() as site:
        yield site
