"""The Plan: every change of a runbook in order, as data, with a digest."""

import hashlib
import json
import stat
import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import field, replace
from pathlib import Path
from typing import Final, Literal

from .action import Verdict
from .beside import write_beside
from .dataclass import dataclass
from .errors import RefusedError, UsageError
from .schema import build, encode
from .values import Plain, Unknown

FORMAT: Final = 1
_LARGEST: Final = 256 * 2**20  # bytes of a saved plan; ten thousand steps have a tenth of that
SYMBOLS: Final[Mapping[Verdict, str]] = {
    "read": "?",
    "noop": "=",
    "create": "+",
    "update": "~",
    "delete": "-",
    "run": "!",
    "ask": "@",
    "unknown": "*",
    "skip": "·",
}
WRITING: Final[frozenset[Verdict]] = frozenset({"create", "update", "delete", "run", "unknown"})

DECIDE: Final = "Decide"
"""The heading above the steps by which a playbook decides."""

OWN_STEPS: Final = "by the runbook's own undo steps"
"""Begins the reason of a way back that the runbook itself gives."""

LEFT_BEHIND: Final = "stays as it is, whatever it did"
"""Begins the reason why an undo goes past a step that did not end well and that nothing takes back."""

BY_HAND: Final = "stays as it is: done by hand"
"""Begins the reason why an undo leaves what somebody did by hand."""

SURE: Final = "/sure"
"""Ends the address of the question that comes before a step which nobody may do on a guess, after that of the step."""
_CHOOSE: Final = "human.choose"


def heading_of(stage: str, environment: str) -> tuple[str, str]:
    """
    Give the stage and environment that stand above a step.

    The steps by which a playbook decides have one heading: each may look into another environment, and says so itself.
    """
    return stage, "" if stage == DECIDE else environment


UndoKind = Literal["reverse", "leave", "refuse"]
Section = Literal["steps", "finally", "closing"]
"""`closing` are the `finally` steps of an include: in their place, or at the end of a run that does not come there."""


def plain_address(address: str) -> str:
    """Take a loop's item, a group's member and an attempt off each part of an address."""
    parts = (part.partition("#")[0].partition("@")[0].partition("[")[0] for part in address.split("/"))
    return "/".join(parts)


def answer_to(address: str, step_id: str, answers: Mapping[str, str], own: Collection[str]) -> str | None:
    """
    Give the one of *answers* that is meant for a step: by its address, else by its id.

    An id that a step of the runbook's *own* has means that one, and none of the same id in an include or a stage.
    """
    if address in answers:
        return answers[address]
    inside = "/" in address.removeprefix("undo/")
    return None if inside and step_id in own else answers.get(step_id)


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """
    One step as it will be carried out.

    *arguments*, *before*, *after* and *ops* are JSON forms; *compared* names the fields of the state that bind (the
    others are evidence). *goal* is set in an undo: the state to bring about. *stands* is set in the undo of an undo:
    how a step that is not carried out again ended at first. *place* is the path of the step in the runbook's own text,
    for errors. In a playbook, *stage* is the heading that it stands under and *environment* where it is carried out,
    where that may be elsewhere than the plan says.
    """

    address: str
    id: str
    name: str
    kind: str
    verdict: Verdict
    section: Section = "steps"
    phase: str = ""
    reason: str = ""
    targets: tuple[str, ...] = ()
    arguments: Plain = None
    before: Plain = None
    after: Plain = None
    compared: tuple[str, ...] = ()
    ops: tuple[Plain, ...] = ()
    shown: tuple[str, ...] = ()
    details: tuple[str, ...] = ()
    outputs: Plain = None
    undo: UndoKind = "leave"
    undo_reason: str = ""
    prompt: Plain = None
    assumed: bool = False
    approvers: tuple[str, ...] = ()
    quorum: int = 0
    downtime: Literal["", "begins", "ends"] = ""
    estimate: float | None = None
    goal: Plain = None
    undo_of: str = ""
    stands: str = ""
    group: str = ""
    effect: Literal["read", "idempotent", "once"] = "idempotent"
    place: str = ""
    stage: str = ""
    environment: str = ""

    def goes_by(self, name: str) -> bool:
        """Tell whether *name* means it: its id, its address, also without items and members, or that of an include."""
        address, plain = self.address, plain_address(self.address)
        return name in (self.id, address, plain) or (bool(name) and f"{plain}/".startswith(f"{name}/"))

    @property
    def writes(self) -> bool:
        """Tell whether the step will, or may, write."""
        return self.verdict in WRITING

    @property
    def changes(self) -> bool:
        """Tell whether the step will, or may, change something outside: a command that only looks does not."""
        return self.writes and self.effect != "read"

    @property
    def asks_first(self) -> bool:
        """Tell whether it only asks if the step after it is to be done: an answer brings nothing about."""
        return self.verdict == "ask" and self.address.endswith(SURE) and self.id.endswith("-sure")

    def binding(self) -> Plain:
        """
        Give what must still hold when the step is carried out: all but evidence, times and texts.

        Of what can be chosen that is the values: what is said of them is evidence.
        """
        return {
            "address": self.address,
            "kind": self.kind,
            "verdict": self.verdict,
            "arguments": _bound_choices(self.arguments) if self.kind == _CHOOSE else self.arguments,
            "before": self.bound_fields(self.before),
            "after": self.bound_fields(self.after),
            "ops": list(self.ops),
            "undo": self.undo,
            "prompt": _bound_choices(self.prompt) if self.kind == _CHOOSE else self.prompt,
            "goal": self.goal,
            "approvers": list(self.approvers),
            "quorum": self.quorum,
            "section": self.section,
            "group": self.group,
            "downtime": self.downtime,
            "effect": self.effect,
            "undo_of": self.undo_of,
        }

    def bound_fields(self, state: Plain) -> Plain:
        """Give the fields of *state* that bind."""
        if not isinstance(state, dict):
            return state
        return {name: state[name] for name in self.compared if name in state}


def _bound_choices(content: Plain) -> Plain:
    """Leave of all that can be chosen, and of what it is chosen for, the values; the question's text tells of them."""
    if not isinstance(content, dict):
        return content
    listed = {name: content[name] for name in ("from", "each", "choices") if isinstance(content.get(name), list)}
    bound = {
        name: [one.get("value") if isinstance(one, dict) else one for one in choices]
        for name, choices in listed.items()
        if isinstance(choices, list)
    }
    return {name: part for name, part in {**content, **bound}.items() if name != "text"}


@dataclass(frozen=True, slots=True)
class PlannedLock:
    """
    A lock that a run holds: *name* in what the *keepers* are, or in the *environment* where there are none.

    *keepers* are SQL targets, the first of which that can holds it for all machines; *scope* says whom it keeps out.
    """

    name: str
    keepers: tuple[str, ...] = ()
    environment: str = ""
    scope: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """
    What a run will do. A dry run prints it, a run executes it, a journal's first record holds it.

    *sources* are the texts of the runbook and all it includes, by path, the runbook's first: a run
    goes on from them even when the files have changed since. *identities* are what the targets said
    they are while planning. An undo takes back the run *undo_of*; the undo of an undo carries out *again* the run that
    this one had taken back. Of a *playbook*, *environments* are those of its stages, where there are others than
    the run's own, and whether they are protected; *locks* are those of its stages, and of what is included. Of an
    undo, *passed* are the steps of the first run that took no part in it.
    """

    runbook: str
    title: str
    environment: str
    steps: tuple[PlannedStep, ...]
    owner: str = ""
    protected: bool = False
    inputs: Plain = field(default_factory=dict)
    answers: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    identities: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    lock: str = ""
    lock_scope: str = ""
    made_at: str = ""
    made_by: str = ""
    undo_of: str = ""
    undo_to: str = ""
    again: str = ""
    until: str = ""
    playbook: bool = False
    environments: Mapping[str, bool] = field(default_factory=dict)
    locks: tuple[PlannedLock, ...] = ()
    passed: tuple[str, ...] = ()
    format: int = FORMAT

    @property
    def digest(self) -> str:
        """SHA-256 over what binds: the same runbook, inputs and world give the same digest."""
        found = hashlib.sha256()
        for piece in self._binding():
            found.update(piece)
        return found.hexdigest()

    def _binding(self) -> Iterator[bytes]:
        """Write what binds as one canonical text, whose keys are in order, a step at a time: there may be 10,000."""
        first = {
            "answers": dict(self.answers),
            "environment": self.environment,
            "identities": {name: dict(who) for name, who in self.identities.items()},
            "inputs": self.inputs,
            "lock": self.lock,
            "protected": self.protected,
            "runbook": self.runbook,
            "sources": dict(self.sources),
        }
        if self.again:
            first["again"] = self.again
        if self.playbook:
            first["environments"] = dict(self.environments)
        if self.playbook or self.locks:
            first["locks"] = [lock.name for lock in self.locks]
        last = {"undo_of": self.undo_of, "undo_to": self.undo_to, "until": self.until}
        yield canonical(first)[:-1] + b',"steps":['
        for number, step in enumerate(self.steps):
            yield (b"," if number else b"") + canonical(step.binding())
        yield b"]," + canonical(last)[1:]

    @property
    def down_to(self) -> str:
        """Say of an undo that goes back to a step only which one that is, behind what it takes back; else empty."""
        return f" down to {self.undo_to}, which stays" if self.undo_to else ""

    @property
    def writes(self) -> bool:
        """Tell whether carrying it out may write anything."""
        return any(step.writes for step in self.steps)

    def protects(self, step: PlannedStep) -> bool:
        """Tell whether *step* is carried out in a protected environment."""
        return self.environments.get(step.environment, self.protected)

    @property
    def guarded(self) -> tuple[str, ...]:
        """The protected environments that carrying it out may write to."""
        named = (step.environment or self.environment for step in self.steps if step.writes and self.protects(step))
        return tuple(dict.fromkeys(named))

    def step(self, address: str) -> PlannedStep | None:
        """Find a step by its address."""
        return next((step for step in self.steps if step.address == address), None)

    def counts(self) -> Mapping[Verdict, int]:
        """Count the steps by verdict, in the order of SYMBOLS."""
        return {verdict: count for verdict in SYMBOLS if (count := sum(step.verdict == verdict for step in self.steps))}

    def with_tail(self, steps: tuple[PlannedStep, ...]) -> "Plan":
        """Give the same plan with each step replaced by the one of *steps* at its address; new ones take its place."""
        fresh = {step.address: step for step in steps}
        return replace(self, steps=tuple(fresh.get(step.address, step) for step in self.steps))


# One for all texts: making a writer takes longer than what it writes.
_CANONICAL: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=encode)


def canonical(value: Plain) -> bytes:
    """Write plain *value* as the one JSON text that digests are taken of."""
    return _CANONICAL.encode(value).encode("utf-8", "surrogatepass")


def save(plan: Plan, path: Path) -> None:
    """Write *plan* to *path*, for its owner only; a half-written plan never has the name. Raises `UsageError`."""
    content = json.dumps({"digest": plan.digest, "plan": encode(plan)}, ensure_ascii=False, indent=1) + "\n"
    try:
        write_beside(path, (content.encode("utf-8", "surrogatepass"),))
    except OSError as error:
        raise UsageError(
            f"The plan cannot be written to {path}: {error.strerror}.",
            advice="Name a file in a folder that is there and takes writes.",
        ) from error


def load(path: Path) -> Plan:
    """Read a saved plan. Raises `RefusedError` when it is not one, or was changed by hand."""
    advice = "Make one with `plan NAME --out FILE`."
    try:
        content = _read(path)
        plan = build(Plan, content["plan"])
    except OSError as error:
        raise RefusedError(f"The plan {path} cannot be read: {error.strerror}.", advice=advice) from error
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise RefusedError(f"{path} is not a saved plan: {error}", advice=advice) from error
    if plan.digest != content.get("digest"):
        raise RefusedError(
            f"{path} was changed after it was saved.", advice="Plan again; plans are not edited by hand."
        )
    return plan


def _read(path: Path) -> dict[str, Plain]:
    """Read a saved plan's file. Raises ValueError for what cannot be one: a device, far too large, something else."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise ValueError("it is not a regular file")
    if found.st_size > _LARGEST:
        raise ValueError(f"it has {found.st_size} bytes, and a plan at most {_LARGEST}")
    content = json.loads(path.read_bytes())
    if not isinstance(content, dict) or "plan" not in content:
        raise ValueError("it holds no plan")
    return content


def decoded(content: Plain, known: Plan) -> Plan:
    """Decode a plan, with the steps of *known* for those that *content* tells of in just their words."""
    there = {step.address: step for step in known.steps}
    steps = [_shared(step, there) for step in content["steps"]]
    return build(Plan, {**content, "steps": steps})


def _shared(content: Plain, there: Mapping[str, PlannedStep]) -> Plain:
    """Give the step that *content* tells of, where it is there already, else *content*."""
    step = there.get(content["address"])
    return content if step is None or encode(step) != content else step


def differences(planned: Plan, found: Plan) -> tuple[str, ...]:
    """Name each difference that makes *planned* unfit to be carried out where *found* is planned now."""
    return tuple(_differences(planned, found))


def _differences(planned: Plan, found: Plan) -> Iterator[str]:
    for path in sorted({*planned.sources, *found.sources}):
        if planned.sources.get(path) != found.sources.get(path):
            yield f"runbook: {path} changed since the plan was made"
    for part in ("runbook", "environment", "undo_of", "lock", "until"):
        yield from _compare(part, getattr(planned, part), getattr(found, part))
    yield from _compare("inputs", planned.inputs, found.inputs)
    yield from _compare("answers", dict(planned.answers), dict(found.answers))
    yield from _compare("target", encode(planned.identities), encode(found.identities))
    if planned.protected != found.protected:
        yield f"environment: planned as {_protection(planned)}, now {_protection(found)}"
    yield from _compare("protection", dict(planned.environments), dict(found.environments))
    yield from _compare("locks", [lock.name for lock in planned.locks], [lock.name for lock in found.locks])
    yield from _compare("order of the steps", _addresses(planned), _addresses(found))
    now = {step.address: step for step in found.steps}
    for step in planned.steps:
        if step.address not in now:
            yield f"step {step.address}: no longer part of the plan"
        else:
            yield from _compare(f"step {step.address}", step.binding(), now.pop(step.address).binding())
    yield from (f"step {address}: was not part of the plan" for address in now)


def _protection(plan: Plan) -> str:
    return "protected" if plan.protected else "not protected"


def _addresses(plan: Plan) -> list[Plain]:
    return [step.address for step in plan.steps]


def _compare(path: str, planned: Plain, found: Plain) -> Iterator[str]:
    if planned == found:
        return
    if isinstance(planned, dict) and isinstance(found, dict):
        for key in sorted({*planned, *found}):
            yield from _compare(
                f"{path}: {key}" if ":" not in path else f"{path}.{key}", planned.get(key), found.get(key)
            )
        return
    was, now = shown_apart(planned, found)
    yield f"{path}: planned {was}, now {now}"


def completes(planned: Plain, found: Plain) -> bool:
    """Tell whether *found* is a legal completion of *planned*: equal but where planned was not known yet."""
    match planned:
        case {"$unknown": _, **rest} if not rest:
            return True
        case dict():
            return (
                isinstance(found, dict)
                and planned.keys() == found.keys()
                and all(completes(part, found[key]) for key, part in planned.items())
            )
        case list():
            return isinstance(found, list) and len(planned) == len(found) and all(map(completes, planned, found))
        case str() if "‹run " in planned:
            return isinstance(found, str)
    return bool(planned == found)


def changed_fields(planned: Plain, found: Plain) -> tuple[str, ...]:
    """Name the fields in which two states differ, as `name: planned -> found`."""
    if not (isinstance(planned, dict) and isinstance(found, dict)):
        return () if completes(planned, found) else (" -> ".join(shown_apart(planned, found)),)
    return tuple(
        f"{name}: {' -> '.join(shown_apart(planned.get(name), found.get(name)))}"
        for name in planned
        if not completes(planned.get(name), found.get(name))
    )


def shown(value: Plain, *, limit: int = 160) -> str:
    """Print a plain value for people, shortened to about *limit* characters."""
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case str():
            text = value or "''"
        case {"$unknown": str(source), **rest} if not rest:
            text = str(Unknown(source))
        case {"secret": str(reference), **rest} if not rest:
            text = f"‹secret {reference}›"
        case list() if all(isinstance(part, str | int | float) for part in value):
            text = ", ".join(map(str, value)) or "none"
        case _:
            text = json.dumps(value, ensure_ascii=False, default=str)
    return _shortened(text, limit)


def shown_apart(first: Plain, second: Plain, *, limit: int = 160) -> tuple[str, str]:
    """Print two plain values so that their first difference is seen, however far into long ones it lies."""
    texts = shown(first, limit=sys.maxsize), shown(second, limit=sys.maxsize)
    pairs = enumerate(zip(*texts, strict=False))
    same = next((at for at, (one, other) in pairs if one != other), min(map(len, texts)))
    begin = 0 if same < limit // 2 else same - limit // 4
    was, now = (_shortened(f"…{text[begin:]}" if begin else text, limit) for text in texts)
    return was, now


def _shortened(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
