"""
What every command shares: what it takes, and how it ends.

A command is a plain function that returns its exit code. Nothing but words reaches an operator:
a traceback is shown with `--debug` or `ROLLBOOK_DEBUG=1` only.
"""

import errno
import gc
import inspect
import os
import shlex
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Final, TypeAlias

from ..dataclass import dataclass
from ..errors import Interrupted, JournalError, NotFoundError, RefusedError, RollbookError, StepFailed, UsageError
from .screen import Unwritten, deaf, error_screen, flush, seat_streams

Body: TypeAlias = Callable[..., int]

OK: Final = 0
FAILED: Final = 1
CHANGES: Final = 2
WAITING: Final = 3
REFUSED: Final = 4
USAGE: Final = 64
UNEXPECTED: Final = 70
INTERRUPTED: Final = 130

HELP: Final = frozenset({"--help", "-h"})


class Started:
    """
    Remembers what this process is: the program that was typed, the run that it carries out, the secrets it met.

    Errors say with it where the journal is, hints what to type; *redact* takes secrets out of what is printed.
    """

    program: str = "invoke"
    journal: Path | None = None
    redact: Callable[[str], str] = str


@dataclass(frozen=True, slots=True)
class Command:
    """
    A word that may be typed after `rollbook` or `invoke`, and the function that carries it out.

    The body's parameters are the command's arguments: before the `*` by place, after it as options. An option is a
    text, or a switch when its default is False; those in *iterable* may be repeated and arrive as tuples. Free words
    are added to the one that *rest* names.
    """

    name: str
    body: Body
    help: Mapping[str, str]
    iterable: tuple[str, ...] = ()
    rest: str = ""

    @property
    def parameters(self) -> tuple[inspect.Parameter, ...]:
        """Give what the command takes."""
        return tuple(inspect.signature(self.body).parameters.values())

    @property
    def positional(self) -> tuple[str, ...]:
        """Name what is given by its place."""
        return tuple(part.name for part in self.parameters if part.kind is part.POSITIONAL_OR_KEYWORD)


def command(
    name: str,
    *,
    help: Mapping[str, str],  # noqa: A002  # invoke's word
    iterable: tuple[str, ...] = (),
    rest: str = "",
) -> Callable[[Body], Command]:
    """Make a command of a function that returns its exit code."""
    return lambda body: Command(name, body, help, iterable, rest)


def end_as_ctrl_c() -> None:
    """Have SIGTERM and SIGHUP end a command as Ctrl-C does, so that what it started while planning ends with it."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is signal.SIG_DFL:  # nohup has its way
                signal.signal(number, interrupt)


def guard(body: Callable[[], int], *, dry: bool = False, debug: bool = False) -> int:
    """Run *body* and give its exit code; tell every error in words on stderr."""
    debug = debug or os.environ.get("ROLLBOOK_DEBUG", "") not in ("", "0") or _invoke_debugs()
    seat_streams()
    forgive_encoding()
    # invoke switches this off for the tasks' sake; Rollbook would be compiled anew for each command.
    sys.dont_write_bytecode = bool(sys.flags.dont_write_bytecode)
    # What a plan is made of lives to the end and holds no cycles: looking through it again and again finds nothing.
    gc.set_threshold(50_000, 20, 100)
    Started.journal, Started.redact = None, str
    end_as_ctrl_c()
    try:
        _require_folder()
        code = _not_dry() if dry else body()
    except BrokenPipeError:  # of a print that is not `write`: whoever read the output went away
        deaf()
        return OK
    except KeyboardInterrupt:
        tell(_interrupted())
        return INTERRUPTED
    except RollbookError as error:
        _trace(debug)
        tell(describe(error))
        return exit_code(error)
    except OSError as error:
        _trace(debug)
        tell(_of_the_system(error))
        return REFUSED if Started.journal is None else UNEXPECTED
    except Exception as error:  # noqa: BLE001  # the one place where a defect is turned into words
        _trace(debug)
        tell(_unexpected(error))
        return UNEXPECTED
    return _written(code)


def _written(code: int) -> int:
    """Give the exit code of a command that was typed for its output, which may have found no room; a run is no such."""
    flush()
    if Unwritten.why and Started.journal is None:
        tell(f"The output could not be written: {Unwritten.why}. It is not whole: make room, and type it again.")
        Unwritten.why = ""
        return FAILED
    return code


def _require_folder() -> None:
    try:
        Path.cwd()
    except FileNotFoundError as error:
        raise RefusedError(
            "The working folder is gone: it was removed or replaced since this shell went there.",
            advice="cd into a folder that is there; where it was made anew, `cd .` is enough.",
        ) from error


def _trace(debug: bool) -> None:
    """Print the traceback of the error at hand; a driver's own words in it may hold a secret."""
    if debug:
        import traceback  # only a mistake needs it

        flush()
        with suppress(OSError):
            print(Started.redact(traceback.format_exc()), file=sys.stderr)


def _not_dry() -> int:
    raise UsageError("invoke's own --dry is not known here.", advice="Use --dry-run after the command's name.")


def _invoke_debugs() -> bool:
    logging = sys.modules.get("logging")  # without it invoke is not here either
    return logging is not None and logging.getLogger("invoke").isEnabledFor(logging.DEBUG)


def forgive_encoding() -> None:
    """Let a terminal that knows ASCII only show question marks instead of stopping a run."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")


def tell(text: str) -> None:
    """Print *text* on stderr, after what stdout holds back."""
    from ..report.wording import visible  # both are kept out of the start of `--list`

    flush()
    screen = error_screen()
    lines: list[str] = []
    for line in visible(Started.redact(text)).splitlines():
        indent = " " * (len(line) - len(line.lstrip()))
        exact = not screen.terminal or "^" in line
        lines += [line] if exact else screen.wrap(line.strip(), first=indent, rest=f"{indent}  ") or [""]
    head, colon, rest = "\n".join(lines).partition(":")
    try:
        print(f"{screen.paint(head, 'red', 'bold')}{colon}{rest}", file=sys.stderr, flush=True)
    except OSError:
        deaf(sys.stderr)  # nobody is there to be told; the exit code and the journal say it


def describe(error: RollbookError) -> str:
    """Say in words what went wrong and what to do now."""
    text = f"{_heading(error)}: {error.message}"
    differences = getattr(error, "differences", ())
    text += "".join(f"\n  - {difference}" for difference in differences if difference not in error.message)
    return f"{text}\nWhat now: {error.advice}" if error.advice else text


def _heading(error: RollbookError) -> str:
    for kind in type(error).__mro__:
        if kind.__name__ in _HEADINGS:
            return _HEADINGS[kind.__name__]
    return "Error"


_HEADINGS: Final[Mapping[str, str]] = {
    "UsageError": "Not understood",
    "NotFoundError": "Not found",
    "RefusedError": "Refused",
    "SourceError": "The files cannot be used",
    "SchemaError": "Not as expected",
    "ExpressionError": "An expression cannot be evaluated",
    "SecretError": "A secret is missing",
    "Unreachable": "Unreachable",
    "TargetError": "A target did not do it",
    "StepFailed": "A step failed",
    "JournalError": "The journal",
    "Interrupted": "Stopped",
}


def exit_code(error: RollbookError) -> int:
    """Give the exit code of an error that ended a command; nothing was started unless it says so."""
    match error:
        case UsageError() | NotFoundError():
            return USAGE
        case Interrupted():
            return INTERRUPTED
        case JournalError() | StepFailed():
            return FAILED
    return REFUSED


def _interrupted() -> str:
    if Started.journal is None:
        return "Stopped: nothing was started."
    run = Started.journal.parent.name
    return f"Stopped: run {run} is journalled in {Started.journal}.\nWhat now: {program()} resume {run}"


_TOLD: Final = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE)


def _of_the_system(error: OSError) -> str:
    """Say what the system refused; where it names no file, or is no matter of rights or room, it is a defect."""
    if error.errno not in _TOLD or not error.filename:
        return _unexpected(error)
    stands = f" The run is journalled in {Started.journal}." if Started.journal else " Nothing was started."
    return (
        f"Refused: {error.filename}: {error.strerror}.{stands}\n"
        "What now: see to whom it belongs and its rights (ls -ld), and to the room on its disk (df -h); then try again."
    )


def _unexpected(error: Exception) -> str:
    where = (
        f"The run's journal is safe in {Started.journal}; `{program()} status {Started.journal.parent.name}` reads it."
        if Started.journal
        else "No run was started by this command."
    )
    return (
        f"Unexpected: Rollbook met something it was not written for ({type(error).__name__}: {error}).\n{where}\n"
        "What now: the same command with --debug (or ROLLBOOK_DEBUG=1) shows the traceback; please report it with that."
    )


def program() -> str:
    """Give the word that the operator typed, so that hints can be typed as they are printed."""
    called = Path(sys.argv[0])
    if called.name != Started.program or called.parent == Path():
        return Started.program
    found = shutil.which(Started.program)
    # The shell hands on a path of its own making where it found the program on PATH.
    return Started.program if found and Path(found).absolute() == called.absolute() else shlex.quote(sys.argv[0])
