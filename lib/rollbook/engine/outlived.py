"""Commands that outlived the process that started them: what a probe shows may still change."""

from collections.abc import Iterable, Iterator
from contextlib import suppress

from ..errors import NotFoundError, RefusedError, Unreachable
from ..ops import Command
from ..planner.readers import Pool
from ..planner.step import decode_op
from ..run import Run
from ..runs import RunFolder
from ..values import Plain
from .execution import mark_of


def still_running(pool: Pool, folder: RunFolder, address: str, ops: Iterable[Plain]) -> Iterator[tuple[str, str]]:
    """Yield each target on which a command of a step that was begun with *ops* still runs, and its processes."""
    mark = mark_of(folder, address)
    for target in dict.fromkeys(op.target for op in map(decode_op, ops) if isinstance(op, Command)):
        if alive := pool.running(target, mark):
            yield target, ", ".join(map(str, alive))


def require_ended(folder: RunFolder, run: Run, pool: Pool, so: str) -> None:
    """Refuse while what a killed process had started goes on, and say what follows: it would still do its work."""
    for step in run.steps:
        # Somebody may have gone past it, or said that it is done, while it still runs.
        if not step.ops or step.status == "undone" or (step.done and step.settled_at is None):
            continue
        running: tuple[tuple[str, str], ...] = ()
        with suppress(Unreachable, NotFoundError):  # a host that is gone must not keep the others waiting
            running = tuple(still_running(pool, folder, step.address, step.ops))
        for target, alive in running:
            raise RefusedError(
                f"The command of {step.address} still runs on {target}: process {alive}, of run {run.id}. {so}",
                advice="Wait for it, or end it; then plan anew, on what it has done by then.",
            )
