"""The report as one self-contained HTML page: no script, nothing fetched, all text escaped."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from .account import Report
from .changes import answers, changes, found, missing, undo
from .evidence import chronology, evidence
from .frontpage import at, free_sections, front, impact, people, section, stages, stakes, summary, timeline
from .markup import NOTHING, Html, form

_TOP: Final = form("""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
<title>Incident report {}: {}</title>
<style>
{}
</style>
</head>
<body>
<a class="skip" href="#summary">To the summary</a>
<main>
""")
_END: Final = form("""\
<p class="end">Computed from the journal of run {}, whose records are chained by SHA-256. \
Values of secrets are never in a journal, so they are not in this report.</p>
</main>
</body>
</html>
""")


def to_html(report: Report) -> str:
    """Give the report as an HTML file's text."""
    return "".join(html_pieces(report))


def html_pieces(report: Report) -> Iterator[Html]:
    """Yield the text of `to_html` in pieces: a row, a card, a paragraph."""
    run, taker = report.run, report.undo
    style = Html(Path(__file__).with_name("report.css").read_text(encoding="utf-8"))
    yield _TOP(run.id, run.title or run.runbook, style)
    yield from front(report)
    yield from section("summary", "Summary", summary(report))
    yield from section("timeline", "Timeline", timeline(report))
    if report.stages:
        yield from section("stages", "Stages", stages(report))
    if report.stakes:
        yield from section("stakes", "Rows and values at stake", stakes(report))
    yield from section("impact", "Impact, measured", impact(report))
    yield from people(report, "root-cause")
    if report.found:
        yield from section("found", "What was found", found(report))
    yield from section("changes", "What was changed", changes(report))
    yield from section("answers", "Approvals and answers", answers(report))
    yield from section("missing", "What did not happen", missing(report))
    yield from section("undo", "Undo", undo(report, at(report, taker.began) if taker else NOTHING))
    yield from people(report, "lessons")
    yield from people(report, "actions")
    yield from free_sections(report)
    yield from section("chronology", "Chronology", chronology(report))
    yield from section("evidence", "Evidence", evidence(report))
    yield _END(run.id)
