"""Chat systems and phones, through Apprise and whatever it knows an address for."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import ClassVar

from ..errors import TargetError, Unreachable
from ..ops import ChatMessage, Execution, Op, OpResult
from ..values import Secret
from .base import Finding
from .surroundings import BaseTarget

_MISSING = "Install it with: pip install 'rollbook[notify]'"


@dataclass(frozen=True, slots=True)
class AppriseSettings:
    """The settings of `kind: apprise`."""

    url: Secret = field(metadata={"help": "an Apprise address, which holds its own password, as a secret"})


class AppriseTarget(BaseTarget[AppriseSettings]):
    """Sends messages to one Apprise address."""

    kind_name: ClassVar[str] = "apprise"

    def reader(self) -> "AppriseReader":
        """Give the side that only reads."""
        return AppriseReader(self)

    def execute(self, op: Op, execution: Execution) -> OpResult:  # noqa: ARG002  # a message is sent in one go
        """Send a message; raises `Unreachable` when Apprise could not deliver it."""
        if not isinstance(op, ChatMessage):
            raise self.misplaced(op)
        if find_spec("apprise") is None:
            raise TargetError(f"target {self.name!r} needs the package apprise.", advice=_MISSING)
        import apprise

        _keep_quiet()
        sender = apprise.Apprise()
        if not sender.add(self.secrets.value(self.settings.url)):
            raise TargetError(
                f"{self.settings.url} of target {self.name!r} is no address that Apprise knows.",
                advice="Compare it with the list of services in Apprise's documentation.",
            )
        if not sender.notify(body=op.text, title=op.title):
            raise Unreachable(
                f"Apprise could not deliver the message through {self.name!r}.",
                advice="Is the service up, and is the address still valid?",
            )
        return OpResult()

    def findings(self) -> tuple[Finding, ...]:
        """Look whether Apprise is installed."""
        if find_spec("apprise") is None:
            return (self.finding("apprise", "missing", "the package apprise is not installed", _MISSING),)
        return (self.finding("apprise", "ok", "installed"),)


def _keep_quiet() -> None:
    # Apprise logs the addresses that it does not understand, passwords and all.
    log = logging.getLogger("apprise")
    log.propagate = False
    if not log.handlers:
        log.addHandler(logging.NullHandler())


@dataclass(frozen=True, slots=True)
class AppriseReader:
    """Knows the address; there is nothing to read from it without sending."""

    kinds: ClassVar[tuple[str, ...]] = ("apprise",)
    target: AppriseTarget

    @property
    def name(self) -> str:
        """The name in the inventory."""
        return self.target.name

    @property
    def kind(self) -> str:
        """The kind in the inventory."""
        return self.target.kind

    def identity(self) -> Mapping[str, str]:
        """Name the address by its reference."""
        return {"url": str(self.target.settings.url)}
