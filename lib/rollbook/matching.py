"""
Regular expressions against text that somebody else wrote, within a time limit.

Python's matcher can take longer than the universe is old (`(a+)+$` on thirty letters) and holds the
interpreter's lock meanwhile, so neither a thread nor a signal outside the main thread can stop it.
A pattern that repeats anything is therefore matched by a Python of its own, which an alarm of the
kernel ends: also when this process was killed in the meantime.
"""

import contextlib
import json
import os
import re
import signal
import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Final

from .dataclass import dataclass
from .errors import StepFailed
from .values import Plain

LIMIT_SECONDS: Final = 2.0
LINES_SECONDS: Final = 10.0
_SHOWN: Final = 120

_REPEATS: Final = re.compile(r"(?<!\\)(?:\\\\)*[*+?{|(]")
_UNBOUNDED: Final = re.compile(r"[*+]|\{\d*,\d*\}")
_OPTIONAL: Final = re.compile(r"\?")
_OPTIONS: Final = 4  # of them cost about as much as a repeat
_SQUARE: Final = 2
_SHORT: Final = 1000
_CHILD: Final = """
import json, re, signal, sys, warnings
warnings.simplefilter("ignore")
seconds, pattern, text, whole = json.load(sys.stdin)
signal.setitimer(signal.ITIMER_REAL, seconds)
match = re.fullmatch(pattern, text) if whole else re.search(pattern, text, re.MULTILINE)
json.dump(match and [match.group(0), match.groups(), match.groupdict()], sys.stdout)
"""

_LINES: Final = """
import json, re, signal, sys, warnings
warnings.simplefilter("ignore")
seconds, wanted, allowed, text = json.load(sys.stdin)
signal.setitimer(signal.ITIMER_REAL, seconds)
wanted, allowed = ([re.compile(pattern) for pattern in patterns] for patterns in (wanted, allowed))
def fits(line, patterns):
    return any(pattern.search(line) for pattern in patterns)
lines = enumerate(text.split("\\n"))
json.dump([number for number, line in lines if fits(line, wanted) and not fits(line, allowed)], sys.stdout)
"""


@dataclass(frozen=True, slots=True)
class Match:
    """Where a pattern fitted: the whole text of the match, its groups in order, and those with names."""

    text: str
    groups: tuple[str | None, ...] = ()
    names: Mapping[str, str | None] = field(default_factory=dict)


def check_pattern(pattern: str) -> None:
    """Raise ValueError, saying where, when *pattern* is not a regular expression."""
    shown = repr(pattern) if len(pattern) <= _SHOWN else f"{pattern[:_SHOWN]!r}…"
    try:
        with warnings.catch_warnings(action="ignore"):
            re.compile(pattern, re.MULTILINE)
    except re.error as error:
        where = "" if error.pos is None else f" at character {error.pos + 1}"
        raise ValueError(f"{shown} is not a regular expression: {error.msg}{where}") from error
    except OverflowError as error:
        raise ValueError(f"{shown} is not a regular expression: {error}") from error
    except RecursionError:
        raise ValueError(f"{shown} is not a regular expression: it is nested too deeply") from None


def search(pattern: str, text: str, *, seconds: float = LIMIT_SECONDS) -> Match | None:
    """
    Find *pattern* anywhere in *text* (`^` and `$` fit at each line); None where it does not fit.

    Raises `StepFailed` when that takes longer than *seconds*, and for what is no pattern.
    """
    try:
        check_pattern(pattern)
    except ValueError as error:
        raise StepFailed(f"{error}.", advice="Correct the pattern.") from None
    if not _REPEATS.search(pattern):
        found = re.search(pattern, text, re.MULTILINE)
        return Match(found.group(0)) if found else None
    return _match(pattern, text, seconds, whole=False)


def fits(pattern: str, text: str, *, seconds: float = LIMIT_SECONDS) -> bool:
    """Tell whether the whole of *text* is as *pattern* says. Raises `StepFailed` where that takes too long."""
    repeats = len(_UNBOUNDED.findall(pattern)) + len(_OPTIONAL.findall(pattern)) / _OPTIONS
    if len(text) <= _SHORT and "(" not in pattern and repeats <= _SQUARE:
        with warnings.catch_warnings(action="ignore"):
            return re.fullmatch(pattern, text) is not None  # at worst as many steps as the square of its length
    return _match(pattern, text, seconds, whole=True) is not None


def matching_lines(
    text: str, wanted: Sequence[str], allowed: Sequence[str] = (), *, seconds: float = LINES_SECONDS
) -> tuple[str, ...]:
    """
    Give the lines of *text* in which one of *wanted* is found and none of *allowed*.

    Raises `StepFailed` when that takes longer than *seconds*.
    """
    shown = ", ".join(map(repr, (*wanted, *allowed)))
    numbers = _asked(_LINES, [seconds, list(wanted), list(allowed), text], shown, len(text), seconds)
    lines = text.split("\n")
    return tuple(lines[number] for number in numbers)


def _match(pattern: str, text: str, seconds: float, *, whole: bool) -> Match | None:
    """Have a Python of its own match."""
    content = _asked(_CHILD, [seconds, pattern, text, whole], repr(pattern), len(text), seconds)
    return Match(content[0], tuple(content[1]), content[2]) if content else None


def _asked(program: str, question: Sequence[object], shown: str, length: int, seconds: float) -> Plain:
    status, answer = _ask_child(program, json.dumps(question).encode())
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGALRM:
        raise StepFailed(
            f"The pattern {shown} took longer than {seconds:g} s on a text of {length} characters.",
            advice="Repeats inside repeats, such as (a+)+, do that. Write it more narrowly, or look for a fixed text.",
        )
    if status != 0:
        raise StepFailed(
            f"The Python that matches {shown} ended with status {status}.",
            advice="Try again; if it happens again, look for a lack of memory on this machine.",
        )
    return json.loads(answer)


def _ask_child(program: str, question: bytes) -> tuple[int, bytes]:
    """Run *program* with a bare Python that reads all of *question* first; give its wait status and the answer."""
    child_in, ours_out = os.pipe()
    ours_in, child_out = os.pipe()
    try:
        child = os.posix_spawn(
            sys.executable,
            (sys.executable, "-I", "-S", "-c", program),
            os.environ,
            file_actions=((os.POSIX_SPAWN_DUP2, child_in, 0), (os.POSIX_SPAWN_DUP2, child_out, 1)),
            setsigmask=(),
            setsigdef=(signal.SIGALRM,),
        )
    except OSError:
        for descriptor in (ours_out, ours_in):
            os.close(descriptor)
        raise
    finally:
        os.close(child_in)
        os.close(child_out)
    with os.fdopen(ours_in, "rb") as stream:
        _write(ours_out, question)
        answer = stream.read()
    return os.waitpid(child, 0)[1], answer


def _write(descriptor: int, question: bytes) -> None:
    # A child that ended early is told by its wait status, which says more than a broken pipe.
    with contextlib.suppress(BrokenPipeError), os.fdopen(descriptor, "wb", buffering=0) as stream:
        rest = memoryview(question)
        while rest:
            rest = rest[stream.write(rest) or 0 :]
