"""What an earlier step brought about and is gone when a later one rests on it: it comes again, in the same run."""

from collections.abc import Callable
from pathlib import Path

import pytest

from rollbook.engine import Decision
from rollbook.errors import Overtaken
from rollbook.ops import Execution, FileWrite, Op, OpResult
from rollbook.run import Run
from rollbook.targets import TargetPool

from .workshop import Workshop, nobody, through_a_crash, write_step

STEPS = write_step("a", "x") + write_step("b", "y") + write_step("c", "z")
Take = Callable[[int], list[str]]


@pytest.fixture
def take(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> Take:
    """Have somebody take a.txt away so many times before c.txt is written, which rests on it."""
    workshop.write("one", "steps:\n" + STEPS)
    execute = TargetPool.execute

    def begin(times: int, *, blameless: bool = True) -> list[str]:
        written: list[str] = []

        def rests(pool: TargetPool, op: Op, execution: Execution) -> OpResult:
            name = Path(op.path).stem if isinstance(op, FileWrite) else ""
            if name == "c" and written.count("a") <= times:
                Path("a.txt").unlink(missing_ok=True)
                raise Overtaken("a.txt is gone.", things=[("file", "a.txt")], blameless=blameless, advice="Look.")
            written.append(name)
            return execute(pool, op, execution)

        monkeypatch.setattr(TargetPool, "execute", rests)
        return written

    return begin


def starts(run: Run) -> list[int]:
    return [len(step.starts) for step in run.steps]


def test_it_comes_again_at_once_where_nobody_is_to_blame(workshop: Workshop, take: Take) -> None:
    """Only what is gone comes again, then the step that rests on it; nobody is asked about what was agreed to."""
    written = take(1)

    run = workshop.run("one", nobody(agrees=False))

    assert (run.status, written, starts(run)) == ("succeeded", ["a", "b", "a", "c"], [2, 1, 2])
    assert workshop.undo(run).status == "undone"
    assert not any(Path(name).exists() for name in ("a.txt", "b.txt", "c.txt"))


def test_what_is_gone_again_is_no_accident(workshop: Workshop, take: Take) -> None:
    """The second time the run fails, and says so; a resume brings it again all the same."""
    written = take(2)

    failed = workshop.run("one")
    run = workshop.resume()

    step = failed.step("c")
    assert step is not None
    assert (failed.status, step.again) == ("failed", ("a",))
    assert (run.status, written) == ("succeeded", ["a", "b", "a", "a", "c"])


@pytest.mark.parametrize("decision", [None, Decision("retry")])
def test_where_somebody_should_look_first_it_waits_for_a_retry(
    workshop: Workshop, take: Take, decision: Decision | None
) -> None:
    """It fails; a retry in the run, or a resume, is what brings it again."""
    written = take(1, blameless=False)  # type: ignore[call-arg]  # a keyword that the protocol leaves out

    run = workshop.run("one", nobody(decisions={"c": decision} if decision else {}))
    if decision is None:
        assert (run.status, written) == ("failed", ["a", "b"])
        run = workshop.resume()

    assert (run.status, written) == ("succeeded", ["a", "b", "a", "c"])


def test_a_step_that_is_passed_over_brings_nothing_again(workshop: Workshop, take: Take) -> None:
    """What would have rested on it was skipped, so what is gone is not missed."""
    written = take(9, blameless=False)  # type: ignore[call-arg]  # a keyword that the protocol leaves out
    workshop.run("one")

    run = workshop.resume(skip={"c": "not needed"})

    assert (run.status, written) == ("succeeded", ["a", "b"])


@pytest.mark.parametrize("at", range(1, 60, 3))
def test_killed_anywhere_it_ends_the_same(workshop: Workshop, take: Take, at: int) -> None:
    """A crash at any boundary, also while a step comes again, resumes to the same end."""
    take(1)

    run = through_a_crash(workshop, "one", at, nobody())

    assert run.status == "succeeded"
    assert all(Path(name).exists() for name in ("a.txt", "b.txt", "c.txt"))
