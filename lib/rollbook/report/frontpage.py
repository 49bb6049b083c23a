"""The top of the HTML report: whose run it was, how it went, how long it took, what people wrote."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Final

from .account import Impact, NoteAccount, Report, Span, StageAccount, WrittenSection
from .markup import NOTHING, Html, form, html, joined, table
from .timeline import svg_pieces
from .wording import Tone, duration, local, utc

TONE_MARKS: Final[Mapping[Tone, str]] = {"good": "✓", "calm": "●", "warn": "!", "bad": "✕"}
_CONTENTS: Final = (
    ("summary", "Summary"),
    ("timeline", "Timeline"),
    ("stages", "Stages"),
    ("stakes", "Rows at stake"),
    ("impact", "Impact"),
    ("h-root-cause", "Root cause"),
    ("found", "What was found"),
    ("changes", "What was changed"),
    ("answers", "Approvals and answers"),
    ("missing", "What did not happen"),
    ("undo", "Undo"),
    ("h-lessons", "Lessons"),
    ("h-actions", "Action items"),
    ("chronology", "Chronology"),
    ("evidence", "Evidence"),
)
_SECTION: Final = form('<section aria-labelledby="{0}">\n<h2 id="{0}">{1}</h2>\n')
_TITLE: Final = form("""\
<header>
<div class="top">
<div>
<p class="eyebrow">Incident report · {}</p>
<h1>{}</h1>
<p class="soft"><code>{}</code> · run <code>{}</code>{}</p>
</div>
<p class="pill {}" role="status"><span aria-hidden="true">{}</span> {}</p>
</div>
""")
_STAGE_ROW: Final = form(
    "<tr><td>{}</td><td>{}</td><td><code>{}</code></td>"
    '<td><span class="pill {}"><span aria-hidden="true">{}</span> {}</span></td>'
    '<td class="when">{}</td><td class="number">{}</td><td class="number">{}</td></tr>\n'
)
_STAKE_ROW: Final = form(
    "<tr><td><code>{}</code></td><td><code>{}</code></td>"
    '<td class="number">{}</td><td class="number">{}</td><td class="number">{}</td><td class="number">{}</td>'
    '<td class="number">{}</td><td><code title="{}">{}</code></td></tr>\n'
)
_STAKE_HEADS: Final = (
    "Where", "Table, or column", "#At risk", "#Saved", "#Destroyed", "#Put back", "#There now", "SHA-256"
)  # fmt: skip
_MISSED: Final = form('<b class="missed">{}</b>')
_TAKES_BACK: Final = form(" · takes back run <code>{}</code>")
_STILL_DOWN: Final = form(
    '<p class="alarm bad" role="alert">✕ Downtime is still open. It began at {} with step {},'
    " and no step has ended it. Check the site now.</p>\n"
)
_FACT: Final = form("<div><dt>{}</dt><dd>{}</dd></div>\n")
_CODE: Final = form("<code>{}</code>")
_THERE: Final = form('{}<br><span class="soft">{}</span>')
_TIME: Final = form('<time datetime="{}">{}</time>')
_LOCAL_TIME: Final = form(' <span class="soft">({})</span>')
_FIGURE: Final = form("<li{}><b>{}</b><span>{}</span></li>\n")
_OF: Final = form("{}<span> of {}</span>")
_CLASS: Final = form(' class="{}"')
_LINK: Final = form('<li><a href="#{}">{}</a></li>')
_SENTENCE: Final = form('<li class="{}">{}{}{}</li>\n')
_CROSS: Final = Html('<span aria-hidden="true">✕ </span>')
_COMMAND: Final = form(" <code>{}</code>")
_FIGURE_HEAD: Final = Html("""\
<figure>
<figcaption>A lane per target, times in UTC. Hatched columns are idle time, drawn shorter than it was; \
their true length stands above them.</figcaption>
<div class="scroll" tabindex="0" role="group" aria-label="Timeline, scrolls sideways">
""")
_NOT_DRAWN: Final = Html('<p class="soft">The plan had no steps: there is nothing to draw.</p>\n')
_SPENT: Final = form("<p>From {} to {}: {}{}.</p>\n")
_SHARE: Final = form('<div class="{}" style="width:{}%"></div>')
_KEY: Final = form('<li><i class="{}" aria-hidden="true"></i>{}</li>')
_DOWN_ROW: Final = form(
    '<tr><td class="when">{}</td><td>{}</td><td class="when">{}</td><td>{}</td><td class="number">{}</td></tr>\n'
)
_OPEN: Final = Html('<span class="pill bad">✕ STILL OPEN</span>')
_IDLE_ROW: Final = form(
    '<tr><td class="when">{}</td><td class="when">{}</td><td>{}</td><td class="number">{}</td></tr>\n'
)
_NOTE: Final = form('<blockquote class="note"><p>{}</p><footer>{}, {}</footer></blockquote>\n')
_EMPTY: Final = form(
    '<div class="empty"><p>Nobody has written this yet. {}</p><code>{}</code></div>\n',
)
_H2: Final = form("<section>\n<h2>{}</h2>\n")
_H4: Final = form("<h4>{}</h4>\n")


def section(key: str, title: str, parts: Iterable[Html]) -> Iterator[Html]:
    """Yield a section under its heading, which its place in the page is named for."""
    yield _SECTION(key, title)
    yield from parts
    yield Html("</section>\n\n")


def at(report: Report, moment: datetime) -> Html:
    """Print a time in UTC, and in the local zone where there is one."""
    there = local(moment, report.zone)
    return joined((_TIME(moment.isoformat(), utc(moment)), _LOCAL_TIME(there) if there else NOTHING))


def front(report: Report) -> Iterator[Html]:
    """Yield the header: the run, its facts, the key figures, the contents."""
    run = report.run
    takes = _TAKES_BACK(run.undo_of) if run.undo_of else NOTHING
    title, mark = run.title or run.runbook, TONE_MARKS[run.tone]
    yield _TITLE(run.places, title, run.runbook, run.id, takes, run.tone, mark, run.words)
    for stretch in report.impact.still_down:
        yield _STILL_DOWN(utc(stretch.began), stretch.began_by)
    yield Html('<dl class="facts">\n')
    yield from _facts(report)
    yield Html('</dl>\n<ul class="figures" aria-label="Key figures">\n')
    yield from _figures(report)
    yield Html('</ul>\n<nav aria-label="Contents"><ol>\n')
    parts = (("found", report.found), ("stages", report.stages), ("stakes", report.stakes))
    left = {key for key, there in parts if not there}
    yield joined(_LINK(key, told) for key, told in _CONTENTS if key not in left)
    yield Html("\n</ol></nav>\n</header>\n\n")


def _facts(report: Report) -> Iterator[Html]:
    run = report.run
    yield _FACT("Operators" if len(run.operators) > 1 else "Operator", ", ".join(run.operators))
    yield _FACT("Began", _when(report, run.began))
    yield _FACT("Ended" if run.ended else "Last record (no end yet)", _when(report, run.ended or run.last))
    if run.owner:
        yield _FACT(f"Owner of the {run.book.lower()}", run.owner)
    if run.reason:
        yield _FACT("Reason", run.reason)
    yield from (_FACT(f"Input {name}", _CODE(value)) for name, value in run.inputs)


def _when(report: Report, moment: datetime) -> Html:
    there = local(moment, report.zone)
    return _THERE(utc(moment), there) if there else html(utc(moment))


def _figures(report: Report) -> Iterator[Html]:
    impact = report.impact
    yield _FIGURE(NOTHING, duration(impact.elapsed), "from begin to end")
    yield _FIGURE(NOTHING, duration(impact.working), "steps at work")
    yield _FIGURE(NOTHING, duration(impact.waiting) if impact.waiting else "none", "waiting for people")
    look = "bad" if impact.still_down else "warn" if impact.downtimes else ""
    down = f"downtime measured{', STILL OPEN' if impact.still_down else ''}"
    yield _FIGURE(_CLASS(look), duration(impact.down) if impact.downtimes else "none", down)
    own = [step for step in report.steps if step.run == report.run.id]
    yield _FIGURE(NOTHING, _OF(sum(step.changed for step in own), len(own)), "steps changed something")


def stakes(report: Report) -> Iterator[Html]:
    """Yield what was at risk, saved, destroyed and put back, a row for each table or column."""
    yield from table("Rows of tables and values of columns, as steps counted them", _STAKE_HEADS, _stake_rows(report))


def _stake_rows(report: Report) -> Iterator[Html]:
    for one in report.stakes:
        at_risk, saved, destroyed, recovered, now = one.told
        missed = one.destroyed is not None and one.recovered is not None and one.recovered < one.destroyed
        back = f"{recovered}, taken out again" if one.undone else _MISSED(recovered) if missed else recovered
        digest = f"{one.sha256[:12]}…" if one.sha256 else ""
        yield _STAKE_ROW(one.environment, one.thing, at_risk, saved, destroyed, back, now, one.sha256, digest)


def stages(report: Report) -> Iterator[Html]:
    """Yield the stages of a playbook's run, each in one row."""
    heads = ("Steps", "Stage", "Where", "How it ended", "Began", "#Took", "#Changes")
    yield from table("The stages, in order", heads, (_stage_row(report, one) for one in report.stages))


def _stage_row(report: Report, one: StageAccount) -> Html:
    steps = f"{one.first} to {one.last}" if one.last > one.first else str(one.first)
    told = (one.title, one.environment or report.run.environment, one.tone, TONE_MARKS[one.tone], one.words)
    return _STAGE_ROW(steps, *told, utc(one.began), duration(one.seconds), one.changed)


def summary(report: Report) -> Iterator[Html]:
    """Yield the sentences of the summary."""
    yield Html('<ul class="summary">\n')
    for sentence in report.summary:
        command = _COMMAND(sentence.command) if sentence.command else NOTHING
        yield _SENTENCE(sentence.tone, _CROSS if sentence.tone == "bad" else NOTHING, sentence.text, command)
    yield Html("</ul>\n")


def timeline(report: Report) -> Iterator[Html]:
    """Yield the drawing."""
    if not report.steps:
        yield _NOT_DRAWN
        return
    yield _FIGURE_HEAD
    yield from svg_pieces(report)
    yield Html("</div>\n</figure>\n")


def impact(report: Report) -> Iterator[Html]:
    """Yield what was measured: where the time went, how long the site was down, when nothing was done."""
    run, measured = report.run, report.impact
    so_far = "" if run.ended else ", up to the last record"
    yield _SPENT(at(report, run.began), at(report, run.ended or run.last), duration(measured.elapsed), so_far)
    shares = tuple(_shares(measured))
    yield Html('<div class="shares" aria-hidden="true">')
    yield from (_SHARE(kind, f"{share:.2f}") for kind, _, share in shares)
    yield Html('</div>\n<ul class="keys">')
    yield from (_KEY(kind, words) for kind, words, _ in shares)
    yield Html("</ul>\n")
    if measured.downtimes:
        heads = ("Began", "By step", "Ended", "By step", "#Lasted")
        yield from table("Downtime, from the steps that begin and end it", heads, _downtimes(measured))
    else:
        yield Html("<p>No step of this run began a downtime.</p>\n")
    if measured.idle:
        idle = (_idle_row(span, run.last) for span in measured.idle)
        yield from table("Time in which nothing was done", ("From", "To", "Why", "#Lasted"), idle)
    for told in report.written:
        if told.key == "impact" and told.notes:
            yield _H4(told.title)
            yield from _notes(report, told.notes)


def _shares(measured: Impact) -> Iterator[tuple[str, str, float]]:
    """Yield the parts of the elapsed time: class, words and percent."""
    parts = (
        ("work", "steps at work", measured.working),
        ("wait", "waiting for people", measured.waiting),
        ("stop", "standing still", measured.stopped),
        ("rest", "between steps", measured.between),
    )
    whole = sum(seconds for _, _, seconds in parts)
    for kind, words, seconds in parts:
        if seconds > 0 and whole > 0:  # a clock that was set back makes spans that are none
            yield kind, f"{words} {duration(seconds)}", 100 * seconds / whole


def _downtimes(measured: Impact) -> Iterator[Html]:
    for stretch in measured.downtimes:
        ended = _OPEN if stretch.open else utc(stretch.ended)
        lasted = duration(stretch.seconds) + (" so far" if stretch.open else "")
        yield _DOWN_ROW(utc(stretch.began), stretch.beginner, ended, stretch.ender or "nobody yet", lasted)


def _idle_row(span: Span, last: datetime) -> Html:
    why = f"waiting for people, step {span.address}: {span.text}" if span.kind == "wait" else span.text
    return _IDLE_ROW(utc(span.began), utc(span.ended) or "still open", why, duration(span.seconds(last)))


def people(report: Report, key: str) -> Iterator[Html]:
    """Yield a section that people write, with what belongs there while nobody has."""
    told = next(part for part in report.written if part.key == key)
    yield from section(f"h-{key}", told.title, _written(report, told))


def free_sections(report: Report) -> Iterator[Html]:
    """Yield the sections that people named themselves."""
    for told in report.written:
        if told.key not in ("impact", "root-cause", "lessons", "actions"):
            yield _H2(told.title)
            yield from _notes(report, told.notes)
            yield Html("</section>\n\n")


def _written(report: Report, told: WrittenSection) -> Iterator[Html]:
    if told.notes:
        yield from _notes(report, told.notes)
    else:
        yield _EMPTY(told.asks, told.command)


def _notes(report: Report, notes: Iterable[NoteAccount]) -> Iterator[Html]:
    return (_NOTE(note.text, note.by, at(report, note.at)) for note in notes)
