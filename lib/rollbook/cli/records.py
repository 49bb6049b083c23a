"""Commands that read what was done, and add to it: `runs`, `status`, `report`, `note`, `verify-journal`."""

from pathlib import Path

from ..errors import UsageError
from .command import OK, command
from .screen import screen, write

_RUN = "The run's id, its beginning or end, or `last`."


@command("runs", help={"json": "Print JSON for machines."})
def runs(*, json: bool = False) -> int:
    """List the runs there are, newest first."""
    from ..runs import Runs
    from .runtable import run_lines
    from .statusview import runs_json

    if json:
        write(runs_json(Runs()))
        return OK
    for line in run_lines(Runs(), screen()):
        write(line)
    return OK


@command("status", help={"run": _RUN, "brief": "One sentence, for the incident channel.", "json": "For machines."})
def status(run: str, *, brief: bool = False, json: bool = False) -> int:
    """Say how a run stands, step by step."""
    from ..journal import utc_now
    from ..runs import Runs
    from .ending import brief as brief_sentence
    from .holder import holder_of
    from .statusview import status_json, status_lines

    folder = Runs().find(run)
    found = folder.read()
    if brief:
        write(brief_sentence(found, utc_now(), holder_of(folder)))
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
def report(run: str, *, format: str = "", json: bool = False, out: str = "") -> int:  # noqa: A002  # the option's name
    """Print a run's incident report, or write it to a file."""
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
        "section": "Where the report shows it: root-cause, lessons, actions, or another heading.",
    },
)
def note(run: str, text: str, *, section: str = "notes") -> int:
    """
    Add a note to a run, for its report.

    May be done while it is carried out, and long after.
    """
    from ..engine import put_note
    from ..runs import Runs, operator

    if not text.strip():
        raise UsageError("A note needs a text.", advice='note RUN "what was seen" --section root-cause')
    folder = Runs().find(run)
    put_note(folder, section, text, operator())
    write(f"Noted for run {folder.id}, section {section}.")
    return OK


@command("verify-journal", help={"run": _RUN})
def verify_journal(run: str) -> int:
    """
    Recompute the hash chain of a run's journal.

    Prints its head: compare that with the copy that was sent with the notifications.
    """
    from ..journal import replay
    from ..runs import Runs
    from .words import count

    folder = Runs().find(run)
    records = replay(folder.journal)
    write(f"The chain of {count(len(records), 'record')} is whole. Head: {records[-1].digest if records else 'none'}")
    return OK
