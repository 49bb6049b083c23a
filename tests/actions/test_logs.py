"""Logs looked through since a mark, on real files that are rotated meanwhile."""

import gzip
import os
import shutil
import subprocess
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from engine.workshop import Workshop

from rollbook.action import Outcome
from rollbook.errors import SchemaError, StepFailed
from rollbook.targets.base import TargetSpec

from .conftest import Machine, use


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Give a log with an old error in it."""
    path = tmp_path / "app.log"
    path.write_text("old ERROR\n" * 300)
    return path


def _mark(machine: Machine, *files: object, **more: object) -> object:
    return machine.outputs(use("log.mark", files=[str(file) for file in files], **more))["mark"]


def _scan(machine: Machine, mark: object, **arguments: object) -> Outcome:
    outcome = use("log.scan", since=mark, **arguments).probe(machine.read)
    assert isinstance(outcome, Outcome)
    return outcome


def _append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def test_only_what_came_after_the_mark_counts(machine: Machine, log: Path) -> None:
    """Old errors do not fail; new ones do, with the line and the file; allowed ones do not."""
    mark = _mark(machine, log)
    _append(log, "all well\nINFO ERRORS are a word\n")
    assert _scan(machine, mark).passed
    _append(log, "ERROR BrokenPipe\nERROR at noon\nTraceback (most recent call last):\n")

    outcome = _scan(machine, mark, allowed=["BrokenPipe"])

    assert not outcome.passed
    assert outcome.seen["lines"] == [f"{log}: ERROR at noon", f"{log}: Traceback (most recent call last):"]
    assert _scan(machine, mark, allowed=["BrokenPipe"], limit=2).passed


def _rename(log: Path) -> None:
    log.rename(log.with_name("app.log.1"))
    log.write_text("")


def _copy_and_truncate(log: Path) -> None:
    shutil.copyfile(log, log.with_name("app.log.1"))
    log.write_text("")


def _compress(log: Path) -> None:
    log.with_name("app.log.1.gz").write_bytes(gzip.compress(log.read_bytes()))
    log.unlink()
    log.write_text("")


def _twice(log: Path) -> None:
    _rename(log)
    _append(log, "between\n")
    log.with_name("app.log.1").rename(log.with_name("app.log.2"))
    _rename(log)


@pytest.mark.parametrize("rotate", [_rename, _copy_and_truncate, _compress, _twice])
def test_rotated_logs_are_followed(machine: Machine, log: Path, rotate: Callable[[Path], None]) -> None:
    """Lines before and after the rotation are seen once each, and none from before the mark."""
    mark = _mark(machine, log)
    _append(log, "ERROR one\n")
    rotate(log)
    _append(log, "ERROR two\n")

    outcome = _scan(machine, mark)

    assert outcome.seen["lines"] == [f"{log}: ERROR one", f"{log}: ERROR two"]
    assert outcome.seen["lost"] == []


@pytest.mark.parametrize("rotations", [2, 11])
@pytest.mark.parametrize("ending", ["", ".gz"])
def test_rotations_of_one_second_are_all_followed(machine: Machine, log: Path, rotations: int, ending: str) -> None:
    """In a burst of errors a log is rotated by size again and again; of one time the higher number is the older."""
    mark = _mark(machine, log)
    _append(log, "ERROR 0\n")
    for number in range(1, rotations + 1):
        for old in range(number - 1, 0, -1):
            log.with_name(f"app.log.{old}{ending}").rename(log.with_name(f"app.log.{old + 1}{ending}"))
        content = log.read_bytes()
        log.with_name(f"app.log.1{ending}").write_bytes(gzip.compress(content) if ending else content)
        log.write_text(f"ERROR {number}\n")
    for path in log.parent.glob("app.log*"):
        os.utime(path, (1764230400, 1764230400))

    outcome = _scan(machine, mark)

    assert outcome.seen["lines"] == [f"{log}: ERROR {number}" for number in range(rotations + 1)]
    assert outcome.seen["lost"] == []


def _compress_at_once(log: Path) -> None:
    _compress(log)
    os.utime(log.with_name("app.log.1.gz"), (log.stat().st_mtime, log.stat().st_mtime))


@pytest.mark.parametrize("rotate", [_rename, _copy_and_truncate, _compress_at_once, _twice])
@pytest.mark.parametrize("yesterday", [False, True])
def test_logs_that_were_empty_at_the_mark_are_followed(
    machine: Machine, tmp_path: Path, rotate: Callable[[Path], None], *, yesterday: bool
) -> None:
    """Of an empty log nothing but its neighbours tells where its lines went; what those had before is not counted."""
    log = tmp_path / "app.log"
    log.touch()
    if yesterday:
        log.with_name("app.log.1").write_text("ERROR of yesterday\n")
    mark = _mark(machine, log)
    if yesterday:
        _append(log.with_name("app.log.1"), "ERROR that came late\n")
        log.with_name("app.log.1").rename(log.with_name("app.log.3"))
    _append(log, "ERROR one\n")
    rotate(log)
    _append(log, "ERROR two\n")

    outcome = _scan(machine, mark)

    late = [f"{log}: ERROR that came late"] if yesterday else []
    assert sorted(outcome.seen["lines"]) == sorted([f"{log}: ERROR one", f"{log}: ERROR two", *late])
    assert outcome.seen["lost"] == []


@pytest.mark.parametrize("rotate", [_rename, _copy_and_truncate, _compress_at_once, _twice])
@pytest.mark.parametrize("yesterday", [False, True])
def test_logs_that_were_not_there_at_the_mark_are_followed(
    machine: Machine, tmp_path: Path, rotate: Callable[[Path], None], *, yesterday: bool
) -> None:
    """With `nocreate`, or `delay`, the next line makes the file anew; what it got is seen though it is rotated again."""
    log = tmp_path / "app.log"
    if yesterday:
        log.with_name("app.log.1").write_text("ERROR of yesterday\n")
    mark = _mark(machine, log)
    if yesterday:
        log.with_name("app.log.1").rename(log.with_name("app.log.3"))
    log.write_text("ERROR one\n")
    rotate(log)
    _append(log, "ERROR two\n")

    outcome = _scan(machine, mark)

    assert outcome.seen["lines"] == [f"{log}: ERROR one", f"{log}: ERROR two"]
    assert outcome.seen["lost"] == []


def test_an_empty_log_that_was_not_rotated_has_no_old_lines(machine: Machine, tmp_path: Path) -> None:
    """A log that was empty at the mark and simply grew is read once, and its neighbours not at all."""
    log = tmp_path / "app.log"
    log.with_name("app.log.1").write_text("ERROR of yesterday\n")
    log.touch()
    mark = _mark(machine, log)
    _append(log, "ERROR one\n")

    assert _scan(machine, mark).seen["lines"] == [f"{log}: ERROR one"]


def test_an_empty_log_that_was_replaced_is_told(machine: Machine, tmp_path: Path) -> None:
    """Where another file has the place of the empty one, and none lies beside it, what came in between is not known."""
    log = tmp_path / "app.log"
    log.touch()
    mark = _mark(machine, log)
    log.rename(tmp_path / "elsewhere")
    log.write_text("fine\n")

    outcome = _scan(machine, mark)

    assert not outcome.passed
    assert "truncated or replaced" in outcome.message


def test_lines_that_are_gone_are_told(machine: Machine, log: Path) -> None:
    """A truncated file, also one that grew beyond the mark again, is no proof of anything."""
    mark = _mark(machine, log)
    log.write_text("fine\n" * 10_000)

    outcome = _scan(machine, mark)

    assert not outcome.passed
    assert "truncated or replaced" in outcome.message
    assert _scan(machine, mark, lost="allow").passed


def test_files_that_appear_later_are_looked_at_whole(machine: Machine, log: Path) -> None:
    """A worker that starts after the mark with a log of its own is seen."""
    mark = _mark(machine, log.parent / "*.log", log.parent / "not yet.txt")
    (log.parent / "worker.log").write_text("ERROR worker")
    (log.parent / "not yet.txt").write_text("CRITICAL late\n")

    outcome = _scan(machine, mark)

    assert outcome.seen["count"] == 2


def test_much_is_counted_and_little_is_kept(machine: Machine, log: Path) -> None:
    """All matching lines count, across the pieces in which a large log is read; the first ones are told."""
    mark = _mark(machine, log)
    _append(
        log, "".join(f"{number} {'ERROR' if number % 10 == 0 else 'fine'} {'x' * 80}\n" for number in range(100_000))
    )

    outcome = _scan(machine, mark, shown=2)

    assert outcome.seen["count"] == 10_000
    assert [line.split(": ")[1].split()[0] for line in outcome.seen["lines"]] == ["0", "10"]
    assert "and 9998 more" in outcome.message


def test_a_pattern_that_takes_for_ever_is_ended(machine: Machine, log: Path) -> None:
    """A pattern with repeats inside repeats fails by its time limit instead of hanging the run."""
    mark = _mark(machine, log)
    _append(log, "a" * 60 + "b\n")

    with pytest.raises(StepFailed, match="took longer"):
        _scan(machine, mark, patterns=["(a+)+$"])


def test_what_is_no_pattern_or_mark_is_refused(machine: Machine) -> None:
    """A broken expression is refused with its place, a mark that is none when it is used."""
    with pytest.raises(SchemaError, match="not a regular expression"):
        use("log.scan", since={}, patterns=["("])
    with pytest.raises(StepFailed, match=r"log\.mark"):
        _scan(machine, {"at": "now"})


def test_units_are_read_from_the_journal(machine: Machine, tmp_path: Path) -> None:
    """What a unit wrote to the journal after the mark is seen, and nothing of others or from before."""
    remote = shutil.which("systemd-journal-remote", path="/lib/systemd:/usr/lib/systemd")
    real = shutil.which("journalctl")
    if remote is None or real is None:
        pytest.skip("no systemd-journal-remote or no journalctl to write and read a journal with")
    # The account's own journal cannot be written to here: the same program, told to read another folder.
    (tmp_path / "journalctl").write_text(f'#!/bin/sh\nexec {real} --directory={tmp_path} "$@"\n')
    (tmp_path / "journalctl").chmod(0o755)

    def write(number: int, unit: str, text: str) -> None:
        fields = {"__REALTIME_TIMESTAMP": 1714550000000000 + number, "__MONOTONIC_TIMESTAMP": number, "MESSAGE": text}
        fields |= {"_BOOT_ID": "0" * 31 + "1", "_MACHINE_ID": "0" * 31 + "2", "_SYSTEMD_UNIT": unit, "PRIORITY": 3}
        entry = "".join(f"{name}={value}\n" for name, value in fields.items()) + "\n"
        subprocess.run(
            [remote, "-o", str(tmp_path / "x.journal"), "-"], input=entry.encode(), check=True, capture_output=True
        )

    path = f"env PATH={tmp_path}:/usr/bin:/bin".split()
    machine.pool._specs["journal"] = TargetSpec("journal", "command", {"prefix": path})
    write(1, "celery.service", "ERROR before")
    mark = _mark(machine, units=["celery.service"], target="journal")
    write(2, "celery.service", "ERROR after")
    write(3, "other.service", "ERROR elsewhere")

    outcome = _scan(machine, mark, target="journal")

    assert outcome.seen["count"] == 1, outcome
    assert "ERROR after" in outcome.message


def test_the_mark_of_a_run_is_the_one_of_its_turn(tmp_path: Path, log: Path) -> None:
    """What came between the plan and the mark's turn does not count, what came after it does."""
    workshop = Workshop(tmp_path)
    steps = """
    targets: {}
    steps:
      - id: noise
        name: Stop things, noisily
        shell.run: {command: "echo ERROR on stopping >> LOG"}
      - id: mark
        name: Mark the logs
        log.mark: {files: ["LOG"]}
      - id: more
        name: Start things
        shell.run: {command: "echo TEXT >> LOG"}
      - id: scan
        name: See that nothing went wrong
        log.scan: {since: "{{ steps.mark.outputs.mark }}"}
    """
    text = textwrap.dedent(steps).replace("LOG", str(log))
    workshop.write("good", text.replace("TEXT", "fine"))
    workshop.write("bad", text.replace("TEXT", "CRITICAL"))

    good, bad = workshop.run("good"), workshop.run("bad")

    assert good.status == "succeeded", [step.error for step in good.steps]
    assert bad.status == "failed"
    assert f"1 in {log}" in bad.steps[-1].error
