"""An undo of a run that another undo took back in part, or was given up over."""

import json
import shutil
from datetime import timedelta

import pytest

from rollbook.cli.ending import ending_lines
from rollbook.cli.reports import render, write_reports
from rollbook.cli.screen import Screen
from rollbook.cli.statusview import told_briefly
from rollbook.engine import Engine
from rollbook.errors import PlanDrift, RefusedError, UndoRefused
from rollbook.journal import utc_now
from rollbook.planner import plan_undo
from rollbook.report import report_of
from rollbook.undos import steps_taken_back

from .workshop import Workshop, nobody, write_step

SAY = """\
  - id: {name}
    name: Say {name}.
    shell.run: {{command: "echo +{name} >> log", directory: "{folder}"}}
    undo:
      steps:
        - {{id: un{name}, name: Unsay it., shell.run: {{command: "{unsay}", directory: "{folder}"}}}}
"""


def write(workshop: Workshop, **unsay: str) -> None:
    """Write a runbook that says a, then b; what an undo does instead of taking a word back may be told."""
    said = [
        SAY.format(name=name, folder=workshop.folder, unsay=unsay.get(name, f"echo -{name} >> log")) for name in "ab"
    ]
    workshop.write("r", "steps:\n" + "".join(said))


def test_what_an_undo_in_part_did_is_not_done_again(workshop: Workshop) -> None:
    """What may be done once only stays done once, and the plan names the run that did it."""
    write(workshop)
    run = workshop.run("r")
    part = workshop.undo(run, to="a")

    whole = workshop.undo(run)

    assert workshop.said() == ["+a", "+b", "-b", "-a"]
    assert whole.status == "undone"
    assert whole.step("undo/b/unb").planned.reason == f"run {part.id} did it already, and it may be done once only"


def test_what_came_again_is_taken_back_again(workshop: Workshop) -> None:
    """An undo in part that was itself undone counts no more."""
    write(workshop)
    run = workshop.run("r")
    part = workshop.undo(run, to="a")
    workshop.undo(part)

    workshop.undo(run)

    assert workshop.said() == ["+a", "+b", "-b", "+b", "-b", "-a"]
    assert steps_taken_back(workshop.runs, run) == {"a", "b"}


def test_an_undo_of_the_rest_brings_only_the_rest_again(workshop: Workshop) -> None:
    """Undone in turn, it leaves what the undo before it had taken back."""
    write(workshop)
    run = workshop.run("r")
    workshop.undo(run, to="a")
    whole = workshop.undo(run)

    workshop.undo(whole)

    assert workshop.said() == ["+a", "+b", "-b", "-a", "+a"]
    assert steps_taken_back(workshop.runs, run) == {"b"}


def test_what_an_undo_that_was_given_up_may_have_done_is_asked_about(workshop: Workshop) -> None:
    """What it did for sure is not done again; where nobody knows how far it came, a person decides."""
    write(workshop, a="echo -a >> log; test -e allowed")
    run = workshop.run("r")
    failed = workshop.undo(run)
    assert failed.step("undo/a/una").status == "failed"
    folder = workshop.runs.find(failed.id)
    Engine(folder, workshop.planner("r"), asker=nobody(), watcher=workshop.watcher).abandon("look later")
    (workshop.folder / "allowed").touch()

    plan = plan_undo(run, workshop.planner("r"), workshop.runs)
    again = workshop.undo(run, nobody({"undo/a/una/sure": "yes"}))

    assert [(step.address, step.verdict) for step in plan.steps] == [
        ("undo/b/unb", "skip"),
        ("undo/a/una/sure", "ask"),
        ("undo/a/una", "run"),
    ]
    assert again.status == "undone"
    assert workshop.said() == ["+a", "+b", "-b", "-a", "-a"]
    assert steps_taken_back(workshop.runs, run) == {"a", "b"}


@pytest.mark.parametrize("way", ["done", "skip"])
def test_what_was_done_by_the_undo_that_was_given_up_can_be_said(workshop: Workshop, way: str) -> None:
    """Who says that it was done, or goes past it, has answered the question before it as well."""
    write(workshop, a="echo -a >> log; test -e allowed")
    run = workshop.run("r")
    failed = workshop.undo(run)
    folder = workshop.runs.find(failed.id)
    Engine(folder, workshop.planner("r"), asker=nobody(), watcher=workshop.watcher).abandon("look later")
    waiting = workshop.undo(run)

    ended = workshop.resume(**{way: {"undo/a/una": "seen in the log"}})

    assert (waiting.status, ended.status) == ("waiting", "undone")
    assert workshop.said() == ["+a", "+b", "-b", "-a"]


def test_who_agreed_to_lose_one_change_is_asked_about_another(workshop: Workshop) -> None:
    """A file that somebody changes once more, after the answer, is not written over on that answer."""
    workshop.write("r", "steps:\n" + write_step("a", "new"))
    (workshop.folder / "a.txt").write_text("old")
    run = workshop.run("r")
    (workshop.folder / "a.txt").write_text("somebody's")
    waiting = workshop.undo(run, nobody())
    assert waiting.status == "waiting"
    (workshop.folder / "a.txt").write_text("somebody else's")
    with pytest.raises(PlanDrift):
        workshop.resume(nobody({"undo/a/sure": "yes"}))

    asked = workshop.resume(nobody())
    kept = (workshop.folder / "a.txt").read_text()
    gone = workshop.resume(nobody({"undo/a/sure": "yes"}))

    assert (asked.status, asked.waiting_for, kept) == ("waiting", "undo/a/sure", "somebody else's")
    assert gone.status == "undone"
    assert (workshop.folder / "a.txt").read_text() == "old"


def test_an_undo_tells_what_was_done_by_hand(workshop: Workshop) -> None:
    """Nobody but a person can take that back: it is asked for, and the last screen and the report say that it stays."""
    workshop.write("r", "steps:\n  - {id: c, name: Do it., shell.run: {command: 'false'}}\n" + write_step("a", "new"))
    workshop.run("r")
    run = workshop.resume(done={"c": "the vendor did"})

    plan = plan_undo(run, workshop.planner("r"), workshop.runs)

    waiting = workshop.undo(run)
    ended = workshop.resume(nobody({"undo/c/sure": "yes"}))
    last = "\n".join(ending_lines(ended, {}, Screen(), {}))
    told = report_of(run, undo=ended)

    assert [(step.address, step.verdict) for step in plan.steps] == [
        ("undo/a", "delete"),
        ("undo/c/sure", "ask"),
        ("undo/c", "skip"),
    ]
    assert "done by hand" in plan.steps[2].reason
    assert "the vendor did" in plan.steps[2].reason
    assert (waiting.waiting_for, ended.status) == ("undo/c/sure", "undone")
    assert "stays    c: done by hand by ada@example (the vendor did), so take it back by hand" in last
    assert [(step.address, step.undo.state) for step in told.undoable if step.undo] == [
        ("a", "reversed"),
        ("c", "left"),
    ]
    for report in (told, report_of(ended)):
        assert any("What was done by hand for “Do it.” stays" in one.text for one in report.summary)
    assert "Of it stays what was done by c." in told_briefly(run, workshop.runs.find(run.id))


def test_hand_work_that_is_to_stay_is_not_asked_for(workshop: Workshop) -> None:
    """Where the runbook says that an undo leaves a step, and at its end, nobody has to take anything back by hand."""
    never = "{{id: {0}, name: Do it., shell.run: {{command: 'false'}}, undo: {{leave: it was told}}}}"
    workshop.write("r", f"steps:\n  - {never.format('c')}\n{write_step('a', 'x')}finally:\n  - {never.format('end')}\n")
    workshop.run("r")
    half = workshop.resume(done={"c": "the vendor did"})
    run = workshop.resume(done={"end": "the vendor did"})

    undo = workshop.undo(run)

    assert (half.status, run.status, undo.status) == ("failed", "succeeded", "undone")
    assert not (workshop.folder / "a.txt").exists()


@pytest.mark.parametrize("gone", [True, False])
def test_what_was_done_by_hand_comes_again_where_a_look_finds_it_gone(workshop: Workshop, gone: bool) -> None:
    """The undo asked to take it back by hand: nobody is told that it stayed where that was done."""
    workshop.write("r", "steps:\n  - {id: q, name: Ask., human.input: {text: Say}}\n" + write_step("a", "x"))
    file = workshop.folder / "a.txt"
    waiting = workshop.run("r")
    file.write_text("x")
    workshop.engine(waiting).adopt("a", "by hand")
    run = workshop.resume(nobody({"q": "go"}))
    undo = workshop.undo(run, nobody({"undo/a/sure": "yes"}))
    if gone:
        file.unlink()

    again = workshop.undo(undo, nobody({"q": "go"}))

    assert (run.status, undo.status, again.status) == ("succeeded", "undone", "undone")
    assert file.read_text() == "x"
    assert [step.changed for step in again.steps if step.address == "a"] == [gone]


@pytest.mark.parametrize("stands", [True, False])
def test_a_command_that_was_done_by_hand_is_done_again_by_a_decision(workshop: Workshop, stands: bool) -> None:
    """No look tells whether it was taken back by hand, so a person says before it is carried out."""
    workshop.write("r", "steps:\n  - {id: c, name: Do it., shell.run: {command: 'echo c >> log; test -e ok'}}\n")
    workshop.run("r")
    run = workshop.resume(done={"c": "the vendor did"})
    undo = workshop.undo(run, nobody({"undo/c/sure": "yes"}))
    (workshop.folder / "ok").touch()

    waiting = workshop.undo(undo)
    ended = workshop.resume(done={"c": "it stands"}) if stands else workshop.resume(nobody({"c/sure": "yes"}))

    assert (undo.status, waiting.waiting_for, ended.status) == ("undone", "c/sure", "undone")
    assert workshop.said() == (["c"] if stands else ["c", "c"])


@pytest.mark.parametrize("step", ["present", "absent"])
def test_what_somebody_wrote_where_a_step_left_no_file_can_be_had_again(workshop: Workshop, step: str) -> None:
    """Also where the step had removed the file, or an undo had: what is written over is kept beside."""
    kind = "file.absent: {path: a.txt}" if step == "absent" else "file.present: {path: a.txt, content: new}"
    workshop.write("r", f"steps:\n  - {{id: a, name: Do., {kind}}}\n")
    file = workshop.folder / "a.txt"
    if step == "absent":
        file.write_text("old")
    run = workshop.run("r")
    run = run if step == "absent" else workshop.undo(run)
    file.write_text("somebody's")

    address = "undo/a/sure" if step == "absent" else "a/sure"
    back = workshop.undo(run, nobody({address: "yes"}))
    again = workshop.undo(back)

    assert (back.status, again.status) == ("undone", "undone")
    assert file.read_text() == "somebody's"


@pytest.mark.parametrize("before", ["old", None], ids=["replaced", "made"])
def test_what_somebody_wrote_since_can_be_had_again(workshop: Workshop, before: str | None) -> None:
    """An undo that goes over it keeps it beside, and its own undo brings it back; without it no copy is left."""
    workshop.write("r", "steps:\n" + write_step("a", "new"))
    file = workshop.folder / "a.txt"
    if before:
        file.write_text(before)
    run = workshop.run("r")
    file.write_text("somebody's")

    back = workshop.undo(run, nobody({"undo/a/sure": "yes"}))
    gone = file.read_text() if file.exists() else None
    again = workshop.undo(back)

    assert (back.status, again.status) == ("undone", "undone")
    assert (gone, file.read_text()) == (before, "somebody's")


def test_an_undo_of_the_rest_of_an_undo_does_nothing_twice(workshop: Workshop) -> None:
    """What came again by an undo in part of the undo is there; what that began and left in doubt is asked about."""
    write(workshop)
    run = workshop.run("r")
    back = workshop.undo(run)
    assert workshop.said() == ["+a", "+b", "-b", "-a"]
    workshop.undo(back, to="undo/b/unb")
    assert workshop.said()[4:] == ["+a"]

    whole = workshop.undo(back)

    assert whole.status == "undone"
    assert workshop.said()[4:] == ["+a", "+b"]


def test_what_was_done_by_hand_is_not_done_by_the_undo_of_its_undo(workshop: Workshop) -> None:
    """It stayed, so nothing has to come again."""
    step = (
        f"  - {{id: c, name: Do it., shell.run: {{command: 'echo c >> log; false', directory: '{workshop.folder}'}}}}\n"
    )
    workshop.write("r", "steps:\n" + step + write_step("a", "new"))
    workshop.run("r")
    run = workshop.resume(done={"c": "the vendor did"})

    again = workshop.undo(workshop.undo(run))

    assert again.status == "undone"
    assert (workshop.said(), (workshop.folder / "a.txt").read_text()) == (["c"], "new")


def test_what_began_and_was_passed_over_is_taken_back(workshop: Workshop) -> None:
    """Somebody went past it, and what it had done by then is there all the same."""
    step = SAY.format(name="a", folder=workshop.folder, unsay="echo -a >> log").replace("+a >> log", "+a >> log; false")
    workshop.write("r", "steps:\n" + step + "    on_failure: continue\n" + write_step("b", "new"))
    run = workshop.run("r")

    back = workshop.undo(run)

    assert (run.status, back.status) == ("succeeded", "undone")
    assert workshop.said() == ["+a", "-a"]


def test_an_undo_of_an_undo_that_was_given_up_is_gone_on_with_by_the_next(workshop: Workshop) -> None:
    """What it had brought again is there; what it began and nobody knows of is asked about."""
    write(workshop)
    text = (workshop.folder / "runbooks/r.yml").read_text()
    (workshop.folder / "runbooks/r.yml").write_text(text.replace("echo +b >> log", "echo +b >> log; test ! -e stop"))
    back = workshop.undo(workshop.run("r"))
    (workshop.folder / "stop").touch()
    failed = workshop.undo(back)
    folder = workshop.runs.find(failed.id)
    Engine(folder, workshop.planner("r"), asker=nobody(), watcher=workshop.watcher).abandon("look later")
    (workshop.folder / "stop").unlink()

    waiting = workshop.undo(back)
    again = workshop.resume(nobody({"b/sure": "yes"}))

    assert (failed.status, waiting.status, waiting.waiting_for, again.status) == (
        "failed",
        "waiting",
        "b/sure",
        "undone",
    )
    assert workshop.said()[4:] == ["+a", "+b", "+b"]


def test_an_undo_whose_first_run_is_gone_can_be_given_up(workshop: Workshop) -> None:
    """It comes to its own end; what it took back of that run stays so."""
    write(workshop, a="test -e mended")
    run = workshop.run("r")
    undo = workshop.undo(run)
    shutil.rmtree(workshop.runs.find(run.id).path)

    given_up = workshop.engine(undo).abandon("why")

    assert (undo.status, given_up.status) == ("failed", "abandoned")
    assert set(write_reports(given_up, workshop.runs.find(undo.id))) == {"md", "html", "json"}


def test_a_run_does_not_go_on_where_nobody_knows_what_went_back(workshop: Workshop) -> None:
    """A step of a given-up undo that was cut off may have taken something back, which would be missing at the end."""
    write_slow(workshop)
    book = workshop.folder / "runbooks/r.yml"
    book.write_text(
        book.read_text() + "  - {id: fails, name: Fail., shell.run: {command: test -e ok}, undo: {leave: x}}\n"
    )
    run = workshop.run("r")
    (workshop.folder / "slow").touch()
    undo = workshop.undo(run)
    workshop.engine(undo).abandon("why")

    with pytest.raises(RefusedError, match="was taken back"):
        workshop.engine(run).resume()

    told = json.loads(render(run, "json"))["steps"][0]["undo"]
    assert (undo.step("undo/a/una").status, told["state"]) == ("unreachable", "unsure")


def test_what_was_passed_over_and_taken_back_comes_again_by_a_decision(workshop: Workshop) -> None:
    """It failed after its work, somebody went past it, and its own undo steps took it back."""
    write(workshop)
    book = workshop.folder / "runbooks/r.yml"
    book.write_text(book.read_text().replace("echo +b >> log", "echo +b >> log; false"))
    run = workshop.run("r")
    run = workshop.engine(run).resume(skip={"b": "go on"})
    undo = workshop.undo(run)

    waiting = workshop.undo(undo)

    assert (run.status, undo.status, waiting.waiting_for) == ("succeeded", "undone", "b/sure")
    assert workshop.said() == ["+a", "+b", "-b", "-a", "+a"]


SLOW = "test ! -e slow || sleep 30; "


def write_slow(workshop: Workshop) -> None:
    """Write a runbook that says a, and takes it back; both give no answer in time, and say nothing, where told so."""
    said = SAY.format(name="a", folder=workshop.folder, unsay=f"{SLOW}echo -a >> log")
    said = said.replace("echo +a", f"{SLOW}echo +a").replace("name: Unsay it.,", "name: Unsay it., timeout: 3s,")
    workshop.write("r", f"steps:\n{said}    timeout: 3s\n")


def test_what_may_not_have_been_done_is_taken_back_by_a_decision(workshop: Workshop) -> None:
    """Where nobody knows whether a step was done, its own undo steps, which count once, are not done on a guess."""
    write_slow(workshop)
    (workshop.folder / "slow").touch()
    run = workshop.run("r")
    (workshop.folder / "slow").unlink()

    waiting = workshop.undo(run)
    ended = workshop.resume(skip={"undo/a/una": "the log has no +a"})

    assert run.step("a").status == "unreachable"
    assert (waiting.status, waiting.waiting_for) == ("waiting", "undo/a/una/sure")
    assert ended.status == "undone"
    assert not (workshop.folder / "log").exists()


def test_who_says_that_it_was_done_has_it_taken_back(workshop: Workshop) -> None:
    """The answer yes is what the own undo steps wait for."""
    write_slow(workshop)
    (workshop.folder / "slow").touch()
    run = workshop.run("r")
    (workshop.folder / "slow").unlink()

    ended = workshop.undo(run, nobody({"undo/a/una/sure": "yes"}))

    assert ended.status == "undone"
    assert workshop.said() == ["-a"]


@pytest.mark.parametrize(("effect", "asked"), [("once", True), ("idempotent", False)])
def test_what_was_taken_back_half_done_comes_again(workshop: Workshop, effect: str, asked: bool) -> None:
    """Somebody knew that there was something to take back: it is not left out as if it had never been done."""
    write_slow(workshop)
    book = workshop.folder / "runbooks/r.yml"
    book.write_text(book.read_text().replace("    timeout: 3s\n", f"    timeout: 3s\n    effect: {effect}\n"))
    (workshop.folder / "slow").touch()
    run = workshop.run("r")
    (workshop.folder / "slow").unlink()
    undo = workshop.undo(run, nobody({"undo/a/una/sure": "yes"}))

    again = workshop.undo(undo)
    waited = again.waiting_for
    if asked:
        again = workshop.resume(nobody({"a/sure": "yes"}))

    assert waited == ("a/sure" if asked else "")
    assert again.status == "undone"
    assert workshop.said() == ["-a", "+a"]


def test_what_failed_and_was_taken_back_comes_again_by_a_decision(workshop: Workshop) -> None:
    """A step that its verify: did not let pass had done its work, which its own undo steps took back."""
    write(workshop)
    book = workshop.folder / "runbooks/r.yml"
    book.write_text(book.read_text() + '    verify: [{name: Never., assert.that: {that: "{{ 1 == 2 }}"}}]\n')
    run = workshop.run("r")
    undo = workshop.undo(run)

    waiting = workshop.undo(undo)

    assert (run.step("b").status, undo.status) == ("failed", "undone")
    assert (waiting.waiting_for, workshop.said()) == ("b/sure", ["+a", "+b", "-b", "-a", "+a"])
    assert workshop.resume(skip={"b": "it is wrong"}).status == "undone"


@pytest.mark.parametrize(("given", "said"), [("yes", ["+a", "+a"]), ("done", ["+a"])])
def test_what_may_not_have_been_taken_back_comes_again_by_a_decision(
    workshop: Workshop, given: str, said: list[str]
) -> None:
    """Where nobody knows whether an undo took a step back, the undo of it does not do that step twice on a guess."""
    write_slow(workshop)
    run = workshop.run("r")
    (workshop.folder / "slow").touch()
    back = workshop.undo(run)
    (workshop.folder / "slow").unlink()

    waiting = workshop.undo(back)
    if given == "yes":
        ended = workshop.resume(nobody({"a/sure": "yes"}))
    else:
        ended = workshop.resume(done={"a": "it still stands"})

    assert (back.step("undo/a/una").status, waiting.waiting_for) == ("unreachable", "a/sure")
    assert ended.status == "undone"
    assert workshop.said() == said


def test_what_the_run_did_again_itself_is_taken_back(workshop: Workshop) -> None:
    """A run that went on after its undo was undone has done the step once more: that stands."""
    write(workshop)
    text = (workshop.folder / "runbooks/r.yml").read_text()
    (workshop.folder / "runbooks/r.yml").write_text(text.replace("echo +b >> log", "echo +b >> log; test -e allowed"))
    run = workshop.run("r")
    workshop.undo(workshop.undo(run, to="a"))
    (workshop.folder / "allowed").touch()
    folder = workshop.runs.find(run.id)
    gone_on = Engine(folder, workshop.planner("r"), asker=nobody(), watcher=workshop.watcher).resume()
    taken = steps_taken_back(workshop.runs, gone_on)

    whole = workshop.undo(gone_on)

    assert (gone_on.status, taken, whole.status) == ("succeeded", frozenset(), "undone")
    assert workshop.said() == ["+a", "+b", "-b", "+b", "-b", "-a"]


LISTED = """\
steps:
  - {id: list, name: List., shell.run: {command: cat list, plan: true, effect: read}, parse: lines}
  - id: b
    name: Say it.
    loop: "{{ steps.list.outputs.value }}"
    file.present: {path: "{{ item }}.txt", content: x}
  - {id: c, name: Say c., when: "'q' in steps.list.outputs.value", file.present: {path: c.txt, content: x}}
"""


def test_an_undo_that_would_not_bring_all_again_is_refused(workshop: Workshop) -> None:
    """Where what the runbook goes by reads otherwise since, nothing is told to be there again that is not."""
    (workshop.folder / "list").write_text("p\nq\n")
    workshop.write("r", LISTED)
    back = workshop.undo(workshop.run("r"))
    (workshop.folder / "list").write_text("r\nq\n")

    with pytest.raises(UndoRefused, match=r"leaves out: b\[p\]\."):
        workshop.undo(back)

    (workshop.folder / "list").write_text("p\nq\n")
    assert workshop.undo(back).status == "undone"
    assert sorted(path.name for path in workshop.folder.glob("*.txt")) == ["c.txt", "p.txt", "q.txt"]


@pytest.mark.parametrize("back", [0, 600])
def test_a_clock_that_was_set_back_changes_no_order(workshop: Workshop, back: int) -> None:
    """What came first is told by the journals: the last change goes back first, and nothing twice or not at all."""
    write(workshop)
    text = (workshop.folder / "runbooks/r.yml").read_text()
    (workshop.folder / "runbooks/r.yml").write_text(text.replace("echo +b >> log", "echo +b >> log; test -e allowed"))
    run = workshop.run("r")
    part = workshop.undo(run, to="a")
    workshop.undo(part)
    (workshop.folder / "allowed").touch()
    workshop.clock = lambda: utc_now() - timedelta(seconds=back)
    folder = workshop.runs.find(run.id)
    planner = workshop.planner("r")
    gone_on = Engine(folder, planner, asker=nobody(), watcher=workshop.watcher, clock=workshop.clock).resume()

    whole = workshop.undo(gone_on)

    assert (gone_on.status, whole.status) == ("succeeded", "undone")
    assert workshop.said() == ["+a", "+b", "-b", "+b", "-b", "-a"]


@pytest.mark.parametrize("guard", ["requires: [{that: '1 == 2'}]", "approve: {names: [bob]}"])
def test_what_was_never_taken_back_does_not_come_again(workshop: Workshop, guard: str) -> None:
    """An own undo step that failed, or waits, before it began has taken nothing back."""
    write(workshop)
    file = workshop.folder / "runbooks/r.yml"
    file.write_text(file.read_text().replace("{id: una,", f"{{id: una, {guard},"))
    back = workshop.undo(workshop.run("r"))

    again = workshop.undo(back)

    assert (back.step("undo/a/una").starts, again.status) == ((), "undone")
    assert workshop.said() == ["+a", "+b", "-b", "+b"]


def test_what_is_known_late_hides_nothing_that_would_be_left_out(workshop: Workshop) -> None:
    """Items that are told at their turn are waited for; a step whose name only begins like the loop's is missed."""
    (workshop.folder / "list").write_text("p\nq\n")
    known = LISTED.partition("  - {id: c")[0].replace("id: b\n", "id: cd\n")
    late = "  - {id: late, name: List late., shell.run: {command: cat list, effect: read}, parse: lines}\n"
    loop = (
        '  - {id: c, name: Say it., loop: "{{ steps.late.outputs.value }}", '
        'file.present: {path: "late-{{ item }}.txt", content: x}}\n'
    )
    workshop.write("r", known + late + loop)
    back = workshop.undo(workshop.run("r"))
    (workshop.folder / "list").write_text("q\n")

    with pytest.raises(UndoRefused, match=r"leaves out: cd\[p\]\."):
        workshop.undo(back)


def test_what_an_undo_never_came_to_is_not_done_again(workshop: Workshop) -> None:
    """A step that an undo would leave is done again by the undo of an undo that passed it, and of no other."""
    say = '{{name: Say {0}., shell.run: {{command: "echo +{0} >> log", directory: "{1}"}}, effect: idempotent, id: {0}'
    first, second = (say.format(name, workshop.folder) for name in "ab")
    back = f'{{id: unb, name: Unsay it., shell.run: {{command: "[ -e may ]", directory: "{workshop.folder}"}}}}'
    workshop.write("r", f"steps:\n- {first}, undo: {{leave: it is said}}}}\n- {second}, undo: {{steps: [{back}]}}}}\n")
    run = workshop.run("r")

    workshop.undo(workshop.undo(run))
    cut_off = workshop.said()
    (workshop.folder / "may").touch()
    workshop.undo(workshop.undo(run))

    assert cut_off == ["+a", "+b", "+b"]
    assert workshop.said() == ["+a", "+b", "+b", "+a", "+b"]
