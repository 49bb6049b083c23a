"""Whether a command's work is done, and what it gave: what kinds that run commands have in common."""

from collections.abc import Mapping, Sequence
from typing import Final

from .action import Change, Effect, Leave, Refuse, Undo, evidence
from .dataclass import dataclass
from .errors import StepFailed
from .figures import size
from .ops import OpResult
from .runbook import Step
from .targets.base import HostReader
from .values import Plain

STDOUT_LIMIT: Final = 64 * 1024
STDERR_LIMIT: Final = 4 * 1024
PARSED_LIMIT: Final = 1024 * 1024
OUTPUTS: Final = ("exited", "stdout", "stderr", "truncated")


@dataclass(frozen=True, slots=True)
class CommandState:
    """Whether the command's work is done; None where neither `creates` nor `unless` can tell."""

    done: bool | None
    exited: int | None = evidence(default=None)
    stdout: str = evidence(default="")
    stderr: str = evidence(default="")


def look_whether_done(host: HostReader, creates: str | None, done_if: bool | None) -> CommandState:
    """Tell whether what a command *creates* is there; *done_if* is what a look of its own said, None for no look."""
    if creates is None and done_if is None:
        return CommandState(done=None)
    there = creates is not None and host.stat(creates) is not None
    return CommandState(done=there or bool(done_if))


def command_outputs(after: CommandState, results: Sequence[OpResult]) -> Mapping[str, Plain]:
    """Give exit code and output; no exit code when it did not have to run."""
    given: dict[str, Plain] = {"exited": after.exited, "stdout": after.stdout, "stderr": after.stderr}
    given["truncated"] = len(after.stdout) >= STDOUT_LIMIT
    for result in results:
        given.update({name: value for name, value in result.outputs.items() if name in given or name == "cut"})
    return given


def require_whole(outputs: Mapping[str, Plain], step: Step) -> None:
    """Raise `StepFailed` where a command gave more than is kept, or than can be, of what its *step* is judged by."""
    judges = {"parse": "stdout" if step.parse else "", "fail_when": step.fail_when, "until": step.until}
    for stream in outputs.get("cut") or (["stdout"] if outputs.get("truncated") else []):
        blind = [word for word, judged in judges.items() if stream in judged]
        if blind:
            raise StepFailed(
                f"{step.id}: its {stream} is longer than {size(len(str(outputs[stream])))}, of which "
                f"{' and '.join(blind)} would not see all.",
                advice="Have it print less (grep, head, --quiet). Of what is read while planning (`plan: true`) 64 KiB "
                "are kept; any other command is judged by 32 MiB.",
            )
    length = len(str(outputs.get("stdout", "")))
    if step.parse in ("json", "lines") and length > PARSED_LIMIT:
        raise StepFailed(
            f"{step.id}: its output has {size(length)}, and all that `parse: {step.parse}` gives is journalled.",
            advice=f"Have it print less than {size(PARSED_LIMIT)}, with jq or grep, or parse it by {{regex: PATTERN}}.",
        )


def shortened(outputs: Mapping[str, Plain]) -> dict[str, Plain]:
    """Give a command's outputs as they are journalled and seen by later steps: 64 KiB of stdout, the end of stderr."""
    given, said = {name: value for name, value in outputs.items() if name != "cut"}, str(outputs.get("stdout", ""))
    if len(said) > STDOUT_LIMIT:
        given |= {"stdout": said[:STDOUT_LIMIT], "truncated": True}
    if "stderr" in given:
        given["stderr"] = str(given["stderr"])[-STDERR_LIMIT:]
    return given


def undo_of_command(change: Change[CommandState], effect: Effect) -> Undo[CommandState]:
    """Leave what only read; refuse the rest, for nobody but its author knows what a command did."""
    if effect == "read":
        return Leave("it only read")
    if not change.ops:
        return Leave("it did not run: its work was done already")
    return Refuse("what a command did is not known; give the step an `undo:` with steps, or `leave:` with a reason")
