"""What reports and `status` tell of a run that undos took back in several goes, to and fro."""

import json
import time
from typing import Any

import pytest

from rollbook.cli.ending import ending_lines
from rollbook.cli.planview import step_lines
from rollbook.cli.reports import render
from rollbook.cli.screen import Screen
from rollbook.cli.statusview import status_json, status_lines, told_briefly
from rollbook.planner import plan_undo
from rollbook.report import report_of
from rollbook.run import Run

from .workshop import Workshop, nobody, write_step

SAY = """\
  - id: {0}
    name: Say {0}.
    shell.run: {{command: "echo {0} >> log"}}
    undo: {{steps: [{{id: un{0}, name: Unsay it., shell.run: {{command: "echo un{0} >> log"}}}}]}}
"""


def write(workshop: Workshop) -> Run:
    """Run what says one, and two, and writes a file."""
    workshop.write("r", "steps:\n" + SAY.format("one") + SAY.format("two") + write_step("f", "x"))
    return workshop.run("r")


def undos(run: Run) -> dict[str, tuple[str, str]]:
    """Give the state of each change in the report, and the run that made it so."""
    told: dict[str, Any] = json.loads(render(run, "json"))
    own = [step for step in told["steps"] if step["run"] == run.id and step["undo"]]
    return {step["address"]: (step["undo"]["state"], step["undo"]["by"]) for step in own}


def test_a_run_that_was_taken_back_in_two_goes_is_told_so(workshop: Workshop) -> None:
    """Each change with the undo that took it back; nothing of it was changed by somebody else."""
    run = write(workshop)
    part = workshop.undo(run, to="one")
    whole = workshop.undo(run)

    assert workshop.said() == ["one", "two", "untwo", "unone"]
    assert undos(run) == dict.fromkeys(("two", "f"), ("reversed", part.id)) | {"one": ("reversed", whole.id)}
    assert f"3 changes of 3 were taken back by run {whole.id}" in render(run, "md")
    assert "changed since the run" not in render(whole, "md")


def test_what_came_again_of_several_goes_is_told_for_each_change(workshop: Workshop) -> None:
    """The undo of the second go brings again what that took back, and not what the first had."""
    run = write(workshop)
    part = workshop.undo(run, to="one")
    again = workshop.undo(workshop.undo(run))

    assert undos(run) == dict.fromkeys(("two", "f"), ("reversed", part.id)) | {"one": ("brought again", again.id)}


def test_an_undo_that_was_given_up_counts_with_what_it_took_back(workshop: Workshop) -> None:
    """The next one does the rest, and the report names both."""
    stuck = SAY.format("one").replace("echo unone", "test -e mended && echo unone")
    workshop.write("r", f"steps:\n{stuck}{SAY.format('two')}{write_step('f', 'x')}")
    run = workshop.run("r")
    half = workshop.undo(run)
    workshop.engine(half).abandon("why")
    (workshop.folder / "mended").touch()

    rest = workshop.undo(run, nobody({"undo/one/unone/sure": "yes"}))

    assert (half.status, workshop.said()) == ("failed", ["one", "two", "untwo", "unone"])
    assert undos(run) == dict.fromkeys(("two", "f"), ("reversed", half.id)) | {"one": ("reversed", rest.id)}


def test_a_run_that_went_to_and_fro_is_told_as_it_is_now(workshop: Workshop) -> None:
    """After each undo of an undo the report and `status` say whether what was changed is there."""
    run = write(workshop)
    folder, last = workshop.runs.find(run.id), run
    for turn in range(4):
        last = workshop.undo(last)
        told = render(run, "md")
        there = bool(turn % 2)
        assert (workshop.folder / "f.txt").exists() is there
        assert ("is there again" in told, "is gone again" in told) == (there, bool(turn) and not there)
        assert ("brought again" in json.dumps(undos(run))) is there
        assert turn == 0 or last.id in "\n".join(status_lines(run, folder, Screen(200)))


def test_a_step_that_two_undos_took_back_between_them_is_told_as_taken_back(workshop: Workshop) -> None:
    """What the first had done of it is left out of the second, which brings its way back to the end."""
    way = "{id: early, name: Early., shell.run: {command: echo early >> log}}"
    workshop.write("r", "steps:\n" + SAY.format("one").replace("steps: [", f"steps: [{way}, "))
    book = workshop.folder / "runbooks/r.yml"
    book.write_text(book.read_text().replace("echo unone", "test -e mended && echo unone"))
    run = workshop.run("r")
    workshop.engine(workshop.undo(run)).abandon("why")
    (workshop.folder / "mended").touch()

    rest = workshop.undo(run, nobody({"undo/one/unone/sure": "yes"}))

    assert workshop.said() == ["one", "early", "unone"]
    assert undos(run) == {"one": ("reversed", rest.id)}


def test_what_was_done_after_a_failure_is_told_when_it_was_done(workshop: Workshop) -> None:
    """A site that was opened the morning after was not opened the evening before, when that had failed."""
    done = "  - {id: a, name: Open., shell.run: {command: test -e ok, effect: idempotent}, undo: {leave: x}}\n"
    looked = "  - {id: b, name: Look., assert.that: {that: '{{ 1 == 1 }}'}}\n"
    workshop.write("r", f"steps:\n{done}{looked}")
    run = workshop.run("r")
    time.sleep(1.1)
    (workshop.folder / "ok").touch()

    report = report_of(workshop.engine(run).resume())

    failed, changed = (next(one for one in report.moments if one.word == word) for word in ("failed", "changed"))
    assert (changed.at - failed.at).total_seconds() > 1
    assert [one.began for one in report.steps if one.address == "a"] == [changed.at]


def test_a_site_that_an_undo_brought_up_is_told_as_down_no_more(workshop: Workshop) -> None:
    """While the undo is not over, and after it, neither sentence, JSON nor the last screen says that the site is down."""
    down = """\
  - id: {0}
    name: Take it down.
    downtime: begins
    shell.run: {{command: "test -e ok"}}
    undo: {{steps: [{{id: un{0}, name: Bring it up., downtime: ends, shell.run: {{command: echo up}}}}]}}
"""
    first = SAY.format("one").replace("echo unone", "test -e ok && echo unone")
    workshop.write("r", "steps:\n" + first + down.format("two"))
    run = workshop.run("r")
    folder = workshop.runs.find(run.id)
    told = [told_briefly(run, folder)]

    undo = workshop.undo(run)
    told.append(told_briefly(run, folder))
    here = json.loads(status_json(run, folder))["stands"]["site"]
    (workshop.folder / "ok").touch()
    whole = workshop.engine(undo).resume()
    told.append(told_briefly(run, folder))

    assert (run.status, undo.status, whole.status) == ("failed", "failed", "undone")
    assert ["the site is down" in one for one in told] == [True, False, False]
    assert told[1].endswith(f"Run {undo.id} takes it back, and is not over (failed).")
    assert "it can be resumed" not in told[1]
    assert (here, json.loads(status_json(run, folder))["stands"]["site"]) == ("up", "up")
    assert "site down" not in "\n".join(ending_lines(run, {}, Screen(), {}))


def test_a_downtime_that_an_undo_began_is_in_the_sentence_of_its_run(workshop: Workshop) -> None:
    """Whoever reads the first run's sentence hears that the site is down, whichever undo, or undo of one, closed it."""
    shut = """  - id: open
    name: Open it.
    downtime: ends
    shell.run: {command: "true"}
    undo: {steps: [{id: shut, name: Shut it., downtime: begins, shell.run: {command: echo shut}}]}
"""
    first = SAY.format("one").replace("echo unone", "test -e ok && echo unone")
    workshop.write("r", "steps:\n" + first + shut)
    run = workshop.run("r")
    folder = workshop.runs.find(run.id)
    told = [told_briefly(run, folder)]

    undo = workshop.undo(run)
    told.append(told_briefly(run, folder))
    (workshop.folder / "ok").touch()
    workshop.engine(undo).resume()
    told.append(told_briefly(run, folder))

    assert (run.status, undo.status) == ("succeeded", "failed")
    assert ["The site is down." in one for one in told] == [False, True, True]


def test_an_undo_begins_where_its_run_stands(workshop: Workshop) -> None:
    """While the site is down the plan of the undo, its screens and its JSON say so, until what takes it up is done."""
    closed = "  - {id: close, name: Close., downtime: begins, file.present: {path: closed, content: x}}\n"
    unwork = SAY.format("work").replace("echo unwork", "test -e ok && echo unwork")
    bad = "  - {id: bad, name: Fail., shell.run: {command: test -e ok}, undo: {leave: x}}\n"
    workshop.write("r", f"steps:\n{closed}{unwork}{bad}")
    run = workshop.run("r")

    plan = plan_undo(run, workshop.planner("r"), workshop.runs)
    shown = {step.address: "\n".join(step_lines((step,), plan, Screen())) for step in plan.steps}
    undo = workshop.undo(run)
    here = json.loads(status_json(undo, workshop.runs.find(undo.id)))["stands"]
    last = "\n".join(ending_lines(undo, {}, Screen(), {}))
    (workshop.folder / "ok").touch()
    whole = workshop.engine(undo).resume()

    assert "site down; stopping here leaves it down" in shown["undo/work/unwork"]
    assert "site down" not in shown["undo/close"]
    assert (undo.status, here["site"], here["stopping"]) == ("failed", "down", "stopping here leaves it down")
    assert "site down; stopping here leaves it down" in last
    assert whole.status == "undone"
    assert json.loads(status_json(whole, workshop.runs.find(undo.id)))["stands"]["site"] == "up"


def test_a_run_that_ended_with_the_site_down_is_told_so_briefly(workshop: Workshop) -> None:
    """Who reads the sentence in the incident channel must know it."""
    workshop.write("r", "steps:\n  - {id: c, name: Close., downtime: begins, file.present: {path: c, content: x}}\n")
    run = workshop.run("r")

    assert "1 of 1 step done; the site is down" in told_briefly(run, workshop.runs.find(run.id))


def test_downtime_that_comes_again_is_told_with_the_first_run(workshop: Workshop) -> None:
    """The report of the first run has a row for each time that the site went down, also by the undo of its undo."""
    workshop.write("r", "steps:\n  - {id: c, name: Close., downtime: begins, file.present: {path: c, content: x}}\n")
    run = workshop.run("r")
    undo = workshop.undo(run)
    again = workshop.undo(undo)

    told = json.loads(render(run, "json"))["impact"]["downtimes"]

    assert [(one["run"], one["ended"] is None) for one in told] == [(run.id, False), (again.id, True)]


def test_an_undo_knows_the_run_that_it_takes_back(workshop: Workshop) -> None:
    """What a step made under its run's id, and in its folder, its own undo steps find; in a run both names are empty."""
    made = "echo {{ run.id }} > {{ run.folder }}/mark; echo x{{ run.undo_of }}{{ run.undone_folder }} >> log"
    found = (
        "cat {{ run.undone_folder }}/mark >> log; echo {{ run.undo_of }} >> log; test {{ run.id }} != {{ run.undo_of }}"
    )
    undo = f"{{steps: [{{id: un, name: Find it., shell.run: {{command: {json.dumps(found)}}}}}]}}"
    workshop.write(
        "r", f"steps:\n  - {{id: s, name: Make it., shell.run: {{command: {json.dumps(made)}}}, undo: {undo}}}\n"
    )
    run = workshop.run("r")

    undone = workshop.undo(run)

    assert undone.status == "undone"
    assert workshop.said() == ["x", run.id, run.id]


CLOSED = """steps:
  - {id: page, name: Show a page., downtime: begins, file.present: {path: page, content: x}}
  - {id: stop, name: Stop it., downtime: begins, file.present: {path: stop, content: x}}
  - {id: work, name: Work., file.present: {path: work, content: x}}
  - {id: start, name: Start it., file.present: {path: start, content: x}}
  - {id: smoke, name: Look., downtime: ends, assert.that: {that: "{{ true }}", message: never}}
  - {id: later, name: Tidy up., file.present: {path: later, content: x}}
"""


@pytest.mark.parametrize(("to", "over"), [("", True), ("page", False)])
def test_the_downtime_of_an_undo_is_that_of_its_run_the_other_way_round(
    workshop: Workshop, to: str, over: bool
) -> None:
    """It begins with the first step that the site was down for, and lasts until what closed it first is taken back."""
    workshop.write("r", CLOSED)
    run = workshop.run("r")

    undo = workshop.undo(run, to=to)

    (stretch,) = undo.downtimes
    assert [step.planned.downtime for step in undo.steps] == ["", "begins", "", "", *(["ends"] if over else [])]
    assert (stretch.began_by, stretch.ended_by) == ("undo/start", "undo/page" if over else "")
    assert (stretch.ended_at is not None) == over


def test_an_undo_that_closes_what_another_run_had_closed_is_downtime(workshop: Workshop) -> None:
    """A run that only opened the site, which another had closed, closes it again when it is taken back."""
    steps = "steps:\n  - {id: open, name: Open it., downtime: ends, site: up, file.present: {path: open, content: x}}\n"
    workshop.write("r", steps)
    run = workshop.run("r")

    undo = workshop.undo(run)

    assert run.downtimes == ()
    assert [(one.began_by, one.ended_at) for one in undo.downtimes] == [("undo/open", None)]
