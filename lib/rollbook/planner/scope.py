"""What a step's expressions see, and which use of a step stands at which address."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from typing import Final, Literal

from ..dataclass import dataclass
from ..plan import PlannedStep, Section
from ..run import StepRun
from ..runbook import Runbook, Step
from ..values import Plain, Unknown, source_of
from .collected import Collected
from .environment import Environment

_PLAIN_ITEM: Final = re.compile(r"[A-Za-z0-9._:+-]{1,40}")


@dataclass(slots=True)
class Scope:
    """
    One runbook in use: the run's own, or an included one under its step's address.

    *steps* grows as steps are planned or carried out: id → `{"outputs": …, "status": …}`, what several uses of a step
    gave being *collected*. In a stage of a playbook,
    *stage* is the beginning of its steps' addresses, *heading* what it is called, and *on_failure* what is done
    about a failure that no step speaks of. *status* is how an include's steps ended, for those at its end. *unlocked*
    says why a lock of it, or of what it is included by, cannot be taken yet: until then nothing is written.
    """

    runbook: Runbook
    prefix: str
    inputs: Mapping[str, Plain]
    environment: Environment
    steps: dict[str, Plain] = field(default_factory=dict)
    stage: str = ""
    heading: str = ""
    on_failure: Literal["stop", "undo", "continue"] = "stop"
    status: Plain = field(default_factory=lambda: Unknown("run.status"))
    unlocked: str = ""
    collected: dict[str, Collected] = field(default_factory=dict)

    def collect(self, step_id: str) -> Collected:
        """Give what is collected of a step that there are several uses of, from none on."""
        if step_id not in self.collected:
            self.collected[step_id] = Collected()
            self.steps[step_id] = self.collected[step_id].entry
        return self.collected[step_id]


@dataclass(frozen=True, slots=True)
class Use:
    """
    One use of a step at its address: with its loop's *item* and its group's *member*.

    *where* is the environment that it looks into, where its step names several. *held* says why it is not looked at
    yet, though it might be. *takes_back* tells that its step is one of another's own undo steps, of which later ones
    see nothing.
    """

    step: Step
    scope: Scope
    address: str
    section: Section
    phase: str = ""
    item: Plain = None
    member: str = ""
    group: str = ""
    place: str = ""
    held: str = ""
    where: str = ""
    takes_back: bool = False

    def way_back(self, own: Step) -> "Use":
        """
        Give the use of *own*, one of the undo steps that the runbook gives the step.

        They come one after the other, a member's before the next one's; also those of a `finally` step, for the run's
        end is the beginning of its undo.
        """
        address = f"undo/{self.address}/{own.id}"
        return replace(self, step=own, address=address, place="", group="", section="steps", takes_back=True)

    def names(self, common: Mapping[str, Plain]) -> dict[str, Plain]:
        """Give the names that the step's expressions see."""
        own: dict[str, Plain] = {"inputs": self.scope.inputs, "steps": self.scope.steps, "item": self.item}
        if self.section == "closing" and isinstance(common["run"]["status"], Unknown):
            own["run"] = {**common["run"], "status": self.scope.status}
        return {**common, **self.scope.environment.names, **own}

    def learn(self, outputs: Plain, status: Plain) -> None:
        """Let later steps see this use's *outputs*; uses of one looped step are collected."""
        if self.takes_back:
            return
        if not self.place:
            self.scope.steps[self.step.id] = {"outputs": outputs, "status": status}
            return
        collected = self.scope.collect(self.step.id)
        collected.take(self.place, self.where or self.member, outputs)
        collected.tell(self.place, status)

    def mark(self, status: str) -> None:
        """Let later steps see how far this use came, though it is not over, or was over in another run."""
        if self.takes_back:
            return
        if self.place:
            self.scope.collect(self.step.id).tell(self.place, status)
            return
        self.scope.steps.setdefault(self.step.id, {"outputs": unknown_outputs(self.step.id)})["status"] = status


@dataclass(frozen=True, slots=True)
class Known:
    """What a run knows of a step that is over; *failed* tells that it was passed over since it failed."""

    planned: PlannedStep
    outputs: Plain
    status: str
    after: Plain
    failed: bool = False

    @classmethod
    def of(cls, step: StepRun) -> "Known":
        """Take it from a run."""
        failed = step.status == "skipped" and step.planned.verdict != "skip" and bool(step.error or step.starts)
        return cls(step.planned, step.outputs, step.status, step.after, failed)

    @property
    def told(self) -> str:
        """The status that expressions see: one that failed, or began, and was passed over did fail."""
        return self.planned.stands or ("failed" if self.failed else self.status)


def item_places(items: Sequence[Plain]) -> tuple[str, ...]:
    """
    Give the part of an address that names each of a loop's items.

    Their texts where these are short, plain and all different; else their numbers from 0.
    """
    plain = all(isinstance(item, str) and _PLAIN_ITEM.fullmatch(item) for item in items)
    names = [str(item) for item in items] if plain and len(set(items)) == len(items) else map(str, range(len(items)))
    return tuple(f"[{name}]" for name in names)


def with_unknowns(value: Plain) -> Plain:
    """Turn the JSON form of what is not known yet into `Unknown`s, for expressions."""
    if isinstance(value, dict):
        source = source_of(value)
        return {key: with_unknowns(part) for key, part in value.items()} if source is None else Unknown(source)
    return [with_unknowns(part) for part in value] if isinstance(value, list | tuple) else value


def unknown_status(step_id: str) -> Unknown:
    """Stand for how a step ends that has not run."""
    return Unknown(f"steps.{step_id}.status")


def unknown_outputs(step_id: str) -> Unknown:
    """Stand for all outputs of a step that has not run."""
    return Unknown(f"steps.{step_id}.outputs")
