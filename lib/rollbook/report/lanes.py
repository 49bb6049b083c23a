"""The lanes of the timeline: which bar stands in which lane and row."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Final, Literal, NamedTuple

from .account import Report, Span, StepAccount

Look = Literal["ok", "changed", "undone", "failed", "open", "wait"]

TOP, LANE, ROW = 44, 12, 21
MOST_LANES, MOST_ROWS = 24, 5
STAGES, PEOPLE, ITSELF, REST = "stages", "people", "rollbook", "other targets"
_MERGED: Final[frozenset[Look]] = frozenset({"ok", "changed", "undone"})


class Piece(NamedTuple):
    """A stretch of a step in a row of its lane."""

    step: StepAccount
    span: Span
    ended: datetime
    row: int

    @property
    def look(self) -> Look:
        """The class that it is drawn with."""
        if self.span.kind == "wait":
            return "wait"
        if self.step.settled:
            return "failed"  # what somebody then did by hand, or went past
        match self.step.status:
            case "failed" | "unreachable":
                return "failed"
            case "running" | "in_doubt":
                return "open"
            case "undone":
                return "undone"
        return "changed" if self.step.changed else "ok"


class Lane(NamedTuple):
    """A target's part of the picture."""

    name: str
    top: float
    rows: int
    pieces: Sequence[Piece]

    @property
    def bottom(self) -> float:
        """Where the next lane begins."""
        return self.top + self.rows * ROW + LANE


def lanes_of(report: Report, end: datetime) -> tuple[Lane, ...]:
    """
    Give a lane to each target, to people and to steps without a target; the last holds the rest of very many.

    Above them all is one without pieces, for the stages of a playbook, where there are any.
    """
    held: dict[str, list[StepAccount]] = {}
    for step in report.steps:
        for name in _lane_names(step) if step.spans else ():
            held.setdefault(name, []).append(step)
    order = sorted(held, key=lambda name: {PEOPLE: 0, ITSELF: 1}.get(name, 2))
    if len(order) > MOST_LANES:
        rest = [step for name in order[MOST_LANES - 1 :] for step in held[name]]
        order, held = [*order[: MOST_LANES - 1], REST], {**held, REST: rest}
    stages = (Lane(STAGES, float(TOP), 1, ()),) if any(stage.began for stage in report.stages) else ()
    return (*stages, *_stacked(order, held, end, stages[-1].bottom if stages else float(TOP)))


def _lane_names(step: StepAccount) -> tuple[str, ...]:
    return step.targets or ((PEOPLE,) if step.verdict == "ask" else (ITSELF,))


def _stacked(order: Iterable[str], held: dict[str, list[StepAccount]], end: datetime, top: float) -> Iterator[Lane]:
    for name in order:
        lane = _lane(name, top, held[name], end)
        yield lane
        top = lane.bottom


def _lane(name: str, top: float, steps: Sequence[StepAccount], end: datetime) -> Lane:
    free: list[datetime] = []
    pieces: list[Piece] = []
    for step in sorted(steps, key=lambda step: step.spans[0].began):
        began, ended = step.spans[0].began, max(span.ended or end for span in step.spans)
        row = next((index for index, until in enumerate(free) if until <= began), len(free))
        row = min(row, MOST_ROWS - 1)
        free[row : row + 1] = [ended]
        pieces += [Piece(step, span, max(span.ended or end, span.began), row) for span in step.spans]
    return Lane(name, top, max(len(free), 1), pieces)


def bundled(pieces: Iterable[tuple[float, float, Piece]], width: float) -> Iterator[list[tuple[float, float, Piece]]]:
    """
    Put neighbours of one row and look together as long as they stay narrower than *width*.

    A piece comes with its left and right end. What went wrong, and who was waited for, stays alone.
    """
    open_: dict[int, list[tuple[float, float, Piece]]] = {}
    for placed in pieces:
        _, right, piece = placed
        bundle = open_.get(piece.row)
        if bundle and bundle[-1][2].look == piece.look in _MERGED and right - bundle[0][0] <= width:
            bundle.append(placed)
            continue
        if bundle:
            yield bundle
        open_[piece.row] = [placed]
    yield from open_.values()
