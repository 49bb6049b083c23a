"""`file.contains`: a text that a file holds, or does not."""

from collections.abc import Mapping
from dataclasses import field
from typing import ClassVar, Final

from ...action import Assertion, Outcome, Readers, Ref, Subject
from ...dataclass import dataclass
from ...matching import check_pattern, search
from ...targets.base import HostReader
from ...values import Plain
from .state import check_path

_SHOWN: Final = 120


@dataclass(frozen=True, slots=True)
class FileContains(Assertion):
    """
    See that a file holds a text or fits a pattern; with `absent: true`, that it does not.

    A pattern is a regular expression in which `^` and `$` fit at each line. A file that is not there holds nothing,
    which fails either way: what is looked for in it cannot be told to be absent. What fitted is not shown, for it
    may be a password; only where it stands.
    """

    kind: ClassVar[str] = "file.contains"
    example: ClassVar[Mapping[str, Plain]] = {"path": "/srv/app/pyproject.toml", "pattern": "^praw = "}
    by_hand: ClassVar[str] = "`grep -n '<pattern>' <path>`"

    path: str
    text: str | None = field(default=None, metadata={"help": "a text, as it stands"})
    pattern: str | None = field(default=None, metadata={"help": "a regular expression"})
    absent: bool = False
    limit: int = field(default=1_000_000, metadata={"help": "bytes that the file may have"})
    target: Ref[HostReader] = Ref("local")

    def __post_init__(self) -> None:
        check_path(self.path)
        if (self.text is None) == (self.pattern is None):
            raise ValueError("expected either text or pattern")
        if not (self.text or self.pattern):
            raise ValueError("an empty text is in every file")
        if self.pattern is not None:
            check_pattern(self.pattern)

    def subjects(self) -> frozenset[Subject]:
        """Name the file."""
        return frozenset({Subject(self.target.name, "file", self.path)})

    def describe(self) -> str:
        """Say what is looked for."""
        return f"{self.path} {'does not hold' if self.absent else 'holds'} {self._thing()}"

    def _thing(self) -> str:
        wanted = self.text if self.text is not None else self.pattern or ""
        shown = repr(wanted) if len(wanted) <= _SHOWN else f"{wanted[:_SHOWN]!r}…"
        return shown if self.text is not None else f"the pattern {shown}"

    def probe(self, read: Readers) -> Outcome:
        """Read the file and look."""
        host = read[self.target]
        content = host.read_file(self.path, limit=self.limit)
        if content is None:
            return Outcome(False, f"{self.path} on {host.name} is not there")
        line = self._line(content.decode(errors="replace"))
        seen: Mapping[str, Plain] = {"line": line, "size": len(content)}
        if line:
            return Outcome(not self.absent, f"{self.path} holds {self._thing()} in line {line}", seen)
        return Outcome(self.absent, f"{self.path} does not hold {self._thing()}", seen)

    def _line(self, content: str) -> int:
        """Give the number of the line where it first stands, 0 for nowhere."""
        found = self.text
        if self.pattern is not None:
            match = search(self.pattern, content)
            found = match.text if match else None
        if found is None or found not in content:
            return 0
        return content[: content.index(found)].count("\n") + 1
