"""A kind for tests of the engine: it saves a file's content in another file, as snapshots of databases do."""

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from rollbook.action import Action, Family, Readers, Ref, Subject
from rollbook.dataclass import dataclass
from rollbook.ops import FileWrite, Op
from rollbook.targets.base import HostReader
from rollbook.values import Plain


@dataclass(frozen=True, slots=True)
class SavedState:
    """What there is to save, and what is saved; None where there is no such file."""

    content: str | None
    saved: str | None


@dataclass(frozen=True, slots=True)
class Saved(Action[SavedState]):
    """Save the content of *source*, a file of the host *live*, in *to*."""

    kind: ClassVar[str] = "test.saved"
    family: ClassVar[Family] = "artefact"
    example: ClassVar[Mapping[str, Plain]] = {"source": "a", "to": "b"}

    source: str
    to: str
    target: Ref[HostReader] = Ref("local")
    live: Ref[HostReader] = Ref("live")

    def subjects(self) -> frozenset[Subject]:
        """Name the copy."""
        return frozenset({Subject(self.target.name, "file", self.to)})

    def probe(self, read: Readers) -> SavedState:
        """Read both files."""
        found = (read[where].read_file(path) for where, path in ((self.live, self.source), (self.target, self.to)))
        return SavedState(*(None if content is None else content.decode() for content in found))

    def desired(self, before: SavedState) -> SavedState:
        """Want what there is saved."""
        return replace(before, saved=before.content)

    def ops(self, old: SavedState, new: SavedState) -> tuple[Op, ...]:
        """Write the copy."""
        return () if old.saved == new.saved else (FileWrite(self.target.name, self.to, str(new.saved)),)
