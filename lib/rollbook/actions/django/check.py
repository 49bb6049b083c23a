"""`django.check`: Django's own system check."""

from collections.abc import Mapping
from dataclasses import field
from typing import ClassVar, Final, Literal

from ...action import Assertion, Outcome, Readers
from ...dataclass import dataclass
from ...values import Plain
from .site import DjangoSite

_TAIL: Final = 2000


@dataclass(frozen=True, slots=True)
class DjangoCheck(DjangoSite[Outcome], Assertion):
    """
    See that the site's own system check finds nothing: `manage.py check`.

    It looks at code and settings, and with `databases: true` at what each engine checks. It does not look whether the
    tables are there: that is `django.fits`, and pages must be asked for as well.
    """

    kind: ClassVar[str] = "django.check"
    example: ClassVar[Mapping[str, Plain]] = {"directory": "/srv/forum", "python": "/srv/forum/.venv/bin/python"}
    by_hand: ClassVar[str] = "`cd <directory> && <python> manage.py check --fail-level <fail_level>`"

    fail_level: Literal["ERROR", "WARNING", "CRITICAL"] = "ERROR"
    deploy: bool = field(default=False, metadata={"help": "also what a site in production must have set"})
    databases: bool = field(default=False, metadata={"help": "also the checks of the database"})
    tags: tuple[str, ...] = ()

    def _words(self) -> tuple[str, ...]:
        words = ["check", "--fail-level", self.fail_level]
        words += ["--deploy"] if self.deploy else []
        words += ["--database", self.database] if self.databases else []
        return (*words, *(word for tag in self.tags for word in ("--tag", tag)))

    def describe(self) -> str:
        """Give the command."""
        return " ".join(self.argv(*self._words()))

    def probe(self, read: Readers) -> Outcome:
        """Run it."""
        result = self.look(read, *self._words())
        said = (result.stdout + result.stderr).strip()[-_TAIL:]
        lines = said.splitlines()
        passed = result.exited == 0
        told = next((line for line in lines if line.startswith("System check identified")), lines[-1] if lines else "")
        message = told if passed else f"exit code {result.exited}: {told or 'nothing was said'}"
        return Outcome(passed, message, {"exited": result.exited, "said": said})
