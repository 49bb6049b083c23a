"""The op that takes a snapshot."""

from typing import ClassVar, Final

from ..dataclass import dataclass
from ..errors import ConflictError
from ..ops import Op
from ..postgres.manifest import FILE
from .contents import Choice, Chosen, Server
from .manifest import CONTENTS
from .sealing import sealed_by

_BEGIN: Final = {
    "postgresql": "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
    "mysql": "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
}


@dataclass(frozen=True, slots=True)
class TakeSnapshot(Op):
    """
    Save *tables* of the live database into a folder *name* below *folder* on this machine, in one consistent read.

    It is written beside its place and takes its name when it is complete. *wanted* are the patterns of tables and of
    columns by which the tables were chosen: that they still lead to these is looked at in the same read. *missing* are
    noted as what was not there.
    """

    op: ClassVar[str] = "sql.take_snapshot"
    target: str
    server: Server
    database: str
    folder: str
    name: str
    run: str
    environment: str
    tables: tuple[Chosen, ...]
    wanted: tuple[tuple[str, ...], tuple[str, ...]]
    encrypt_to: str = ""
    missing: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """The folder that the snapshot takes."""
        return f"{self.folder}/{self.name}"

    @property
    def partial(self) -> str:
        """The folder in which it is made."""
        return f"{self.folder}/.{self.name}.partial"

    def require_same(self, choice: Choice) -> None:
        """Raise `ConflictError` where *choice*, read in the snapshot itself, is not what was planned."""
        planned, found = (sorted((one.name, one.read) for one in tables) for tables in (self.tables, choice.tables))
        if planned != found or choice.refused:
            raise ConflictError(
                f"the tables of {self.database} are no longer as they were when this was planned",
                advice="Somebody migrates. Nothing was kept; plan again.",
            )

    def render(self) -> tuple[str, ...]:
        """Give the statements and the files."""
        sealed = f" | {' '.join(sealed_by(self.encrypt_to))}" if self.encrypt_to else ""
        return (
            f"mkdir {self.partial}",
            _BEGIN[self.server],
            *(f"{one.read}  -- | gzip{sealed}, to a file of its own" for one in self.tables if one.read),
            f"how these are made, from the catalogs | gzip{sealed}, to {CONTENTS}",
            f"rows and SHA-256 of each file, to {FILE}, last",
            f"mv {self.partial} {self.path}",
        )
