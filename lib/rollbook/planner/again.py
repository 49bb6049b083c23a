"""The undo of an undo: the first run's procedure again, in its order, as far as the undo took it back."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from typing import Any, Final

from ..action import Leave, Refuse, Reverse
from ..dataclass import dataclass
from ..errors import NotFoundError, UndoRefused, UsageError
from ..plan import SURE, Plan, PlannedStep
from ..registry import action_type
from ..run import Run, StepRun
from ..undos import Earlier, unended
from ..values import Unknown
from .guards import around
from .locking import once
from .planner import Planner
from .projection import Projection
from .scope import Known, Use
from .step import outline
from .sure import by_hand_again, doubtful, half_back, half_done
from .undo import CHANGED, changed_by, done_by_hand, own_steps, refuse_undo, reversed_step, with_earlier

_DECISIONS: Final = ("choose", "input")
_BOOLS: Final = {"true": ("yes", "y"), "false": ("no", "n")}


def plan_again(
    undo: Run,
    first: Run,
    planner: Planner,
    *,
    to: str = "",
    known: Mapping[str, Known] | None = None,
    earlier: Mapping[str, Earlier],
    redone: Mapping[str, Earlier],
) -> Plan:
    """
    Plan how to take *undo* back, the undo of *first*: what it took back is brought about again, under the same guards.

    The steps of *first* come again in their order: what is read is read, what is asked is asked, and an answer that
    decided something is what it was. A change that was reversed goes back to just what it had led to; where the
    runbook's own `undo:` steps took a step back, the step is carried out again. What counts once and was left standing
    is not done twice, nor what other undos of *undo* have *redone*, nor what one of the *earlier* undos took back
    brought again. With *to*, a step of *undo*, its later steps only are taken back. *known* steps are over.
    """
    planner.answers = {**planner.answers, **_decisions(first, planner.answers)}
    way = _Way(undo, first, planner, earlier, redone, known or {})
    made = planner.plan(known, instead=way.step)
    if way.refused:
        raise refuse_undo(undo, way.refused)
    end = _end(made.steps, undo, to)
    _require_all(undo, first, made, end)
    steps = [part for step in made.steps if step.address not in end for part in (*way.sure.get(step.address, ()), step)]
    guards = _guards(undo, first, planner, redone)
    return replace(
        made,
        title=f"{first.plan.title.removesuffix(_AGAIN)}{_AGAIN}",
        steps=(*guards, *steps),
        # Those that were known late at first are known now, and what was reversed comes again before its turn to plan.
        locks=once((*made.locks, *undo.plan.locks)),
        undo_of=undo.id,
        undo_to=to,
        again=first.id,
        until="",
    )


_AGAIN: Final = ", again"


def _decisions(first: Run, given: Mapping[str, str]) -> dict[str, str]:
    """Give the answers that decided what the run was about; raise `UsageError` where another is *given*."""
    steps = {step.address: step.planned for step in first.steps}
    decided: dict[str, str] = {}
    for answer in first.answers:
        step = steps.get(answer.address)
        if step is None or not _decides(step):
            continue
        text = answer.typed
        other = given.get(step.address, given.get(step.id, text))
        if other not in (text, "default", *_BOOLS.get(text, ())):
            raise UsageError(
                f"--answer {step.address}={other}: run {first.id} was decided as {text}, and that comes again.",
                advice="Leave the answer out; or start a new run to decide otherwise.",
            )
        decided[step.address] = text
    return decided


def _decides(step: PlannedStep) -> bool:
    """Tell whether the answer to a step decided what came after it; a yes without which a run stops is asked anew."""
    if not isinstance(step.prompt, dict):
        return False
    kind, arguments = step.prompt.get("kind"), step.arguments
    heeded = kind == "confirm" and isinstance(arguments, dict) and arguments.get("stop_on_no") is False
    return kind in _DECISIONS or heeded


def _end(steps: Iterable[PlannedStep], undo: Run, to: str) -> frozenset[str]:
    """Name the steps that the step *to* of the undo, which stays, keeps from coming again: its own and those behind."""
    if not to:
        return frozenset()
    found = next((step for step in undo.steps if to in (step.address, step.planned.id)), None)
    if found is None:
        raise NotFoundError(f"Run {undo.id} has no step {to!r}.", advice="`status RUN` lists its steps.")
    own = [step.address for step in steps if step.section != "finally"]
    last = found.planned.undo_of
    return frozenset(own[own.index(last) :] if last in own else ())


def _require_all(undo: Run, first: Run, made: Plan, end: Collection[str]) -> None:
    """Raise `UndoRefused` where what decides about steps reads otherwise by now, so that not all would come again."""
    come = {step.address for step in made.steps if step.verdict != "skip" or step.undo_of}
    # What a loop or an include holds that is not known yet has its address, and more.
    later = tuple(f"{step.address}{mark}" for step in made.steps if step.verdict == "unknown" for mark in "/[@")
    taken = {step.planned.undo_of for step in undo.steps if step.ops and step.status in CHANGED} - {*end}
    lost = [
        step.address
        for step in first.steps
        if step.address in taken - come and step.planned.section == "steps" and not step.address.startswith(later)
    ]
    if lost:
        raise UndoRefused(
            f"Run {undo.id} cannot be undone: what it took back would not all come again. What the runbook goes by "
            f"reads otherwise now, and leaves out: {', '.join(lost)}.",
            advice=f"Start {first.plan.runbook} anew, which goes by what is there now; or put back what it read then.",
        )


def _guards(undo: Run, first: Run, planner: Planner, redone: Mapping[str, Earlier]) -> Iterator[PlannedStep]:
    """Take again what the end of the undo gave back, by the own undo steps of the steps that gave it back."""
    projection = Projection()
    ended = {step.address for step in undo.steps if step.planned.section == "finally" and step.done}
    taken = {step.planned.undo_of for step in undo.steps if step.changed}
    for step in reversed(first.steps):
        own = planner.uses[step.address].step.undo if step.address in planner.uses else None
        if step.planned.section != "steps" and step.address in ended & taken and own is not None:
            yield from with_earlier(own_steps(step, planner, own.steps, projection), redone)


@dataclass(slots=True)
class _Way:
    """
    Says how each step of the first run comes again: *sure* are questions before one, *refused* what cannot.

    *coming* are the changes that come again, or did so where they are *known*.
    """

    undo: Run
    first: Run
    planner: Planner
    earlier: Mapping[str, Earlier]
    redone: Mapping[str, Earlier]
    known: Mapping[str, Known]
    sure: dict[str, tuple[PlannedStep, ...]] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    backs: dict[str, list[StepRun]] = field(init=False)
    coming: set[str] = field(init=False)

    def __post_init__(self) -> None:
        self.coming = {address for address, over in self.known.items() if over.planned.writes}
        self.backs = {}
        for step in self.undo.steps:
            if step.planned.undo_of and not step.planned.asks_first:
                self.backs.setdefault(step.planned.undo_of, []).append(step)

    def step(self, use: Use, projection: Projection) -> PlannedStep | None:
        """Give the step in its other form; None where it is planned like in any run, as what ends one is."""
        past = self.first.step(use.address)
        if use.section != "steps":
            return self._at_end(use, past)
        planned = self._within(use, past, projection)
        if (planned is None or planned.verdict != "skip") and past is not None and past.ops and past.status in CHANGED:
            self.coming.add(use.address)
        return planned

    def _within(self, use: Use, past: StepRun | None, projection: Projection) -> PlannedStep | None:
        if use.step.include or isinstance(use.item, Unknown):
            return None  # what it holds is told when it is reached
        if past is not None and past.planned.verdict == "skip":
            # What stood already when it came again at first stands still; what took no part may do so now.
            return self._stands(use, past, past.reason) if past.planned.undo_of else None
        backs = self.backs.get(use.address, [])
        if past is not None and self._unended(past) and (self._reversing(backs) or self._came(backs)):
            return self._half(use, past, backs, projection)
        if past is None or not past.done or past.status == "skipped":
            return self._stands(use, past, "the first run did not do it")
        if done_by_hand(past):
            return self._by_hand(use, past)
        if not (past.ops and past.status in CHANGED):
            return None
        if use.step.undo is not None and use.step.undo.steps:
            return (
                self._plain(use, past, backs)
                if self._came(backs)
                else self._stands(use, past, "the undo did not take it back")
            )
        if (reversed_ := self._reversing(backs)) is not None:
            return self._reversed(use, reversed_, projection)
        left = any(back.planned.verdict == "skip" and back.done for back in backs)  # and came to it
        if left and past.planned.effect != "once":
            return self._left(use, past, projection)
        return self._stands(use, past, "the undo left it as it was" if left else "the undo did not take it back")

    def _by_hand(self, use: Use, past: StepRun) -> PlannedStep | None:
        """Have looked, where a look tells, whether it stands; else people say: the undo had asked to take it back."""
        asked = self.undo.step(f"undo/{use.address}{SURE}")
        if asked is None or not asked.done:
            return self._stands(use, past, "it was done by hand, and stayed")
        if action_type(use.step.kind).family != "state":
            self.sure[use.address] = (by_hand_again(outline(use), past, (self.first.id, self.undo.id)),)
        return None

    def _at_end(self, use: Use, past: StepRun | None) -> PlannedStep | None:
        """Have the end planned like that of any run: but for that of an include of which nothing was done."""
        done = past is not None and past.done
        taken = any(back.changed for back in self.backs.get(use.address, ()))
        if use.section == "closing" and not taken and not self._comes_around(use.address):
            return self._stands(use, past, "nothing comes again that it ends")
        ahead = self._goes_on and not done
        return self._stands(use, past, "the first run has not come to its end") if ahead else None

    @property
    def _goes_on(self) -> bool:
        """Tell whether the first run may go on once what was taken back in part came again; its end is its own then."""
        whole = not self.undo.plan.undo_to and not self.undo.resumable
        return self.first.resumable and not whole

    def _unended(self, past: StepRun) -> bool:
        """Tell whether a step began, and did not end well, and the first run will not take it up again itself."""
        passed_over = past.status == "skipped"
        return bool(past.starts) and (passed_over or (not past.done and not self._goes_on))

    def _comes_around(self, address: str) -> bool:
        return any(one.startswith(around(address)) for one in self.coming)

    def _plain(self, use: Use, past: StepRun, backs: Iterable[StepRun]) -> PlannedStep | None:
        """Have a step planned like in any run, but for what may be done once only and stands already, or may stand."""
        if past.planned.effect != "once" or past.planned.goal is not None:
            return None
        before = self.redone.get(use.address)
        if before is not None and before.step.done and before.step.status != "skipped":
            return self._stands(use, before.step, f"run {before.by} did it again already, and it may be done once only")
        writes = [back for back in backs if back.planned.writes]
        half = unended(writes) if writes else None
        if before is not None:
            self.sure[use.address] = (doubtful(outline(use), before.by),)
        elif half is not None:
            self.sure[use.address] = (half_back(outline(use), half, self.undo.id),)
        return None

    def _half(self, use: Use, past: StepRun, backs: Sequence[StepRun], projection: Projection) -> PlannedStep | None:
        """Give what never came to its end, and was taken back: to where it had come, or, when people say so, anew."""
        if (
            not (use.step.undo is not None and use.step.undo.steps)
            and (reversed_ := self._reversing(backs)) is not None
        ):
            return self._reversed(use, reversed_, projection)
        planned = self._plain(use, past, backs)
        counts = past.status in ("failed", "skipped") or (past.planned.effect == "once" and past.planned.goal is None)
        if planned is None and counts and use.address not in self.sure:
            self.sure[use.address] = (
                half_done(outline(use), past.status.replace("_", " "), (self.first.id, self.undo.id)),
            )
        return planned

    @staticmethod
    def _reversing(backs: Iterable[StepRun]) -> StepRun | None:
        return next((back for back in backs if back.ops and back.status in CHANGED), None)

    def _came(self, backs: Iterable[StepRun]) -> bool:
        """Tell whether the undo itself took a step back, or began to, by these own undo steps of it."""
        writes = [back for back in backs if back.planned.writes]
        # What an undo before it had done was not done by this one.
        looked = [] if any(self._elsewhere(back) for back in backs) else backs
        return any(back.starts or (back.done and back.status != "skipped") for back in writes or looked)

    def _elsewhere(self, back: StepRun) -> bool:
        before = self.earlier.get(back.address)
        return before is not None and before.by != self.undo.id

    @staticmethod
    def _stands(use: Use, past: StepRun | None, reason: str) -> PlannedStep:
        planned = replace(outline(use), verdict="skip", reason=reason, undo_of=f"undo/{use.address}")
        if past is None or not past.done:
            return planned
        # Later steps go by how it ended at first, for that is how it is.
        return replace(planned, outputs=past.outputs, stands=Known.of(past).told)

    def _left(self, use: Use, past: StepRun, projection: Projection) -> PlannedStep | None:
        """See that what the undo left for this is there still; whatever else it left is planned like in any run."""
        action, change = changed_by(past)
        decision = action.undo(change)
        if not isinstance(decision, Leave) or not decision.stands:
            return None
        base = replace(
            outline(use),
            arguments=past.arguments if past.arguments is not None else past.planned.arguments,
            targets=past.planned.targets,
            undo_of=f"undo/{use.address}",
        )
        *_, planned = reversed_step(base, past, (action, change), change.after, self.planner, projection)
        if planned.ops:
            self.refused.append(f"{use.address} ({use.step.name}): what the undo had left of it is there no more")
        return planned

    def _reversed(self, use: Use, back: StepRun, projection: Projection) -> PlannedStep:
        arguments = back.arguments if back.arguments is not None else back.planned.arguments
        base = replace(
            outline(use, self.planner.estimates.get(use.address)),
            arguments=arguments,
            targets=back.planned.targets,
            undo_of=back.address,
        )
        action, change = changed_by(back)
        decision: Any = action.undo(change)
        match decision:
            case Reverse(goal=goal):
                *asked, planned = reversed_step(base, back, (action, change), goal, self.planner, projection)
                self.sure[use.address] = tuple(asked)
                return planned
            case Refuse(reason=reason):
                self.refused.append(f"{use.address} ({use.step.name}): {reason}")
        return replace(base, verdict="skip", reason=f"stays as it is: {decision.reason}")
