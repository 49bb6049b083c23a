"""Commands that outlived the process that started them: what a probe shows may still change."""

from collections.abc import Iterable, Iterator

from ..ops import Command
from ..planner.readers import Pool
from ..planner.step import decode_op
from ..runs import RunFolder
from ..values import Plain
from .execution import mark_of


def still_running(pool: Pool, folder: RunFolder, address: str, ops: Iterable[Plain]) -> Iterator[tuple[str, str]]:
    """Yield each target on which a command of a step that was begun with *ops* still runs, and its processes."""
    mark = mark_of(folder, address)
    for target in dict.fromkeys(op.target for op in map(decode_op, ops) if isinstance(op, Command)):
        if alive := pool.running(target, mark):
            yield target, ", ".join(map(str, alive))
