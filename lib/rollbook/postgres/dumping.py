"""The op that takes a backup: a dump and what it holds, both of one snapshot."""

import shlex
from typing import ClassVar, Final

from ..dataclass import dataclass
from ..ops import Op
from .manifest import DUMP, FILE, SUMS, Depth
from .programs import Programs, conninfo
from .properties import Properties

SNAPSHOT: Final = "SELECT pg_catalog.pg_export_snapshot()"
# `umask`: files 0600 and folders 0700 from the first moment on, not only when all is done.
PREPARE: Final = 'set -e; umask 077; mkdir -p -- "$1"; rm -rf -- "$2"; mkdir -- "$2"'
PRIVATELY: Final = 'umask 077; exec "$@"'
FILES: Final = 'cd -- "$1" && find . -type f -exec sha256sum {} + && echo && find . -type f -exec stat -c "%s  %n" {} +'
CLEAR: Final = 'rm -rf -- "$1"'
COMPLETE: Final = """\
set -e
if [ -e "$2" ]; then echo "$2 is there already" >&2; exit 1; fi
find "$1" -type d -exec chmod 700 {} +
find "$1" -type f -exec chmod 600 {} +
sync "$1"/* "$1" 2>/dev/null || sync
mv -- "$1" "$2"
sync "$3" 2>/dev/null || sync
"""


@dataclass(frozen=True, slots=True)
class SnapshotDump(Op):
    """
    Dump *database* into a folder *name* below *folder* on *host*, with a manifest read in the same snapshot.

    It is written beside its place and takes its name when it is complete. What an earlier attempt of the same run
    left is removed first, and its programs' sessions are ended.
    """

    op: ClassVar[str] = "postgres.snapshot_dump"
    target: str
    host: str
    database: str
    folder: str
    name: str
    run: str
    programs: Programs
    properties: Properties
    jobs: int = 2
    compress: int = 1
    manifest: Depth = "full"

    @property
    def path(self) -> str:
        """The folder that the backup takes."""
        return f"{self.folder}/{self.name}"

    @property
    def partial(self) -> str:
        """The folder in which it is made."""
        return f"{self.folder}/.{self.name}.partial"

    def dump(self, snapshot: str) -> tuple[str, ...]:
        """Give pg_dump's command line."""
        return self.programs.argv(
            "pg_dump",
            "--format=directory",
            f"--jobs={self.jobs}",
            f"--compress={self.compress}",
            f"--snapshot={snapshot}",
            f"--file={self.partial}/{DUMP}",
            "--lock-wait-timeout=60s",
            "--no-password",
            conninfo(self.database),
        )

    def render(self) -> tuple[str, ...]:
        """Give the commands and statements."""
        told = {
            "none": "",
            "counts": "SELECT count(*) of every table, in that snapshot",
            "full": f"sums of every table's rows by ranges of its key, in that snapshot, to {SUMS}",
        }[self.manifest]
        lines = (
            f"mkdir {self.partial}",
            f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {SNAPSHOT}",
            "SELECT pg_current_snapshot(); then 24 transactions that write nothing, by which it is known again",
            f"(umask 077 && {shlex.join(self.dump('‹snapshot›'))})",
            told,
            f"sha256sum of each file, to {FILE}",
            f"mv {self.partial} {self.path}",
        )
        return tuple(line for line in lines if line)
