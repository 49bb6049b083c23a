"""The stages of a playbook's run, each told as one: where, when, and how it ended."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby

from ..plan import heading_of
from .account import StageAccount, StepAccount
from .wording import Tone


def stages_of(steps: Sequence[StepAccount], run: str) -> tuple[StageAccount, ...]:
    """Tell the stages of *run*, in order: a stage once for each environment; none of a runbook's run."""
    own = (step for step in steps if step.run == run and step.stage)
    groups = groupby(own, key=lambda step: heading_of(step.stage, step.environment))
    return tuple(_stage(stage, environment, tuple(group)) for (stage, environment), group in groups)


def headed(steps: Iterable[StepAccount]) -> Iterator[tuple[str, StepAccount]]:
    """Yield each step with the heading that comes before it: where another stage of a playbook begins, else empty."""
    place = ""
    for step in steps:
        yield (step.place if step.place != place else ""), step
        place = step.place


def _stage(stage: str, environment: str, steps: Sequence[StepAccount]) -> StageAccount:
    words, tone = _end(steps)
    began = min(_times(step.began or step.adopted for step in steps), default=None)
    ends = [*_times(step.ended for step in steps)]
    return StageAccount(
        stage,
        environment,
        words,
        tone,
        began=began,
        ended=max(ends, default=None) if began and words not in ("not over", "not reached") else None,
        first=steps[0].number,
        last=steps[-1].number,
        changed=sum(step.changed for step in steps),
    )


def _times(found: Iterator[datetime | None]) -> Iterator[datetime]:
    return (at for at in found if at is not None)


def _end(steps: Sequence[StepAccount]) -> tuple[str, Tone]:
    """Say how steps ended as one."""
    found = {step.status for step in steps}
    if found <= {"skipped"} and not any(step.by for step in steps):
        return "took no part", "calm"
    if found & {"failed", "unreachable", "in_doubt"}:
        return "failed", "bad"
    if found <= {"pending", "skipped"} and not any(step.began or step.waited for step in steps):
        return "not reached", "calm"
    if found & {"pending", "running", "waiting"}:
        return "not over", "warn"
    if any(step.status == "skipped" and step.by for step in steps):
        return "left before its end", "warn"
    return ("done, then undone", "calm") if "undone" in found else ("done", "good")
