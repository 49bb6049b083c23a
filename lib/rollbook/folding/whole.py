"""The whole run of a journal: a pure fold of its records."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from ..downtime import Downtime, with_begin, with_end
from ..errors import JournalError
from ..journal import Record, moment
from ..plan import Plan, decoded
from ..run import Event, GivenAnswer, Note, Run, StepRun
from ..schema import build
from .steps import STEP, skipped


def fold(records: Iterable[Record]) -> Run:
    """Tell the run of a journal's records. Raises `JournalError` when they do not begin with a run's start."""
    rest = iter(records)
    first = next(rest, None)
    if first is None or first.type != "run_started":
        raise JournalError("The journal is empty: the run was stopped before it began.", advice="Start a new run.")
    run = _start(first)
    steps = {step.address: step for step in run.steps}
    last = first
    del first  # and with it the plan as JSON
    for last in rest:
        run = _take(run, steps, last)
    return replace(run, steps=tuple(steps.values()), last_at=moment(last.at), records=last.number, head=last.digest)


def _start(record: Record) -> Run:
    plan = record["plan"] if isinstance(record["plan"], Plan) else build(Plan, record["plan"])
    return Run(
        id=record["run"],
        plan=plan,
        status="running",
        started_at=moment(record.at),
        operator=record["operator"],
        operators=(record["operator"],),
        reason=record.get("reason", ""),
        digest=record["digest"],
        version=record.get("version", ""),
        steps=tuple(StepRun(step) for step in plan.steps),
        last_at=moment(record.at),
        records=record.number,
        head=record.digest,
        undone_at=record.get("undone_at", 0),
        first=replace(record, content={**record.content, "plan": plan}),
    )


def _take(run: Run, steps: dict[str, StepRun], record: Record) -> Run:
    if record.type == "replanned":
        return _replanned(run, steps, record)
    if record.type == "stage_left":
        steps |= {address: skipped(steps[address], record) for address in record["steps"]}
        return _event(run, record)
    if record.type not in STEP:
        return _RUN.get(record.type, _event)(run, record)
    address = record["step"]
    if address not in steps:
        raise JournalError(f"Record {record.number} tells of step {address}, which the plan does not have.")
    step = STEP[record.type](steps[address], record)
    steps[address] = replace(step, began=record.number) if step.started_at is not None and not step.began else step
    return _settled(_after_step(run, record, address), steps, record)


def _settled(run: Run, steps: Mapping[str, StepRun], record: Record) -> Run:
    """
    Wait no longer for a step that somebody settled by hand, but for another that still waits, if there is one.

    Agreement is to all that comes, and is waited for still.
    """
    if record.type not in ("step_finished", "step_skipped") or record["step"] != run.waiting_for or run.agreement_due:
        return run
    others = [step.address for step in steps.values() if step.status in ("waiting", "in_doubt")]
    if run.status != "waiting" or not others:
        return replace(run, waiting_for="", status="stopped" if run.status == "waiting" else run.status)
    return replace(run, waiting_for=others[-1])


def _after_step(run: Run, record: Record, address: str) -> Run:
    match record.type:
        case "waiting":
            due = bool(record.get("agreement"))
            return replace(_event(run, record), status="waiting", waiting_for=address, agreement_due=due)
        case "answered":
            return replace(run, status="running", waiting_for="", answers=(*run.answers, _answer(record)))
        case "step_started" if run.waiting_for == address:
            return replace(run, waiting_for="")
        case "in_doubt":
            return replace(_event(run, record), status="waiting", waiting_for=address)
        case "step_failed" | "drift" | "unreachable" | "recovered" | "attempt":
            return _event(run, record)
    return run


def _answer(record: Record) -> GivenAnswer:
    return GivenAnswer(
        record["step"],
        record["value"],
        record["by"],
        moment(record.at),
        record.get("how", ""),
        record.get("reason", ""),
        record.get("asked", ""),
    )


def _event(run: Run, record: Record) -> Run:
    text = (
        record.get("text") or record.get("error") or "; ".join(record.get("differences", ())) or record.get("name", "")
    )
    by = record.get("by") or record.get("operator", "")
    event = Event(moment(record.at), record.type, str(text), record.get("step", ""), by)
    return replace(run, events=(*run.events, event))


def _resumed(run: Run, record: Record) -> Run:
    run = _event(run, record)
    operators = (*run.operators, record["operator"]) if record["operator"] not in run.operators else run.operators
    abandoning = record.get("abandoning") or run.abandoning
    return replace(run, status="running", operators=operators, ended_at=None, abandoning=abandoning)


def _replanned(run: Run, steps: dict[str, StepRun], record: Record) -> Run:
    plan = decoded(record["plan"], run.plan)
    known = dict(steps)
    steps.clear()
    for step in plan.steps:
        steps[step.address] = replace(known[step.address], planned=step) if step.address in known else StepRun(step)
    for address in record.get("again", ()):
        if address in steps:  # it comes again; what it made before is in the journal
            steps[address] = replace(steps[address], status="pending")
    return replace(_event(run, record), plan=plan, digest=record["digest"], agreement_due=False)


def _note(run: Run, record: Record) -> Run:
    note = Note(record.get("section", ""), record["text"], record["by"], moment(record.at))
    return replace(run, notes=(*run.notes, note))


def _downtime_began(run: Run, record: Record) -> Run:
    begun = Downtime(moment(record.at), record["by"], environment=_environment(run, record["by"]))
    return replace(run, downtimes=with_begin(run.downtimes, begun))


def _downtime_ended(run: Run, record: Record) -> Run:
    there = _environment(run, record["by"])
    return replace(run, downtimes=with_end(run.downtimes, there, moment(record.at), record["by"]))


def _environment(run: Run, address: str) -> str:
    step = run.plan.step(address) if run.plan.environments else None
    return step.environment if step else ""


def _interrupted(run: Run, record: Record) -> Run:
    return replace(_event(run, record), status="stopped")


def _finished(run: Run, record: Record) -> Run:
    at = moment(record.at)
    if record["status"] == "failed":
        run = _event(run, record)  # it may go on, and this is when it stopped
    return replace(run, status=record["status"], ended_at=at, ended_because=record.get("reason", ""))


_RUN: Mapping[str, Callable[[Run, Record], Run]] = {
    "run_resumed": _resumed,
    "note": _note,
    "downtime_began": _downtime_began,
    "downtime_ended": _downtime_ended,
    "interrupted": _interrupted,
    "run_finished": _finished,
}
