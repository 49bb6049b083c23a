"""`postgres.cures`: putting back and going back beside each other, each with what it takes and what would be lost."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from datetime import datetime
from typing import ClassVar, Final

from ...action import Change, Fact, Readers, Ref, Subject, evidence, identity
from ...dataclass import dataclass
from ...figures import aligned, size, span
from ...ops import OpResult
from ...postgres.cures import Cure, proposed, weigh
from ...postgres.loss import TableLoss
from ...saved import check_saved_path
from ...targets.base import HostReader, PostgresReader
from ...values import Plain
from .pacing import read_pace
from .weighing import read_scene

_NAMES: Final = {"put_back": "put back", "go_back": "go back"}


@dataclass(frozen=True, slots=True)
class Cures:
    """Both cures; *proposed* is the one to begin with, empty where neither is possible, and *why* says why."""

    proposed: str = identity()
    why: str = evidence()
    cures: tuple[Cure, ...] = evidence()


@dataclass(frozen=True, slots=True)
class PostgresCures(Fact[Cures]):
    """
    Weigh the two cures for a database that a deploy harmed: put back what is gone, or go back as a whole.

    *Put back* (`rollback-database` with `put_back`): missing tables and columns come from the backup into the live
    database. *Go back* (`rollback-database` with `go_back`, `rollback-deploy`): the whole backup beside live, with
    users' rows carried over, and the two swapped. For each: what it brings, rows written, disk on the server against
    what is free, time, downtime, and what could be lost; or what stands in its way: rights, room, obstacles to a swap,
    a backup that does not fit. Put back is proposed wherever it is possible and the deploy only took things away.

    Times are estimates, and say what they stand on: what earlier runs on this server took, else how long the backup
    took to be made, else the rates of a small machine. `tables` are the output `tables` of `postgres.data_loss`.
    """

    kind: ClassVar[str] = "postgres.cures"
    example: ClassVar[Mapping[str, Plain]] = {
        "backup": "{{ inputs.backup }}",
        "tables": "{{ steps.loss.outputs.tables }}",
        "deployed_at": "{{ inputs.deployed_at }}",
    }
    by_hand: ClassVar[str] = """
- what is gone: `pg_restore --list <backup>` against `\\dt` and `\\d` of the live database
- room: `SELECT pg_size_pretty(pg_database_size(current_database()))`, once for putting back and twice for going back,
  against `df` on the server's data directory
- time: restore the backup into a scratch database with a watch in your hand
"""

    backup: str = field(metadata={"help": "path of a backup on runs_on"})
    tables: tuple[TableLoss, ...] = field(metadata={"help": "what postgres.data_loss gave: its output tables"})
    deployed_at: datetime | None = field(default=None, metadata={"help": "when it was deployed, with its zone"})
    server: Ref[PostgresReader] = Ref("db")
    runs_on: Ref[HostReader] = field(default=Ref("local"), metadata={"help": "the host with the backup"})
    local: Ref[HostReader] = field(default=Ref("local"), metadata={"help": "this machine, with the runs"})
    runs: str = field(default=".rollbook/runs", metadata={"help": "the folder of earlier runs"})

    def __post_init__(self) -> None:
        check_saved_path("backup", self.backup)

    def subjects(self) -> frozenset[Subject]:
        """Name what is weighed: the backup against live."""
        return frozenset({Subject(self.server.name, self.kind, self.backup), Subject(self.server.name, "live")})

    def probe(self, read: Readers) -> Cures:
        """Read what both take."""
        server = read[self.server]
        pace = read_pace(read[self.local], self.runs, server.identity())
        scene = read_scene(server, read[self.runs_on], self.backup, self.tables, self.deployed_at, pace)
        cures = weigh(scene)
        name, why = proposed(scene, cures)
        return Cures(name or "", why, cures)

    def outputs(self, after: Cures, results: Sequence[OpResult]) -> Mapping[str, Plain]:  # noqa: ARG002  # it only reads
        """Give the proposal, both cures as `decide.matrix` takes them, and a line of each for a question."""
        return {
            "proposed": after.proposed,
            "why": after.why,
            "cures": [_cell(one, after.proposed) for one in after.cures],
            "possible": {one.cure: one.possible for one in after.cures},
            "table": "\n".join(_lines(after)),
            **{one.cure: _sentence(one) for one in after.cures},
        }

    def details(self, change: Change[Cures]) -> tuple[str, ...]:
        """Show both beside each other."""
        return tuple(_lines(change.before))


def _lines(found: Cures) -> Iterator[str]:
    cells = [["cure", "rows written", "disk", "free", "time", "downtime"]]
    for one in found.cures:
        free = "not known" if one.free is None else size(one.free)
        cells.append([_NAMES[one.cure], str(one.rows), size(one.disk), free, _about(one.seconds), _down(one)])
    yield from aligned(cells)
    for one in found.cures:
        yield f"{_NAMES[one.cure]} brings back {one.brings}"
        yield from (f"{_NAMES[one.cure]} could lose {loss}" for loss in one.loss)
        yield from (f"{_NAMES[one.cure]} is NOT POSSIBLE: {reason}" for reason in one.hindered)
        yield f"the times of {_NAMES[one.cure]} are estimated from {one.stands_on}"
    name = _NAMES.get(found.proposed, "neither")
    yield f"PROPOSED: {name}: {found.why}"


def _cell(one: Cure, name: str) -> Plain:
    """Give a row of the table beside a decision."""
    free = "" if one.free is None else f" of {size(one.free)} free"
    loss = "; ".join(one.loss) or "nothing known"
    return {
        "cure": f"{_NAMES[one.cure]}{' (proposed)' if one.cure == name else ''}",
        "time": _about(one.seconds),
        "disk": f"{size(one.disk)}{free}",
        "downtime": _down(one),
        "loss": loss if one.possible else f"NOT POSSIBLE: {'; '.join(one.hindered)}",
    }


def _sentence(one: Cure) -> str:
    if not one.possible:
        return f"NOT POSSIBLE: {'; '.join(one.hindered)}"
    takes = f"{one.rows} rows written; {size(one.disk)}; {_about(one.seconds)}; down: {_down(one)}"
    return f"brings back {one.brings}; {takes}; could lose {'; '.join(one.loss) or 'nothing known'}"


def _about(seconds: float) -> str:
    return f"about {span(max(1.0, seconds))}"


def _down(one: Cure) -> str:
    return _about(one.down) if one.down else "none"
