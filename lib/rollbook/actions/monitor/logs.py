"""
Log files on a host from a mark onwards, whatever rotation does to them meanwhile.

A mark is the size of a file, its inode, and a hash of the last bytes before that place. By the hash a file is found
again that was renamed, copied and truncated, or compressed; by its absence it is known that lines were lost. Of a file
that is empty or not there yet a hash tells nothing, and an inode soon is another file's: there it is noted what lay
rotated beside it, and when that was last written.
"""

import fnmatch
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final, Self

from ...dataclass import dataclass
from ...errors import TargetError
from ...targets.absence import ABSENCE, ABSENT
from ...targets.base import CommandResult, HostReader
from ...values import Plain

_CHUNK: Final = 2_000_000
_PRINT: Final = 1024
_LONGEST: Final = 200_000  # characters of a line
_NONE: Final = -1
_SECONDS: Final = 120.0
_NUMBERED: Final = re.compile(r"\.(\d{1,3})(?:\.[a-z]\w*)?$")  # not a date
_LOOK: Final = (
    ABSENCE
    + '[ -e "$1" ] || absent -L -- "$1"\n[ -f "$1" ] || exit 44\n'
    + 'case $1 in *.gz) size=$(zcat -- "$1" | wc -c) ;; *) size=$(stat -L -c %s -- "$1") ;; esac\n'
    + 'echo "$(stat -L -c "%i %Y" -- "$1") $size"'
)
_READ: Final = 'case $1 in *.gz) zcat -- "$1" | tail -c +"$2" ;; *) tail -c +"$2" -- "$1" ;; esac | head -c "$3"'
_HASH: Final = f"{{ {_READ}; }} | sha256sum"


@dataclass(frozen=True, slots=True)
class FileMark:
    """
    A place in a log file.

    Of an empty one, *newest* is when it or a rotated one beside it was last written, in seconds, and *beside* the place
    in the latter; -1 of any other. One that is not there yet is as an empty one, with -1 as its inode.
    """

    inode: int
    offset: int
    print: str
    newest: int = -1
    beside: "FileMark | None" = None

    @property
    def there(self) -> bool:
        """Whether there was a file."""
        return self.inode != _NONE

    @classmethod
    def read(cls, plain: Plain) -> Self:
        """Take it from what a step gave, also one of before that had less."""
        place = int(plain["inode"]), int(plain["offset"]), str(plain["print"])
        beside = plain.get("beside")
        return cls(*place, int(plain.get("newest", -1)), cls.read(beside) if beside else None)

    def told(self) -> dict[str, Plain]:
        """Give it for later steps."""
        place: dict[str, Plain] = {"inode": self.inode, "offset": self.offset, "print": self.print}
        if self.newest < 0:
            return place
        return {**place, "newest": self.newest, "beside": self.beside.told() if self.beside else None}


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes of a file that are to be read."""

    path: str
    start: int
    end: int

    def until(self, end: int) -> "Part":
        """Give it without what comes after *end*."""
        return Part(self.path, self.start, min(self.end, end))


@dataclass(frozen=True, slots=True)
class Grown:
    """What was written since a mark; *lost* says why some of it cannot be seen."""

    parts: tuple[Part, ...]
    lost: str = ""


@dataclass(frozen=True, slots=True)
class _Seen:
    path: str
    inode: int
    modified: int
    size: int


def _is_open(name: str) -> bool:
    return bool(set(name) & set("*?["))


def _age(seen: _Seen) -> tuple[int, int, str]:
    """Order rotated files by time; of one second the one with the higher number is the older, else names decide."""
    number = _NUMBERED.search(seen.path)
    return seen.modified, -int(number[1]) if number else 0, seen.path


class LogFiles:
    """The log files of a host."""

    def __init__(self, host: HostReader) -> None:
        self._host = host

    def named(self, patterns: tuple[str, ...]) -> tuple[str, ...]:
        """Give the files that are there for *patterns*, whose last part may hold `*`; and those without one."""
        found: dict[str, None] = {}
        for pattern in patterns:
            folder, name = posixpath.split(pattern)
            if not _is_open(name):
                found[pattern] = None
                continue
            names = fnmatch.filter(self._host.list_folder(folder or "."), name)
            found |= dict.fromkeys(posixpath.join(folder, one) for one in names if not one.endswith(".gz"))
        return tuple(found)

    def absent(self, patterns: tuple[str, ...]) -> tuple[str, ...]:
        """Give those of *patterns* of which there is no file now, and none that was rotated away."""
        return tuple(pattern for pattern in patterns if not self._any(pattern))

    def _any(self, pattern: str) -> bool:
        folder, name = posixpath.split(pattern)
        if _is_open(name):
            return bool(fnmatch.filter(self._host.list_folder(folder or "."), f"{name}*"))
        return self._look(pattern) is not None or bool(self._beside(pattern))

    def mark(self, path: str) -> FileMark:
        """Note where the file ends now, also where it is not there yet."""
        seen = self._look(path)
        if seen and seen.size:
            return self._place(seen)
        last = next(reversed(self._rotated(path)), None)
        newest = max((each.modified for each in (seen, last) if each), default=0)
        place = self._place(seen) if seen else FileMark(_NONE, 0, "")
        return replace(place, newest=newest, beside=self._place(last) if last else None)

    def _place(self, seen: _Seen) -> FileMark:
        return FileMark(seen.inode, seen.size, self._print(seen.path, seen.size))

    def since(self, path: str, mark: FileMark | None) -> Grown:
        """Find what was written since *mark*; all of the file where it is new."""
        now = self._look(path)
        if mark is None:
            return Grown((Part(path, 0, now.size),) if now else ())
        if mark.newest < 0 and now and self._holds(now, mark):
            return Grown((Part(path, mark.offset, now.size),))
        whole = (Part(path, 0, now.size),) if now else ()
        older = self._rotated(path)
        lost = f"{path} was {'truncated or replaced' if now else 'removed'} since the mark"
        if mark.newest >= 0:
            rotated = tuple(self._written_since(mark, older))
            found = rotated or not mark.there or (now is not None and now.inode == mark.inode)
            return Grown((*rotated, *whole), "" if found else lost)
        for index, seen in enumerate(older):
            if self._holds(seen, mark):
                later = tuple(Part(other.path, 0, other.size) for other in older[index + 1 :])
                return Grown((Part(seen.path, mark.offset, seen.size), *later, *whole))
        return Grown(whole, lost)

    def _written_since(self, mark: FileMark, rotated: Iterable[_Seen]) -> Iterator[Part]:
        """Give what was written since the mark of an empty or absent file, and lies in rotated ones."""
        for seen in rotated:
            if seen.modified >= mark.newest:
                known = mark.beside is not None and self._holds(seen, mark.beside)
                start = mark.beside.offset if mark.beside and known else 0
                if start < seen.size:
                    yield Part(seen.path, start, seen.size)

    def lines(self, part: Part) -> Iterator[str]:
        """Read a part in pieces of whole lines, each of bounded size."""
        rest, offset = "", part.start
        while offset < part.end:
            size = min(_CHUNK, part.end - offset)
            text = rest + self._run(_READ, part.path, str(offset + 1), str(size)).stdout
            offset += size
            whole, _, rest = text.rpartition("\n")
            if len(rest) > _LONGEST:
                whole, rest = text, ""
            yield from (whole,) if whole else ()
        yield from (rest,) if rest else ()

    def _holds(self, seen: _Seen, mark: FileMark) -> bool:
        if seen.size < mark.offset or not (mark.offset or seen.inode == mark.inode):
            return False
        return self._print(seen.path, mark.offset) == mark.print

    def _rotated(self, path: str) -> tuple[_Seen, ...]:
        """Give those beside it, the oldest first."""
        beside = tuple(map(self._look, self._beside(path)))
        return tuple(sorted((seen for seen in beside if seen), key=_age))

    def _beside(self, path: str) -> tuple[str, ...]:
        folder, name = posixpath.split(path)
        others = self._host.list_folder(folder or ".")
        return tuple(
            posixpath.join(folder, other) for other in others if other.startswith((f"{name}.", f"{name}-", f"{name}_"))
        )

    def _look(self, path: str) -> _Seen | None:
        result = self._run(_LOOK, path)
        if result.exited == ABSENT:
            return None
        inode, modified, size = map(int, result.stdout.split())
        return _Seen(path, inode, modified, size)

    def _print(self, path: str, offset: int) -> str:
        start = max(0, offset - _PRINT)
        return self._run(_HASH, path, str(start + 1), str(offset - start)).stdout.split()[0]

    def _run(self, script: str, *arguments: str) -> CommandResult:
        result = self._host.run(("sh", "-c", script, "sh", *arguments), timeout=_SECONDS)
        if result.exited not in (0, ABSENT) or result.stderr:
            raise TargetError(
                f"{self._host.name}: {arguments[0]} cannot be read: {result.stderr.strip()[-500:]}",
                advice="May the account of this target read that log?",
            )
        return result


def told_marks(marks: Mapping[str, FileMark]) -> dict[str, Plain]:
    """Give marks for later steps."""
    return {path: mark.told() for path, mark in marks.items()}
