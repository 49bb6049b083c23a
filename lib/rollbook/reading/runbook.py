"""From a document to a `Runbook`, with every problem of the file at once."""

import re
from collections import Counter
from collections.abc import Collection, Mapping
from typing import Final

from ..errors import NotFoundError
from ..runbook import Input, Runbook, TargetNeed, convert_input
from ..schema import DocumentProblems, PlainProblems, convert
from ..source import Document
from ..targets import KINDS
from ..values import Plain
from .forms import RunbookForm
from .names import check_kind
from .references import Scope, check_value
from .steps import Included, StepReader, walk_steps

_RUNBOOK_NAME: Final = re.compile(r"[a-z][a-z0-9-]*", re.ASCII)
_INPUT_NAME: Final = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)
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
    form = convert(RunbookForm, content, problems)
    _check_head(content, problems)
    inputs = _inputs(content.get("inputs"), problems)
    needs = _needs(content.get("targets"), problems)
    scope = Scope(frozenset(_keys(content.get("inputs"))), _places(document))
    _check_duplicates(document, problems)
    check_value(content.get("lock"), ("lock",), Scope(scope.inputs, {}), problems)
    reader = StepReader(document, problems, needs, included)
    steps, last = (reader.read(content.get(section), (section,), scope) for section in _SECTIONS)
    if problems or form is None:
        raise problems.error()
    return Runbook(
        name=form.runbook,
        title=form.title,
        steps=steps,
        finally_=last,
        owner=form.owner,
        summary=form.summary,
        inputs=inputs,
        targets=needs,
        lock=form.lock,
    )


def _check_head(content: Mapping[str, Plain], problems: DocumentProblems) -> None:
    name = content.get("runbook")
    if isinstance(name, str) and not _RUNBOOK_NAME.fullmatch(name):
        problems.add(("runbook",), f"a runbook's name is made of small letters, digits and -; found {name!r}")
    if content.get("title") == "":
        problems.add(("title",), "expected a title: what the runbook does, in a few words")
    if content.get("steps") == []:
        problems.add(("steps",), "expected at least one step")


def _keys(content: Plain) -> Collection[str]:
    return content.keys() if isinstance(content, dict) else ()


def _inputs(content: Plain, problems: DocumentProblems) -> dict[str, Input]:
    """Give the inputs, and check what their types cannot."""
    for name in _keys(content):
        if not _INPUT_NAME.fullmatch(name):
            message = f"an input's name is made of small letters, digits and _; found {name!r}"
            problems.add(("inputs", name), message, at_key=True)
    found = {}
    for name, written in content.items() if isinstance(content, dict) else ():
        # What does not fit was told when the whole file was converted.
        wanted = convert(Input, {"type": written} if isinstance(written, str) else written, PlainProblems())
        if wanted is not None:
            found[name] = _checked_input(name, wanted, problems)
    return found


def _checked_input(name: str, wanted: Input, problems: DocumentProblems) -> Input:
    if wanted.pattern:
        try:
            re.compile(wanted.pattern)
        except (re.error, OverflowError, RecursionError) as error:
            problems.add(("inputs", name, "pattern"), f"this is not a regular expression: {error}")
            return wanted
    plain = Input(wanted.type)
    for number, choice in enumerate(wanted.choices):
        _check_value(plain, choice, ("inputs", name, "choices", number), problems)
    if wanted.default is not None:
        if "{{" in str(wanted.default):
            problems.add(("inputs", name, "default"), "a default is a plain value; expressions are not evaluated in it")
            return wanted
        _check_value(wanted, wanted.default, ("inputs", name, "default"), problems)
    return wanted


def _check_value(wanted: Input, value: Plain, path: tuple[str | int, ...], problems: DocumentProblems) -> None:
    try:
        convert_input(wanted, value, str(path[1]))
    except ValueError as error:
        problems.add(path, str(error))


def _needs(content: Plain, problems: DocumentProblems) -> dict[str, TargetNeed]:
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


def _places(document: Document) -> dict[str, int]:
    """Give the line of each step that has an id."""
    return {
        step["id"]: document.mark((*path, "id")).line
        for section in reversed(_SECTIONS)
        for step, path, _ in walk_steps(document.content.get(section), (section,))
        if isinstance(step.get("id"), str)
    }


def _check_duplicates(document: Document, problems: DocumentProblems) -> None:
    seen: Counter[str] = Counter()
    first: dict[str, int] = {}
    for section in _SECTIONS:
        for step, path, _ in walk_steps(document.content.get(section), (section,)):
            step_id = step.get("id")
            if not isinstance(step_id, str):
                continue
            seen[step_id] += 1
            place = (*path, "id")
            if seen[step_id] > 1:
                problems.add(place, f"the step id {step_id!r} is taken by the step in line {first[step_id]}")
            first.setdefault(step_id, document.mark(place).line)
