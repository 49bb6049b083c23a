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
from collections.abc import Mapping
from dataclasses import field
from typing import Final

from .dataclass import dataclass
from .errors import StepFailed

LIMIT_SECONDS: Final = 2.0
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


def _match(pattern: str, text: str, seconds: float, *, whole: bool) -> Match | None:
    """Have a Python of its own match."""
    status, answer = _ask_child(json.dumps([seconds, pattern, text, whole]).encode())
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGALRM:
        raise StepFailed(
            f"The pattern {pattern!r} took longer than {seconds:g} s on a text of {len(text)} characters.",
            advice="Repeats inside repeats, such as (a+)+, do that. Write it more narrowly, or look for a fixed text.",
        )
    if status != 0:
        raise StepFailed(
            f"The Python that matches {pattern!r} ended with status {status}.",
            advice="Try again; if it happens again, look for a lack of memory on this machine.",
        )
    content = json.loads(answer)
    return Match(content[0], tuple(content[1]), content[2]) if content else None


def _ask_child(question: bytes) -> tuple[int, bytes]:
    """Run a bare Python that reads all of *question* before it answers; give its wait status and the answer."""
    child_in, ours_out = os.pipe()
    ours_in, child_out = os.pipe()
    try:
        child = os.posix_spawn(
            sys.executable,
            (sys.executable, "-I", "-S", "-c", _CHILD),
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
