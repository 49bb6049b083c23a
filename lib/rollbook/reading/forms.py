"""What people write in a runbook, key by key; `steps.py` and `runbook.py` make the models from it."""

from collections.abc import Mapping
from dataclasses import field
from datetime import timedelta
from typing import Final, Literal

from ..dataclass import dataclass
from ..inputs import Input, InputType
from ..matching import check_pattern
from ..runbook import TargetNeed
from ..values import Plain

# What an include may have beside its id: the included steps bring their own keywords.
INCLUDE_KEYS: Final = frozenset(("id", "name", "tags", "when", "include", "inputs"))


def _help(text: str) -> Mapping[str, str]:
    return {"help": text}


@dataclass(frozen=True, slots=True)
class RequirementForm:
    """Something that must hold before a step."""

    that: str = field(metadata=_help("an expression that must hold"))
    message: str = field(default="", metadata=_help("what to do when it does not hold"))


@dataclass(frozen=True, slots=True)
class UndoForm:
    """What replaces a step's derived undo."""

    steps: tuple[Plain, ...] = field(default=(), metadata=_help("steps that take the change back"))
    leave: str = field(default="", metadata=_help("why the change may stay after an undo"))
    refuse: str = field(default="", metadata=_help("why the change cannot be taken back"))

    def __post_init__(self) -> None:
        if sum(map(bool, (self.steps, self.leave, self.refuse))) != 1:
            raise ValueError("expected exactly one of steps, leave (a reason) and refuse (a reason)")


@dataclass(frozen=True, slots=True)
class ApprovalForm:
    """Who must agree before a step."""

    names: tuple[str, ...] = field(default=(), metadata=_help("people or groups who may approve; empty: anybody"))
    quorum: int = field(default=1, metadata=_help("how many of them must"))

    def __post_init__(self) -> None:
        if self.quorum < 1:
            raise ValueError("quorum: expected 1 or more")
        if self.names and self.quorum > len(self.names):
            raise ValueError(f"quorum: {self.quorum} cannot be reached by {len(self.names)} names")


@dataclass(frozen=True, slots=True)
class StepForm:
    """One step: exactly one action key, which holds a dot, or an include."""

    id: str = field(default="", metadata=_help("unique in the runbook; expressions and answers refer to it"))
    name: str = field(default="", metadata=_help("a sentence: what the step does"))
    include: str = field(default="", metadata=_help("the runbook whose steps stand here"))
    inputs: Mapping[str, Plain] = field(default_factory=dict, metadata=_help("inputs of the included runbook"))
    tags: tuple[str, ...] = field(default=(), metadata=_help("words to find steps by"))
    when: str | bool = field(default="", metadata=_help("an expression: whether the step takes part"))
    requires: tuple[str | RequirementForm, ...] = field(default=(), metadata=_help("what must hold before"))
    loop: Plain = field(default=None, metadata=_help("a list: the step is done for each item"))
    target: str = field(default="", metadata=_help("the target or group that the step acts on"))
    serial: int | str | None = field(default=None, metadata=_help("how many of a group at once, or percent"))
    max_failures: int | str | None = field(default=None, metadata=_help("failures in a group until the run stops"))
    retries: int = field(default=0, metadata=_help("how often a failed step is tried again"))
    delay: timedelta = field(default=timedelta(seconds=1), metadata=_help("the pause between attempts"))
    timeout: timedelta | None = field(default=None, metadata=_help("the longest one attempt may take"))
    until: str = field(default="", metadata=_help("an expression that must hold after an attempt"))
    effect: Literal["read", "idempotent", "once"] | None = field(
        default=None,
        metadata=_help("what a resume may do with a command that was interrupted; one that reads is told as no change"),
    )
    on_doubt: Literal["ask", "redo", "skip"] = field(default="ask", metadata=_help("when nobody knows if it was done"))
    on_failure: Literal["stop", "undo", "continue"] = field(default="stop", metadata=_help("when the step fails"))
    verify: tuple[Plain, ...] = field(default=(), metadata=_help("assertion steps, looked at after the change"))
    undo: UndoForm | tuple[Plain, ...] | None = field(default=None, metadata=_help("replaces the derived undo"))
    approve: str | tuple[str, ...] | ApprovalForm | None = field(default=None, metadata=_help("who must agree before"))
    fail_when: str = field(default="", metadata=_help("an expression on a command's output that means failure"))
    parse: Literal["json", "lines"] | Mapping[str, str] | None = field(
        default=None, metadata=_help("how a command's output is read: json, lines, or {regex: PATTERN}")
    )
    become: bool = field(default=False, metadata=_help("run as root"))
    run_as: str = field(default="", metadata=_help("run as this user"))
    environment: Mapping[str, Plain] = field(default_factory=dict, metadata=_help("environment variables of a command"))
    detach: bool = field(default=False, metadata=_help("leave a command running when its connection ends"))
    downtime: Literal["", "begins", "ends"] = field(default="", metadata=_help("the site goes down, or is up again"))
    no_log: bool = field(default=False, metadata=_help("keep the output out of journal and files"))
    site: Literal["", "up", "read-only", "down"] = field(default="", metadata=_help("how the site is after the step"))
    environments: tuple[str, ...] | str = field(
        default=(),
        metadata=_help("of a step of decide: where it looks, one after the other; else where the run is for"),
    )
    action: Mapping[str, Plain] = field(default_factory=dict, metadata={"rest": r"\."})

    def __post_init__(self) -> None:
        if self.retries < 0:
            raise ValueError("retries: expected 0 or more")
        if self.environments and (self.loop is not None or self.target):
            raise ValueError("environments: a step that looks into several takes neither loop nor target")
        if self.become and self.run_as:
            raise ValueError("expected one of become (root) and run_as (a user), not both")
        _check_share("serial", self.serial, least=1)
        _check_share("max_failures", self.max_failures, least=0)
        for name, duration in (("delay", self.delay), ("timeout", self.timeout)):
            if duration is not None and duration < timedelta(0):
                raise ValueError(f"{name}: expected no less than 0 s")
        if isinstance(self.parse, Mapping) and set(self.parse) != {"regex"}:
            raise ValueError("parse: expected json, lines or {regex: PATTERN}")
        if isinstance(self.parse, Mapping) and "{{" not in self.parse["regex"]:
            try:
                check_pattern(self.parse["regex"])
            except ValueError as error:
                raise ValueError(f"parse: {error}") from None


def _check_share(name: str, wanted: int | str | None, *, least: int) -> None:
    """Check a number of a group's members, or a percentage of them."""
    if wanted is None:
        return
    text = str(wanted).strip()
    number = text.removesuffix("%").strip()
    most = 100 if text.endswith("%") else 1_000_000
    if not (number.isascii() and number.isdigit() and len(number) < 8 and least <= int(number) <= most):
        raise ValueError(f"{name}: expected a number from {least} on, or {least}% to 100%; found {text}")


@dataclass(frozen=True, slots=True)
class PhaseForm:
    """Steps under a heading."""

    phase: str = field(metadata=_help("the heading"))
    steps: tuple[Plain, ...] = field(metadata=_help("the steps below it"))


@dataclass(frozen=True, slots=True)
class RunbookForm:
    """One reviewed procedure."""

    runbook: str = field(metadata=_help("its name: that of the file"))
    title: str = field(metadata=_help("what it does, in a few words"))
    steps: tuple[Plain, ...] = field(metadata=_help("what is done, in order"))
    owner: str = field(default="", metadata=_help("the team that keeps it right"))
    summary: str = field(default="", metadata=_help("when to use it"))
    inputs: Mapping[str, Input | InputType] = field(
        default_factory=dict, metadata=_help("what must be known to run it")
    )
    targets: Mapping[str, TargetNeed | str] = field(default_factory=dict, metadata=_help("what it acts on, by kind"))
    lock: str = field(default="", metadata=_help("runs with the same text exclude each other"))
    finally_: tuple[Plain, ...] = field(default=(), metadata=_help("done once, when the run ends for good"))


@dataclass(frozen=True, slots=True)
class GateForm:
    """A question before a stage, in each of its environments."""

    text: str = field(metadata=_help("what is asked: the stage begins after a yes"))
    names: tuple[str, ...] | str = field(default=(), metadata=_help("who may agree; empty: whoever runs it"))
    quorum: int = field(default=1, metadata=_help("how many of them must"))

    def __post_init__(self) -> None:
        if not self.text.strip():
            raise ValueError("text: expected a question")
        if self.quorum < 1:
            raise ValueError("quorum: expected 1 or more")


@dataclass(frozen=True, slots=True)
class StageForm:
    """One runbook of a playbook, in one environment or several."""

    name: str = field(metadata=_help("a sentence: what the stage does"))
    runbook: str = field(metadata=_help("the runbook that is carried out"))
    id: str = field(default="", metadata=_help("unique in the playbook; else the runbook's name"))
    environment: str = field(default="", metadata=_help("where; else in the environment that the run is for"))
    environments: tuple[str, ...] | str = field(default=(), metadata=_help("where, one after the other"))
    inputs: Mapping[str, Plain] = field(default_factory=dict, metadata=_help("inputs of the runbook"))
    when: str | bool = field(default="", metadata=_help("an expression: whether the stage takes part"))
    gate: str | GateForm | None = field(default=None, metadata=_help("a question before it, in each environment"))
    on_failure: Literal["stop", "undo", "continue"] = field(
        default="stop",
        metadata=_help("when one of its steps fails; continue goes on with the next environment or stage"),
    )
    urgent: bool = field(default=False, metadata=_help("what comes after is planned only when this is over"))
    after: str = field(
        default="", metadata=_help("a step of decide: that it comes right after; else it comes at the end")
    )

    def __post_init__(self) -> None:
        if self.environment and self.environments:
            raise ValueError("expected one of environment and environments, not both")


@dataclass(frozen=True, slots=True)
class PlaybookForm:
    """An incident scenario: it decides, then orders runbooks."""

    playbook: str = field(metadata=_help("its name: that of the file"))
    title: str = field(metadata=_help("what it is for, in a few words"))
    stages: tuple[Plain, ...] = field(metadata=_help("the runbooks that it orders, one after the other"))
    owner: str = field(default="", metadata=_help("the team that keeps it right"))
    summary: str = field(default="", metadata=_help("when to use it"))
    inputs: Mapping[str, Input | InputType] = field(
        default_factory=dict, metadata=_help("what must be known to run it")
    )
    targets: Mapping[str, TargetNeed | str] = field(default_factory=dict, metadata=_help("what decide: reads, by kind"))
    decide: tuple[Plain, ...] = field(
        default=(), metadata=_help("steps that read and ask: facts, assertions, questions, value.set")
    )
