"""The timeline as SVG: a lane per target, time to the right, marks for what went wrong."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from importlib.resources import files
from typing import Final

from .account import Moment, Report, Span, StepAccount
from .scale import Scale, scale_of
from .wording import counted, duration, one_line, utc, visible

WIDTH, LABELS, MARGIN = 1000, 148, 14
TOP, LANE, ROW, BAR = 44, 12, 21, 15
MOST_LANES, MOST_ROWS = 24, 5
PEOPLE, ITSELF, REST = "people", "rollbook", "other targets"

MARKS: Final = {
    "failed": "failed",
    "step_failed": "failed",
    "unreachable": "unreachable",
    "drift": "drift",
    "in_doubt": "in doubt",
    "attempt": "tried again",
    "recovered": "recovered",
    "warning": "warning",
    "lock_lost": "lock lost",
}
LETTERS: Final = {
    "failed": "X",
    "unreachable": "U",
    "drift": "D",
    "in doubt": "?",
    "tried again": "R",
    "recovered": "V",
    "warning": "!",
    "lock lost": "L",
}
BARS: Final = {
    "ok": "read or nothing to change",
    "changed": "changed",
    "undone": "changed, later undone",
    "failed": "failed",
    "open": "no end recorded",
    "wait": "waiting for people",
}


@dataclass(frozen=True, slots=True)
class _Piece:
    step: StepAccount
    span: Span
    ended: datetime
    row: int

    @property
    def look(self) -> str:
        if self.span.kind == "wait":
            return "wait"
        match self.step.status:
            case "failed" | "unreachable":
                return "failed"
            case "running" | "in_doubt":
                return "open"
            case "undone":
                return "undone"
        return "changed" if self.step.changed else "ok"


@dataclass(frozen=True, slots=True)
class _Lane:
    name: str
    top: float
    rows: int
    pieces: tuple[_Piece, ...]

    @property
    def bottom(self) -> float:
        return self.top + self.rows * ROW + LANE


def to_svg(report: Report, *, standalone: bool = False) -> str:
    """Draw the timeline; *standalone* makes it a file of its own instead of a part of an HTML page."""
    end = report.undo.last if report.undo else report.run.last
    lanes = _lanes(report, end)
    scale = _scale(report, lanes, end)
    bottom = lanes[-1].bottom if lanes else TOP + 30.0
    drawn = [
        *_backdrop(scale, lanes, bottom),
        *_downtimes(report, scale, bottom, end),
        *_gaps(report, scale, bottom),
        *_axis(scale, bottom),
        *(shape for lane in lanes for shape in _bars(lane, scale)),
        *_marks(report, scale, lanes),
        *_legend(report, lanes, bottom + 34),
    ]
    above = report.impact.downtimes or report.impact.gaps or report.undo
    top = 0 if above else 20 if scale.breaks else 36
    return "\n".join([*_head(report, lanes, (top, bottom + 60 - top), standalone=standalone), *drawn, "</svg>"])


def _head(report: Report, lanes: Sequence[_Lane], box: tuple[float, float], *, standalone: bool) -> Iterator[str]:
    space = ' xmlns="http://www.w3.org/2000/svg"' if standalone else ""
    bad = [moment for moment in report.moments if moment.tone == "bad"]
    told = f"{counted(len(report.steps), 'step')} in {counted(len(lanes), 'lane')}, {utc(report.run.began)} to "
    told += f"{utc(report.undo.last if report.undo else report.run.last)}; the chronology tells the same in words. "
    told += "; ".join(one_line(f"{moment.word}: {moment.text}") for moment in bad[:5])
    yield f'<svg{space} class="timeline" viewBox="0 {box[0]:.0f} {WIDTH} {box[1]:.0f}" role="img"'
    yield ' aria-labelledby="tl-title tl-desc">'
    yield f'<title id="tl-title">Timeline of run {_text(report.run.id)}</title>'
    yield f'<desc id="tl-desc">{_text(told)}</desc>'
    yield f"<style>{files(__package__).joinpath('timeline.css').read_text(encoding='utf-8')}</style>"
    for name, angle, apart in (("hatch", 45, 6), ("cross", -45, 5)):
        yield f'<defs><pattern id="tl-{name}" width="{apart}" height="{apart}" patternUnits="userSpaceOnUse"'
        yield f' patternTransform="rotate({angle})"><path class="{name}" d="M0 0V{apart}"/></pattern></defs>'


def _lane_names(step: StepAccount) -> tuple[str, ...]:
    return step.targets or ((PEOPLE,) if step.verdict == "ask" else (ITSELF,))


def _lanes(report: Report, end: datetime) -> list[_Lane]:
    held: dict[str, list[StepAccount]] = {}
    for step in report.steps:
        for name in _lane_names(step) if step.spans else ():
            held.setdefault(name, []).append(step)
    order = sorted(held, key=lambda name: {PEOPLE: 0, ITSELF: 1}.get(name, 2))
    if len(order) > MOST_LANES:
        rest = [step for name in order[MOST_LANES - 1 :] for step in held[name]]
        order, held = [*order[: MOST_LANES - 1], REST], {**held, REST: rest}
    lanes: list[_Lane] = []
    top = float(TOP)
    for name in order:
        lane = _lane(name, top, held[name], end)
        lanes.append(lane)
        top = lane.bottom
    return lanes


def _lane(name: str, top: float, steps: Sequence[StepAccount], end: datetime) -> _Lane:
    free: list[datetime] = []
    pieces: list[_Piece] = []
    for step in sorted(steps, key=lambda step: step.spans[0].began):
        began, ended = step.spans[0].began, max(span.ended or end for span in step.spans)
        row = next((index for index, until in enumerate(free) if until <= began), len(free))
        row = min(row, MOST_ROWS - 1)
        free[row : row + 1] = [ended]
        pieces += [_Piece(step, span, max(span.ended or end, span.began), row) for span in step.spans]
    return _Lane(name, top, max(len(free), 1), tuple(pieces))


def _scale(report: Report, lanes: Sequence[_Lane], end: datetime) -> Scale:
    pieces = {(piece.span.began, piece.ended) for lane in lanes for piece in lane.pieces if piece.span.kind == "work"}
    edges = {at for lane in lanes for piece in lane.pieces for at in (piece.span.began, piece.ended)}
    edges |= {at for gap in report.impact.gaps for at in (gap.began, gap.ended or end)}
    if report.undo is not None:
        edges |= {report.run.last, report.undo.began}
    marks = {at for at in (*edges, report.run.began, end) if report.run.began <= at <= end}
    return scale_of(pieces, marks, left=LABELS, right=WIDTH - MARGIN)


def _backdrop(scale: Scale, lanes: Sequence[_Lane], bottom: float) -> Iterator[str]:
    for index, lane in enumerate(lanes):
        kind = "lane odd" if index % 2 else "lane"
        yield f'<rect class="{kind}" x="0" y="{lane.top:.1f}" width="{WIDTH}" height="{lane.bottom - lane.top:.1f}"/>'
        middle = (lane.top + lane.bottom) / 2 + 4
        yield f'<text class="name" x="10" y="{middle:.1f}">{_text(_cut(lane.name, 20))}'
        yield f"<title>{_text(lane.name)}</title></text>"
    for stop in scale.breaks:
        yield f'<rect class="break" x="{stop.left:.1f}" y="{TOP}" width="{stop.right - stop.left:.1f}"'
        yield f' height="{bottom - TOP:.1f}"><title>{duration(stop.seconds)} without work, drawn shorter</title></rect>'
        if stop.right - stop.left > 36:
            place = (stop.left + stop.right) / 2
            yield f'<text class="idle" x="{place:.1f}" y="{TOP - 6}">{duration(stop.seconds)}</text>'


def _downtimes(report: Report, scale: Scale, bottom: float, end: datetime) -> Iterator[str]:
    for stretch in report.impact.downtimes:
        left, right = scale.place(stretch.began), scale.place(stretch.ended or end)
        right = max(right, left + 3)
        words = f"down {duration(stretch.seconds)}" + (", STILL OPEN" if stretch.open else "")
        yield f'<g class="down"><rect x="{left:.1f}" y="{TOP - 22}" width="{right - left:.1f}"'
        yield f' height="{bottom - TOP + 22:.1f}"><title>{words}: {utc(stretch.began)} to '
        yield f"{utc(stretch.ended) or 'still open'}</title></rect>"
        anchor = "end" if left > WIDTH * 0.8 else "start"
        place = right if anchor == "end" else left
        yield f'<text x="{place:.1f}" y="{TOP - 27}" text-anchor="{anchor}">{words}</text></g>'


def _gaps(report: Report, scale: Scale, bottom: float) -> Iterator[str]:
    lines = [(gap.ended, f"resumed; {gap.text}", "resumed") for gap in report.impact.gaps if gap.ended]
    if report.undo is not None:
        lines.append((report.undo.began, f"undo {report.undo.id} began", "undo"))
    free = 0.0
    for at, words, label in lines:
        place = scale.place(at)
        label, free = (label, place + 52) if place >= free else ("", free)
        yield f'<g class="turn"><path d="M{place:.1f} {TOP - 27}V{bottom:.1f}"/>'
        anchor, beside = ("end", place - 4) if place > WIDTH * 0.9 else ("start", place + 4)
        yield f'<text x="{beside:.1f}" y="{TOP - 18}" text-anchor="{anchor}">{label}</text>'
        yield f"<title>{_text(words)}</title></g>"


def _axis(scale: Scale, bottom: float) -> Iterator[str]:
    yield f'<path class="axis" d="M{LABELS} {bottom:.1f}H{WIDTH - MARGIN}"/>'
    yield f'<text class="tick" x="10" y="{bottom + 17:.1f}">UTC</text>'
    for tick in scale.ticks():
        anchor = "end" if tick.place > WIDTH - MARGIN - 20 else "start" if tick.place < LABELS + 20 else "middle"
        yield f'<path class="grid" d="M{tick.place:.1f} {TOP}V{bottom + 5:.1f}"/>'
        yield f'<text class="tick" x="{tick.place:.1f}" y="{bottom + 17:.1f}" text-anchor="{anchor}">{tick.label}'
        yield "</text>"


def _bars(lane: _Lane, scale: Scale) -> Iterator[str]:
    for piece in lane.pieces:
        left, right = scale.place(piece.span.began), scale.place(piece.ended)
        width = max(right - left, 2.5)
        top = lane.top + LANE / 2 + piece.row * ROW + (ROW - BAR) / 2
        step = piece.step
        told = f"{step.number}. {step.title}: {step.words}, {utc(piece.span.began)}, "
        told += duration((piece.ended - piece.span.began).total_seconds())
        if piece.span.kind == "wait":
            told += f" waiting, {piece.span.text}"
        box = f'x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{BAR}" rx="2.5"'
        yield f'<g class="bar {piece.look}"><title>{_text(one_line(told))}</title><rect {box}/>'
        if piece.look in ("wait", "failed"):
            yield f'<rect class="over {piece.look}" {box}/>'
        yield f"{_inside(step, left, top, width)}</g>"


def _inside(step: StepAccount, left: float, top: float, width: float) -> str:
    number = str(step.number)
    room = int((width - 8) / (6.9 if step.changed or step.error else 6.3))
    if width < 6.5 * len(number) + 2:
        return ""
    words = f"{number} {one_line(step.title)}"
    label = _cut(words, room) if room > len(number) + 6 else number
    anchor, place = ("start", left + 4) if label != number else ("middle", left + width / 2)
    return f'<text x="{place:.1f}" y="{top + BAR - 4:.1f}" text-anchor="{anchor}">{_text(label)}</text>'


def _marks(report: Report, scale: Scale, lanes: Sequence[_Lane]) -> Iterator[str]:
    tops = {lane.name: lane.top for lane in lanes}
    held: dict[str, list[tuple[float, str, Moment]]] = {}
    for moment in report.moments:
        word = _mark(moment)
        if word:
            name = next((target for target in moment.targets if target in tops), "")
            step = report.steps[moment.number - 1] if moment.number else None
            at = step.ended if step and moment.type == "step" and step.ended else moment.at
            held.setdefault(name, []).append((scale.place(at), word, moment))
    for name, marks in held.items():
        marks.sort(key=lambda mark: mark[0])
        for place, (_, word, moment) in zip(_apart([mark[0] for mark in marks]), marks, strict=True):
            yield f'<g class="mark {word.replace(" ", "-")}"><title>{_text(one_line(f"{word}: {moment.text}"))}</title>'
            yield f"{_badge(place, tops.get(name, TOP - 4.0) + 4, word)}</g>"


def _apart(places: Sequence[float]) -> list[float]:
    """Move marks of one lane apart, as far as there is room for all of them."""
    room = min(15.0, (WIDTH - LABELS - 20) / len(places))
    moved: list[float] = []
    for place in places:
        moved.append(max(place, moved[-1] + room) if moved else place)
    limit = WIDTH - 10.0
    for index in reversed(range(len(moved))):
        moved[index] = min(moved[index], limit)
        limit = moved[index] - room
    return moved


def _mark(moment: Moment) -> str:
    if moment.type != "step":
        return MARKS.get(moment.type, "")
    return "failed" if moment.tone == "bad" and moment.word != "in doubt" else ""


def _badge(x: float, y: float, word: str) -> str:
    shapes = {
        "failed": f'<circle cx="{x:.1f}" cy="{y:.1f}" r="7"/>',
        "drift": f'<path d="M{x:.1f} {y - 8:.1f}l8 8l-8 8l-8 -8z"/>',
        "in doubt": f'<path d="M{x:.1f} {y - 9:.1f}l9 16h-18z"/>',
    }
    shape = shapes.get(word, f'<rect x="{x - 7:.1f}" y="{y - 7:.1f}" width="14" height="14" rx="3"/>')
    return f'{shape}<text x="{x:.1f}" y="{y + 3.5:.1f}">{LETTERS[word]}</text>'


def _legend(report: Report, lanes: Sequence[_Lane], top: float) -> Iterator[str]:
    looks = {piece.look for lane in lanes for piece in lane.pieces}
    words = {word for moment in report.moments if (word := _mark(moment))}
    place = 10.0
    for look, told in BARS.items():
        if look in looks:
            over = f'<rect class="over {look}" x="{place}" y="{top}" width="20" height="12" rx="2.5"/>'
            yield f'<g class="bar {look}"><rect x="{place}" y="{top}" width="20" height="12" rx="2.5"/>'
            yield f"{over if look in ('wait', 'failed') else ''}</g>"
            yield f'<text class="key" x="{place + 26}" y="{top + 10}">{told}</text>'
            place += 26 + 6.2 * len(told) + 18
    for word in LETTERS:
        if word in words:
            yield f'<g class="mark {word.replace(" ", "-")}">{_badge(place + 7, top + 6, word)}</g>'
            yield f'<text class="key" x="{place + 20}" y="{top + 10}">{word}</text>'
            place += 20 + 6.2 * len(word) + 18


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else f"{text[: max(room - 1, 1)]}…"


def _text(text: str) -> str:
    return escape(visible(text))
