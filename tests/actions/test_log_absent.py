"""Logs that are not there: told in the plan, by the run and in its report, and in nobody's way."""

import gzip
import textwrap
from pathlib import Path

import pytest
from engine.workshop import Workshop

from rollbook.action import Outcome
from rollbook.journal import replay
from rollbook.report import report_of, to_markdown

from .conftest import Machine, use

_BEGIN = """\
targets: {}
steps:
  - id: mark
    name: Mark the logs
    log.mark: {files: ["LOG"]}
  - id: start
    name: Start the site
    shell.run: {command: "START"}
"""
_SCAN = """\
  - id: scan
    name: See that nothing went wrong
    log.scan: {since: "{{ steps.mark.outputs.mark }}"}
"""
_WATCH = """\
  - id: watch
    name: Watch the logs
    monitor.watch: {log: {files: ["LOG"]}, below: 5, for: 0s}
"""


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """Give a bench."""
    return Workshop(tmp_path)


def _write(workshop: Workshop, log: Path, start: str = "true", rest: str = _SCAN + _WATCH) -> None:
    workshop.write("go", (_BEGIN + rest).replace("LOG", str(log)).replace("START", start))


def _warnings(workshop: Workshop) -> list[tuple[str, str]]:
    records = replay(workshop.runs.all()[-1].journal)
    return [(record["step"], record["text"]) for record in records if record.type == "warning"]


def _foretold(workshop: Workshop) -> dict[str, str]:
    lines = ((step.id, line) for step in workshop.planner("go").plan().steps for line in step.details)
    return {step: line for step, line in lines if line.startswith(("NOT THERE now", "CANNOT BE LOOKED AT"))}


def _scan(machine: Machine, path: Path, *, then: str = "") -> Outcome:
    mark = machine.outputs(use("log.mark", files=[str(path)]))["mark"]
    if then:
        path.write_text(then)
    outcome = use("log.scan", since=mark).probe(machine.read)
    assert isinstance(outcome, Outcome)
    return outcome


@pytest.mark.parametrize("name", ["web.lgo", "nowhere/web.log", "nowhere/*.log", "*.lgo"])
def test_a_log_that_is_never_there_is_told_at_every_turn(workshop: Workshop, name: str) -> None:
    """A name that is mistyped is told before the run, by every step that looked for it, and in the report."""
    log = workshop.folder / name
    _write(workshop, log)

    foretold, run = _foretold(workshop), workshop.run("go")

    assert {step: str(log) in line for step, line in foretold.items()} == {"mark": True, "watch": True}
    assert all(line.startswith("NOT THERE now") for line in foretold.values())
    assert run.status == "succeeded"
    text = f"nobody looked at {log}: no such file on local, before or now. Is the name right?"
    assert _warnings(workshop) == [("scan", text), ("watch", text)]
    assert to_markdown(report_of(run)).count(text) >= 2


def test_a_log_that_the_site_makes_when_it_writes_is_none_of_them(workshop: Workshop) -> None:
    """The plan tells of it, which binds nothing; once it is there all is said, and its first lines count."""
    log = workshop.folder / "web.log"
    _write(workshop, log, f"echo fine > {log}")
    plan = workshop.planner("go").plan()

    run = workshop.run("go", plan=plan)

    assert run.status == "succeeded"
    assert "NOT THERE now" in plan.steps[0].details[-1]
    assert _warnings(workshop) == []
    _write(workshop, log, f"echo ERROR > {log}")
    log.unlink()
    assert "1 in" in workshop.run("go").steps[2].error


def test_a_plan_tells_of_logs_that_nobody_may_look_at(workshop: Workshop) -> None:
    """While there is time to mend it; in its turn the step fails."""
    log = workshop.folder / "web.log"
    log.symlink_to(log)
    _write(workshop, log)

    foretold, run = _foretold(workshop), workshop.run("go")

    assert all(line.startswith("CANNOT BE LOOKED AT") for line in foretold.values())
    assert set(foretold) == {"mark", "watch"}
    assert run.status == "failed"
    assert "cannot be read" in run.steps[0].error


@pytest.mark.parametrize("rotated", ["web.log.1", "web.log-20261126.gz"])
@pytest.mark.parametrize("name", ["web.log", "*.log"])
def test_a_log_that_was_rotated_away_has_the_right_name(
    machine: Machine, tmp_path: Path, rotated: str, name: str
) -> None:
    """Until the next line only what was rotated is there, as with logrotate's `nocreate`: nothing to warn of."""
    (tmp_path / rotated).write_bytes(gzip.compress(b"fine\n") if rotated.endswith(".gz") else b"fine\n")

    outcome = _scan(machine, tmp_path / name)

    assert (outcome.passed, outcome.warning) == (True, "")


def test_a_folder_is_no_log(machine: Machine, tmp_path: Path) -> None:
    """Nothing can be found in it, so it is told like a file that is not there."""
    (tmp_path / "logs").mkdir()

    assert "nobody looked at" in _scan(machine, tmp_path / "logs").warning


def test_a_log_that_was_there_and_is_gone_is_told_as_that(machine: Machine, tmp_path: Path) -> None:
    """It was there at the mark, so its name is right, and what it got since is lost."""
    log = tmp_path / "web.log"
    log.write_text("fine\n")
    mark = machine.outputs(use("log.mark", files=[str(log)]))["mark"]
    log.unlink()

    outcome = use("log.scan", since=mark, lost="allow").probe(machine.read)

    assert (outcome.passed, outcome.warning) == (True, "")
    assert "removed since the mark" in outcome.message


def test_a_log_that_goes_while_it_is_watched_was_there(machine: Machine, tmp_path: Path) -> None:
    """Only what is not there from beginning to end is warned of."""
    log = tmp_path / "web.log"
    log.write_text("fine\n")
    read = machine.read
    read.pause = lambda _: log.unlink(missing_ok=True)  # type: ignore[method-assign]  # it goes meanwhile

    outcome = use("monitor.watch", log={"files": [str(log)]}, below=5, **{"for": "0s"}).probe(read)

    assert (outcome.passed, outcome.warning) == (True, "")


def test_what_a_steps_own_check_could_not_look_at_is_told(workshop: Workshop) -> None:
    """A check in `verify:` warns as a step of its own does."""
    verify = textwrap.indent(f"verify:\n{_SCAN}", "    ")
    _write(workshop, workshop.folder / "none.log", rest=verify)

    workshop.run("go")

    assert [step for step, _ in _warnings(workshop)] == ["start"]
