"""The Runbook: one reviewed procedure, as a frozen model. No I/O; `library.py` reads the files."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from .values import Plain

InputType = Literal["text", "number", "whole", "bool", "datetime", "duration", "list", "course_key", "path"]


@dataclass(frozen=True, slots=True)
class Input:
    """One input of a runbook; without *default* and not *optional* it must be given."""

    type: InputType = "text"
    help: str = ""
    default: Plain = None
    optional: bool = False
    choices: tuple[Plain, ...] = ()
    pattern: str = ""
    secret: bool = False

    @property
    def required(self) -> bool:
        """Tell whether a run cannot do without it."""
        return self.default is None and not self.optional


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
class Step:
    """
    One use of an action, or an include of another runbook.

    *kind* and *arguments* are the action key and what stands under it (templates unrendered);
    *include* and *inputs* are given instead for an include. Durations may be templates too.
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
    place: str = ""
    path: tuple[str | int, ...] = ()


@dataclass(frozen=True, slots=True)
class Runbook:
    """
    A runbook as read. *sources* holds the text of its file and of every included one, its own
    first, by a path relative to where runbooks are looked for; *includes* the parsed included ones
    by name.
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
    sources: Mapping[str, str] = field(default_factory=dict)
    includes: "Mapping[str, Runbook]" = field(default_factory=dict)
