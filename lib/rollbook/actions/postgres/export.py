"""`postgres.export`: the rows of a query in a file, for people."""

from collections.abc import Mapping
from dataclasses import field, replace
from typing import ClassVar

from ...action import Action, Change, Family, Leave, Readers, Ref, Subject, Undo, Verdict, evidence
from ...dataclass import dataclass
from ...ops import Op
from ...postgres.exporting import CsvExport
from ...targets.base import HostReader, PostgresReader
from ...values import Plain


@dataclass(frozen=True, slots=True)
class ExportState:
    """Whether the file is there, from which database; its checksum once it is."""

    exists: bool
    database: str
    sha256: str = evidence(default="")


@dataclass(frozen=True, slots=True)
class Export(Action[ExportState]):
    """
    Write the rows of a query to a CSV file on this machine, readable for its owner only.

    In one read-only snapshot, streamed, whatever its size. It holds people's data: keep it no longer than it is
    needed. A file that is there already is left as it is, so name it for the run: `{{ run.folder }}/users.csv`.
    """

    kind: ClassVar[str] = "postgres.export"
    family: ClassVar[Family] = "artefact"
    example: ClassVar[Mapping[str, Plain]] = {
        "query": "SELECT id, email FROM auth_user WHERE date_joined >= :since",
        "params": {"since": "{{ inputs.deployed_at }}"},
        "path": "{{ run.folder }}/affected-users.csv",
    }
    by_hand: ClassVar[str] = "In psql: `\\copy (<query>) to '<path>' csv header`, then `chmod 600 <path>`."

    query: str
    path: str = field(metadata={"help": "a file on this machine"})
    params: Mapping[str, Plain] = field(default_factory=dict)
    database: str = field(default="", metadata={"help": "another database of the server; the live one, unless given"})
    server: Ref[PostgresReader] = Ref("db")
    local: Ref[HostReader] = field(default=Ref("local"), metadata={"help": "this machine"})

    def __post_init__(self) -> None:
        if not self.query.strip():
            raise ValueError("query: expected a SELECT")

    def subjects(self) -> frozenset[Subject]:
        """Name the file."""
        return frozenset({Subject(self.local.name, "file", self.path)})

    def probe(self, read: Readers) -> ExportState:
        """Look for the file."""
        found = read[self.local].sha256(self.path)
        return ExportState(found is not None, self.database or read[self.server].database, found or "")

    def desired(self, before: ExportState) -> ExportState:
        """Want it there."""
        return replace(before, exists=True)

    def ops(self, old: ExportState, new: ExportState) -> tuple[Op, ...]:
        """Write it, where it is missing."""
        if old.exists or not new.exists:
            return ()
        return (CsvExport(self.server.name, new.database, self.query, self.path, dict(self.params)),)

    def undo(self, change: Change[ExportState]) -> Undo[ExportState]:  # noqa: ARG002  # whatever was written stays
        """Leave it: it was asked for."""
        return Leave("an export stays")

    def verdict(self, change: Change[ExportState]) -> Verdict:
        """Sort it: made, or there already."""
        return "create" if change.ops else "noop"
