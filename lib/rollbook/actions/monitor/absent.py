"""What is told of logs that are not there: a name may be wrong, or nothing was written yet, and nobody knows which."""

import fnmatch
from collections.abc import Iterable, Iterator

from ...errors import TargetError, Unreachable
from ...targets.base import HostReader
from .logs import LogFiles


def foretold(host: HostReader, patterns: tuple[str, ...]) -> Iterator[str]:
    """Tell in a plan which logs are not there now, or cannot be looked at."""
    for pattern in patterns:
        try:
            absent = LogFiles(host).absent((pattern,))
        except TargetError as error:
            yield f"CANNOT BE LOOKED AT, and the step will fail if that stays so: {error.message}"
            if isinstance(error, Unreachable):
                return  # nor can the others
        else:
            yield from (f"NOT THERE now, nobody looks at it until it is: {each}. Is the name right?" for each in absent)


def unlooked(host: HostReader, patterns: tuple[str, ...], there: Iterable[str]) -> str:
    """Warn of logs that are not there, and were not before: *there* are those that were. Empty when there are none."""
    known = tuple(there)
    missing = [pattern for pattern in LogFiles(host).absent(patterns) if not fnmatch.filter(known, pattern)]
    if not missing:
        return ""
    return f"nobody looked at {', '.join(missing)}: no such file on {host.name}, before or now. Is the name right?"
