"""`sql.snapshot_list`: the snapshots in a folder that are of this database, and the newest one."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from typing import ClassVar, Final

from ...action import Change, Fact, Readers, Ref, evidence, identity
from ...dataclass import dataclass
from ...errors import RefusedError, SchemaError
from ...ops import OpResult
from ...postgres.manifest import FILE, LIMIT, is_snapshot
from ...postgres.shelf import listed
from ...saved import check_saved_path
from ...schema import encode
from ...snapshots.contents import BESIDE
from ...snapshots.manifest import SnapshotManifest, read_snapshot, strangers
from ...targets.base import HostReader, SnapshotReader
from ...targets.listing import list_saved
from ...values import Plain
from .servers import family_of

_SHOWN: Final = 12


@dataclass(frozen=True, slots=True)
class ListedSnapshot:
    """A complete snapshot of this database; *tables* names those that it has rows of, whole or some columns."""

    path: str
    started: str
    rows: int
    tables: tuple[str, ...]
    sealed: str = ""


@dataclass(frozen=True, slots=True)
class SnapshotShelf:
    """
    The snapshots of a folder, newest first; *newest* is its path, or empty; *others* are of something else.

    *broken* names each whose manifest cannot be read, with why: of what it is nobody can tell.
    """

    newest: str = identity()
    snapshots: tuple[ListedSnapshot, ...] = evidence()
    others: int = evidence(default=0)
    broken: tuple[str, ...] = evidence(default=())


@dataclass(frozen=True, slots=True)
class SqlSnapshotList(Fact[SnapshotShelf]):
    """
    List the snapshots of `sql.snapshot` in a folder that are of this server, database and environment, newest first.

    Those of anything else are counted, and never chosen. Only their manifests are read: `sql.snapshot_check` reads one
    to its end. Without any the runbook stops, unless `optional` is set.
    """

    kind: ClassVar[str] = "sql.snapshot_list"
    example: ClassVar[Mapping[str, Plain]] = {"folder": "/var/backups/shop-snapshots", "environment": "{{ env.name }}"}
    by_hand: ClassVar[str] = """
- `ls -t <folder>`; in each folder's manifest.json stand `environment`, `database`, `started` and `tables`
"""
    output_names: ClassVar[tuple[str, ...] | None] = ("newest", "snapshots", "started", "rows", "others")

    folder: str = field(metadata={"help": "a folder on this machine; folders in it are not looked into"})
    environment: str = field(default="", metadata={"help": "of which they must be: {{ env.name }}; any unless given"})
    server: Ref[SnapshotReader] = Ref("db")
    optional: bool = field(default=False, metadata={"help": "go on where there is none"})
    local: Ref[HostReader] = field(default=Ref("local"), metadata={"help": "this machine"})

    def __post_init__(self) -> None:
        check_saved_path("folder", self.folder)

    def probe(self, read: Readers) -> SnapshotShelf:
        """Read their manifests."""
        server, local, folder = read[self.server], read[self.local], self.folder.rstrip("/")
        family, who, database = family_of(server), server.identity(), server.database
        own, others, broken = [], 0, []
        for path, manifest in _manifests(local, folder, list_saved(local, folder)):
            if isinstance(manifest, str):
                broken.append(f"{path.rpartition('/')[2]}: {manifest}")
            elif any(strangers(manifest, family, who, database, self.environment)):
                others += 1
            else:
                own.append(_listed(path, manifest))
        own.sort(key=lambda one: (one.started, one.path), reverse=True)
        return SnapshotShelf(own[0].path if own else "", tuple(own), others, tuple(broken))

    def refusal(self, state: SnapshotShelf) -> RefusedError | None:
        """Refuse to go on without one, with what is there instead."""
        if state.newest or self.optional:
            return None
        more = f" ({state.others} are of something else)" if state.others else ""
        broken = "".join(f" {one}." for one in state.broken)
        return RefusedError(
            f"{self.folder} has no complete snapshot of this database{more}.{broken}",
            advice="Is it the right folder, and the right environment? Else name what to put back from: for"
            " recover-migration-data snapshot=, stored= (out of a store) or backup=.",
        )

    def details(self, change: Change[SnapshotShelf]) -> tuple[str, ...]:
        """Show the newest of them."""
        state = change.after
        lines = [_line(one, state) for one in state.snapshots[:_SHOWN]]
        more = len(state.snapshots) - _SHOWN
        lines += [f"and {more} older ones"] if more > 0 else []
        lines += [f"{state.others} are of another database or environment"] if state.others else []
        lines += [f"not to be chosen: {one}" for one in state.broken]
        return tuple(lines) or ("there is none",)

    def outputs(self, after: SnapshotShelf, results: Sequence[OpResult]) -> Mapping[str, Plain]:  # noqa: ARG002  # it only reads
        """Give the list, and the newest with its instant and rows."""
        first = after.snapshots[0] if after.snapshots else None
        return {
            "newest": after.newest,
            "snapshots": encode(after.snapshots),
            "started": first.started if first else "",
            "rows": first.rows if first else 0,
            "others": after.others,
        }


def _manifests(local: HostReader, folder: str, listing: str) -> Iterator[tuple[str, SnapshotManifest | str]]:
    """Read the manifest of each complete snapshot; of one that cannot be read, say why."""
    for one in listed(folder, listing):
        if one.kind != "rollbook" or not one.complete:
            continue
        content = local.read_file(f"{one.path}/{FILE}", limit=LIMIT)
        if content is None:
            continue
        try:
            is_backup = not is_snapshot(content) and isinstance(json.loads(content), dict)
            if not is_backup:
                yield one.path, read_snapshot(content.decode())
        except (SchemaError, ValueError) as error:
            yield one.path, f"its {FILE} cannot be read ({str(error).splitlines()[0]})"


def _listed(path: str, manifest: SnapshotManifest) -> ListedSnapshot:
    tables = [one for one in manifest.tables if one.table not in BESIDE]
    return ListedSnapshot(
        path, manifest.started, sum(one.rows for one in tables), tuple(one.table for one in tables), manifest.sealed
    )


def _line(one: ListedSnapshot, state: SnapshotShelf) -> str:
    chosen = "→ " if one.path == state.newest else "  "
    sealed = f", sealed by {one.sealed}" if one.sealed else ""
    return f"{chosen}{one.started}  {one.path.rpartition('/')[2]} ({one.rows} rows of {', '.join(one.tables)}{sealed})"
