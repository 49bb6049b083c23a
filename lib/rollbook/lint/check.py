"""Linting of a file: read it, then put it to the rules."""

from collections.abc import Iterator
from pathlib import Path as FilePath

from ..errors import NotFoundError, RollbookError, SchemaError, SourceError
from ..expressions import paths_used
from ..library import Library, inventory_file
from ..reading.references import texts
from ..registry import action_type
from ..runbook import Runbook, Step
from ..source import Document, Problem, read_yaml
from ..source.document import Path
from .rule import UNREADABLE, File, Finding, InventoryFile, RunbookFile, Use
from .table import RULES

_CONDITIONS = frozenset(("when", "until", "fail_when", "that"))


def lint_file(path: FilePath, library: Library | None = None) -> tuple[Finding, ...]:
    """
    Give everything that is wrong with the runbook, playbook or inventory in a file, in its order.

    Includes are looked for beside the file, then in *library* (by default the working folder's).
    """
    try:
        file = _open(path, library or Library())
    except (SourceError, SchemaError) as error:
        return tuple(Finding(UNREADABLE, "error", _problem(path, found)) for found in error.problems)
    except (NotFoundError, OSError) as error:
        return (Finding(UNREADABLE, "error", Problem(str(path), 0, 0, str(error))),)
    found = [finding for rule in RULES for finding in rule.check(file)]
    return tuple(sorted(found, key=lambda finding: (finding.problem.line, finding.problem.column, finding.code)))


def _problem(path: FilePath, found: object) -> Problem:
    return found if isinstance(found, Problem) else Problem(str(path), 0, 0, str(found))


def _open(path: FilePath, library: Library) -> File:
    document = read_yaml(path, keep=True)
    if "environment" in document.content and not {"runbook", "playbook"} & document.content.keys():
        return InventoryFile(document, inventory_file(path))
    runbook = library.runbook_file(path)
    return RunbookFile(document, runbook, tuple(_uses(runbook)), frozenset(_paths(document)))


def _uses(runbook: Runbook) -> Iterator[Use]:
    for step in (*runbook.steps, *runbook.finally_):
        yield _use(step, nested=False)
        for inner in (*step.verify, *(step.undo.steps if step.undo else ())):
            yield _use(inner, nested=True)


def _use(step: Step, *, nested: bool) -> Use:
    try:
        return Use(step, action_type(step.kind) if step.kind else None, nested)
    except RollbookError:
        # The file was read, so the kind was there a moment ago; rules on kinds pass it over.
        return Use(step, None, nested)


def _paths(document: Document) -> Iterator[tuple[str, ...]]:
    for path, text in texts(document.content, ()):
        yield from paths_used(text, bare=_is_condition(path) and "{{" not in text)


def _is_condition(path: Path) -> bool:
    words = [part for part in path if isinstance(part, str)]
    return bool(words) and (words[-1] == "requires" or (words[-1] in _CONDITIONS and isinstance(path[-1], str)))
