"""One step on the members of a group: in parallel, in batches, until too many have failed."""

from collections.abc import Mapping

from ..dataclass import dataclass
from ..errors import Interrupted, JournalError, PlanDrift, RollbookError, StepFailed
from ..plan import PlannedStep
from .questions import Waiting
from .session import Session
from .stepper import Stepper

_AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class GroupEnd:
    """How the members ended: the *failures* by address, and what stops the whole run, if anything did."""

    failures: Mapping[str, RollbookError]
    stop: BaseException | None = None


def carry_group(session: Session, stepper: Stepper, members: tuple[PlannedStep, ...]) -> GroupEnd:
    """
    Carry out *members*, `serial` of them at a time.

    A member's failure stops the others only when `max_failures` is passed; then the members not begun
    yet are left for a resume.
    """
    from concurrent.futures import ThreadPoolExecutor  # few runbooks have a group

    step = session.planner.uses[members[0].address].step if members[0].address in session.planner.uses else None
    at_once = share(step.serial if step else None, len(members), len(members))
    allowed = share(step.max_failures if step else None, len(members), 0)
    failures: dict[str, RollbookError] = {}
    for start in range(0, len(members), at_once):
        batch = members[start : start + at_once]
        with ThreadPoolExecutor(min(at_once, _AT_ONCE)) as threads:
            ends = tuple(threads.map(lambda one: _carry(stepper, one), batch))
        failed = {one.address: end for one, end in zip(batch, ends, strict=True) if _is_failure(end)}
        failures |= {address: end for address, end in failed.items() if isinstance(end, RollbookError)}
        stop = next((end for end in ends if end is not None and not _is_failure(end)), None)
        if stop is not None or len(failures) > allowed:
            return GroupEnd(failures, stop)
        session.check_stop()
    return GroupEnd(failures)


def _is_failure(end: BaseException | None) -> bool:
    """Tell a member's own failure from what stops the run: a stop, drift, an open question, the journal."""
    return isinstance(end, RollbookError) and not isinstance(end, Interrupted | JournalError | PlanDrift)


def _carry(stepper: Stepper, planned: PlannedStep) -> BaseException | None:
    try:
        stepper.carry(planned)
    except (RollbookError, Waiting) as end:
        return end
    return None


def share(wanted: int | str | None, count: int, otherwise: int) -> int:
    """Read `serial` or `max_failures`: a number, or a percentage of *count*. Raises `StepFailed` for anything else."""
    if wanted is None:
        return max(otherwise, 0) or (0 if otherwise == 0 else 1)
    text = str(wanted).strip()
    try:
        number = int(text[:-1]) * count // 100 if text.endswith("%") else int(text)
    except ValueError as error:
        raise StepFailed(f"Expected a number or a percentage such as 25%, found {text!r}.") from error
    return max(number, 1 if otherwise else 0)
