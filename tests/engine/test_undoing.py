"""One run takes another back, and nobody goes on with that one meanwhile."""

import errno
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import pytest

from rollbook.beside import write_beside
from rollbook.cli.undone import check_undoable, taken_back
from rollbook.engine import Engine
from rollbook.engine.undoing import BEING_UNDONE_BY, UNDONE_BY
from rollbook.errors import LockHeld, RefusedError
from rollbook.journal import Journal, utc_now
from rollbook.planner import plan_undo
from rollbook.run import Run
from rollbook.targets.pool import TargetSpec
from rollbook.undos import Undone, undos_of

from .workshop import Workshop, nobody, write_step

FAILS = '  - id: fails\n    name: Fail.\n    shell.run: {command: ["test", "-e", "mended"], effect: idempotent}\n    undo: {leave: x}\n'
ASKS = "    undo:\n      - id: sure\n        name: Ask.\n        human.confirm: {text: Sure?}\n"


def failed(workshop: Workshop, undo: str = "") -> Run:
    """Give a run that changed one thing and failed at the next."""
    workshop.write("r", "steps:\n" + write_step("a", "x") + undo + FAILS)
    return workshop.run("r")


def test_a_run_that_is_carried_out_is_not_taken_back(workshop: Workshop) -> None:
    """An undo beside a process that goes on writing would leave a half of each."""
    run = failed(workshop)

    with Journal(workshop.runs.find(run.id).journal), pytest.raises(LockHeld, match="is being carried out by"):
        workshop.undo(run)

    assert (workshop.folder / "a.txt").exists()
    assert workshop.resume().status == "failed"


def test_a_run_that_is_being_taken_back_is_not_gone_on_with(workshop: Workshop) -> None:
    """Not even after the undo was stopped in the middle: it is gone on with, or given up."""
    run = failed(workshop, ASKS)
    undo = workshop.undo(run)
    assert undo.status == "waiting"
    planner = workshop.planner("r")
    folder = workshop.runs.find(run.id)

    for go in (Engine.resume, lambda engine: engine.abandon("why"), lambda engine: engine.adopt("fails", "why")):
        with pytest.raises(RefusedError, match=f"is being taken back by run {undo.id}"):
            go(Engine(folder, planner, asker=nobody(), watcher=workshop.watcher))

    given_up = Engine(workshop.runs.find(undo.id), planner, asker=nobody(), watcher=workshop.watcher).abandon("why")
    assert given_up.status == "abandoned"
    (workshop.folder / "mended").touch()
    assert Engine(folder, planner, asker=nobody(), watcher=workshop.watcher).resume().status == "succeeded"


def test_an_undo_that_was_killed_in_its_first_record_is_begun_again(workshop: Workshop) -> None:
    """Half a line in its journal is no undo that somebody could go on with."""
    run = failed(workshop)
    torn = workshop.runs.find(run.id).path.with_name("20990101T000000.000Z-000000")
    torn.mkdir()
    (torn / "journal.jsonl").write_bytes(b'{"n": 1, "type": "run_st')
    (workshop.runs.find(run.id).path / BEING_UNDONE_BY).write_text(f"{torn.name}\n")

    undo = workshop.undo(run)

    assert undo.status == "undone"
    assert not (workshop.folder / "a.txt").exists()


def test_a_run_that_was_taken_back_in_part_does_not_go_on(workshop: Workshop) -> None:
    """It would end as succeeded, without what went back: that comes again first, or all of it goes back."""
    end = "finally:\n" + write_step("end", "{{ run.status }}")
    workshop.write("r", "steps:\n" + write_step("a", "x") + write_step("b", "x") + FAILS + end)
    run = workshop.run("r")
    folder, planner = workshop.runs.find(run.id), workshop.planner("r")
    undo = workshop.undo(run, to="a")
    (workshop.folder / "mended").touch()

    for go in (Engine.resume, lambda engine: engine.adopt("fails", "why")):
        with pytest.raises(RefusedError, match=f"was taken back down to a, which stays by run {undo.id}"):
            go(Engine(folder, planner, asker=nobody(), watcher=workshop.watcher))

    assert not (workshop.folder / "end.txt").exists(), "the run has not come to its end by that"
    workshop.undo(undo)
    assert not (workshop.folder / "end.txt").exists(), "nor by this"
    resumed = Engine(folder, workshop.planner("r"), asker=nobody(), watcher=workshop.watcher).resume()
    assert resumed.status == "succeeded"
    assert (workshop.folder / "b.txt").exists()
    assert (workshop.folder / "end.txt").read_text() == "succeeded"


def test_a_run_that_was_taken_back_in_part_may_be_given_up(workshop: Workshop) -> None:
    """What went back stays so, and the run comes to its end."""
    end = "finally:\n" + write_step("end", "{{ run.status }}")
    workshop.write("r", "steps:\n" + write_step("a", "x") + write_step("b", "x") + FAILS + end)
    run = workshop.run("r")
    workshop.undo(run, to="a")

    engine = Engine(workshop.runs.find(run.id), workshop.planner("r"), asker=nobody(), watcher=workshop.watcher)

    assert engine.abandon("why").status == "abandoned"
    assert [(workshop.folder / f"{name}.txt").exists() for name in ("a", "b", "end")] == [True, False, True]


def test_what_own_steps_make_is_there_for_the_steps_after_them(workshop: Workshop) -> None:
    """What an undo step makes again, a later step of the same undo takes away again."""
    made = "    file.present: {path: a.txt, content: x}\n"
    gone = "    file.absent: {path: a.txt}\n"
    again = (
        "    undo:\n      - id: again\n        name: Make it again.\n        file.present: {path: a.txt, content: x}\n"
    )
    steps = f"  - id: made\n    name: Make.\n{made}  - id: gone\n    name: Remove.\n{gone}{again}"
    workshop.write("r", f"steps:\n{steps}")
    run = workshop.run("r")

    undo = workshop.undo(run)

    assert undo.status == "undone"
    assert not (workshop.folder / "a.txt").exists()


def test_a_run_that_went_on_since_its_undo_was_planned_is_not_taken_back(workshop: Workshop) -> None:
    """The plan that was agreed to would leave what was done since."""
    run = failed(workshop)
    planner = workshop.planner("r")
    undone = Undone.of(workshop.runs, run)
    plan = plan_undo(run, planner, workshop.runs)
    (workshop.folder / "mended").touch()
    assert workshop.resume().status == "succeeded"

    with pytest.raises(RefusedError, match="went on since its undo was planned"):
        Engine(workshop.new_folder(), planner, asker=nobody(), watcher=workshop.watcher).run(plan, undone=undone)

    assert (workshop.folder / "a.txt").exists()


@pytest.mark.parametrize("again", [False, True])
def test_a_run_that_was_taken_back_since_its_undo_was_planned_is_not_taken_back_twice(
    workshop: Workshop,
    again: bool,
) -> None:
    """Two people may plan the same undo at the same time, also that of an undo: the later one is refused."""
    said = "  - {id: say, name: Say it., shell.run: {command: echo said >> log}, undo: {steps: [UNDO]}}\n"
    own = "{id: unsay, name: Unsay it., shell.run: {command: echo unsaid >> log}}"
    workshop.write("r", "steps:\n" + said.replace("UNDO", own))
    run = workshop.run("r")
    if again:
        run = workshop.undo(run)
    planner, undone = workshop.planner("r"), Undone.of(workshop.runs, run)
    plan = plan_undo(run, planner, workshop.runs)
    assert workshop.undo(run).status == "undone"
    told = workshop.said()

    with pytest.raises(RefusedError, match="was taken back, or came again, since its undo was planned"):
        Engine(workshop.new_folder(), planner, asker=nobody(), watcher=workshop.watcher).run(plan, undone=undone)

    assert workshop.said() == told


def test_an_undo_to_and_fro_since_an_undo_was_planned_is_seen(workshop: Workshop) -> None:
    """All is there as it was when that was planned; but the chain of undos has one that must be taken back first."""
    run = failed(workshop)
    planner, undone = workshop.planner("r"), Undone.of(workshop.runs, run)
    plan = plan_undo(run, planner, workshop.runs)
    workshop.undo(workshop.undo(run))

    with pytest.raises(RefusedError, match="since its undo was planned"):
        Engine(workshop.new_folder(), planner, asker=nobody(), watcher=workshop.watcher).run(plan, undone=undone)


def test_a_run_whose_undo_began_since_another_was_planned_is_left_to_it(workshop: Workshop) -> None:
    """Two undos of one run never go on side by side."""
    run = failed(workshop, ASKS)
    planner, undone = workshop.planner("r"), Undone.of(workshop.runs, run)
    plan = plan_undo(run, planner, workshop.runs)
    waiting = workshop.undo(run)

    with pytest.raises(RefusedError, match=f"is being taken back by run {waiting.id}, which is not over"):
        Engine(workshop.new_folder(), planner, asker=nobody(), watcher=workshop.watcher).run(plan, undone=undone)


def test_undos_go_by_the_order_in_which_they_began(workshop: Workshop) -> None:
    """Also where the clock was set back between two: the newest is the one that holds."""
    workshop.write("r", "steps:\n" + write_step("a", "x") + write_step("b", "x"))
    run = workshop.run("r")
    runs = workshop.runs
    later = runs.begin(utc_now() + timedelta(hours=2))
    part = Engine(later, workshop.planner("r"), asker=nobody(), watcher=workshop.watcher).run(
        plan_undo(run, workshop.planner("r"), runs, to="a")
    )

    whole = workshop.undo(run)

    assert [undo.id for undo in undos_of(runs, run)] == [whole.id, part.id]
    assert taken_back(runs) == {run.id: "undone"}


def test_a_disk_without_room_for_a_mark_is_told_before_anything_goes_back(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing was taken back then; and an undo that is through needs no mark, for its own journal tells it."""
    run = failed(workshop)

    def full(path: Path, *_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", path)

    monkeypatch.setattr("rollbook.engine.undoing.write_beside", full)
    with pytest.raises(RefusedError, match="cannot be marked as being taken back"):
        workshop.undo(run)
    assert (workshop.folder / "a.txt").exists()


def test_an_undo_is_through_also_where_its_mark_finds_no_room(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own journal tells that the other run was taken back."""
    run = failed(workshop)
    marked: list[str] = []

    def full_at_the_end(path: Path, content: Iterable[bytes], **more: bool) -> None:
        marked.append(path.name)
        if path.name == UNDONE_BY:
            raise OSError(errno.ENOSPC, "No space left on device", path)
        write_beside(path, content, **more)

    monkeypatch.setattr("rollbook.engine.undoing.write_beside", full_at_the_end)

    assert workshop.undo(run).status == "undone"
    assert marked == [BEING_UNDONE_BY, UNDONE_BY]
    with pytest.raises(RefusedError, match="was undone already"):
        check_undoable(run)


def test_an_undo_that_was_killed_before_it_left_its_mark_counts(workshop: Workshop) -> None:
    """What was taken back as a whole is over, also when nothing but the undo's own journal says so."""
    run = failed(workshop)
    workshop.undo(run)
    folder = workshop.runs.find(run.id)
    (folder.path / "undone-by").unlink()

    with pytest.raises(RefusedError, match="is over: undone by"):
        Engine(folder, workshop.planner("r"), asker=nobody(), watcher=workshop.watcher).resume()


OWN = """\
steps:
  - id: a
    name: Write a.
    file.present: {path: a.txt, content: x}
    undo:
      steps:
        - {id: un, name: Take it away., shell.run: {command: "echo un >> log; test -e allowed"}, effect: idempotent, MORE}
        - {id: told, name: Tell., shell.run: {command: "echo told >> log"}}
"""


@pytest.mark.parametrize(
    ("more", "status", "log"),
    [
        ("retries: 1, delay: 0s", "failed", ["un", "un"]),
        ("on_failure: continue", "undone", ["un", "told"]),
        ("on_failure: undo", "failed", ["un"]),
        ("ok_codes", "failed", ["un", "un"]),
    ],
)
def test_own_undo_steps_are_carried_out_as_written(workshop: Workshop, more: str, status: str, log: list[str]) -> None:
    """Retries and what is done about a failure count for them as for any step; a way back is not taken back itself."""
    if more == "ok_codes":
        more = "retries: 1, delay: 0s, verify: [{id: never, assert.that: {that: false}}]"
        (workshop.folder / "allowed").touch()
    workshop.write("r", OWN.replace("MORE", more))
    run = workshop.run("r")

    undo = workshop.undo(run)

    assert undo.status == status
    assert (workshop.folder / "log").read_text().split() == log


def test_own_undo_steps_of_a_group_come_one_after_the_other(workshop: Workshop) -> None:
    """For each member in the order in which they are written, not all of them at once."""
    workshop.groups = {"web": ("h1", "h2")}
    workshop.targets = {name: TargetSpec(name, "local") for name in ("h1", "h2")}
    step = (
        '  - id: a\n    name: Do.\n    target: web\n    shell.run: {command: "true"}\n    undo:\n      steps:\n'
        '        - {id: one, name: One., target: web, shell.run: {command: "sleep 0.3; echo one >> log"}}\n'
        '        - {id: two, name: Two., target: web, shell.run: {command: "echo two >> log"}}\n'
    )
    workshop.write("r", f"targets: {{web: {{}}}}\nsteps:\n{step}")
    run = workshop.run("r")

    undo = workshop.undo(run)

    assert undo.status == "undone"
    assert (workshop.folder / "log").read_text().split() == ["one", "two"] * 2


@pytest.mark.parametrize("ended", [True, False])
def test_a_run_whose_undo_was_undone_before_its_end_is_free_again(
    workshop: Workshop, ended: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes on, or is taken back, as if that undo had not been; its end is its own."""
    monkeypatch.chdir(workshop.folder)
    end = "finally:\n  - {id: t, name: Tell., shell.run: {command: 'echo end >> log'}, undo: {leave: x}}\n"
    workshop.write(
        "r", "steps:\n" + write_step("b", "x") + write_step("a", "x") + ASKS + (FAILS if not ended else "") + end
    )
    run = workshop.run("r")
    waiting = workshop.undo(run)
    with pytest.raises(RefusedError, match="is being undone by"):
        check_undoable(run)
    (workshop.folder / "mended").touch()

    again = workshop.undo(waiting)

    assert (waiting.status, again.status) == ("waiting", "undone")
    said = workshop.said()
    if not ended:
        folder = workshop.runs.find(run.id)
        engine = Engine(folder, workshop.planner("r"), asker=nobody(), watcher=workshop.watcher)
        assert (said, engine.resume().status, workshop.said()) == ([], "succeeded", ["end"])
    check_undoable(workshop.runs.find(run.id).read())
    assert workshop.undo(run, nobody({"undo/a/sure": "yes"})).status == "undone"
    assert not (workshop.folder / "b.txt").exists()
