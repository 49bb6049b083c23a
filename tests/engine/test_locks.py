"""The folder of locks, which every account of the machine can write."""

import os
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest

from rollbook.engine import locks
from rollbook.errors import LockHeld, RefusedError
from rollbook.targets.base import TargetSpec

from .workshop import HELD, Workshop, meanwhile, nobody, write_step


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder of locks of the test's own, which is not there yet."""
    place = tmp_path / "locks"
    monkeypatch.setattr(locks, "FOLDER", place)
    return place


def held() -> AbstractContextManager[None]:
    """Give the lock."""
    return locks._local_lock("l", "subject", "ada")


def test_a_lock_is_held_once_and_its_folder_is_for_all(folder: Path) -> None:
    """The second is told who holds it; the folder is made as /tmp is, also where its maker was killed halfway."""
    folder.mkdir(mode=0o700)
    with held(), pytest.raises(LockHeld, match="held by ada"), held():
        pass

    assert folder.stat().st_mode & 0o7777 == 0o1777


@pytest.mark.parametrize("sort", ["link", "pipe", "hard link"])
def test_what_somebody_put_in_place_of_a_lock_is_refused(folder: Path, tmp_path: Path, sort: str) -> None:
    """It is told, nothing behind it is written to, and nothing waits for it."""
    with held():
        (path,) = folder.iterdir()
    path.unlink()
    other = tmp_path / "precious"
    other.write_text("kept")
    match sort:
        case "link":
            path.symlink_to(other)
        case "pipe":
            os.mkfifo(path)
        case _:
            path.hardlink_to(other)

    with pytest.raises(RefusedError, match="The lock 'l' cannot be taken"), held():
        pass
    assert other.read_text() == "kept"


def test_a_link_in_place_of_the_folder_is_refused(folder: Path, tmp_path: Path) -> None:
    """Locks are not put where somebody else wants them."""
    folder.symlink_to(tmp_path)

    with pytest.raises(RefusedError, match="is not a folder"), held():
        pass


def test_a_lock_holds_over_all_folders_of_the_machine(workshop: Workshop, tmp_path: Path) -> None:
    """Two working folders on one database exclude each other."""
    steps = f"lock: shared\ntargets: {{ledger: {{kind: sql}}}}\n{HELD}"
    targets = {"ledger": TargetSpec("ledger", "sql", {"url": f"sqlite:///{tmp_path}/ledger.sqlite"})}
    (tmp_path / "ledger.sqlite").touch()
    workshop.targets = targets
    workshop.write("one", steps)
    other = replace(workshop, folder=tmp_path / "other")
    other.write("one", steps)
    errors: list[LockHeld] = []

    def second() -> None:
        try:
            other.run("one")
        except LockHeld as error:
            errors.append(error)

    with meanwhile(workshop, second):
        assert workshop.run("one").status == "succeeded"

    assert "ada@example" in str(errors[0])


INNER = "lock: 'course {{{{ inputs.course }}}}'\ninputs: {{course: text}}\nsteps:\n{steps}"
OUTER = "{head}steps:\n{first}  - {{id: in, name: Include it., include: inner, inputs: {{course: {course}}}}}\n"


def test_an_included_runbook_takes_its_lock(workshop: Workshop, folder: Path) -> None:
    """Whoever puts something of their own around a runbook keeps others out as it does, by what it works on."""
    workshop.write("inner", INNER.format(steps=write_step("a", "x")))
    for name, course in (("one", "c1"), ("two", "c2")):
        workshop.write(name, OUTER.format(head="", first="", course=course))
    workshop.write("own", OUTER.format(head="lock: course c1\n", first="", course="c1"))
    plan = workshop.planner("one").plan()
    inner = workshop.planner("inner", {"course": "c1"})

    with locks.run_locks(workshop.planner("one").pool, "eve") as taken:
        taken.take(workshop.planner("one").locks(plan))
        with pytest.raises(LockHeld, match="held by eve"):
            workshop.run("inner", inputs={"course": "c1"})
        with pytest.raises(LockHeld, match="held by eve"):
            workshop.run("one")
        assert workshop.run("two").status == "succeeded"

    assert ([lock.name for lock in plan.locks], plan.lock) == (["course c1"], "")
    assert [lock.name for lock in inner.locks(inner.plan())] == ["course c1"]
    own = workshop.planner("own")
    assert ([lock.name for lock in own.locks(own.plan())], own.plan().locks) == (["course c1"], ())


def test_a_lock_of_what_is_included_is_taken_once_it_is_known(workshop: Workshop, folder: Path) -> None:
    """What the lock is a name for may come from a step before: it is held from when the rest is planned on."""
    told = "  - {id: q, name: Ask., human.input: {text: Which?}}\n"
    workshop.write("inner", INNER.format(steps=write_step("a", "x")))
    workshop.write("outer", OUTER.format(head="", first=told, course="'{{ steps.q.outputs.value }}'"))
    inner = workshop.planner("inner", {"course": "c1"})
    planned = workshop.planner("outer").plan().locks
    workshop.run("outer")

    with locks.run_locks(inner.pool, "eve") as taken:
        taken.take(inner.locks(inner.plan()))
        kept_out = workshop.resume(nobody({"q": "c1"}))
        assert not (workshop.folder / "a.txt").exists()
    run = workshop.resume(nobody({"q": "c1"}))

    assert (kept_out.status, [step.status for step in kept_out.steps]) == ("failed", ["ok", "failed"])
    assert "held by eve" in kept_out.steps[1].error
    assert (planned, run.status, [lock.name for lock in run.plan.locks]) == ((), "succeeded", ["course c1"])


def test_a_lock_of_what_is_included_at_the_end_is_taken(workshop: Workshop, folder: Path) -> None:
    """An end is planned when its turn comes, and so is the lock of what it includes: somebody else's is respected."""
    workshop.write("inner", INNER.format(steps=write_step("a", "x")))
    course = "'{{ steps.src.outputs.stdout | default(\"none\") | trim }}'"
    end = OUTER.format(head="", first="", course=course).replace("steps:", "finally:", 1)
    workshop.write(
        "outer", f"steps:\n  - {{id: src, name: Say it., shell.run: {{command: echo c1, effect: read}}}}\n{end}"
    )
    inner = workshop.planner("inner", {"course": "c1"})

    with locks.run_locks(inner.pool, "eve") as taken:
        taken.take(inner.locks(inner.plan()))
        kept_out = workshop.run("outer")
        assert not (workshop.folder / "a.txt").exists()
    run = workshop.resume()

    assert kept_out.status == "failed"
    assert "held by eve" in next(step.error for step in kept_out.steps if step.address == "in/a")
    assert (run.status, (workshop.folder / "a.txt").exists()) == ("succeeded", True)


@pytest.mark.parametrize("where", ["steps", "finally"])
def test_an_undo_and_its_undo_take_the_locks_that_were_known_late(workshop: Workshop, folder: Path, where: str) -> None:
    """What the lock was a name for is known by then: neither takes anything back, or brings it, beside somebody else."""
    workshop.write("inner", INNER.format(steps=write_step("a", "x")))
    course = "'{{ steps.src.outputs.stdout | default(\"none\") | trim }}'"
    included = OUTER.format(head="", first="", course=course)
    source = "steps:\n  - {id: src, name: Say it., shell.run: {command: echo c1, effect: read}}\n"
    part = included.removeprefix("steps:\n") if where == "steps" else included.replace("steps:", "finally:", 1)
    workshop.write("outer", source + part)
    inner = workshop.planner("inner", {"course": "c1"})
    run = workshop.run("outer")

    with locks.run_locks(inner.pool, "eve") as taken:
        taken.take(inner.locks(inner.plan()))
        with pytest.raises(LockHeld, match="held by eve"):
            workshop.undo(run)
    undo = workshop.undo(run)
    with locks.run_locks(inner.pool, "eve") as taken:
        taken.take(inner.locks(inner.plan()))
        with pytest.raises(LockHeld, match="held by eve"):
            workshop.undo(undo)

    assert ([lock.name for lock in run.plan.locks], undo.status) == (["course c1"], "undone")
    assert not (workshop.folder / "a.txt").exists()


def test_nothing_is_tried_again_without_the_lock(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """What broke an attempt may have taken the lock along: somebody else may work there before the next one."""
    tried = "{command: 'echo x >> tries; exit 1', effect: idempotent}"
    workshop.write("r", f"steps:\n  - {{id: c, name: Try., shell.run: {tried}, retries: 3, delay: 0s}}\n")
    tries = workshop.folder / "tries"
    monkeypatch.setattr(locks.Locks, "lost", lambda _: ("ledger",) if tries.exists() else ())

    run = workshop.run("r")

    assert (run.status, tries.read_text()) == ("stopped", "x\n")
    assert any("the lock on ledger was lost" in event.text for event in run.events)
