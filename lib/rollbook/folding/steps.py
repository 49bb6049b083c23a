"""What one record makes of the step that it tells of."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final, TypeAlias, TypeVar

from ..journal import Record, moment
from ..ops import OutputRecord, WrittenFile
from ..run import INTENT, StepRun, StepStatus
from ..schema import build
from ..values import Plain

T = TypeVar("T")

StepFold: TypeAlias = Callable[[StepRun, Record], StepRun]
_NOTHING: Final[Mapping[str, Plain]] = {}


def _step_started(step: StepRun, record: Record) -> StepRun:
    at, planned = moment(record.at), step.planned
    begun = step.starts or step.status not in ("pending", "waiting")
    return replace(
        step,
        status="running",
        started_at=step.started_at if step.started_at and begun else at,
        ended_at=None,
        attempts=len(step.starts) + 1,
        starts=(*step.starts, at),
        began=step.began or record.number,
        began_last=record.number,
        **{name: _told(record, name, getattr(planned, name)) for name in INTENT},
        known=record.get("known", {}),
        ops_done=record.get("done", 0),
        unsure=True,
        error="",
        advice="",
        again=(),
        adopted_at=None,
        skipped_at=None,
        spared=False,
    )


def _same(found: T, there: T) -> T:
    """Give the equal object that is there already: most of what is found is as it was wanted."""
    return there if found == there else found


def _told(record: Record, name: str, planned: Plain) -> Plain:
    """Give what a record says, or what was planned where it says nothing else."""
    told = record.get(name, planned)
    return tuple(told) if isinstance(planned, tuple) else told


def _op_finished(step: StepRun, record: Record) -> StepRun:
    done = record["index"] + 1
    return _with_files(replace(step, ops_done=done, unsure=done < len(step.ops)), record)


def _worked(step: StepRun) -> tuple[datetime, datetime] | tuple[None, None]:
    """Tell from when to when a step that somebody settles has worked itself."""
    # What failed has an end; of what was cut off the journal knows only that it began.
    began, ended = step.started_at, step.ended_at or next(reversed(step.starts), None)
    return (began, ended) if began is not None and ended is not None else (None, None)


def _adopted(step: StepRun, record: Record) -> StepRun:
    at, (began, ended) = moment(record.at), _worked(step)
    return replace(
        step,
        status=record["status"],
        started_at=began or at,
        ended_at=ended or at,
        after=_same(record.get("after", step.after), step.after),
        unsure=False,
        known=_NOTHING,
        outputs=record.get("outputs"),
        reason=record["reason"],
        by=record["by"],
        asks=None,
        error="",
        advice="",
        adopted_at=at,
        skipped_at=None,
        spared=False,
    )


def _step_finished(step: StepRun, record: Record) -> StepRun:
    if record.get("by") and record.get("reason"):
        return _adopted(step, record)  # whoever answers a question gives the reason with the answer
    at = moment(record.at)
    step = replace(
        step,
        status=record["status"],
        started_at=step.started_at or at,
        ended_at=at,
        attempts=max(step.attempts, 1),
        before=_same(record.get("before", step.before), step.before),
        after=_same(record.get("after", step.after), step.after),
        arguments=record.get("arguments", step.arguments),
        details=tuple(record.get("details", step.details)),
        known=_NOTHING,
        outputs=record.get("outputs"),
        ops_done=len(step.ops),
        unsure=False,
        reason=record.get("reason", ""),
        by=record.get("by", ""),
        asks=None,
        error="",
        advice="",
        adopted_at=None,
        skipped_at=None,
        spared=False,
    )
    return _with_output(step, record)


def _with_output(step: StepRun, record: Record) -> StepRun:
    output = record.get("output")
    return _with_files(replace(step, output=build(OutputRecord, output) if output else step.output), record)


def _with_files(step: StepRun, record: Record) -> StepRun:
    """Add a record's files: after a crash each attempt tells of those that it wrote itself."""
    written = [build(WrittenFile, file) for file in record.get("files", ())]
    if not written:
        return step
    return replace(step, files=tuple({file.path: file for file in (*step.files, *written)}.values()))


def _step_failed(step: StepRun, record: Record) -> StepRun:
    at = moment(record.at)
    status: StepStatus = "unreachable" if record.type == "unreachable" else "failed"
    step = replace(
        step,
        status=status,
        started_at=step.started_at or at,
        ended_at=at,
        error=record.get("error", ""),
        advice=record.get("advice", ""),
        again=tuple(record.get("again", ())),
        unsure=step.unsure and status == "unreachable",
        asks=record.get("question", step.asks),
        outputs=record.get("outputs"),
        adopted_at=None,
        skipped_at=None,
        spared=False,
    )
    return _with_output(step, record)


def skipped(step: StepRun, record: Record) -> StepRun:
    """Take it that a step was passed over: by somebody, or because it takes no part."""
    at, by, reason = moment(record.at), record.get("by", ""), record.get("reason", "")
    step = replace(step, status="skipped", reason=reason, by=by, asks=None, outputs=record.get("outputs"))
    if not (by and reason):
        # Nobody went past it: it takes no part, or failed and the run can do without it.
        return replace(step, ended_at=at, spared=bool(record.get("spared")))
    began, ended = _worked(step)
    return replace(step, started_at=began, ended_at=ended or at, adopted_at=None, skipped_at=at)


def _status(status: StepStatus) -> StepFold:
    def take(step: StepRun, record: Record) -> StepRun:
        return replace(step, status=status, started_at=step.started_at or moment(record.at))

    return take


def _waits(step: StepRun, record: Record) -> StepRun:
    if record.get("agreement") and (step.starts or step.done):
        return step  # agreement is to what comes; how far the step itself got is what a resume must know
    at, asks = moment(record.at), record.get("question")
    ended = at if asks else step.ended_at  # what it had done of its work is over, and nothing of it was kept
    return replace(step, status="waiting", started_at=step.started_at or at, ended_at=ended, asks=asks or step.asks)


def _answered(step: StepRun, record: Record) -> StepRun:
    return replace(step, asks=None, answers=(*step.answers, record["value"])) if record.get("asked") else step


def _tried(step: StepRun, record: Record) -> StepRun:
    return replace(step, attempts=max(step.attempts, record.get("attempt", 0)))


def _failed_drift(step: StepRun, record: Record) -> StepRun:
    return replace(step, error="; ".join(record.get("differences", ())), ended_at=moment(record.at))


STEP: Final[Mapping[str, StepFold]] = {
    "step_started": _step_started,
    "op_started": _tried,
    "op_finished": _op_finished,
    "step_finished": _step_finished,
    "step_failed": _step_failed,
    "unreachable": _step_failed,
    "step_skipped": skipped,
    "attempt": _tried,
    "drift": _failed_drift,
    "in_doubt": _status("in_doubt"),
    "recovered": _tried,
    "waiting": _waits,
    "answered": _answered,
}
"""What each type of record makes of the step that it tells of."""
