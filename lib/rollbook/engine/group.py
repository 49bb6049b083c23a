"""One step on the members of a group: in parallel, in batches, until too many have failed."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from ..errors import JournalError, PlanDrift, RollbookError, StepFailed
from ..plan import PlannedStep
from .session import Session
from .stepper import Stepper

_AT_ONCE = 20


def carry_group(session: Session, stepper: Stepper, members: tuple[PlannedStep, ...]) -> Mapping[str, RollbookError]:
    """
    Carry out *members*, `serial` of them at a time; gives the failures by address.

    A member's failure stops the others only when `max_failures` is passed; then the members not begun
    yet are left for a resume.
    """
    step = session.planner.uses[members[0].address].step if members[0].address in session.planner.uses else None
    at_once = share(step.serial if step else None, len(members), len(members))
    allowed = share(step.max_failures if step else None, len(members), 0)
    failures: dict[str, RollbookError] = {}
    for start in range(0, len(members), at_once):
        batch = members[start : start + at_once]
        with ThreadPoolExecutor(min(at_once, _AT_ONCE)) as threads:
            for planned, failure in zip(batch, threads.map(lambda one: _carry(stepper, one), batch), strict=True):
                if failure is not None:
                    failures[planned.address] = failure
        if len(failures) > allowed:
            return failures
        session.check_stop()
    return failures


def _carry(stepper: Stepper, planned: PlannedStep) -> RollbookError | None:
    try:
        stepper.carry(planned)
    except (JournalError, PlanDrift):
        raise
    except RollbookError as error:
        return error
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
