"""Commands that read what was done, and add to it: `runs`, `status`, `report`, `note`, `verify-journal`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..errors import JournalError, UsageError
from .command import OK, command
from .screen import screen, write

if TYPE_CHECKING:
    from ..journal import Record
    from ..plan import Plan

_RUN = "The run's id, its beginning or end, or `last`."
_LAST = "last"
_SHORTEST_HEAD: Final = 8


@command(
    "runs",
    help={
        "json": "Print JSON for machines.",
        "purge": "Say what people's data runs that ended longer ago than this left, such as 90d.",
        "yes": "With --purge: delete it.",
    },
)
def runs(*, json: bool = False, purge: str = "", yes: bool = False) -> int:
    """
    List the runs there are, newest first.

    --purge 90d names the conflict lists and exports in the folders of runs
    that ended 90 days ago or longer, and the snapshots that they made wherever
    these lie, and deletes nothing; with --yes it deletes them, and notes it in
    each run. Journals and reports stay. What a run that is not over, or an
    undo, may still need stays as well.

    --json prints a list of {run, runbook, environment, status, held_by, exit,
    undo_of, undone_by, taken_back, abandoning, operator, reason, started_at,
    ended_at, at_step, waiting_for, steps, done, digest, head, journal}; status
    is one of running, waiting, stopped, failed, succeeded, undone, abandoned;
    taken_back is "undone" or "undone in part"; times are ISO 8601, what is not
    there is null. One whose journal cannot be read is {run, error}.
    """
    from ..runs import Runs
    from .runtable import run_lines
    from .statusview import runs_json

    if purge or yes:
        return _purged(purge, yes=yes, json=json)
    if json:
        write(runs_json(Runs()))
        return OK
    for line in run_lines(Runs(), screen()):
        write(line)
    return OK


def _purged(age: str, *, yes: bool, json: bool) -> int:
    """Say what old runs left of people's data, and with *yes* delete it."""
    from ..journal import utc_now
    from ..runs import Runs
    from ..schema import parse_duration
    from .hints import typed
    from .purge import delete, leftovers, purge_lines

    try:
        limit = parse_duration(age)
    except ValueError as error:
        raise UsageError(f"--purge {age}: {error}", advice="Such as --purge 90d.") from error
    if json:
        raise UsageError("--json lists runs; --purge prints what it would delete.")
    found = tuple(leftovers(Runs(), limit, utc_now()))
    for line in purge_lines(found, age):
        write(line)
    going = [one for one in found if not one.held]
    if going and not yes:
        write(f"Nothing was deleted. To delete it: {typed('runs', '--purge', age, '--yes')}")
    elif going:
        delete(going)
        write("Deleted.")
    return OK


@command("status", help={"run": _RUN, "brief": "One sentence, for the incident channel.", "json": "For machines."})
def status(run: str = _LAST, *, brief: bool = False, json: bool = False) -> int:
    """
    Say how a run stands, step by step.

    --json prints what `runs --json` gives for each, with brief (the sentence
    of --brief), stands {site, stopping, way_back}, and step_list: a list of
    {step, name, status, changed, attempts, seconds, reason, by, adopted_at,
    skipped_at, error, outputs}; changed is whether it changed something,
    adopted_at when it was done by hand, skipped_at when somebody went past
    it, seconds are those of its own work; status is one of pending, running,
    ok, changed, skipped, failed, unreachable, waiting, in_doubt, recovered,
    undone.
    """
    from ..report.wording import visible
    from ..runs import Runs
    from .statusview import status_json, status_lines, told_briefly

    if brief and json:
        raise UsageError("--brief and --json do not go together.", advice="--json has the sentence as `brief`.")
    folder = Runs().find(run)
    found = folder.read()
    if brief:
        write(visible(told_briefly(found, folder)))
    elif json:
        write(status_json(found, folder))
    else:
        for line in status_lines(found, folder, screen()):
            write(line)
    return OK


@command(
    "report",
    help={
        "run": _RUN,
        "format": "md (the default), html or json.",
        "json": "The same as --format json.",
        "out": "The file to write, instead of the screen.",
    },
)
def report(run: str = _LAST, *, format: str = "", json: bool = False, out: str = "") -> int:  # noqa: A002  # the option's name
    """
    Print a run's incident report, or write it to a file.

    --json prints {format, run, undo, zone, summary, impact, steps, moments,
    answers, written, stages, stakes}: the runs' own facts (undo is null where there is
    none), sentences with their tone, seconds, waits and downtimes, every step,
    the chronology, who answered what, what people wrote, and a playbook's
    stages. Times are ISO 8601 UTC, durations seconds; format is raised when a
    field changes its meaning or goes.
    """
    from ..runs import Runs
    from .reports import render, save_named

    if json and format not in ("", "json"):
        raise UsageError(f"--json and --format {format} contradict each other.")
    found = Runs().find(run).read()
    ending = Path(out).suffix.removeprefix(".")
    text = render(found, "json" if json else format or (ending if ending in ("md", "html", "json") else "md"))
    if not out:
        write(text.rstrip("\n"))
        return OK
    save_named(Path(out), text)
    write(f"Written to {out}.")
    return OK


@command(
    "note",
    help={
        "run": _RUN,
        "text": "What to note.",
        "section": "Where the report shows it: root-cause, lessons, actions, impact, or notes (the default).",
    },
)
def note(run: str, text: str, *, section: str = "notes") -> int:
    """
    Add a note to a run, for its report.

    May be done while it is carried out, and long after: the report's files are written anew.
    """
    from ..engine import put_note
    from ..runs import Runs, operator
    from .holder import holder_of
    from .reports import write_reports
    from .sections import section_named

    if not text.strip():
        raise UsageError("A note needs a text.", advice='note RUN "what was seen" --section root-cause')
    section = section_named(section)
    folder = Runs().find_own(run)
    put_note(folder, section, _without_secrets(folder.read().plan, text), operator())
    write(f"Noted for run {folder.id}, section {section}.")
    holder = holder_of(folder)
    if holder:
        write(f"It comes into the report when {holder} is done with the run.")
        return OK
    for path in write_reports(folder.read(), folder).values():
        write(f"  {path}")
    return OK


@command("verify-journal", help={"run": _RUN, "head": "A head hash from before, or its beginning."})
def verify_journal(run: str = _LAST, *, head: str = "") -> int:
    """
    Recompute the hash chain of a run's journal.

    Shows that no record was changed, put in or taken out between others. Whole
    records cut off the end, or a chain written anew, show only against a head
    from before, as the end of a run and its report print it: --head HASH.
    Exits 1 where the journal is not as it was.
    """
    from ..journal import replay
    from ..runs import Runs
    from .holder import holder_of
    from .words import count

    folder = Runs().find(run)
    records = replay(folder.journal)
    shown = f"Head: {records[-1].digest if records else 'none'}"
    torn = len(folder.journal.read_bytes().rpartition(b"\n")[2])
    if torn and not holder_of(folder):
        write(f"The chain is whole up to record {len(records)}. {shown}")
        write(f"The last write was torn ({count(torn, 'byte')}), as a kill leaves it; `resume` cuts it off.")
    else:
        write(f"The chain of {count(len(records), 'record')} is whole. {shown}")
    if head:
        write(_since(records, head, folder.journal))
    else:
        write("Whether records were cut off its end shows only with a head from before: --head HASH.")
    return OK


def _since(records: Sequence["Record"], head: str, path: Path) -> str:
    """Say what came after the record with the hash *head*. Raises `JournalError` where there is none."""
    from .words import count

    wanted = head.strip().lower()
    if len(wanted) < _SHORTEST_HEAD:
        raise UsageError(f"--head {head}: give at least {_SHORTEST_HEAD} digits of the hash.")
    number = next((record.number for record in records if record.digest.startswith(wanted)), None)
    if number is None:
        raise JournalError(
            f"{path}: no record has the hash {wanted}: records were cut off its end, or the chain was written anew.",
            advice="Keep the journal as it is. Compare it with a copy, and look at who can write its folder.",
        )
    after = len(records) - number
    return (
        f"Record {number} has the hash given: nothing was cut off up to there, and {count(after, 'record')} came after."
    )


def _without_secrets(plan: "Plan", text: str) -> str:
    """Take the values of the secrets that a run with *plan* knows out of *text*, as far as they can be had now."""
    from ..errors import RollbookError
    from ..library import Library
    from ..planner.secrecy import hide_used
    from .workspace import reopen_workplace

    try:
        with reopen_workplace(plan, Library()) as place:
            for missing in hide_used(plan, place.planner.pool):
                write(f"Not taken out of the note, where it stands there: {missing}.")
            return place.planner.pool.redactor.text(text)
    except RollbookError as error:
        # A note may come long after: what the run was for may be gone by then.
        write(f"What the secrets of {plan.environment} are cannot be told any more; the note stands as it is.")
        write(f"  {error.message}")
        return text
