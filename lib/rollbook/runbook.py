"""The Runbook: one reviewed procedure, or a playbook of several, as a frozen model. No I/O."""

from collections.abc import Mapping
from dataclasses import field
from datetime import timedelta
from typing import Literal

from .dataclass import dataclass
from .errors import UsageError
from .inputs import Input, InputType, convert_input
from .values import Plain

__all__ = [
    "Approval",
    "Input",
    "InputType",
    "Requirement",
    "Runbook",
    "Stage",
    "Step",
    "StepUndo",
    "TargetNeed",
    "convert_input",
    "convert_inputs",
]


@dataclass(frozen=True, slots=True)
class TargetNeed:
    """A target that the runbook names; it binds to the environment's target of the same name."""

    kind: str = ""
    optional: bool = False
    help: str = ""


@dataclass(frozen=True, slots=True)
class Requirement:
    """Something that must hold before a step; *message* says what to do when it does not."""

    that: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class StepUndo:
    """What replaces a step's derived undo: *steps*, or the reason to *leave* or *refuse* it."""

    steps: "tuple[Step, ...]" = ()
    leave: str = ""
    refuse: str = ""


@dataclass(frozen=True, slots=True)
class Approval:
    """People who must agree before a step; *quorum* of *names*."""

    names: tuple[str, ...] = ()
    quorum: int = 1


@dataclass(frozen=True, slots=True)
class Stage:
    """
    What makes an include a stage of a playbook.

    *environments* are the names of those that it is carried out in, in order, or an expression on the inputs
    that gives them; none: the one that the run is for. The *gate* is a question before each. What comes after
    an *urgent* stage is planned only when that is over.
    """

    environments: Plain = ()
    gate: "Step | None" = None
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """
    One use of an action, or an include of another runbook.

    *kind* and *arguments* are the action key and what stands under it (templates unrendered);
    *include* and *inputs* are given instead for an include.
    *environments*, of a step that decides in a playbook, are those in which it is carried out, as of a `Stage`.
    *place* is `file:line`, *path* where it stands in the document, for errors.
    """

    id: str
    name: str = ""
    kind: str = ""
    arguments: Mapping[str, Plain] = field(default_factory=dict)
    include: str = ""
    inputs: Mapping[str, Plain] = field(default_factory=dict)
    phase: str = ""
    tags: tuple[str, ...] = ()
    when: str = ""
    requires: tuple[Requirement, ...] = ()
    loop: Plain = None
    target: str = ""
    serial: int | str | None = None
    max_failures: int | str | None = None
    retries: int = 0
    delay: timedelta = timedelta(seconds=1)
    timeout: timedelta | None = None
    until: str = ""
    effect: Literal["read", "idempotent", "once"] | None = None
    on_doubt: Literal["ask", "redo", "skip"] = "ask"
    on_failure: Literal["stop", "undo", "continue"] = "stop"
    verify: "tuple[Step, ...]" = ()
    undo: StepUndo | None = None
    approve: Approval | None = None
    fail_when: str = ""
    parse: Literal["json", "lines"] | Mapping[str, str] | None = None
    become: bool = False
    run_as: str = ""
    environment: Mapping[str, Plain] = field(default_factory=dict)
    detach: bool = False
    downtime: Literal["", "begins", "ends"] = ""
    no_log: bool = False
    site: Literal["", "up", "read-only", "down"] = ""
    environments: Plain = ()
    stage: Stage | None = None
    place: str = ""
    path: tuple[str | int, ...] = ()

    @property
    def judges(self) -> str:
        """What reads the output of the step's command; empty where nothing does."""
        return " and ".join(word for word in ("parse", "fail_when", "until") if getattr(self, word))


@dataclass(frozen=True, slots=True)
class Runbook:
    """
    A runbook as read, or a *playbook*: its steps are those that decide, then its stages, each an include.

    *sources* holds the text of its file and of every included one, its own first, by a path relative
    to where runbooks are looked for; *includes* the parsed included ones by name.
    """

    name: str
    title: str
    steps: tuple[Step, ...]
    finally_: tuple[Step, ...] = ()
    owner: str = ""
    summary: str = ""
    inputs: Mapping[str, Input] = field(default_factory=dict)
    targets: Mapping[str, TargetNeed] = field(default_factory=dict)
    lock: str = ""
    playbook: bool = False
    sources: Mapping[str, str] = field(default_factory=dict)
    includes: "Mapping[str, Runbook]" = field(default_factory=dict)


def convert_inputs(runbook: Runbook, given: Mapping[str, Plain]) -> dict[str, Plain]:
    """
    Convert all inputs of *runbook*, those not given to their default or None.

    Raises `UsageError` naming every input that is missing, unknown or does not fit.
    """
    problems = [_unknown_input(runbook, name) for name in given if name not in runbook.inputs]
    values: dict[str, Plain] = {}
    for name, wanted in runbook.inputs.items():
        value = given.get(name)
        if value is None and wanted.required:
            problems.append(f"{name} is missing{_told(wanted)}")
            continue
        value = wanted.default if value is None else value
        try:
            values[name] = None if value is None else convert_input(wanted, value, name)
        except ValueError as error:
            problems.append(f"{error}{_told(wanted)}")
    if problems:
        raise UsageError(
            f"The inputs of {runbook.name} do not fit:\n" + "\n".join(f"  {problem}" for problem in problems),
            advice="Give inputs with --set name=value.",
        )
    return values


def _told(wanted: Input) -> str:
    return f" ({wanted.type}: {wanted.help})" if wanted.help else f" ({wanted.type})"


def _unknown_input(runbook: Runbook, name: str) -> str:
    from difflib import get_close_matches

    if near := get_close_matches(name, runbook.inputs, n=1):
        return f"{name} is no input; did you mean {near[0]}?"
    return f"{name} is no input; there is {', '.join(runbook.inputs) or 'none'}"
