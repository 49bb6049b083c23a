"""Waiting until what a command was run for has come about: an exit code does not tell, a look does."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from ..errors import CommandFailed, Interrupted
from ..ops import Awaited, Command, Execution, OpResult
from .base import CommandResult

if TYPE_CHECKING:
    from .hosts import HostTarget

_EVERY: Final = 0.2  # seconds
_LONGEST: Final = 30.0  # that one look may take
_SHOWN: Final = 300


def awaited(
    host: "HostTarget[Any]", op: Awaited, execution: Execution, run: Callable[[Command, Execution], OpResult]
) -> OpResult:
    """
    Run the command, then look until it has come about.

    Raises `CommandFailed` when it did not: at once where the look tells so, else when patience or the step's time
    is over; `Interrupted` when the run is asked to stop meanwhile.
    """
    result = run(op, execution)
    until = time.monotonic() + op.patience
    while True:
        look = host.reader().run(
            op.look, timeout=_LONGEST, directory=op.directory, environment=op.environment, run_as=op.run_as
        )
        if op.come_about(look.exited, look.stdout):
            return result
        if op.given_up(look.stdout):
            raise _failed(op, look, f"{host.name}: it will not come about")
        left = min(until - time.monotonic(), _EVERY if execution.timeout is None else execution.timeout)
        if left <= 0:
            raise _failed(op, look, f"{host.name}: it has not come about in {op.patience:g} s")
        if execution.stopping():
            raise Interrupted(f"stopped while waiting for {op.argv[0]} to take effect")
        time.sleep(min(left, _EVERY))


def _failed(op: Awaited, look: CommandResult, what: str) -> CommandFailed:
    said = (look.stdout.strip() or look.stderr.strip() or "nothing")[-_SHOWN:]
    line = Command.render(op)[0]
    return CommandFailed(
        f"{line}: {what}. The last look ended with {look.exited} and said: {said}",
        exited=look.exited,
        tail=said,
        advice=f"Look with: {' '.join(op.look)}",
    )
