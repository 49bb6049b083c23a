"""PostgreSQL's own programs: where those of the server's major version are, and their command lines."""

import re
from collections.abc import Iterable
from typing import Final

from ..dataclass import dataclass

_VERSION: Final = re.compile(r"\(PostgreSQL\) (\d+)(?:\.(\d+))?")
# The minor versions from which on psql knows \restrict; later majors all do.
_RESTRICTING: Final = {13: 22, 14: 19, 15: 14, 16: 10, 17: 6}
_FIND: Final = """\
given=$1; shift
if [ -z "$given" ]; then
  found=$(command -v pg_dump) && set -- "$@" "${found%/*}"
else
  set -- "$given"
fi
for folder in "$@"; do
  if [ -x "$folder/pg_dump" ] && [ -x "$folder/pg_restore" ] && [ -x "$folder/psql" ]; then
    printf '%s\\t%s\\n' "$folder" "$("$folder/pg_dump" --version)"
  fi
done
"""


@dataclass(frozen=True, slots=True)
class Programs:
    """A folder with pg_dump, pg_restore and psql of one *major* version."""

    folder: str
    major: int
    minor: int = 0

    @property
    def restricts(self) -> bool:
        """Say whether psql can be kept from running what a file commands it to."""
        return self.minor >= _RESTRICTING.get(self.major, 0) and self.major >= min(_RESTRICTING)

    def argv(self, program: str, *arguments: str) -> tuple[str, ...]:
        """Give the command line that starts one of them."""
        return (f"{self.folder}/{program}", *arguments)


def finding(given: str | None, major: int) -> tuple[str, ...]:
    """Give the command that lists folders with all three programs: the one *given*, or the usual ones and PATH."""
    usual = (f"/usr/lib/postgresql/{major}/bin", f"/usr/pgsql-{major}/bin", f"/usr/local/opt/postgresql@{major}/bin")
    return ("sh", "-c", _FIND, "sh", given or "", *usual)


def found(listing: str) -> tuple[Programs, ...]:
    """Read what the command of `finding` printed."""
    pairs = (line.partition("\t") for line in listing.splitlines())
    versions = ((folder, _VERSION.search(version)) for folder, _, version in pairs)
    return tuple(Programs(folder, int(version[1]), int(version[2] or 0)) for folder, version in versions if version)


def majors(programs: Iterable[Programs]) -> str:
    """Name what was found, for a refusal."""
    return ", ".join(f"{one.major} in {one.folder}" for one in programs) or "none"


def conninfo(database: str) -> str:
    """Give the argument that names a database, whatever letters it has; the rest comes by the environment."""
    escaped = database.replace("\\", "\\\\").replace("'", "\\'")
    return f"--dbname=dbname='{escaped}'"
