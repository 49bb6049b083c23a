"""What a rule is, and what it finds."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import field, replace
from typing import Any, Final, Literal

from ..action import Action
from ..dataclass import dataclass
from ..inventory import Inventory
from ..runbook import Runbook, Step
from ..source import Document, Problem
from ..source.document import Path

Severity = Literal["error", "warning", "info"]

UNREADABLE: Final = "RB000"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a rule objects to, at its place; only an *error* is reason to refuse a file."""

    code: str
    severity: Severity
    problem: Problem

    def __str__(self) -> str:
        return str(replace(self.problem, message=f"{self.code} {self.severity}: {self.problem.message}"))


@dataclass(frozen=True, slots=True)
class Use:
    """A step with its action, and whether it stands in `verify:` or `undo:` of another."""

    step: Step
    action: type[Action[Any]] | None
    nested: bool = False


@dataclass(frozen=True, slots=True)
class RunbookFile:
    """A runbook with its document, as rules see it; *uses* are its steps in order, nested ones too."""

    document: Document
    runbook: Runbook
    uses: tuple[Use, ...] = ()
    paths: frozenset[tuple[str, ...]] = field(default=frozenset())


@dataclass(frozen=True, slots=True)
class InventoryFile:
    """An inventory with its document, as rules see it."""

    document: Document
    inventory: Inventory


File = RunbookFile | InventoryFile
Found = Iterator[tuple[Path, Mapping[str, str]]]


@dataclass(frozen=True, slots=True)
class Rule:
    """
    One rule with a code that never changes its meaning.

    *function* yields each place it objects to and the words for the gaps of *message*. With *hidden*,
    the line itself is not shown: it may hold a secret.
    """

    code: str
    severity: Severity
    function: Callable[[Any], Found]
    message: str
    on: tuple[type[RunbookFile] | type[InventoryFile], ...] = (RunbookFile,)
    hidden: bool = False

    def check(self, file: File) -> Iterator[Finding]:
        """Yield what the rule finds in *file*; nothing in a file of another sort."""
        if not isinstance(file, self.on):
            return
        for path, words in self.function(file):
            problem = file.document.problem(path, self.message.format(**words), at_key=bool(path))
            yield Finding(self.code, self.severity, replace(problem, excerpt="") if self.hidden else problem)
