"""From a document to a `Runbook`, with every problem of the file at once."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from ..errors import NotFoundError
from ..runbook import Runbook, TargetNeed
from ..schema import DocumentProblems
from ..source import Document
from ..targets import KINDS
from ..values import Plain
from .forms import RunbookForm
from .head import bound, keys_of, parse_head
from .names import check_kind
from .references import Scope, check_value
from .steps import Included, StepReader, walk_steps

_TARGET_NAME: Final = re.compile(r"[a-z][a-z0-9_-]*", re.ASCII)
_SECTIONS: Final = ("steps", "finally")


def no_includes(name: str) -> Runbook:
    """Know no runbook to include."""
    raise NotFoundError(f"There is no runbook {name!r}.")


def parse_runbook(document: Document, included: Included = no_includes) -> Runbook:
    """
    Make a runbook of *document*; *included* gives the runbooks that it includes, or raises `NotFoundError`.

    Raises `SourceError` or `SchemaError` with every problem of the file, in its order.
    Sources and includes are left empty.
    """
    problems = DocumentProblems(document)
    content = document.content
    form, inputs = parse_head(RunbookForm, content, problems)
    needs = target_needs(content.get("targets"), problems)
    scope = Scope(frozenset(keys_of(content.get("inputs"))), step_places(document, _SECTIONS))
    check_duplicates(document, _SECTIONS, problems)
    check_value(content.get("lock"), ("lock",), Scope(scope.inputs, {}), problems)
    reader = StepReader(document, problems, needs, included)
    steps, last = (reader.read(content.get(section), (section,), scope) for section in _SECTIONS)
    if problems or form is None:
        raise problems.error()
    return replace(bound(form, inputs), steps=steps, finally_=last, targets=needs)


def target_needs(content: Plain, problems: DocumentProblems) -> dict[str, TargetNeed]:
    """Give the targets as far as they are readable, so that steps can be checked against them."""
    found = {}
    for name, written in content.items() if isinstance(content, dict) else ():
        place = ("targets", name)
        if not _TARGET_NAME.fullmatch(name):
            problems.add(
                place, f"a target's name is made of small letters, digits, - and _; found {name!r}", at_key=True
            )
        kind = written.get("kind", "") if isinstance(written, dict) else written
        if isinstance(kind, str) and kind:
            check_kind(kind, KINDS, (*place, "kind") if isinstance(written, dict) else place, problems)
        more = written if isinstance(written, dict) else {}
        kind = kind if isinstance(kind, str) and kind in KINDS else ""
        found[name] = TargetNeed(kind, more.get("optional") is True, str(more.get("help") or ""))
    return found


def step_places(document: Document, sections: Sequence[str]) -> dict[str, int]:
    """Give the line of each step that has an id."""
    return {
        step["id"]: document.mark((*path, "id")).line
        for section in reversed(sections)
        for step, path, _ in walk_steps(document.content.get(section), (section,))
        if isinstance(step.get("id"), str)
    }


def check_duplicates(document: Document, sections: Sequence[str], problems: DocumentProblems) -> None:
    """Tell of each step id that is taken already."""
    seen: Counter[str] = Counter()
    first: dict[str, int] = {}
    for section in sections:
        for step, path, _ in walk_steps(document.content.get(section), (section,)):
            step_id = step.get("id")
            if not isinstance(step_id, str):
                continue
            seen[step_id] += 1
            place = (*path, "id")
            if seen[step_id] > 1:
                problems.add(place, f"the step id {step_id!r} is taken by the step in line {first[step_id]}")
            first.setdefault(step_id, document.mark(place).line)
