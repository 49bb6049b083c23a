"""The timeline as SVG: a lane per target, time to the right, marks for what went wrong."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from .account import Moment, Report, StepAccount
from .lanes import LANE, ROW, STAGES, TOP, Lane, Look, Piece, bundled, lanes_of
from .markup import NOTHING, Html, form
from .scale import Scale, scale_of
from .wording import BY_HAND, counted, duration, one_line, utc

WIDTH, LABELS, MARGIN, BAR = 1000, 148, 14, 15
MOST_BARS, BUNDLE = 300, 6.0

MARKS: Final = {
    "failed": "failed",
    "step_failed": "failed",
    "unreachable": "no answer",
    "drift": "drift",
    "in_doubt": "in doubt",
    "attempt": "tried again",
    "recovered": "recovered",
    "warning": "warning",
    "lock_lost": "lock lost",
    "adopted": BY_HAND,
    "skipped": "skipped",
}
LETTERS: Final = {
    "failed": "X",
    "no answer": "N",
    "drift": "D",
    "in doubt": "?",
    "tried again": "R",
    "recovered": "V",
    "warning": "!",
    "lock lost": "L",
    BY_HAND: "H",
    "skipped": "S",
}
BARS: Final[dict[Look, str]] = {
    "ok": "read or nothing to change",
    "changed": "changed",
    "undone": "changed, later undone",
    "failed": "failed",
    "open": "no end recorded",
    "wait": "waiting for people",
}


_HEAD: Final = form("""\
<svg{} class="timeline" viewBox="0 {} {} {}" role="img"
 aria-labelledby="tl-title tl-desc">
<title id="tl-title">Timeline of run {}</title>
<desc id="tl-desc">{}</desc>
<style>{}</style>
""")
_SPACE: Final = Html(' xmlns="http://www.w3.org/2000/svg"')
_PATTERN: Final = form("""\
<defs><pattern id="tl-{0}" width="{1}" height="{1}" patternUnits="userSpaceOnUse"
 patternTransform="rotate({2})"><path class="{0}" d="M0 0V{1}"/></pattern></defs>
""")
_LANE: Final = form("""\
<rect class="{}" x="0" y="{}" width="{}" height="{}"/>
<text class="name" x="10" y="{}">{}
<title>{}</title></text>
""")
_BREAK: Final = form("""\
<rect class="break" x="{}" y="{}" width="{}"
 height="{}"><title>{} without work, drawn shorter</title></rect>
""")
_IDLE: Final = form('<text class="idle" x="{}" y="{}">{}</text>\n')
_DOWN: Final = form("""\
<g class="down"><rect x="{}" y="{}" width="{}"
 height="{}"><title>{}: {} to
{}</title></rect>
<text x="{}" y="{}" text-anchor="{}">{}</text></g>
""")
_TURN: Final = form("""\
<g class="turn"><path d="M{0} {1}V{2}"/>
<text x="{3}" y="{4}" text-anchor="{5}">{6}</text>
<title>{7}</title></g>
""")
_AXIS: Final = form("""\
<path class="axis" d="M{} {}H{}"/>
<text class="tick" x="10" y="{}">UTC</text>
""")
_TICK: Final = form("""\
<path class="grid" d="M{} {}V{}"/>
<text class="tick" x="{}" y="{}" text-anchor="{}">{}
</text>
""")
_BAR: Final = form("""\
<g class="bar {0}"><title>{1}</title><rect x="{2}" y="{3}" width="{4}" height="{5}" rx="2.5"/>
{6}{7}</g>
""")
_OVER: Final = form('<rect class="over {}" x="{}" y="{}" width="{}" height="{}" rx="2.5"/>\n')
_LABEL: Final = form('<text x="{}" y="{}" text-anchor="{}">{}</text>')
_MARK: Final = form("""\
<g class="mark {}"><title>{}</title>
{}</g>
""")
_BADGES: Final = {
    "failed": form('<circle cx="{0}" cy="{1}" r="7"/><text x="{0}" y="{2}">{3}</text>'),
    "drift": form('<path d="M{0} {4}l8 8l-8 8l-8 -8z"/><text x="{0}" y="{2}">{3}</text>'),
    "in doubt": form('<path d="M{0} {5}l9 16h-18z"/><text x="{0}" y="{2}">{3}</text>'),
    "": form('<rect x="{6}" y="{7}" width="14" height="14" rx="3"/><text x="{0}" y="{2}">{3}</text>'),
}
_LEGEND_BAR: Final = form("""\
<g class="bar {}"><rect x="{}" y="{}" width="20" height="12" rx="2.5"/>
{}</g>
""")
_LEGEND_OVER: Final = form('<rect class="over {}" x="{}" y="{}" width="20" height="12" rx="2.5"/>')
_LEGEND_MARK: Final = form('<g class="mark {}">{}</g>\n')
_KEY: Final = form('<text class="key" x="{}" y="{}">{}</text>\n')


def to_svg(report: Report, *, standalone: bool = False) -> str:
    """Draw the timeline; *standalone* makes it a file of its own instead of a part of an HTML page."""
    return "".join(svg_pieces(report, standalone=standalone))


def svg_pieces(report: Report, *, standalone: bool = False) -> Iterator[Html]:
    """Yield the text of `to_svg`, a shape at a time."""
    end = _end(report)
    lanes = lanes_of(report, end)
    scale = _scale(report, lanes, end)
    bottom = lanes[-1].bottom if lanes else TOP + 30.0
    above = report.impact.downtimes or report.impact.gaps or report.undo
    top = 0 if above else 20 if scale.breaks else 36
    yield from _head(report, lanes, (top, bottom + 60 - top), standalone=standalone)
    yield from _backdrop(scale, lanes, bottom)
    yield from _downtimes(report, scale, bottom, end)
    yield from _gaps(report, scale, bottom)
    yield from _axis(scale, bottom)
    if lanes and lanes[0].name == STAGES:
        yield from _stages(report, lanes[0], scale, end)
    crowded = sum(len(lane.pieces) for lane in lanes) > MOST_BARS
    for lane in lanes:
        yield from _bars(lane, scale, BUNDLE if crowded else 0.0)
    yield from _marks(report, scale, lanes)
    yield from _legend(report, lanes, bottom + 34)
    yield Html("</svg>\n")


def _end(report: Report) -> datetime:
    return report.undo.last if report.undo else report.run.last


def _head(report: Report, lanes: Sequence[Lane], box: tuple[float, float], *, standalone: bool) -> Iterator[Html]:
    bad = [moment for moment in report.moments if moment.tone == "bad"]
    told = f"{counted(len(report.steps), 'step')} in {counted(len(lanes), 'lane')}, {utc(report.run.began)} to "
    told += f"{utc(_end(report))}; the chronology tells the same in words. "
    told += "; ".join(one_line(f"{moment.word}: {moment.text}") for moment in bad[:5])
    style = Html(Path(__file__).with_name("timeline.css").read_text(encoding="utf-8"))
    space, size = _SPACE if standalone else NOTHING, (f"{box[0]:.0f}", WIDTH, f"{box[1]:.0f}")
    yield _HEAD(space, *size, report.run.id, told, style)
    yield _PATTERN("hatch", 6, 45)
    yield _PATTERN("cross", 5, -45)


def _scale(report: Report, lanes: Sequence[Lane], end: datetime) -> Scale:
    pieces = {(piece.span.began, piece.ended) for lane in lanes for piece in lane.pieces if piece.span.kind == "work"}
    edges = {at for lane in lanes for piece in lane.pieces for at in (piece.span.began, piece.ended)}
    edges |= {at for gap in report.impact.gaps for at in (gap.began, gap.ended or end)}
    if report.undo is not None:
        edges |= {report.run.last, report.undo.began}
    marks = {at for at in (*edges, report.run.began, end) if report.run.began <= at <= end}
    return scale_of(pieces, marks, left=float(LABELS), right=float(WIDTH - MARGIN))


def _backdrop(scale: Scale, lanes: Sequence[Lane], bottom: float) -> Iterator[Html]:
    for index, lane in enumerate(lanes):
        kind, middle = "lane odd" if index % 2 else "lane", (lane.top + lane.bottom) / 2 + 4
        yield _LANE(kind, lane.top, WIDTH, lane.bottom - lane.top, middle, _cut(lane.name, 20), lane.name)
    for stop in scale.breaks:
        width = stop.right - stop.left
        yield _BREAK(stop.left, TOP, width, bottom - TOP, duration(stop.seconds))
        if width > 36:
            yield _IDLE((stop.left + stop.right) / 2, TOP - 6, duration(stop.seconds))


def _downtimes(report: Report, scale: Scale, bottom: float, end: datetime) -> Iterator[Html]:
    for stretch in report.impact.downtimes:
        left, right = scale.place(stretch.began), scale.place(stretch.ended or end)
        right = max(right, left + 3)
        words = f"down {duration(stretch.seconds)}" + (", STILL OPEN" if stretch.open else "")
        anchor, place = ("end", right) if left > WIDTH * 0.8 else ("start", left)
        box = (left, TOP - 22, right - left, bottom - TOP + 22)
        when = (utc(stretch.began), utc(stretch.ended) or "still open")
        yield _DOWN(*box, words, *when, place, TOP - 27, anchor, words)


def _gaps(report: Report, scale: Scale, bottom: float) -> Iterator[Html]:
    lines = [(gap.ended, f"resumed; {gap.text}", "resumed") for gap in report.impact.gaps if gap.ended]
    if report.undo is not None:
        lines.append((report.undo.began, f"undo {report.undo.id} began", "undo"))
    free = 0.0
    for at, words, label in lines:
        place = scale.place(at)
        label, free = (label, place + 52) if place >= free else ("", free)
        anchor, beside = ("end", place - 4) if place > WIDTH * 0.9 else ("start", place + 4)
        yield _TURN(place, TOP - 27, bottom, beside, TOP - 18, anchor, label, words)


def _axis(scale: Scale, bottom: float) -> Iterator[Html]:
    yield _AXIS(LABELS, bottom, WIDTH - MARGIN, bottom + 17)
    for tick in scale.ticks():
        anchor = "end" if tick.place > WIDTH - MARGIN - 20 else "start" if tick.place < LABELS + 20 else "middle"
        yield _TICK(tick.place, TOP, bottom + 5, tick.place, bottom + 17, anchor, tick.label)


def _stages(report: Report, lane: Lane, scale: Scale, end: datetime) -> Iterator[Html]:
    """Draw each stage from its first step's begin to its last one's end."""
    top = lane.top + LANE / 2 + (ROW - BAR) / 2
    for stage in report.stages:
        if stage.began is None:
            continue
        left = scale.place(stage.began)
        width = max(scale.place(stage.ended or end) - left, 2.5)
        where = f", in {stage.environment}" if stage.environment else ""
        told = f"{stage.title}{where}: {stage.words}, {utc(stage.began)}, {duration(stage.seconds)}".rstrip(", ")
        room = int((width - 8) / 6.3)
        short = f"{stage.title}{where}" if len(stage.title + where) <= room else stage.environment or stage.title
        label = _LABEL(left + 4, top + BAR - 4, "start", _cut(one_line(short), room)) if room > 3 else NOTHING
        yield _BAR(f"stage {stage.tone}", one_line(told), left, top, width, BAR, NOTHING, label)


def _bars(lane: Lane, scale: Scale, bundle: float) -> Iterator[Html]:
    """Draw a lane's pieces; neighbours that together are narrower than *bundle* as one."""
    placed = ((scale.place(piece.span.began), scale.place(piece.ended), piece) for piece in lane.pieces)
    for held in bundled(placed, bundle) if bundle else ([piece] for piece in placed):
        (left, _, first), (_, right, last) = held[0], held[-1]
        width = max(right - left, 2.5)
        top = lane.top + LANE / 2 + first.row * ROW + (ROW - BAR) / 2
        told = _told(first, last, len(held))
        over = _OVER(first.look, left, top, width, BAR) if first.look in ("wait", "failed") else NOTHING
        inside = _inside(first.step, left, top, width) if first is last else NOTHING
        yield _BAR(first.look, one_line(told), left, top, width, BAR, over, inside)


def _told(first: Piece, last: Piece, count: int) -> str:
    step, began = first.step, first.span.began
    told = f"{step.number}. {step.title}"
    told += f" to {last.step.number}. {last.step.title}: {count} steps, " if count > 1 else ": "
    words = f"before it was {step.words}" if step.settled else step.words
    told += f"{words}, {utc(began)}, {duration((last.ended - began).total_seconds())}"
    return f"{told} waiting, {first.span.text}" if first.span.kind == "wait" else told


def _inside(step: StepAccount, left: float, top: float, width: float) -> Html:
    number = str(step.number)
    if width < 6.5 * len(number) + 2:
        return NOTHING
    room = int((width - 8) / (6.9 if step.changed or step.error else 6.3))
    label = _cut(f"{number} {one_line(step.title)}", room) if room > len(number) + 6 else number
    anchor, place = ("start", left + 4) if label != number else ("middle", left + width / 2)
    return _LABEL(place, top + BAR - 4, anchor, label)


def _marks(report: Report, scale: Scale, lanes: Sequence[Lane]) -> Iterator[Html]:
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
            badge = _badge(place, tops.get(name, TOP - 4.0) + 4, word)
            yield _MARK(word.replace(" ", "-"), one_line(f"{word}: {moment.text}"), badge)


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


def _badge(x: float, y: float, word: str) -> Html:
    return _BADGES.get(word, _BADGES[""])(x, y, y + 3.5, LETTERS[word], y - 8, y - 9, x - 7, y - 7)


def _legend(report: Report, lanes: Sequence[Lane], top: float) -> Iterator[Html]:
    looks = {piece.look for lane in lanes for piece in lane.pieces}
    words = {word for moment in report.moments if (word := _mark(moment))}
    place = 10.0
    for look, told in BARS.items():
        if look in looks:
            over = _LEGEND_OVER(look, place, top) if look in ("wait", "failed") else NOTHING
            yield _LEGEND_BAR(look, place, top, over)
            yield _KEY(place + 26, top + 10, told)
            place += 26 + 6.2 * len(told) + 18
    for word in LETTERS:
        if word in words:
            yield _LEGEND_MARK(word.replace(" ", "-"), _badge(place + 7, top + 6, word))
            yield _KEY(place + 20, top + 10, word)
            place += 20 + 6.2 * len(word) + 18


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else f"{text[: max(room - 1, 1)]}…"
