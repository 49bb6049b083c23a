"""The middle of the HTML report: what was found, changed, answered, not done, and what an undo makes of it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from .account import AnswerAccount, FieldChange, Report, StepAccount, UndoAccount, UndoState
from .graph import drawn
from .markup import NOTHING, OPEN, Html, folded, form, joined, table
from .stages import headed
from .wording import STEP_MARKS, STEP_TONES, counted, duration, utc

LONG_TABLE: Final = 60
_MANY_CARDS: Final = 30
_BUNDLE: Final = 100
_UNDO_WORDS: Final[Mapping[UndoState, str]] = {
    "reversible": "↺ can be taken back",
    "reversed": "✓ taken back",
    "brought again": "↻ there again",
    "unsure": "? perhaps taken back",
    "not reversed": "✕ not taken back",
    "left": "– stays",
    "refused": "✕ refused",
}
_H4: Final = form("<h4>{}</h4>\n")
_PLACE: Final = form('<h3 class="stage">{}</h3>\n')
_PILL: Final = form('<span class="pill {}"><span aria-hidden="true">{}</span> {}</span>')
_PRE: Final = form("<details{}><summary>{}</summary><pre>{}</pre></details>\n")
_CARD: Final = form("""\
<article class="card">
<header><h3 id="step-{0}">{0}. {1}</h3>{2}</header>
<p class="soft small"><code>{3}</code> · {4}{5}</p>
{6}</article>
""")
_FIELD: Final = form('<tr><th scope="row">{}</th><td class="old">{}</td><td class="new">{}</td></tr>\n')
_ITEM: Final = form("<li>{}</li>")
_ITEMS: Final = form('<ul class="small">{}</ul>\n')
_CROSSED: Final = form('<p class="small">✕ {}</p>\n')
_REASON: Final = form('<p class="small">Reason: {}{}</p>\n')
_UNDOING: Final = form('<p class="undoing">Undo: {}{}</p>\n')
_BY_RUN: Final = form("<b>{}</b> by run <code>{}</code>{}")
_ANSWER: Final = form(
    '<tr><td class="number">{}</td><td>{}</td><td><b>{}</b>{}</td><td class="who">{}</td>'
    '<td><span class="when">{}</span>{}</td><td class="number">{}</td></tr>\n'
)
_WANTED: Final = form('{}<br><span class="soft small">may be approved by {}</span>')
_ANSWER_REASON: Final = form('<br><span class="small">{}</span>')
_HOW: Final = form('<br><span class="soft small">{}</span>')
_MISSING: Final = form(
    '<tr><td class="number">{}</td><td>{}<br><code class="soft">{}</code>{}</td><td>{}</td><td>{}{}{}</td></tr>\n'
)
_ADOPTED: Final = form(
    '<tr><td class="number">{}</td><td>{}<br><code class="soft">{}</code>{}</td><td class="who">{}</td>'
    '<td class="when">{}</td><td>{}</td></tr>\n'
)
_DOUBT: Final = form("<br>{}")
_BY: Final = form(' <span class="soft">({})</span>')
_TROUBLE: Final = form('<tr><td class="when">{}</td><td><span class="pill {}">{}</span></td><td>{}</td></tr>\n')
_TAKEN_BACK: Final = form("<p>Run <code>{}</code> took this run back: <b>{}</b>, by {}, {}, {}.{}</p>\n")
_NOT_UNDONE: Final = form("<p>Not undone. An undo would walk these changes last to first: <code>{}</code></p>\n")
_UNDO_ROW: Final = form('<tr><td class="number">{}</td><td>{}</td><td>{}</td><td>{}{}{}</td></tr>\n')
_CODE: Final = form(" <code>{}</code>")


def pre(label: str, text: str, *, open_: bool) -> Html:
    """Give a text as it is, behind a label that opens it."""
    return _PRE(OPEN if open_ else NOTHING, label, text)


def found(report: Report) -> Iterator[Html]:
    """Yield what the steps that only looked have told."""
    for place, step in headed(report.found):
        yield _PLACE(place) if place else NOTHING
        yield _H4(f"{step.number}. {step.title}")
        count = len(step.details)
        yield pre(counted(count, "line"), "\n".join(step.details), open_=count <= 12)
        if step.graph:
            yield drawn(step.graph)


def changes(report: Report) -> Iterator[Html]:
    """Yield a card for each change; of very many, a bundle at a time, for a browser draws what is open."""
    steps = report.changes
    if not steps:
        yield Html("<p>Nothing was changed.</p>\n")
    if len(steps) <= _BUNDLE:
        yield from _cards(report, steps, short=len(steps) > _MANY_CARDS)
        return
    for start in range(0, len(steps), _BUNDLE):
        bundle = steps[start : start + _BUNDLE]
        label = f"Changes {start + 1} to {start + len(bundle)}: steps {bundle[0].number} to {bundle[-1].number}"
        yield from folded(label, _cards(report, bundle, short=True), open_=start == 0)


def _cards(report: Report, steps: Iterable[StepAccount], *, short: bool) -> Iterator[Html]:
    for place, step in headed(steps):
        yield _PLACE(place) if place else NOTHING
        told = f"{_on(step)} · {utc(step.began)}"
        told += f", {duration(step.seconds)}" if step.seconds is not None else ""
        told += f", {step.attempts} attempts" if step.attempts > 1 else ""
        told += "" if step.run == report.run.id else " · undo run"
        inside = folded("Before, after, and what was sent", _inside(step)) if short else _inside(step)
        yield _CARD(step.number, step.title, _pill(step), step.address, step.kind, told, joined(inside))


def _on(step: StepAccount) -> str:
    return f" on {', '.join(step.targets)}" if step.targets else ""


def _pill(step: StepAccount) -> Html:
    return _PILL(STEP_TONES[step.status], STEP_MARKS[step.status], step.words)


def _inside(step: StepAccount) -> Iterator[Html]:
    if step.fields:
        same = f" (unchanged: {', '.join(step.unchanged)})" if step.unchanged else ""
        yield from _states(f"Before and after{same}", step.fields)
    if step.seen:
        seen = _states("Evidence: it takes no part in what was compared", step.seen)
        yield from folded(f"Seen as well ({counted(len(step.seen), 'field')})", seen)
    if step.details:
        yield _ITEMS(joined(map(_ITEM, step.details)))
    sent = "\n".join(step.sent)
    if sent:
        yield pre(f"As sent ({counted(len(step.sent), 'line')})", sent, open_=len(sent) <= 900)
    if step.doubt:
        yield _CROSSED(step.doubt)
    if step.error:
        yield _CROSSED(step.error)
    if step.reason:
        yield _REASON(step.reason, f" ({step.by})" if step.by else "")
    if step.undo:
        yield _UNDOING(_undo_words(step.undo), f": {step.undo.reason}" if step.undo.reason else "")


def _states(caption: str, fields: Iterable[FieldChange]) -> Iterator[Html]:
    rows = (_FIELD(field.name, field.before, field.after) for field in fields)
    return table(caption, ("Field", "Before", "After"), rows, states=True)


def _undo_words(undo: UndoAccount) -> Html:
    match undo.state:
        case "reversible":
            return Html("can be taken back")
        case "reversed":
            return _BY_RUN("taken back", undo.by, f" at {utc(undo.at)}" if undo.at else "")
        case "brought again":
            return _BY_RUN("taken back, and brought again", undo.by, f" at {utc(undo.at)}" if undo.at else "")
        case "unsure":
            return _BY_RUN("perhaps taken back", undo.by, "")
        case "not reversed":
            return _BY_RUN("not taken back", undo.by, "")
        case "left":
            return Html("stays as it is")
        case "refused":
            return Html("<b>refused</b>")


def answers(report: Report) -> Iterator[Html]:
    """Yield who answered what, when and how, and who did which step by hand."""
    if report.answers:
        heads = ("Step", "Question", "Answer", "By", "When, how", "#After")
        yield from table("Who answered what, when and how", heads, map(_answer, report.answers))
    else:
        yield Html("<p>No question was answered in this run.</p>\n")
    if report.adopted:
        hands = ("#Step", "Name", "By", "When", "Reason")
        yield from long(report.adopted, table("Steps done by hand", hands, map(_adopted_row, report.adopted)))


def _answer(answer: AnswerAccount) -> Html:
    return _ANSWER(
        answer.number or "",
        _WANTED(answer.question, answer.wanted) if answer.wanted else answer.question,
        answer.answer,
        _ANSWER_REASON(answer.reason) if answer.reason else "",
        answer.by,
        utc(answer.at),
        _HOW(answer.how) if answer.how else "",
        duration(answer.seconds),
    )


def _adopted_row(step: StepAccount) -> Html:
    where = (step.number, step.title, step.address, _on(step))
    return _ADOPTED(*where, step.by, utc(step.adopted), step.reason)


def missing(report: Report) -> Iterator[Html]:
    """Yield what did not happen as planned, and what went wrong on the way."""
    if report.missing:
        told = "Steps that were skipped, failed, are in doubt or were never reached"
        yield from table(told, ("#Step", "Name", "Status", "Why"), map(_missing_row, report.missing))
    else:
        yield Html("<p>Every planned step took place.</p>\n")
    for step in report.missing:
        if step.graph:
            yield _H4(f"What step {step.number} saw: {step.title}")
            yield drawn(step.graph)
    troubles = report.troubles
    if troubles:
        yield _H4("Retries, drift, doubts and stops on the way")
        rows = (
            _TROUBLE(utc(moment.at).removesuffix(" UTC"), moment.tone, moment.word, moment.text) for moment in troubles
        )
        yield from table("In order of time", ("When (UTC)", "What", "Told"), rows)


def _missing_row(step: StepAccount) -> Html:
    doubt, by = _DOUBT(step.doubt) if step.doubt else "", _BY(step.by) if step.by else ""
    return _MISSING(step.number, step.title, step.address, _on(step), _pill(step), step.why, doubt, by)


def undo(report: Report, when: Html) -> Iterator[Html]:
    """Yield how each change was, or would be, taken back; *when* is the undo run's begin, as the page prints it."""
    taker, undoable = report.undo, report.undoable
    if taker:
        why = f" Reason: {taker.reason}" if taker.reason else ""
        yield _TAKEN_BACK(taker.id, taker.words, ", ".join(taker.operators), when, duration(taker.seconds), why)
    elif undoable and report.run.status != "undone":
        yield _NOT_UNDONE(report.undo_command)
    if not undoable:
        yield Html("<p>There is nothing to take back.</p>\n")
        return
    heads = ("#Step", "Change", "Undo", "Why, by whom")
    yield from long(undoable, table("Each change, last first", heads, _undo_rows(undoable)))


def _undo_rows(steps: Iterable[StepAccount]) -> Iterator[Html]:
    for step in steps:
        if step.undo:
            by = _CODE(step.undo.by) if step.undo.by else ""
            at = f" {utc(step.undo.at)}" if step.undo.at else ""
            yield _UNDO_ROW(step.number, step.title, _UNDO_WORDS[step.undo.state], step.undo.reason, by, at)


def long(rows: Sequence[object], parts: Iterable[Html]) -> Iterator[Html]:
    """Fold a table of very many rows away."""
    return folded(counted(len(rows), "row"), parts) if len(rows) > LONG_TABLE else iter(parts)
