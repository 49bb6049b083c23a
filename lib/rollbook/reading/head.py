"""What stands above the steps of a file: its name, title and inputs. Knows no action, so that a list costs little."""

import re
from collections.abc import Collection, Mapping
from typing import Final, TypeVar

from ..inputs import Input, convert_input
from ..matching import check_pattern
from ..runbook import Runbook
from ..schema import DocumentProblems, PlainProblems, convert
from ..source import Document
from ..values import Plain
from .forms import PlaybookForm, RunbookForm

F = TypeVar("F")

_RUNBOOK_NAME: Final = re.compile(r"[a-z][a-z0-9-]*", re.ASCII)
_INPUT_NAME: Final = r"[a-z][a-z0-9_]*"


def parse_cover(document: Document) -> Runbook:
    """
    Make a runbook, or a playbook, of *document* without its steps, for lists; never to be planned.

    Raises `SourceError` or `SchemaError` with every problem of the YAML and of what stands above the steps.
    What is wrong inside a step is left to `parse_runbook`, which must import every kind of action that is used.
    """
    problems = DocumentProblems(document)
    form: RunbookForm | PlaybookForm | None
    if is_playbook(document):
        form, inputs = parse_head(PlaybookForm, document.content, problems)
    else:
        form, inputs = parse_head(RunbookForm, document.content, problems)
    if problems or form is None:
        raise problems.error()
    return bound(form, inputs)


def is_playbook(document: Document) -> bool:
    """Tell whether *document* says that it is a playbook; all other files with steps are runbooks."""
    return "playbook" in document.content and "runbook" not in document.content


def parse_head(
    form: type[F], content: Mapping[str, Plain], problems: DocumentProblems
) -> tuple[F | None, dict[str, Input]]:
    """Check the top of a file of *form*, and give the inputs as far as they are readable."""
    found = convert(form, content, problems)
    word, least = ("playbook", "stage") if form is PlaybookForm else ("runbook", "step")
    _check_head(content, word, least, problems)
    return found, _inputs(content.get("inputs"), problems)


def bound(form: RunbookForm | PlaybookForm, inputs: Mapping[str, Input]) -> Runbook:
    """Make a runbook or playbook that has no steps yet."""
    return Runbook(
        name=form.runbook if isinstance(form, RunbookForm) else form.playbook,
        title=form.title,
        steps=(),
        owner=form.owner,
        summary=form.summary,
        inputs=inputs,
        lock=form.lock if isinstance(form, RunbookForm) else "",
        playbook=isinstance(form, PlaybookForm),
    )


def _check_head(content: Mapping[str, Plain], word: str, least: str, problems: DocumentProblems) -> None:
    name = content.get(word)
    if isinstance(name, str) and not _RUNBOOK_NAME.fullmatch(name):
        problems.add((word,), f"a {word}'s name is made of small letters, digits and -; found {name!r}")
    if content.get("title") == "":
        problems.add(("title",), f"expected a title: what the {word} does, in a few words")
    if content.get(f"{least}s") == []:
        problems.add((f"{least}s",), f"expected at least one {least}")


def keys_of(content: Plain) -> Collection[str]:
    """Give the keys of what may be a mapping."""
    return content.keys() if isinstance(content, dict) else ()


def _inputs(content: Plain, problems: DocumentProblems) -> dict[str, Input]:
    """Give the inputs, and check what their types cannot."""
    for name in keys_of(content):
        if not re.fullmatch(_INPUT_NAME, name, re.ASCII):
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
            check_pattern(wanted.pattern)
        except ValueError as error:
            problems.add(("inputs", name, "pattern"), str(error))
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
