"""From a document to a playbook: a `Runbook` that decides, and whose stages are includes."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from ..action import Assertion, Fact, Question
from ..errors import ExpressionError
from ..expressions import paths_used
from ..runbook import Runbook, Stage, Step
from ..schema import DocumentProblems, Problems, convert
from ..source import Document
from ..source.document import Path
from ..values import Plain
from .actions import find_action
from .forms import GateForm, PlaybookForm, StageForm
from .head import bound, keys_of, parse_head
from .names import nearest_of
from .references import Scope, check_value, texts
from .runbook import check_duplicates, no_includes, step_places, target_needs
from .steps import STEP_ID, Included, StepReader, check_included, condition_text, walk_steps

_MAY: Final = "a playbook decides and does not act: decide: takes facts, assertions, questions and value.set"


def parse_playbook(document: Document, included: Included = no_includes) -> Runbook:
    """
    Make a playbook of *document*; *included* gives the runbooks of its stages, or raises `NotFoundError`.

    Raises `SourceError` or `SchemaError` with every problem of the file, in its order.
    Sources and includes are left empty.
    """
    problems = DocumentProblems(document)
    content = document.content
    form, inputs = parse_head(PlaybookForm, content, problems)
    needs = target_needs(content.get("targets"), problems)
    scope = Scope(frozenset(keys_of(content.get("inputs"))), _places(document))
    check_duplicates(document, ("decide",), problems)
    reader = StepReader(document, problems, needs, included, deciding=True)
    deciding = reader.read(content.get("decide"), ("decide",), scope)
    for step, path, _ in walk_steps(content.get("decide"), ("decide",)):
        _check_environments(step.get("environments"), (*path, "environments"), scope, problems)
    _check_families(deciding, problems)
    stages = _stages(document, included, scope, problems)
    if problems or form is None:
        raise problems.error()
    return replace(bound(form, inputs), steps=tuple(_in_order(deciding, stages)), targets=needs)


def _in_order(deciding: tuple[Step, ...], stages: Sequence[tuple[str, Step]]) -> Iterator[Step]:
    """Yield each step that decides, with the stages that come right after it, then all other stages."""
    for step in deciding:
        yield step
        yield from (stage for after, stage in stages if after == step.id)
    yield from (stage for after, stage in stages if not after)


def _places(document: Document) -> dict[str, int]:
    """Give the line of each step and stage by its id."""
    stages = document.content.get("stages")
    named = {
        _id_of(stage): document.mark(("stages", number)).line
        for number, stage in enumerate(stages if isinstance(stages, list) else ())
        if isinstance(stage, dict)
    }
    return {**named, **step_places(document, ("decide",))}


def _id_of(stage: Mapping[str, Plain]) -> str:
    return str(stage.get("id") or stage.get("runbook") or "")


def _gate_id(name: str) -> str:
    return f"{name}-gate"


def _check_families(steps: tuple[Step, ...], problems: Problems) -> None:
    """Tell of each step that does more than read and ask."""
    for step in steps:
        if step.include:
            problems.add((*step.path, "include"), f"{_MAY}, no include; order the runbook as a stage", at_key=True)
            continue
        action = find_action(step.kind, (*step.path, step.kind), problems) if step.kind else None
        if action is not None and not issubclass(action, Fact | Assertion | Question):
            message = f"{_MAY}, and {step.kind} is of the family {action.family}; put it into a runbook"
            problems.add((*step.path, step.kind), message, at_key=True)
        if step.undo is not None:
            problems.add((*step.path, "undo"), f"{_MAY}, so there is nothing to undo", at_key=True)


def _stages(document: Document, included: Included, scope: Scope, problems: Problems) -> tuple[tuple[str, Step], ...]:
    """Read the stages, each with the step of decide: that it comes after; empty where that is all of them."""
    decided = tuple(scope.before)
    content = document.content.get("stages")
    found = []
    for number, part in enumerate(content if isinstance(content, list) else ()):
        path: Path = ("stages", number)
        if not isinstance(part, dict):
            problems.add(path, "expected a stage: a mapping with name and runbook")
            continue
        form = convert(StageForm, part, problems, path)
        after = str(part.get("after") or "")
        if after and after not in decided:
            problems.add((*path, "after"), f"decide: has no step {after!r}{nearest_of(after, decided)}")
        _check_stage(part, path, included, _scope_after(after, decided, scope), problems)
        if part.get("gate") is not None:
            scope.before[_gate_id(_id_of(part))] = None
        scope.before[_id_of(part)] = frozenset()
        scope.includes[_id_of(part)] = str(part.get("runbook"))
        if form is not None:
            found.append((after, _stage(form, path, f"{document.file}:{document.mark(path).line}")))
    return tuple(found)


def _scope_after(after: str, decided: tuple[str, ...], scope: Scope) -> Scope:
    """Give what a stage may refer to that comes right *after* a step of decide:."""
    if after not in decided:
        return scope
    later = decided[decided.index(after) + 1 :]
    return replace(scope, before={name: found for name, found in scope.before.items() if name not in later})


def _check_stage(
    content: Mapping[str, Plain], path: Path, included: Included, scope: Scope, problems: Problems
) -> None:
    name = _id_of(content)
    own = (name, _gate_id(name)) if content.get("gate") is not None else (name,)
    for taken in (one for one in own if one in scope.before):
        place: Path = (*path, "id") if "id" in content else (*path, "runbook")
        problems.add(place, f"the id {taken!r} is taken; give this stage an id: of its own")
    if isinstance(content.get("id"), str) and not STEP_ID.fullmatch(name):
        message = f"a stage's id is a small letter, then small letters, digits, - and _; found {name!r}"
        problems.add((*path, "id"), message)
    if content.get("name") == "":
        problems.add((*path, "name"), "expected a sentence that says what the stage does")
    check_included(content, "runbook", path, included, problems)
    # Its own status is known here: how it went in the environments before.
    own_too = replace(scope, before={**scope.before, name: frozenset()})
    check_value(content.get("when"), (*path, "when"), own_too, problems, bare=True)
    check_value(content.get("inputs"), (*path, "inputs"), scope, problems)
    check_value(content.get("gate"), (*path, "gate"), scope, problems)
    for key in ("environment", "environments"):
        _check_environments(content.get(key), (*path, key), scope, problems)


def _check_environments(value: Plain, path: Path, scope: Scope, problems: Problems) -> None:
    """Check the names of environments: these are opened before anything is planned, so only inputs are known."""
    check_value(value, path, Scope(scope.inputs, {}), problems)
    for place, text in texts(value, path):
        if not text.strip():
            problems.add(place, "expected the name of an environment")
        elif "{{" in text and any(used[0] != "inputs" for used in _used(text)):
            problems.add(place, "environments are opened before anything is read or asked: only inputs are known then")


def _used(text: str) -> Collection[tuple[str, ...]]:
    """Give the paths that a text's expressions use; none where it cannot be read, which is told already."""
    try:
        return paths_used(text)
    except ExpressionError:
        return ()


def _stage(form: StageForm, path: Path, place: str) -> Step:
    name, when = form.id or form.runbook, condition_text(form.when)
    environments = (form.environment,) if form.environment else form.environments
    gate = _gate(form, name, when, path, place)
    return Step(
        id=name,
        name=form.name,
        include=form.runbook,
        inputs=form.inputs,
        when=when,
        on_failure=form.on_failure,
        stage=Stage(environments, gate, form.urgent),
        place=place,
        path=path,
    )


def _gate(form: StageForm, name: str, when: str, path: Path, place: str) -> Step | None:
    """Make the question before a stage: an approval where it names who must agree."""
    if form.gate is None:
        return None
    gate = form.gate if isinstance(form.gate, GateForm) else GateForm(form.gate)
    kind, arguments = "human.confirm", dict[str, Plain](text=gate.text)
    if gate.names or gate.quorum > 1:
        names = gate.names if isinstance(gate.names, str) else list(gate.names)
        kind, arguments = "human.approve", {"text": gate.text, "names": names, "quorum": gate.quorum}
    return Step(
        id=_gate_id(name),
        name=f"Agree before: {form.name}",
        kind=kind,
        arguments=arguments,
        when=when,
        place=place,
        path=(*path, "gate"),
    )
