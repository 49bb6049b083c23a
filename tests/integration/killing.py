"""A restore that is killed at one place, brought to its end by an operator, and compared with an undisturbed one."""

import hashlib
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from rollbook.journal import replay
from rollbook.report import report_of, to_html, to_json, to_markdown
from rollbook.run import Run

from .desk import Desk, tell
from .stores import beside, look

_OVER = 4


def kill_and_finish(desk: Desk, place: int) -> Run:
    """Have a process kill itself at *place*, and do what an operator does then."""
    untouched = look(desk.sample)
    done = desk.type(*desk.restoring(), crash_at=place)
    assert done.returncode == -signal.SIGKILL, tell(done)
    if not desk.runs.all():
        assert look(desk.sample) == untouched
        return _again(desk)
    done = desk.type("resume", "last", "--yes", *desk.answering_words())
    if "before it began" in done.stderr:
        assert look(desk.sample) == untouched
        return _again(desk)
    if not (done.returncode == _OVER and "is over" in done.stderr):
        assert done.returncode == 0, tell(done)
    return desk.last()


def _again(desk: Desk) -> Run:
    done = desk.type(*desk.restoring())
    assert done.returncode == 0, tell(done)
    return desk.last()


@contextmanager
def restored_once(desk: Desk) -> Iterator[None]:
    """
    See that the block does what one undisturbed restore does, and nothing twice.

    Both stores at the good pair, one history row of the run, all else in both stores as before; and what the run
    tells of itself is whole: its journal, its files, its report.
    """
    sample = desk.sample
    before, around = look(sample), beside(sample)

    yield

    run, after = desk.last(), look(sample)
    assert run.status == "succeeded"
    assert after.ledger == after.modulestore == (sample.good_draft, sample.good_published)
    assert after.history[:-1] == before.history
    assert len(after.of_run(run.id)) == 1
    assert after.row.last_update > before.row.last_update
    assert beside(sample) == around
    _check_files(desk, run)
    assert replay(desk.runs.find(run.id).journal)[-1].digest == run.head
    report = report_of(run)
    assert all(run.id in render(report) for render in (to_markdown, to_html, to_json))


def _check_files(desk: Desk, run: Run) -> None:
    """Every file of the run is as its journal says, and no half-written one is left."""
    folder = desk.runs.find(run.id).path
    parts = [step for step in run.steps if step.address in ("snapshot", "export")]
    told = {path: digest for step in parts for path, digest in step.outputs["files"].items()}
    noted = {file.path: file.sha256 for step in parts for file in step.files}
    found = [path for part in ("snapshot", "export") for path in (folder / part).rglob("*") if path.is_file()]
    assert {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in found} == told
    # Those of the write during which the process died, a page and its JSON, are known by their checksums alone.
    assert noted.items() <= told.items()
    assert len(noted) >= len(told) - 2
