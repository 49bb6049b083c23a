"""From lists of steps as written to `Step`s, checking each against the ones before it."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from ..action import Assertion
from ..dataclass import dataclass
from ..errors import NotFoundError, UsageError
from ..registry import kinds
from ..runbook import Approval, Requirement, Runbook, Step, StepUndo, TargetNeed, convert_inputs
from ..schema import Problems, convert
from ..source import Document
from ..source.document import UNREAD, Path
from ..values import Plain, Unknown
from .actions import check_arguments, check_targets, check_undo, find_action, outputs_of
from .forms import INCLUDE_KEYS, ApprovalForm, PhaseForm, RequirementForm, StepForm, UndoForm
from .references import Scope, check_step

STEP_ID: Final = re.compile(r"[a-z][a-z0-9_-]*", re.ASCII)

Included = Callable[[str], Runbook]


def walk_steps(content: Plain, path: Path, phase: str = "") -> Iterator[tuple[dict[str, Plain], Path, str]]:
    """Yield each step under *path* with its own path and its phase; what is no mapping is passed over."""
    for number, part in enumerate(content if isinstance(content, list) else ()):
        if not isinstance(part, dict):
            continue
        place: Path = (*path, number)
        if "phase" in part and not phase:
            yield from walk_steps(part.get("steps"), (*place, "steps"), str(part["phase"]))
        else:
            yield part, place, phase


@dataclass(slots=True)
class StepReader:
    """Reads the steps of one file; *included* gives the runbooks that it includes."""

    document: Document
    problems: Problems
    needs: Mapping[str, TargetNeed]
    included: Included
    deciding: bool = False

    def read(self, content: Plain, path: Path, scope: Scope) -> tuple[Step, ...]:
        """Read a list of steps and phases; each step's outputs are then known in *scope*."""
        self._check_shapes(content, path)
        return tuple(self._read_all(walk_steps(content, path), scope))

    def _check_shapes(self, content: Plain, path: Path) -> None:
        for number, part in enumerate(content if isinstance(content, list) else ()):
            place: Path = (*path, number)
            if not isinstance(part, dict):
                self.problems.add(place, "expected a step: a mapping with id, name and an action")
            elif "phase" in part:
                self._check_phase(part, place)

    def _check_phase(self, content: Mapping[str, Plain], path: Path) -> None:
        convert(PhaseForm, content, self.problems, path)
        inner = content.get("steps")
        if inner == []:
            self.problems.add((*path, "steps"), "expected at least one step")
        for number, part in enumerate(inner if isinstance(inner, list) else ()):
            place: Path = (*path, "steps", number)
            if not isinstance(part, dict):
                self.problems.add(place, "expected a step: a mapping with id, name and an action")
            elif "phase" in part:
                self.problems.add((*place, "phase"), "a phase cannot hold another phase", at_key=True)

    def _read_all(self, steps: Iterable[tuple[dict[str, Plain], Path, str]], scope: Scope) -> Iterator[Step]:
        for content, path, phase in steps:
            if phase and "phase" in content:
                continue
            self._check_id(content, path)
            step = self.one(content, path, scope, phase)
            if step is not None:
                yield step

    def _check_id(self, content: Mapping[str, Plain], path: Path) -> None:
        step_id = content.get("id")
        if step_id is None:
            self.problems.add(path, 'missing key "id"')
        if not str(content.get("name") or "").strip():
            self.problems.add(path, 'missing key "name": a sentence that says what the step does')
        if isinstance(step_id, str) and not STEP_ID.fullmatch(step_id):
            message = f"a step id is a small letter, then small letters, digits, - and _; found {step_id!r}"
            self.problems.add((*path, "id"), message)

    def one(self, content: dict[str, Plain], path: Path, scope: Scope, phase: str = "") -> Step | None:
        """Read one step; None where it does not fit."""
        form = convert(StepForm, content, self.problems, path)
        own = str(content.get("id") or "")
        if "environments" in content and not self.deciding:
            message = "environments: is for steps of decide: in a playbook, and for its stages"
            self.problems.add((*path, "environments"), message, at_key=True)
        outputs = self._check_action(content, path)
        inner = scope.inside(own, looped=content.get("loop") is not None)
        after = inner.inside(ended=True)
        # A loop's own list is made before there is an item.
        check_step({"loop": content.get("loop")}, path, scope, scope, self.problems)
        check_step({key: part for key, part in content.items() if key != "loop"}, path, inner, after, self.problems)
        verify = self._verify(content, path, after)
        if own:
            scope.before[own] = outputs
            if "include" in content:
                scope.includes[own] = str(content["include"])
        undo = self._undo(content, path, inner)
        return None if form is None else self._step(form, path, phase, verify, undo)

    def _check_action(self, content: dict[str, Plain], path: Path) -> frozenset[str] | None:
        """Check a step's action or include; give the names of its outputs, where they are known."""
        found = [key for key in content if "." in key]
        if "include" in content:
            found.append("include")
        if len(found) != 1:
            self._tell_action(content, found, path)
            return None
        kind = found[0]
        if kind == "include":
            self._check_include(content, path)
            return None
        if "inputs" in content:
            self.problems.add((*path, "inputs"), "inputs are given to an include only", at_key=True)
        action = find_action(kind, (*path, kind), self.problems)
        if action is None:
            return None
        check_arguments(action, content, kind, path, self.problems)
        check_targets(action, content, kind, path, self.needs, self.problems)
        check_undo(action, content, kind, path, self.problems)
        return outputs_of(action, content)

    def _tell_action(self, content: dict[str, Plain], found: list[str], path: Path) -> None:
        if found:
            self.problems.add(
                (*path, found[1]), f"a step has one action, and this one has {', '.join(found)}", at_key=True
            )
            return
        from difflib import get_close_matches  # only mistakes need it

        known = StepForm.__dataclass_fields__
        last_words = {kind.rpartition(".")[2]: kind for kind in kinds()}
        for key in (key for key in content if key not in known):
            if near := get_close_matches(key, [*last_words, *kinds()], n=1, cutoff=0.7):
                meant = last_words.get(near[0], near[0])
                self.problems.add((*path, key), f"a step needs an action; did you mean {meant!r}?", at_key=True)
                return
        self.problems.add(path, "a step needs an action, a key with a dot such as shell.run, or include")

    def _check_include(self, content: dict[str, Plain], path: Path) -> None:
        for key in content:
            if key in StepForm.__dataclass_fields__ and key not in INCLUDE_KEYS:
                self.problems.add(
                    (*path, key), f"{key} means nothing to an include: give it to the steps inside", at_key=True
                )
        check_included(content, "include", path, self.included, self.problems)

    def _verify(self, content: Mapping[str, Plain], path: Path, scope: Scope) -> tuple[Step, ...]:
        """Read the steps under `verify:`, which must be assertions."""
        steps = self._unnumbered(content.get("verify"), (*path, "verify"), scope, "verify")
        for step in steps:
            action = find_action(step.kind, (*step.path, step.kind), self.problems) if step.kind else None
            if step.include or (action is not None and not issubclass(action, Assertion)):
                message = f"verify takes assertions only, such as http.check; {step.kind or 'an include'} is none"
                self.problems.add(step.path, message)
        return steps

    def _undo(self, content: Mapping[str, Plain], path: Path, scope: Scope) -> tuple[Step, ...]:
        """Read the steps under `undo:`, which see what the step gave."""
        undo = content.get("undo")
        place: Path = (*path, "undo", "steps") if isinstance(undo, dict) else (*path, "undo")
        steps = self._unnumbered(undo.get("steps") if isinstance(undo, dict) else undo, place, scope, "undo")
        for step in steps:
            if step.include:
                message = "an undo step takes one action: write the steps of the include here"
                self.problems.add((*step.path, "include"), message, at_key=True)
            if step.loop is not None:
                message = "an undo step has no loop: write a step for each, or one command for all"
                self.problems.add((*step.path, "loop"), message, at_key=True)
        return steps

    def _unnumbered(self, content: Plain, path: Path, scope: Scope, word: str) -> tuple[Step, ...]:
        """Read steps that need no id and no name of their own."""
        if not content:
            return ()
        found = []
        for number, (part, place, _) in enumerate(walk_steps(content, path), 1):
            # What one gives, those after it do not see.
            step = self.one(part, place, replace(scope, before=dict(scope.before), includes=dict(scope.includes)))
            if step is not None:
                found.append(step if step.id else replace(step, id=f"{word}{number}"))
        return tuple(found)

    def _step(self, form: StepForm, path: Path, phase: str, verify: tuple[Step, ...], undo: tuple[Step, ...]) -> Step:
        kind, arguments = next(iter(form.action.items()), ("", {}))
        kept = {name: getattr(form, name) for name in _SAME}
        return Step(
            **kept,
            kind=kind,
            arguments=arguments if isinstance(arguments, Mapping) else {},
            phase=phase,
            when=condition_text(form.when),
            requires=tuple(_requirement(part) for part in form.requires),
            verify=verify,
            undo=_undo(form.undo, undo),
            approve=_approval(form.approve),
            place=f"{self.document.file}:{self.document.mark(path).line}",
            path=path,
        )


def check_included(content: Mapping[str, Plain], key: str, path: Path, included: Included, problems: Problems) -> None:
    """Check that there is a runbook of the name under *key*, and that the inputs beside it fit."""
    name = content.get(key)
    if not isinstance(name, str):
        return
    try:
        runbook = included(name)
    except NotFoundError as error:
        problems.add((*path, key), f"{error.message} {error.advice}".strip())
        return
    given = content.get("inputs")
    given = given if isinstance(given, dict) else {}
    try:
        convert_inputs(runbook, {name: _deferred(part) for name, part in given.items()})
    except UsageError as error:
        problems.add((*path, "inputs" if given else key), error.message)


def condition_text(when: str | bool) -> str:
    """Give a `when:` as the expression that it is."""
    return str(when).lower() if isinstance(when, bool) else when


_SAME: Final = (
    "id", "name", "include", "inputs", "tags", "loop", "target", "serial", "max_failures", "retries", "delay",
    "timeout", "until", "effect", "on_doubt", "on_failure", "fail_when", "parse", "become", "run_as", "environment",
    "detach", "downtime", "no_log", "site", "environments",
)  # fmt: skip


def _requirement(form: str | RequirementForm) -> Requirement:
    return Requirement(form) if isinstance(form, str) else Requirement(form.that, form.message)


def _undo(form: UndoForm | tuple[Plain, ...] | None, steps: tuple[Step, ...]) -> StepUndo | None:
    match form:
        case UndoForm():
            return StepUndo(steps, form.leave, form.refuse)
        case tuple() if form:
            return StepUndo(steps)
    return None


def _approval(form: str | tuple[str, ...] | ApprovalForm | None) -> Approval | None:
    match form:
        case ApprovalForm():
            return Approval(form.names, form.quorum)
        case str():
            return Approval((form,))
        case tuple():
            return Approval(form)
    return None


def _deferred(value: Plain) -> Plain:
    """Stand in for an input whose value an expression will give."""
    holds_expression = "{{" in value if isinstance(value, str) else "{{" in str(value)
    return Unknown("inputs") if holds_expression or value is UNREAD else value
