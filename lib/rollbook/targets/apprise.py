"""Chat systems and phones, through Apprise and whatever it knows an address for."""

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import field
from importlib.util import find_spec
from typing import TYPE_CHECKING, ClassVar, Final

from ..dataclass import dataclass
from ..errors import TargetError, Unreachable
from ..ops import ChatMessage, Execution, Op, OpResult
from ..values import Secret
from .base import Finding
from .surroundings import BaseTarget

if TYPE_CHECKING:
    from apprise import Apprise

_ANSWERED: Final = re.compile(r"error=(\d{3})\b")
_MISSING: Final = "Install it with: pip install 'rollbook[notify]'"


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
        with _listening() as heard:
            if not self._sender().notify(body=op.text, title=op.title):
                raise Unreachable(
                    f"Apprise could not deliver the message through {self.name!r}{heard.reason}.",
                    advice="Is the service up, and is the address still valid?",
                )
        return OpResult()

    def _sender(self) -> "Apprise":
        if find_spec("apprise") is None:
            raise TargetError(f"target {self.name!r} needs the package apprise.", advice=_MISSING)
        import apprise

        sender = apprise.Apprise()
        if not sender.add(self.secrets.value(self.settings.url)):
            raise TargetError(
                f"{self.settings.url} of target {self.name!r} is no address that Apprise knows.",
                advice="Compare it with the list of services in Apprise's documentation.",
            )
        return sender

    def findings(self) -> tuple[Finding, ...]:
        """Look whether Apprise is installed and knows the address; sends nothing."""
        try:
            with _listening():
                self._sender()
        except TargetError as error:
            return (self.finding("apprise", "missing", error.message, error.advice),)
        return (self.finding("apprise", "ok", "installed, and knows the address"),)


class _Heard(logging.Handler):
    """Hears what Apprise logs, and keeps of it what can hold no password."""

    def __init__(self) -> None:
        super().__init__()
        self.reason = ""

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        answered = _ANSWERED.search(text)
        if answered is not None:
            self.reason = f": the service answered {answered[1]}"
        elif "onnection error" in text and not self.reason:
            self.reason = ": no connection came about"


@contextmanager
def _listening() -> "Iterator[_Heard]":
    # Apprise logs the addresses that it does not understand, passwords and all.
    log, heard = logging.getLogger("apprise"), _Heard()
    log.propagate = False
    log.addHandler(heard)
    try:
        yield heard
    finally:
        log.removeHandler(heard)


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
