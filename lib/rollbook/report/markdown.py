"""The report as Markdown that reads well as plain text; no value can become markup."""

from collections.abc import Iterator
from datetime import datetime

from .account import Report, RunAccount, StepAccount, WrittenSection
from .escaping import block, cell, code, item, quote, row, table, text
from .stages import headed
from .wording import FINE, clock, counted, duration, local, size, utc

UNDO_WORDS = {
    "reversible": "can be taken back",
    "reversed": "taken back",
    "brought again": "there again",
    "unsure": "PERHAPS taken back",
    "not reversed": "NOT taken back",
    "left": "stays",
    "refused": "REFUSED",
}


def to_markdown(report: Report) -> str:
    """Give the report as Markdown."""
    return "".join(markdown_pieces(report))


def markdown_pieces(report: Report) -> Iterator[str]:
    """Yield the text of `to_markdown`, a line or a block at a time; empty lines never come in pairs."""
    before = ends = ""
    for part in _lines(report):
        if part:
            yield f"{ends}{part}"
            ends = "\n"
        elif before:
            ends += "\n"
        before = part
    yield "\n"


def _lines(report: Report) -> Iterator[str]:
    sections = {section.key: section for section in report.written}
    free = [section for section in report.written if section.key not in ("impact", "root-cause", "lessons", "actions")]
    yield from _header(report)
    yield from _summary(report)
    yield from _impact(report, sections["impact"])
    yield from _stages(report)
    yield from _stakes(report)
    yield from _written(report, sections["root-cause"])
    yield from _found(report)
    yield from _changes(report)
    yield from _answers(report)
    yield from _missing(report)
    yield from _undo(report)
    yield from _written(report, sections["lessons"])
    yield from _written(report, sections["actions"])
    for section in free:
        yield from _written(report, section)
    yield from _chronology(report)
    yield from _evidence(report)


def _heading(title: str) -> list[str]:
    return ["", f"## {title}", ""]


def _header(report: Report) -> Iterator[str]:
    run = report.run
    yield from (f"# Incident report: {text(run.title or run.runbook)}", "", f"**{run.words}**", "")
    for stretch in report.impact.still_down:
        yield f"**DOWNTIME IS STILL OPEN since {utc(stretch.began)}, begun by step {code(stretch.began_by)}.**"
        yield ""
    yield from _fact("Run", code(run.id))
    yield from _fact(run.book, code(run.runbook) + (f" (owner: {text(run.owner)})" if run.owner else ""))
    there = f"; stages in {', '.join(map(code, run.elsewhere))}" if run.elsewhere else ""
    yield from _fact("Environment", code(run.environment) + (" (protected)" if run.protected else "") + there)
    yield from _fact("Operators" if len(run.operators) > 1 else "Operator", ", ".join(map(code, run.operators)))
    yield from _fact("Reason", text(run.reason))
    yield from _fact("Began", _when(report, run.began))
    yield from _fact("Ended" if run.ended else "Last record, no end yet", _when(report, run.ended or run.last))
    yield from _fact("Took", duration(run.seconds))
    yield from _fact("Takes back run", code(run.undo_of) if run.undo_of else "")
    for name, value in run.inputs:
        yield from _fact(f"Input {text(name)}", code(value))


def _fact(name: str, value: str) -> Iterator[str]:
    if value:
        yield f"- **{name}:** {value}"


def _when(report: Report, at: datetime) -> str:
    there = local(at, report.zone)
    return f"{utc(at)} ({there})" if there else utc(at)


def _summary(report: Report) -> Iterator[str]:
    yield from _heading("Summary")
    for sentence in report.summary:
        told = item(sentence.text)
        command = f" {code(sentence.command)}" if sentence.command else ""
        yield f"- **{told}**{command}" if sentence.tone == "bad" else f"- {told}{command}"


def _impact(report: Report, section: WrittenSection) -> Iterator[str]:
    impact = report.impact
    yield from _heading("Impact, measured")
    yield f"- From begin to end: {duration(impact.elapsed)}"
    yield f"- Steps at work: {duration(impact.working)}"
    yield f"- Waiting for people: {duration(impact.waiting)}"
    yield f"- Standing still between a stop and a resume: {duration(impact.stopped)}"
    yield f"- Downtime: {duration(impact.down) if impact.downtimes else 'none begun by this run'}"
    if impact.downtimes:
        yield from ("", *table("Down from", "By step", "Until", "By step", "Lasted"))
    for stretch in impact.downtimes:
        until = utc(stretch.ended) or "**STILL OPEN**"
        lasted = duration(stretch.seconds) + (" so far" if stretch.open else "")
        yield row(utc(stretch.began), cell(stretch.beginner), until, cell(stretch.ender or "nobody yet"), lasted)
    if impact.idle:
        yield from ("", *table("Nothing done from", "Until", "Why", "Lasted"))
    for span in impact.idle:
        why = f"waiting for people, step {span.address}: {span.text}" if span.kind == "wait" else span.text
        lasted = duration(span.seconds(report.run.last))
        yield row(utc(span.began), utc(span.ended) or "still open", text(why), lasted)
    if section.notes:
        yield from _written(report, section)


def _stages(report: Report) -> Iterator[str]:
    if not report.stages:
        return
    yield from _heading("Stages")
    yield from table("Steps", "Stage", "Where", "How it ended", "Began", "Took", "Changes")
    for one in report.stages:
        steps = f"{one.first} to {one.last}" if one.last > one.first else str(one.first)
        told = (text(one.title), text(one.environment or report.run.environment), one.words, utc(one.began))
        yield row(steps, *told, duration(one.seconds), str(one.changed))


def _stakes(report: Report) -> Iterator[str]:
    if not report.stakes:
        return
    yield from _heading("Rows and values at stake")
    yield from table("Where", "Table, or column", "At risk", "Saved", "Destroyed", "Put back", "There now", "SHA-256")
    for one in report.stakes:
        at_risk, saved, destroyed, back, now = one.told
        told = (at_risk, saved, destroyed, f"{back}, taken out again" if one.undone else back, now)
        yield row(text(one.environment), cell(one.thing), *told, cell(one.sha256))


def _written(report: Report, section: WrittenSection) -> Iterator[str]:
    yield from _heading(text(section.title))
    if not section.notes:
        yield f"_Nobody has written this yet._ {text(section.asks)} Add it with {code(section.command)}"
    for index, note in enumerate(section.notes):
        yield from ([""] if index else [])
        yield from (quote(note.text), ">", f"> — {text(note.by)}, {_when(report, note.at)}")


def _found(report: Report) -> Iterator[str]:
    if report.found:
        yield from _heading("What was found")
    for place, step in headed(report.found):
        yield from ((f"**{text(place)}**", "") if place else ())
        yield from (f"{step.number}. {text(step.title)}:", "", block("\n".join(step.details)), "")


def _changes(report: Report) -> Iterator[str]:
    yield from _heading("What was changed")
    if not report.changes:
        yield "Nothing was changed."
    for place, step in headed(report.changes):
        yield from ((f"**{text(place)}**", "") if place else ())
        yield from _change(report, step)


def _change(report: Report, step: StepAccount) -> Iterator[str]:
    yield from (f"### {step.number}. {text(step.title)}", "")
    where = f" on {', '.join(map(code, step.targets))}" if step.targets else ""
    when = f"{utc(step.began)}, {duration(step.seconds)}".rstrip(", ")
    tries = f", {step.attempts} attempts" if step.attempts > 1 else ""
    undo_run = "" if step.run == report.run.id else ", in the undo run"
    yield from (f"{code(step.address)} ({code(step.kind)}){where}: **{step.words}**, {when}{tries}{undo_run}", "")
    if step.fields:
        yield from table("Field", "Before", "After")
        yield from (row(text(field.name), cell(field.before), cell(field.after)) for field in step.fields)
        yield ""
    yield from (f"- {item(line)}" for line in step.details)
    if step.sent:
        yield from ("", "As sent:", "", block("\n".join(step.sent)), "")
    for word, value in (("Error", step.error), ("Reason", step.reason), ("In doubt", step.doubt)):
        if value:
            yield f"- **{word}:** {text(value)}"
    if step.undo:
        by = f" by run {code(step.undo.by)}" if step.undo.by else ""
        why = f": {text(step.undo.reason)}" if step.undo.reason else ""
        yield f"- **Undo:** {UNDO_WORDS[step.undo.state]}{by}{why}"
    yield ""


def _answers(report: Report) -> Iterator[str]:
    yield from _heading("Approvals and answers")
    if report.answers:
        yield from _answered(report)
    else:
        yield "No question was answered in this run."
    if report.adopted:
        yield from ("", "Done by hand:", "", *table("Step", "Name", "By", "When", "Reason"))
    for step in report.adopted:
        name = text(f"{step.title} ({step.address})")
        yield row(str(step.number), name, text(step.by), utc(step.adopted), text(step.reason))


def _answered(report: Report) -> Iterator[str]:
    yield from table("Step", "Question", "Answer", "By", "When", "How", "After")
    for answer in report.answers:
        wanted = f" (may be approved by {answer.wanted})" if answer.wanted else ""
        told = f"{answer.answer} ({answer.reason})" if answer.reason else answer.answer
        cells = (answer.question + wanted, told, answer.by)
        rest = (utc(answer.at), text(answer.how), duration(answer.seconds))
        yield row(str(answer.number or ""), *map(text, cells), *rest)


def _missing(report: Report) -> Iterator[str]:
    yield from _heading("What did not happen")
    if report.missing:
        yield from table("Step", "Name", "Status", "Why")
    else:
        yield "Every planned step took place."
    for step in report.missing:
        why = " ".join(part for part in (step.why, step.doubt) if part)
        by = f" ({step.by})" if step.by else ""
        yield row(str(step.number), text(f"{step.title} ({step.address})"), step.words, text(why + by))
    if report.troubles:
        yield from ("", "Retries, drift, doubts and stops on the way:", "", *table("When", "What", "Told"))
    yield from (row(utc(moment.at), text(moment.word), text(moment.text)) for moment in report.troubles)


def _undo(report: Report) -> Iterator[str]:
    yield from _heading("Undo")
    undo = report.undo
    if undo is not None:
        by = ", ".join(map(code, undo.operators))
        yield f"Run {code(undo.id)} took this run back: **{undo.words}**, by {by}, {_when(report, undo.began)}."
        yield ""
    elif report.undoable and report.run.status != "undone":
        yield from (f"Not undone. An undo would walk these changes: {code(report.undo_command)}", "")
    if not report.undoable:
        yield "There is nothing to take back."
        return
    yield from table("Step", "Change, last first", "Undo", "Why, by whom")
    for step in report.undoable:
        if step.undo:
            by = " ".join(part for part in (step.undo.by, utc(step.undo.at)) if part)
            why = "; ".join(part for part in (step.undo.reason, by) if part)
            yield row(str(step.number), text(step.title), UNDO_WORDS[step.undo.state], text(why))


def _chronology(report: Report) -> Iterator[str]:
    yield from _heading("Timeline")
    yield from table("When (UTC)", "Step", "What", "Told", "Target", "Took")
    for moment in report.moments:
        at = f"{moment.at:%Y-%m-%d} {clock(moment.at, fine=report.impact.elapsed < FINE)}"
        told = (text(moment.word), text(moment.text), text(", ".join(moment.targets)), duration(moment.seconds))
        yield row(at, str(moment.number or ""), *told)


def _evidence(report: Report) -> Iterator[str]:
    yield from _heading("Evidence")
    for run in report.runs:
        yield from _run_evidence(run)
    yield from _seen(report)
    if report.evidence:
        yield from ("", *table("Step", "File (in the run's folder, where relative)", "Size", "SHA-256"))
    for step in report.evidence:
        for file in step.left:
            yield row(str(step.number), cell(file.path), size(file.size), cell(file.sha256))
    for step in report.steps:
        if step.output and step.output.tail:
            yield from (
                "",
                f"End of the output of step {step.number}, {text(step.title)}:",
                "",
                block(step.output.tail),
            )
    for step in report.steps:
        if step.sent and not step.changed:
            how = f"before it was {step.words}" if step.settled else step.words
            yield from ("", f"Sent by step {step.number}, {text(step.title)} ({how}):", "")
            yield block("\n".join(step.sent))


def _seen(report: Report) -> Iterator[str]:
    steps = [step for step in report.steps if step.changed and step.seen]
    if steps:
        yield from ("", "Seen as well when something was changed:", "", *table("Step", "Field", "Before", "After"))
    for step in steps:
        for field in step.seen:
            yield row(str(step.number), text(field.name), cell(field.before), cell(field.after))


def _run_evidence(run: RunAccount) -> Iterator[str]:
    yield from _fact(f"Journal of {code(run.id)}", f"{counted(run.records, 'record')}, head {code(run.head)}")
    yield from _fact("Plan digest", code(run.digest))
    yield from _fact("Planned", text(f"{run.planned_at} by {run.planned_by}") if run.planned_at else "")
    yield from _fact("Rollbook", text(run.version))
    yield from _fact("Lock", text(f"{run.lock} ({run.lock_scope})") if run.lock else "")
    yield from _fact("Locks of the stages" if run.playbook else "Locks of what is included", text("; ".join(run.locks)))
    for path, digest in run.sources:
        yield from _fact(text(path), f"SHA-256 {code(digest)}")
    for target, who in run.identities:
        yield from _fact(f"Target {text(target)}", code(who))
    yield from _fact("Verify", f"{code(run.verify)} recomputes the chain; its head must be the one above")
