"""`postgres.data_loss`: what going back to a backup would lose, counted before anything is done."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from typing import ClassVar

from ...action import Change, Fact, Readers, Ref, Subject, evidence, identity
from ...dataclass import dataclass
from ...ops import OpResult
from ...postgres.dumptext import reading
from ...postgres.loss import Depth, TableLoss, totals
from ...postgres.manifest import FILE, LIMIT, SUMS, read_manifest
from ...postgres.names import Name
from ...postgres.scratch import subject_names
from ...schema import encode
from ...targets.base import HostReader, PostgresReader
from ...values import Plain
from .reading import count_large_objects, find_programs, server_version


@dataclass(frozen=True, slots=True)
class LossState:
    """The tables and columns that live lacks, and every table compared, which moves on while people write."""

    gone: tuple[str, ...] = identity()
    tables: tuple[TableLoss, ...] = evidence()
    large_objects: int = evidence(default=0, help="those of live, which are not compared")


@dataclass(frozen=True, slots=True)
class DataLoss(Fact[LossState]):
    """
    Count, per table, the rows added, changed and deleted since a backup, and name what the backup has and live lacks.

    The backup is a dump (`backup`: what pg_dump wrote in any of its formats) or a database that it was restored into
    (`against`). Nothing is written on the server: keys and hashes of a dump's rows go to temporary files of this
    machine. `depth: counts` only counts rows, `keys` finds rows added and deleted, `rows` also those changed. Rows
    that the migration itself changed or deleted count too: only a backup that was migrated forward tells them apart.
    """

    kind: ClassVar[str] = "postgres.data_loss"
    example: ClassVar[Mapping[str, Plain]] = {"backup": "/backups/forum-2026-11-20.dump", "depth": "rows"}
    by_hand: ClassVar[str] = """
Restore `<backup>` into a database of its own (`createdb -T template0 scratch`, `pg_restore -d scratch
--exit-on-error`), and compare the two table by table: `SELECT count(*)`, then `COPY (SELECT * FROM t ORDER BY id) TO
STDOUT` of both sides through `diff`. A date column does not do: half of the tables have none, and updates and deletes
leave no date.
"""

    backup: str = field(default="", metadata={"help": "a dump on runs_on: a folder, an archive or a .sql file"})
    against: str = field(default="", metadata={"help": "a database of the server that the backup was restored into"})
    depth: Depth = field(
        default="rows", metadata={"help": "counts, keys or rows: each takes longer than the one before"}
    )
    server: Ref[PostgresReader] = Ref("db")
    runs_on: Ref[HostReader] = field(default=Ref("local"), metadata={"help": "the host on which the dump lies"})

    def __post_init__(self) -> None:
        if bool(self.backup) == bool(self.against):
            raise ValueError("expected either backup (a dump) or against (a restored database)")

    def subjects(self) -> frozenset[Subject]:
        """Name the comparison; a database that an earlier step makes is there only in its turn."""
        server = self.server.name
        found = {Subject(server, self.kind, self.backup or self.against), Subject(server, "live")}
        other = subject_names(self.against) if self.against else ()
        return frozenset(found | {Subject(server, "database", name) for name in other})

    def probe(self, read: Readers) -> LossState:
        """Compare live with the backup."""
        server = read[self.server]
        found = server.losses(self.against, depth=self.depth) if self.against else self._since_dump(read)
        return LossState(tuple(_gone(found)), found, count_large_objects(server, server.database))

    def _since_dump(self, read: Readers) -> tuple[TableLoss, ...]:
        server, host = read[self.server], read[self.runs_on]
        restore = find_programs(server, host, server_version(server) // 10_000).argv("pg_restore")[0]

        def dump(table: Name | None) -> Iterator[bytes]:
            return host.lines(reading(self.backup, restore, table))

        path = self.backup.rstrip("/")
        content = host.read_file(f"{path}/{FILE}", limit=LIMIT)
        manifest = None if content is None else read_manifest(content.decode())
        if manifest is None or manifest.depth == "none":
            return server.dump_losses(dump(None), depth=self.depth)
        sums = host.read_file(f"{path}/{SUMS}", limit=LIMIT) or b""
        return server.manifest_losses(manifest, sums, dump, depth=self.depth)

    def outputs(self, after: LossState, results: Sequence[OpResult]) -> Mapping[str, Plain]:  # noqa: ARG002  # it only reads
        """Give the tables, the totals, and the names by how they stand."""
        added, changed, deleted = totals(after.tables)
        return {
            "tables": encode(after.tables),
            "added": added,
            "changed": changed,
            "deleted": deleted,
            "gone": list(after.gone),
            "gone_tables": [one.table for one in after.tables if one.live is None],
            "differing": [one.table for one in after.tables if one.differs],
            "untouched": [one.table for one in after.tables if not one.differs],
            "only_live": [one.table for one in after.tables if one.backup is None and not one.note],
        }

    def details(self, change: Change[LossState]) -> tuple[str, ...]:
        """Show the tables that differ, what is gone, and what the counts cannot tell."""
        tables = change.before.tables
        differing = [one for one in tables if one.differs]
        added, changed, deleted = totals(tables)
        head = f"since the backup: {added} rows added, {changed} changed, {deleted} deleted, in {len(differing)} tables"
        width = max((len(one.table) for one in differing), default=0)
        lines = (f"{one.table:<{width}}  {_told(one)}" for one in differing)
        same = len(tables) - len(differing)
        tail = f"{same} tables are as in the backup" if same else "no table is as in the backup"
        objects = change.before.large_objects
        more = (f"NOT compared, and not carried by going back: {objects} large objects of live",) if objects else ()
        return (head, *lines, tail, "what the migration changed or deleted itself is counted in", *more)


def _gone(found: Sequence[TableLoss]) -> Iterator[str]:
    for one in found:
        if one.live is None:
            yield one.table
        yield from (f"{one.table}.{column}" for column in one.only_backup)


def _told(one: TableLoss) -> str:
    if one.note:
        return one.note
    if one.live is None:
        return f"GONE from live: {one.backup} rows in the backup"
    if one.backup is None:
        return f"only in live: {one.live} rows"
    counts = [
        f"{count} {word}"
        for count, word in ((one.added, "added"), (one.changed, "changed"), (one.deleted, "deleted"))
        if count
    ]
    parts = [f"{one.backup} -> {one.live} rows", *counts]
    parts += ["told apart by whole rows: it has no key"] * (one.by == "row")
    parts += one.renamed
    parts += [f"columns gone from live: {', '.join(one.only_backup)}"] * bool(one.only_backup)
    parts += [f"columns only in live: {', '.join(one.only_live)}"] * bool(one.only_live)
    return ", ".join(parts)
