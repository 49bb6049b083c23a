"""Undos of one run, and of one another, go on one at a time: each is planned on what the others have left."""

import json
import shutil

import pytest

from rollbook.cli.reports import render
from rollbook.cli.undone import check_undoable, taken_back
from rollbook.demo.process import free_port
from rollbook.errors import RefusedError
from rollbook.run import Run
from rollbook.targets.base import TargetSpec
from rollbook.undos import steps_taken_back

from .workshop import Workshop, nobody, write_step

SAY = """\
  - id: {0}
    name: Say {0}.
    shell.run: {{command: "test ! -e no-{0} && echo {0} >> log"}}
    undo: {{steps: [{{id: un{0}, name: Unsay it., shell.run: {{command: "test ! -e no-un{0} && echo un{0} >> log"}}}}]}}
"""
ASK = "  - {id: sure, name: Ask., human.confirm: {text: Sure?}}\n"
END = '  - {id: end, name: End., shell.run: {command: "echo end-{{ steps.one.status }} >> log"}}\n'
FAILS = "  - {id: fails, name: Fail., shell.run: {command: test -e mended}, undo: {leave: nothing}}\n"


def say(workshop: Workshop, *steps: str, end: str = "") -> None:
    """Write a runbook of steps that say a word each, and others as they are."""
    workshop.write("r", "steps:\n" + "".join(SAY.format(step) if step.isalpha() else step for step in steps) + end)


def forbid(workshop: Workshop, word: str) -> None:
    """Let what would say a word fail."""
    (workshop.folder / f"no-{word}").touch()


def refused(workshop: Workshop, run: Run, by: Run) -> None:
    """See that *run* is not undone while *by* is not over, neither from the command line nor by the engine."""
    with pytest.raises(RefusedError, match=f"by run {by.id}, which is not over"):
        check_undoable(run)
    with pytest.raises(RefusedError, match=f"by run {by.id}, which is not over"):
        workshop.undo(run)


def test_an_undo_in_part_is_not_undone_beside_a_whole_one_that_is_not_over(workshop: Workshop) -> None:
    """The whole one left out what that had done, and would be told as through with it standing again."""
    say(workshop, "one", "two")
    run = workshop.run("r")
    part = workshop.undo(run, to="one")
    forbid(workshop, "unone")
    whole = workshop.undo(run)

    refused(workshop, part, whole)

    assert (whole.status, workshop.said()) == ("failed", ["one", "two", "untwo"])


def test_a_run_is_not_undone_beside_an_undo_of_its_undo_that_is_not_over(workshop: Workshop) -> None:
    """What that brings again afterwards would stand, and the run be told as undone."""
    say(workshop, "one", ASK, "two")
    run = workshop.run("r", nobody({"sure": "yes"}))
    part = workshop.undo(run, to="one")
    again = workshop.undo(part, nobody({}))

    refused(workshop, run, again)

    assert (again.status, workshop.said()) == ("waiting", ["one", "two", "untwo"])
    workshop.engine(again).abandon("why")
    assert workshop.undo(run).status == "undone"


def test_a_run_does_not_go_on_where_what_should_come_again_failed(workshop: Workshop) -> None:
    """Neither while that undo of its undo is not over, nor once it was given up: it would end without it."""
    say(workshop, "one", "two", FAILS)
    run = workshop.run("r")
    part = workshop.undo(run, to="one")
    forbid(workshop, "two")
    again = workshop.undo(part)
    (workshop.folder / "mended").touch()

    with pytest.raises(RefusedError, match=f"by run {again.id}, which is not over"):
        workshop.engine(run).resume()
    workshop.engine(again).abandon("why")
    with pytest.raises(RefusedError, match="what went back would be missing"):
        workshop.engine(run).resume()

    told = json.loads(render(run, "json"))["steps"][1]["undo"]
    assert (again.status, told["state"], told["by"]) == ("failed", "reversed", part.id)


@pytest.mark.parametrize("partly", [True, False])
def test_the_end_of_a_run_gives_back_once_what_its_undo_gave_back(workshop: Workshop, partly: bool) -> None:
    """Its `finally` sees a step that an undo took back as undone, also where that was in part or given up."""
    end = """\
finally:
  - id: end
    name: Give it back.
    when: run.status and steps.two.status in ['changed', 'ok', 'recovered']
    shell.run: {command: "echo end >> log"}
"""
    say(workshop, "one", "two", FAILS, end=end)
    run = workshop.run("r")
    if partly:
        workshop.undo(run, to="one")
    else:
        forbid(workshop, "unone")
        workshop.engine(workshop.undo(run)).abandon("why")

    given_up = workshop.engine(run).abandon("why")

    assert (given_up.status, workshop.said()) == ("abandoned", ["one", "two", "untwo"])


def test_what_came_again_by_the_undo_of_a_later_undo_is_there(workshop: Workshop) -> None:
    """A step that two undos took back, for both may, stands as the last of them left it, or its undo did."""
    say(workshop, "one", "two")
    book = workshop.folder / "runbooks/r.yml"
    book.write_text(book.read_text().replace('log"}', 'log", effect: idempotent}'))
    run = workshop.run("r")
    part = workshop.undo(run, to="one")
    whole = workshop.undo(run)
    again = workshop.undo(whole)

    assert (again.status, taken_back(workshop.runs)) == ("undone", {whole.id: "undone"})
    assert workshop.said() == ["one", "two", "untwo", "untwo", "unone", "one", "two"]
    with pytest.raises(RefusedError, match=f"What run {part.id} took back of run {run.id} is there again"):
        check_undoable(part)
    shutil.rmtree(workshop.runs.find(run.id).path)
    assert taken_back(workshop.runs)[whole.id] == "undone"


def test_a_doubt_that_somebody_settled_is_told_as_settled(workshop: Workshop) -> None:
    """Who brings a step again that may have gone has looked; the first report does not say perhaps for ever."""
    say(workshop, "one", FAILS)
    book = workshop.folder / "runbooks/r.yml"
    book.write_text(book.read_text().replace("name: Unsay it.,", "name: Unsay it., timeout: 1s,"))
    book.write_text(book.read_text().replace("echo unone >> log", "echo unone >> log; test ! -e slow || sleep 30"))
    run = workshop.run("r")
    (workshop.folder / "slow").touch()
    undo = workshop.undo(run)
    workshop.engine(undo).abandon("why")
    doubted = json.loads(render(run, "json"))["steps"][0]["undo"]["state"]

    again = workshop.undo(undo, nobody({"one/sure": "yes"}))

    told = json.loads(render(run, "json"))["steps"][0]["undo"]
    assert (undo.step("undo/one/unone").status, doubted) == ("unreachable", "unsure")
    assert (told["state"], told["by"]) == ("brought again", again.id)


def test_a_yes_to_the_question_before_a_step_takes_nothing_back(workshop: Workshop) -> None:
    """Where the step itself failed then, and somebody went past it, its change stands."""
    say(workshop, "one", end="finally:\n" + END)
    book = workshop.folder / "runbooks/r.yml"
    book.write_text(book.read_text().replace("name: Say one.", "name: Say one.\n    timeout: 1s"))
    book.write_text(book.read_text().replace("echo one >> log", "echo one >> log && sleep 30"))
    run = workshop.run("r")
    forbid(workshop, "unone")
    undo = workshop.undo(run, nobody({"undo/one/unone/sure": "yes"}))

    over = workshop.engine(undo).resume(skip={"undo/one/unone": "it stays"})

    assert (undo.status, over.status, workshop.said()) == ("failed", "undone", ["one", "end-unreachable"])
    assert not steps_taken_back(workshop.runs, run)


def test_the_last_that_brought_a_step_again_says_whether_it_is_there(workshop: Workshop) -> None:
    """What may be repeated may come again twice; when the second goes, it is gone, whatever the first had brought."""
    say(workshop, "one", "two", end="finally:\n" + END)
    book = workshop.folder / "runbooks/r.yml"
    book.write_text(book.read_text().replace('echo one >> log"}', 'echo one >> log", effect: idempotent}'))
    run = workshop.run("r")
    undo = workshop.undo(run)
    workshop.undo(undo, to="undo/end")
    again = workshop.undo(undo)

    last = workshop.undo(again)

    assert [word for word in workshop.said() if word.endswith("one")] == ["one", "unone", "one", "one", "unone"]
    assert (last.status, steps_taken_back(workshop.runs, run)) == ("undone", {"one"})


def test_a_run_that_came_again_is_told_as_there_whatever_its_end_did(workshop: Workshop) -> None:
    """The end of an undo takes no step of its run back, so nothing of it is missing when all steps came again."""
    say(workshop, "one", FAILS, end="finally:\n" + END)
    undo = workshop.undo(workshop.run("r"))

    again = workshop.undo(undo, to="end")

    assert (again.status, workshop.said()[-2]) == ("undone", "one")
    assert undo.plan.undo_of not in taken_back(workshop.runs)


@pytest.mark.parametrize("to", ["", "one"])
def test_what_a_later_undo_of_the_run_did_is_not_done_by_the_undo_of_what_came_again(
    workshop: Workshop, to: str
) -> None:
    """What had come again and was taken back with the run is gone; its `undo:` steps are for once only."""
    say(workshop, "one", "two", "three")
    run = workshop.run("r")
    again = workshop.undo(workshop.undo(run, to="two"))
    later = workshop.undo(run, to=to)

    last = workshop.undo(again)

    assert (later.status, workshop.said().count("unthree")) == ("undone", 2)
    assert [step.planned.reason for step in last.steps if step.planned.undo_of == "three"] == [
        f"run {later.id} did it already, and it may be done once only"
    ]


def test_a_part_comes_again_once_the_undo_of_the_whole_was_taken_back(workshop: Workshop) -> None:
    """Not before; and then it does, for nobody else would bring it."""
    say(workshop, "one", "two")
    run = workshop.run("r")
    part = workshop.undo(run, to="one")
    whole = workshop.undo(run)
    with pytest.raises(RefusedError, match=f"taken back as a whole by run {whole.id}"):
        check_undoable(part)
    workshop.undo(whole)

    check_undoable(part)
    workshop.undo(part)

    assert workshop.said() == ["one", "two", "untwo", "unone", "one", "two"]
    assert not steps_taken_back(workshop.runs, run)


def test_what_an_undo_that_was_given_up_took_does_not_come_again_before_the_rest(workshop: Workshop) -> None:
    """It is a part like one down to a step, and so is what came of it by undos to and fro."""
    say(workshop, "one", "two")
    run = workshop.run("r")
    forbid(workshop, "unone")
    part = workshop.undo(run)
    workshop.engine(part).abandon("why")
    gone = workshop.undo(workshop.undo(part))
    (workshop.folder / "no-unone").unlink()
    whole = workshop.undo(run, nobody({"undo/one/unone/sure": "yes"}))

    for one in (part, gone):
        with pytest.raises(RefusedError, match=f"taken back as a whole by run {whole.id}"):
            check_undoable(one)


def test_what_came_again_in_part_may_go_again_unless_the_rest_came_as_well(workshop: Workshop) -> None:
    """A part that came again is taken back like any run; once all came again, that is taken back first."""
    say(workshop, "one", "two")
    undo = workshop.undo(workshop.run("r"))
    part = workshop.undo(undo, to="undo/two/untwo")

    check_undoable(part)
    whole = workshop.undo(undo)

    assert workshop.said() == ["one", "two", "untwo", "unone", "one", "two"]
    with pytest.raises(RefusedError, match=f"taken back as a whole by run {whole.id}"):
        check_undoable(part)


def test_what_came_again_is_not_taken_back_past_a_later_undo_of_its_run(workshop: Workshop) -> None:
    """Whoever took it back since, or brought it once more, says how it stands."""
    say(workshop, "one", "two")
    run = workshop.run("r")
    again = workshop.undo(workshop.undo(run, to="one"))
    check_undoable(again)
    later = workshop.undo(run, to="one")
    workshop.undo(later)

    with pytest.raises(RefusedError, match=f"run {later.id} did some again since"):
        check_undoable(again)

    assert workshop.said() == ["one", "two", "untwo", "two", "untwo", "two"]


def test_what_was_found_there_is_gone_when_what_had_brought_it_is_taken_back(workshop: Workshop) -> None:
    """A file that a part had brought is no doing of the whole that came after it, and went with the part."""
    workshop.write("r", f"steps:\n{write_step('f', 'x')}{SAY.format('one')}")
    run = workshop.run("r")
    undo = workshop.undo(run)
    part = workshop.undo(undo, to="undo/one/unone")
    whole = workshop.undo(undo)
    workshop.undo(whole, to="f")

    workshop.undo(part)

    assert not (workshop.folder / "f.txt").exists()
    assert steps_taken_back(workshop.runs, run) == {"f", "one"}


def test_what_stands_of_a_part_that_came_again_is_not_done_twice(workshop: Workshop) -> None:
    """Where some of it was taken back in turn, the rest stands, and may be done once only."""
    say(workshop, "one", "two", "three")
    undo = workshop.undo(workshop.run("r"))
    part = workshop.undo(undo, to="undo/three/unthree")
    workshop.undo(part, to="one")

    workshop.undo(undo)

    assert [word for word in workshop.said() if not word.startswith("un")] == [
        "one",
        "two",
        "three",
        "one",
        "two",
        "two",
        "three",
    ]


def test_what_another_brought_again_since_does_not_come_twice(workshop: Workshop) -> None:
    """The undo of what an undo had brought in part is not undone past the whole that came since."""
    say(workshop, "one", "two")
    undo = workshop.undo(workshop.run("r"))
    gone = workshop.undo(workshop.undo(undo, to="undo/two/untwo"))
    check_undoable(gone)
    whole = workshop.undo(undo)

    with pytest.raises(RefusedError, match=whole.id):
        check_undoable(gone)


def test_what_an_undo_found_gone_comes_again_by_the_undo_of_the_one_that_took_it(workshop: Workshop) -> None:
    """A whole undo finds what a part took as it was before; it comes again with that part."""
    workshop.write("r", f"steps:\n{SAY.format('one')}{write_step('f', 'x')}")
    run = workshop.run("r")
    part = workshop.undo(run, to="one")
    workshop.undo(workshop.undo(run))

    check_undoable(part)
    workshop.undo(part)

    told = json.loads(render(run, "json"))["steps"]
    assert (workshop.folder / "f.txt").exists()
    assert not steps_taken_back(workshop.runs, run)
    assert {step["undo"]["state"] for step in told if step["run"] == run.id} == {"brought again"}


def test_what_had_come_again_and_went_some_other_way_is_gone(workshop: Workshop) -> None:
    """An undo that finds it gone has the last word, though an older one took it and that was undone."""
    workshop.write("r", f"steps:\n{write_step('f', 'x')}{SAY.format('one')}")
    run = workshop.run("r")
    workshop.undo(workshop.undo(run, to="f"))
    workshop.undo(workshop.undo(run))
    (workshop.folder / "f.txt").unlink()

    workshop.undo(run)

    assert steps_taken_back(workshop.runs, run) == {"f", "one"}


def test_what_an_undo_that_never_ended_took_counts_when_its_undo_is_undone(workshop: Workshop) -> None:
    """It had failed, was taken back, and that too: what it took is gone, and not taken once more with the run."""
    say(workshop, "one", "two")
    run = workshop.run("r")
    forbid(workshop, "unone")
    half = workshop.undo(run)
    again = workshop.engine(workshop.undo(half)).resume(done={"one": "it stands"})
    workshop.undo(again, nobody({"undo/one/sure": "yes"}))
    (workshop.folder / "no-unone").unlink()

    assert (half.status, steps_taken_back(workshop.runs, run)) == ("failed", {"two"})
    workshop.undo(run, nobody({"undo/one/unone/sure": "yes"}))
    assert [word for word in workshop.said() if word.endswith("two")] == ["two", "untwo", "two", "untwo"]


def test_what_was_taken_back_by_one_of_two_steps_comes_again_by_a_decision(workshop: Workshop) -> None:
    """An undo that was given up between the two steps that take something back has done a half of it."""
    two = "{id: un, name: Unsay it., shell.run: {command: echo un >> log}}, {id: later, name: Not yet., shell.run: {command: test -e x}}"
    workshop.write(
        "r", f"steps:\n  - {{id: s, name: Say it., shell.run: {{command: echo s >> log}}, undo: {{steps: [{two}]}}}}\n"
    )
    run = workshop.run("r")
    undo = workshop.undo(run)
    workshop.engine(undo).abandon("why")

    waiting = workshop.undo(undo)

    assert (undo.status, waiting.waiting_for, workshop.said()) == ("failed", "s/sure", ["s", "un"])


def test_a_host_that_is_gone_keeps_nothing_else_from_going_back(workshop: Workshop) -> None:
    """A step that failed on it, and that an undo leaves as it is, is not in the way."""
    gone = {"host": "127.0.0.1", "port": free_port(), "user": "root", "connect_timeout": 1}
    workshop.targets = {"box": TargetSpec("box", "command", {"prefix": ["env"]})}
    say(workshop, "one", FAILS.replace("name: Fail.,", "name: Fail., target: box,"))
    book = workshop.folder / "runbooks/r.yml"
    book.write_text(book.read_text().replace("steps:\n", "targets: {box: {}}\nsteps:\n", 1))
    run = workshop.run("r")
    workshop.targets = {"box": TargetSpec("box", "ssh", gone)}

    undo = workshop.undo(run)

    assert (run.status, undo.status, workshop.said()) == ("failed", "undone", ["one", "unone"])


def test_what_an_undo_passed_over_can_be_taken_back_later(workshop: Workshop) -> None:
    """Once its host is there again, another undo takes back that alone; then there is nothing left, and all comes again."""
    say(workshop, "one", "two", "three")
    run = workshop.run("r")
    forbid(workshop, "untwo")
    first = workshop.engine(workshop.undo(run)).resume(skip={"undo/two/untwo": "its host is down"})
    (workshop.folder / "no-untwo").unlink()

    check_undoable(run)
    second = workshop.undo(run)

    assert (first.status, second.status) == ("undone", "undone")
    assert workshop.said(forget=True) == ["one", "two", "three", "unthree", "unone", "untwo"]
    assert steps_taken_back(workshop.runs, run) == {"one", "two", "three"}
    with pytest.raises(RefusedError, match="was undone already"):
        check_undoable(run)
    check_undoable(second)
    assert (workshop.undo(second).status, workshop.said(forget=True)) == ("undone", ["two"])
    check_undoable(first)
    waiting = workshop.undo(first)  # it had begun to take two back, and asks whether it did
    again = workshop.resume(done={"two": "it stands"})
    assert (waiting.waiting_for, again.status, workshop.said()) == ("two/sure", "undone", ["one", "three"])
    assert not steps_taken_back(workshop.runs, run)


def test_an_end_that_one_undo_came_to_is_not_come_to_by_the_next(workshop: Workshop) -> None:
    """What may be done once only at the end of a run that failed, the first undo did; the second takes back the rest."""
    end = '  - {id: end, name: End., shell.run: {command: "echo end >> log"}, undo: {leave: nothing}}\n'
    say(workshop, "one", FAILS, end=f"finally:\n{end}")
    run = workshop.run("r")
    forbid(workshop, "unone")
    first = workshop.engine(workshop.undo(run)).resume(skip={"undo/one/unone": "its host is down"})
    (workshop.folder / "no-unone").unlink()

    second = workshop.undo(run)

    assert (first.status, second.status) == ("undone", "undone")
    assert workshop.said() == ["one", "end", "unone"]
