"""Merges the differences of one table with the backup's rows, and stages what comes of them."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import field
from itertools import islice
from typing import TYPE_CHECKING, Final, TypeVar

from ...dataclass import dataclass
from ...errors import TargetError
from ...postgres.conflict import Conflict, Found, Kind, Policy, Side
from ...postgres.copytext import Cells, cells, line, values
from ...postgres.merge import Merged, left_behind, merge
from ...postgres.names import equal, listed, quote
from ...postgres.passes import Differing
from ...postgres.shape import Shape
from ...postgres.staging import THERE, Stage
from .differences import Difference, added
from .ledger import note_conflicts, note_exported
from .loading import load, load_all
from .replicating import as_replica

if TYPE_CHECKING:
    from .session import Connection

R = TypeVar("R")
BATCH: Final = 20_000
NEW: Final = -1

Watch = Callable[[int], object]  # told how many more rows were looked at; raises to stop the pass


@dataclass(frozen=True, slots=True)
class Desk:
    """
    What the merge of one table works with; *connection* is the restored database's, inside the pass.

    *edited* becomes the positions in which staged rows are otherwise than the backup's, `NEW` for one that it lacks.
    """

    connection: "Connection"
    stage: Stage
    shape: Shape
    policy: Policy
    straight: bool = False  # whether new rows are written straight into the table
    edited: set[int] = field(default_factory=set)

    def decide(self, kind: Kind) -> Side:
        """Say which side wins a conflict of this table."""
        return self.policy.side(kind, self.shape.table)


@dataclass(frozen=True, slots=True)
class _Row:
    difference: Difference
    backup: Cells | None
    merged: Merged

    @property
    def line(self) -> bytes:
        merged = self.merged.row or self.backup or ()
        return line((*merged, b"t" if self.merged.row is not None else b"f"))

    @property
    def edited(self) -> Iterable[int]:
        """Give the positions in which it is staged otherwise than the backup has it."""
        if self.merged.row is None:
            return ()
        if self.backup is None:
            return (NEW,)
        pairs = enumerate(zip(self.merged.row, self.backup, strict=True))
        return (at for at, (new, old) in pairs if new != old)

    @property
    def whole(self) -> bool:
        return self.backup is not None


def merge_table(desk: Desk, found: Iterable[Difference], watch: Watch, *, new: Iterable[bytes] = ()) -> Differing:
    """
    Merge and stage all differences of a table, a batch at a time; gives how many there were.

    *new* are rows of live as COPY has them, in the carried columns, under keys that neither base nor the backup has:
    they need no merge.
    """
    desk.connection.execute(
        f'CREATE TEMP TABLE wanted_{desk.stage.table.oid} AS SELECT 0::bigint AS "~at", {listed(desk.stage.key)}'
        f" FROM {desk.stage.table.relation} WITH NO DATA"
    )
    total = Differing()
    for lines in _ahead(new):
        if not (desk.straight and _write(desk, lines)):
            desk.edited.add(NEW)
            refused = load(desk.connection, f"{desk.stage.name} ({listed(desk.shape.carried)})", lines)
            if refused:
                _merge_batch(desk, [added(lines[at]) for at in refused], first=True)
        total += Differing(len(lines))
        watch(len(lines))
    first = True
    for batch in _ahead(found):
        _merge_batch(desk, batch, first=first)
        first = False
        total += tally(batch)
        watch(len(batch))
    return total


def _write(desk: Desk, lines: Sequence[bytes]) -> bool:
    """Write new rows straight into the table; False where it refuses one, and has none then."""
    with as_replica(desk.connection):
        return load_all(desk.connection, f"{desk.shape.table.sql} ({listed(desk.shape.carried)})", lines)


def _ahead(found: Iterable[R]) -> Iterator[list[R]]:
    """Give batches; the servers that are compared read ahead while the restored database takes one in."""
    stream = iter(found)
    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(_take, stream)
        while batch := following.result():
            following = pool.submit(_take, stream)
            yield batch


def tally(batch: Iterable[Difference]) -> Differing:
    """Count the differences by what they are."""
    sorts = Counter((one.base is None, one.live is None) for one in batch)
    return Differing(sorts[True, False], sorts[False, False], sorts[False, True])


def _take(stream: Iterator[R]) -> list[R]:
    return list(islice(stream, BATCH))


def _merge_batch(desk: Desk, batch: Sequence[Difference], *, first: bool) -> None:
    backups = _backups(desk, [one.key for one in batch], first=first)
    rows = [
        _Row(one, backup, merge(desk.shape, desk.decide, one.base, backup, one.live))
        for one, backup in zip(batch, backups, strict=True)
    ]
    refused = _stage(desk, rows)
    if refused:
        again = [_again(desk, row) for row in refused]
        if _stage(desk, again):
            raise TargetError(
                f"{desk.shape.table}: rows of live cannot be stored, and no single value says why",
                advice="Compare the types of the table's columns in both databases.",
            )
        renewed = {row.difference.key: row for row in again}
        rows = [renewed.get(row.difference.key, row) for row in rows]
    note_conflicts(desk.connection, _conflicts(desk, rows))
    if desk.shape.only_live:
        note_exported(desk.connection, desk.shape.table, _exported(desk, rows))


def _backups(desk: Desk, keys: Sequence[Cells], *, first: bool) -> list[Cells | None]:
    """Give the backup's row under each key: as it was before the first pass touched it."""
    stage, key = desk.stage, desk.stage.key
    wanted = f"pg_temp.wanted_{stage.table.oid}"
    desk.connection.execute(f"TRUNCATE {wanted}")
    load(desk.connection, f'{wanted} ("~at", {listed(key)})', [line((b"%d" % at, *one)) for at, one in enumerate(keys)])
    if first:
        desk.connection.execute(f"ANALYZE {wanted}")
    columns = desk.shape.stored
    query = (
        f'COPY (SELECT w."~at", p.{THERE}, {listed(columns, "p")} FROM {wanted} w'
        f" JOIN {stage.pristine} p ON {equal(key, 'p', 'w')}"
        f' UNION ALL SELECT w."~at", true, {listed(columns, "t")} FROM {wanted} w'
        f" JOIN {stage.table.relation} t ON {equal(key, 't', 'w')}"
        f" WHERE {stage.untouched('w')}) TO STDOUT"
    )
    found: list[Cells | None] = [None] * len(keys)
    with desk.connection.cursor() as cursor, cursor.copy(query) as copy:
        for read in copy:
            at, there, *row = cells(read)
            if there == b"t":
                found[int(at)] = tuple(row)
    return found


def _stage(desk: Desk, rows: Sequence[_Row]) -> list[_Row]:
    """Load what is to be staged; gives the rows that were refused."""
    for row in rows:
        desk.edited.update(row.edited)
    refused = []
    for whole in (True, False):
        loaded = [row for row in rows if not row.merged.stays and row.whole == whole]
        columns = desk.shape.stored if whole else desk.shape.carried
        target = f"{desk.stage.name} ({listed(columns)}, {THERE})"
        refused += [loaded[at] for at in load(desk.connection, target, [row.line for row in loaded])]
    return refused


def _again(desk: Desk, row: _Row) -> _Row:
    """Merge a row that was refused once more, knowing now which of its values do not fit."""
    one = row.difference
    unfit = frozenset(at for at in desk.shape.risky if one.live is not None and not _fits(desk, at, one.live[at]))
    return _Row(one, row.backup, merge(desk.shape, desk.decide, one.base, row.backup, one.live, unfit=unfit))


def _fits(desk: Desk, at: int, cell: bytes) -> bool:
    """Try one value alone, on a table of one column, where no other is missed."""
    name = f"fits_{desk.stage.table.oid}_{at}"
    desk.connection.execute(
        f"CREATE TEMP TABLE IF NOT EXISTS {name} AS SELECT {quote(desk.shape.carried[at])}"
        f" FROM {desk.stage.table.relation} WITH NO DATA"
    )
    return not load(desk.connection, f"pg_temp.{name}", [line((cell,))])


def _conflicts(desk: Desk, rows: Iterable[_Row]) -> Iterator[Conflict]:
    for row in rows:
        for found in row.merged.found:
            yield _conflict(desk, row, found)


def _conflict(desk: Desk, row: _Row, found: Found) -> Conflict:
    shape = desk.shape
    return Conflict(
        kind=found.kind,
        table=shape.table,
        key=_key(shape, row.difference),
        about=", ".join(found.columns),
        settled=found.settled,
        live=values(shape.compared, row.difference.live),
        backup=values(shape.stored, row.backup),
    )


def _exported(desk: Desk, rows: Iterable[_Row]) -> Iterator[tuple[tuple[str, ...], dict[str, str | None]]]:
    for row in rows:
        left = left_behind(desk.shape, row.difference.base, row.difference.live)
        if left:
            yield _key(desk.shape, row.difference), dict(left)


def _key(shape: Shape, difference: Difference) -> tuple[str, ...]:
    return tuple(str(cell) for cell in (values(shape.key, difference.key) or {}).values())
