"""The end of the HTML report: the chronology, and what proves it."""

from collections.abc import Iterator, Sequence
from typing import Final

from .account import Report, RunAccount, StepAccount
from .changes import LONG_TABLE, long, pre
from .markup import Html, folded, form, table
from .wording import FINE, clock, counted, duration, size

_DAY: Final = form('<tr><th colspan="6" scope="rowgroup">{}</th></tr>\n')
_MOMENT: Final = form(
    '<tr><td class="when">{}</td><td class="number">{}</td><td><span class="pill {}">{}</span></td><td>{}</td>'
    '<td class="who">{}</td><td class="number">{}</td></tr>\n'
)
_RUN: Final = form("<h3>{} <code>{}</code></h3>\n")
_TERM: Final = form("<dt>{}</dt><dd>{}</dd>\n")
_CODE: Final = form("<code>{}</code>")
_SHA: Final = form("SHA-256 <code>{}</code>")
_VERIFY: Final = form(
    "<code>{}</code> recomputes the chain; its head must be the one above and the one sent when the run ended."
)
_FILE: Final = form(
    '<tr><td class="number">{}</td><td>{}</td><td class="number">{}</td><td><code>{}</code></td></tr>\n'
)
_FILES: Final = Html("Files and outputs; relative paths are in the run's folder")
_OUTPUT: Final = form('{} <span class="soft">(output)</span>')
_H4: Final = form("<h4>{}</h4>\n")


def chronology(report: Report) -> Iterator[Html]:
    """Yield everything that the journal tells, in order; folded when it is long."""
    heads = ("When", "#Step", "What", "Told", "Target", "#Took")
    rows = table("Everything that the journal tells, in order; times in UTC", heads, _moments(report))
    count = len(report.moments)
    return folded(counted(count, "entry", "entries"), rows, open_=count <= LONG_TABLE)


def _moments(report: Report) -> Iterator[Html]:
    fine, day = report.impact.elapsed < FINE, ""
    for moment in report.moments:
        if moment.at.date().isoformat() != day:
            day = moment.at.date().isoformat()
            yield _DAY(day)
        yield _MOMENT(
            clock(moment.at, fine=fine),
            moment.number or "",
            moment.tone,
            moment.word,
            moment.text,
            ", ".join(moment.targets),
            duration(moment.seconds),
        )


def evidence(report: Report) -> Iterator[Html]:
    """Yield what proves the report: journals, files, outputs, and what was sent."""
    for index, run in enumerate(report.runs):
        if report.undo:
            yield _RUN("Undo run" if index else "Run", run.id)
        yield Html('<dl class="evidence">\n')
        yield from _journal(run)
        yield Html("</dl>\n")
    filed = report.evidence
    if filed:
        heads = ("#Step", "File", "#Size", "SHA-256")
        files = table(_FILES, heads, _files(filed))
        yield from long(filed, files)
    yield from _outputs([step for step in report.steps if step.output and step.output.tail])
    yield from _sent([step for step in report.steps if step.sent and not step.changed])


def _journal(run: RunAccount) -> Iterator[Html]:
    yield _TERM("Journal head (SHA-256)", _CODE(run.head))
    yield _TERM("Records", f"{run.records}, each holding the hash of the one before")
    yield _TERM("Plan digest", _CODE(run.digest))
    if run.planned_at:
        yield _TERM("Planned", run.planned_at + (f" by {run.planned_by}" if run.planned_by else ""))
    if run.version:
        yield _TERM("Rollbook", run.version)
    if run.lock:
        yield _TERM("Lock", run.lock + (f" (held by {run.lock_scope})" if run.lock_scope else ""))
    yield from (_TERM("Lock of a stage" if run.playbook else "Lock of what is included", lock) for lock in run.locks)
    yield from (_TERM(path, _SHA(digest)) for path, digest in run.sources)
    yield from (_TERM(f"Target {target}", _CODE(who)) for target, who in run.identities)
    yield _TERM("How to verify", _VERIFY(run.verify))


def _files(steps: Sequence[StepAccount]) -> Iterator[Html]:
    for step in steps:
        for file in step.files:
            yield _FILE(step.number, file.path, size(file.size), file.sha256)
        if step.output:
            yield _FILE(step.number, _OUTPUT(step.output.path), size(step.output.size), step.output.sha256)


def _outputs(steps: Sequence[StepAccount]) -> Iterator[Html]:
    for step in steps:
        if step.output:
            tail, cut = step.output.tail, step.output.size > len(step.output.tail)
            yield _H4(f"Output of step {step.number}, {step.title}{' (its end)' if cut else ''}")
            yield pre(step.output.path, tail, open_=len(tail) <= 1500 and len(steps) <= LONG_TABLE)


def _sent(steps: Sequence[StepAccount]) -> Iterator[Html]:
    if steps:
        yield _H4("Sent by steps that did not end as a change")
    for step in steps:
        sent = "\n".join(step.sent)
        label = f"{step.number}. {step.title}" + (f", before it was {step.words}" if step.settled else "")
        yield pre(label, sent, open_=len(sent) <= 400 and len(steps) <= LONG_TABLE)
