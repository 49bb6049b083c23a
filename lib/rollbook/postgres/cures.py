"""The two cures for a database that a deploy harmed, weighed beside each other: put back what is gone, or go back."""

from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Final, Literal

from ..dataclass import dataclass
from .loss import TableLoss, totals

CureName = Literal["put_back", "go_back"]

# Measured on a small machine (benchmarks/README.md); used only where nothing was measured on this server.
_DUMPED: Final = 59e6  # bytes a second, with a full manifest
_RESTORED: Final = 39e6  # bytes a second, compared with the manifest
_RESTORE_OF_DUMP: Final = 1.5  # a restore beside the dump that it is of
_SUMMED: Final = 6.5e-9  # seconds a byte of live, that a pass sums up
_CARRIED: Final = 8e-5  # seconds a row that is carried
_ROWS_BACK: Final = 140_000.0  # rows a second into tables that come back
_CELLS_BACK: Final = 44_000.0  # rows a second whose cells come back
_CLOSED: Final = 3.0  # seconds for fence, swap and what is between them
_NAMED: Final = 5


@dataclass(frozen=True, slots=True)
class Pace:
    """
    How long the steps of each kind took on this server in earlier *runs*: median seconds a run, by kind.

    *down* is the median downtime of those that changed the databases, with all that was stopped for it.
    """

    runs: int = 0
    seconds: Mapping[str, float] = field(default_factory=dict)
    down: float | None = None


@dataclass(frozen=True, slots=True)
class Unlike:
    """
    How live differs besides in tables, columns and rows.

    *added* is what the backup has not, or has otherwise, None where that was not looked at; *views* went.
    """

    added: tuple[str, ...] | None
    views: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scene:
    """
    What both cures are weighed by.

    *size* is that of live in bytes, *free* what is free beside it, *made* how many seconds the backup took. *refused*
    stands in the way of both, *obstacles* in that of renaming the live database.
    """

    tables: tuple[TableLoss, ...]
    size: int
    free: int | None
    made: float | None
    unlike: Unlike
    span: str  # between backup and deploy
    pace: Pace
    refused: tuple[str, ...] = ()
    obstacles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cure:
    """
    One way out.

    *rows* are those that it writes, *disk* the bytes it takes on the server; *stands_on* says where *seconds* and
    *down* are from. *hindered* says why it is not possible, *loss* what would not come back.
    """

    cure: CureName
    brings: str
    rows: int
    disk: int
    free: int | None
    seconds: float
    down: float
    stands_on: str
    hindered: tuple[str, ...]
    loss: tuple[str, ...]

    @property
    def possible(self) -> bool:
        """Say whether nothing is known to stand in its way."""
        return not self.hindered


def weigh(scene: Scene) -> tuple[Cure, Cure]:
    """Give both: put back, go back."""
    return _put_back(scene), _go_back(scene)


def proposed(scene: Scene, cures: tuple[Cure, Cure]) -> tuple[CureName | None, str]:
    """Say which is proposed, and why: put back wherever the schemas differ only by what the deploy took."""
    put_back, go_back = cures
    if not go_back.possible:
        return ("put_back", "the other is not possible") if put_back.possible else (None, "neither is possible")
    if not put_back.possible:
        return "go_back", "the other is not possible"
    strange = _strange(scene)
    if strange:
        return "go_back", f"the deploy also made or changed {_some(strange)}"
    left = "" if scene.unlike.added is not None else ", as far as tables and columns tell"
    return "put_back", f"the schemas differ only by what the deploy took{left}; users' rows stay where they are"


def _put_back(scene: Scene) -> Cure:
    gone, stripped = _gone(scene), _stripped(scene)
    rows, cells = sum(one.backup or 0 for one in gone), sum(min(one.backup or 0, one.live or 0) for one in stripped)
    keyless = [f"{one.table} has no key, and lost columns" for one in stripped if one.by == "row"]
    nothing = [] if gone or stripped else ["live lacks no table and no column of the backup"]
    restored = _restored(scene)
    disk = restored + max(0, restored - scene.size)
    seconds, stands_on = _prepared(scene, 1)
    back = rows / _ROWS_BACK + cells / _CELLS_BACK
    return Cure(
        cure="put_back",
        brings=_brought(gone, stripped),
        rows=rows + cells,
        disk=disk,
        free=scene.free,
        seconds=seconds + scene.pace.seconds.get("sql.recover", back),
        down=0.0,
        stands_on=stands_on,
        hindered=(*scene.refused, *_no_room(scene, disk), *nothing, *keyless),
        loss=tuple(_left_out(scene)),
    )


def _go_back(scene: Scene) -> Cure:
    rows = sum(_moved(one) for one in scene.tables)
    disk = 2 * _restored(scene)
    seconds, stands_on = _prepared(scene, 2)
    a_pass = scene.size * _SUMMED
    carried = scene.pace.seconds.get("postgres.carry", 2 * a_pass + rows * _CARRIED)
    measured = scene.pace.down is not None
    down = scene.pace.down if scene.pace.down is not None else a_pass + _CLOSED
    return Cure(
        cure="go_back",
        brings=f"the whole backup: {sum(one.backup is not None for one in scene.tables)} tables",
        rows=rows,
        disk=disk,
        free=scene.free,
        seconds=seconds + carried + (down if measured else _CLOSED),
        down=down,
        stands_on=stands_on
        if measured
        else f"{stands_on}; stopping and starting services comes on top of the downtime",
        hindered=(*scene.refused, *scene.obstacles, *_no_room(scene, disk)),
        loss=tuple(_set_aside(scene)),
    )


def _prepared(scene: Scene, restores: int) -> tuple[float, str]:
    """Estimate the backup of the present and so many restores, and say what that stands on."""
    pace = scene.pace.seconds
    size = _restored(scene)
    dump = pace.get("postgres.backup", scene.made if scene.made is not None else size / _DUMPED)
    if "postgres.restore" in pace:
        restore, on = pace["postgres.restore"], f"{_counted(scene.pace.runs, 'earlier run')} on this server"
    elif scene.made is not None:
        restore, on = scene.made * _RESTORE_OF_DUMP, f"the {scene.made:.0f} s that the backup took"
    else:
        restore, on = size / _RESTORED, "the size, and rates of a small machine"
    base = pace.get("postgres.base", restore)
    return dump + restore + (base if restores > 1 else 0.0), on


def _restored(scene: Scene) -> int:
    """Estimate how large the restored backup is: as live, and more by what live lacks of its rows."""
    backup = sum(one.backup or 0 for one in scene.tables)
    live = sum(one.live or 0 for one in scene.tables if one.backup is not None)
    return scene.size if live >= backup else round(scene.size * min(4.0, backup / max(1, live)))


def _gone(scene: Scene) -> list[TableLoss]:
    return [one for one in scene.tables if one.live is None]


def _stripped(scene: Scene) -> list[TableLoss]:
    return [one for one in scene.tables if one.live is not None and one.only_backup]


def _strange(scene: Scene) -> list[str]:
    columns = [f"{one.table}.{name}" for one in scene.tables if one.backup is not None for name in one.only_live]
    return [*(one.table for one in scene.tables if one.backup is None), *columns, *(scene.unlike.added or ())]


def _moved(one: TableLoss) -> int:
    """Count the rows that live has otherwise than the backup; at least, where they were not told apart."""
    if one.live is None or one.backup is None:
        return 0
    if one.by in ("key", "row"):
        return (one.added or 0) + (one.changed or 0) + (one.deleted or 0)
    return abs(one.live - one.backup)


def _brought(gone: list[TableLoss], stripped: list[TableLoss]) -> str:
    columns = [f"{one.table}.{name}" for one in stripped for name in one.only_backup]
    parts = []
    if gone:
        rows = sum(one.backup or 0 for one in gone)
        parts.append(
            f"{_counted(len(gone), 'table')} with {_counted(rows, 'row')} ({_some([one.table for one in gone])})"
        )
    if columns:
        parts.append(f"{_counted(len(columns), 'column')} ({_some(columns)})")
    return ", ".join(parts) or "nothing"


def _no_room(scene: Scene, disk: int) -> tuple[str, ...]:
    if scene.free is None or scene.free >= disk:
        return ()
    return (f"it takes {disk / 1e9:.1f} GB on the server, and {scene.free / 1e9:.1f} GB are free",)


def _left_out(scene: Scene) -> Iterator[str]:
    yield from _between(scene)
    staying = [one for one in scene.tables if one.live is not None and one.backup is not None]
    _, changed, deleted = totals(staying)
    at_least = sum(max(0, (one.backup or 0) - (one.live or 0)) for one in staying)
    if deleted or changed:
        yield (
            "rows that the deploy itself deleted or rewrote in tables that stay: among "
            f"{deleted} deleted and {changed} changed since the backup"
        )
    elif at_least:
        yield f"rows that the deploy itself deleted from tables that stay: {at_least} fewer than in the backup"
    elif any(one.by == "count" for one in staying):
        yield "rows that the deploy itself rewrote in tables that stay: rows were only counted"
    if scene.unlike.views:
        yield f"views that the deploy dropped: {_some(list(scene.unlike.views))}"
    if strange := _strange(scene):
        yield f"the schema as in the backup, for what the deploy made or changed stays: {_some(strange)}"


def _set_aside(scene: Scene) -> Iterator[str]:
    yield from _between(scene)
    only = [one for one in scene.tables if one.backup is None]
    if only:
        rows = sum(one.live or 0 for one in only)
        yield f"tables that only live has go out of use, exported: {_some([one.table for one in only])}, {rows} rows"
    columns = [f"{one.table}.{name}" for one in scene.tables if one.backup is not None for name in one.only_live]
    if columns:
        yield f"columns that only live has go out of use, exported: {_some(columns)}"
    if any(_moved(one) for one in scene.tables):
        yield "among rows written since, what does not fit the backup: listed as conflicts, exported with both sides"


def _between(scene: Scene) -> Iterator[str]:
    taken = [*(one.table for one in _gone(scene)), *(f"the gone columns of {one.table}" for one in _stripped(scene))]
    if taken:
        yield f"what was written into {_some(taken)} between backup and deploy{scene.span}: no backup has it"


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
