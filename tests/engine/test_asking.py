"""What a step can ask only at work: it waits for the answer, and goes on in the same run."""

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

import pytest

from rollbook.action import Prompt
from rollbook.engine import Decision, put_answer
from rollbook.engine.ports import Given
from rollbook.errors import AnswerNeeded
from rollbook.journal import Journal
from rollbook.ops import Execution, FileWrite, Op, OpResult
from rollbook.plan import PlannedStep
from rollbook.report import report_of
from rollbook.run import Run
from rollbook.targets import TargetPool
from rollbook.testing.crash import CrashError

from .workshop import Helpful, Workshop, nobody, through_a_crash, write_step

QUESTION = {"text": "Which one stays?", "from": ["left", "right"], "each": ["one", "two"]}
Told = list[Mapping[str, str]]


@pytest.fixture
def begin(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Told]:
    """Have b.txt ask what stays, until that is answered or a file says so; gives what it was told each time."""
    workshop.write("one", "steps:\n" + write_step("a", "x") + write_step("b", "y") + write_step("c", "z"))
    execute = TargetPool.execute

    def asking(*, fails: bool = False, deaf: bool = False) -> Told:
        told: Told = []

        def asks(pool: TargetPool, op: Op, execution: Execution) -> OpResult:
            if isinstance(op, FileWrite) and Path(op.path).stem == "b":
                told.append({key: value for answer in execution.answers for key, value in answer.items()})
                if (deaf or len(told[-1]) < 2) and not Path("decided").exists():
                    raise AnswerNeeded("Two things clash.", kind="human.choose", arguments=QUESTION, fails=fails)
            return execute(pool, op, execution)

        monkeypatch.setattr(TargetPool, "execute", asks)
        return told

    return asking


@pytest.fixture
def told(begin: Callable[..., Told]) -> Told:
    """Have it ask whoever can answer."""
    return begin()


def answers(run: Run) -> list[tuple[str, object, str, str]]:
    return [(one.address, one.value, one.how, one.asked) for one in run.answers]


def test_an_answer_at_hand_lets_the_step_go_on(workshop: Workshop, told: Told) -> None:
    """It is carried out again with the answer, which is journalled with who gave it; that is no second try."""
    run = workshop.run("one", nobody({"b": "one=left, others=right"}))

    assert (run.status, told) == ("succeeded", [{}, {"one": "left", "two": "right"}])
    assert answers(run) == [("b", {"one": "left", "two": "right"}, "option", "Which one stays?")]
    assert run.answers[0].by == "ada@example"
    assert workshop.undo(run).status == "undone"


def test_it_waits_and_resume_goes_on_in_the_same_run(workshop: Workshop, told: Told) -> None:
    """Without anybody to answer the run waits; an answer with `resume` is taken before the step works again."""
    waiting = workshop.run("one")
    run = workshop.resume(nobody({"b": "left"}))

    step = waiting.step("b")
    assert step is not None
    assert (waiting.status, waiting.waiting_for, step.status) == ("waiting", "b", "waiting")
    assert step.asks == {"kind": "human.choose", "arguments": QUESTION}
    assert (run.id, run.status, told) == (waiting.id, "succeeded", [{}, {"one": "left", "two": "left"}])
    assert [len(one.starts) for one in run.steps] == [1, 2, 1]
    assert all(one.asks is None for one in run.steps)


def test_it_goes_on_without_an_answer_where_it_need_not_ask_any_more(workshop: Workshop, told: Told) -> None:
    """What people changed meanwhile may settle it, too: a resume looks before it asks."""
    waiting = workshop.run("one")
    still = workshop.resume()
    Path("decided").touch()
    run = workshop.resume()

    assert (waiting.status, still.status, run.status) == ("waiting", "waiting", "succeeded")
    assert (told, run.answers, run.waiting_for) == ([{}, {}, {}], (), "")


def test_somebody_elses_answer_is_taken(workshop: Workshop, told: Told) -> None:
    """What was left in the inbox is taken with its giver's name; one that does not fit is told and not taken."""
    workshop.run("one")
    folder = workshop.runs.all()[-1]
    put_answer(folder, "b", "middle", "grace@desk")
    refused = workshop.resume()
    put_answer(folder, "b", "right", "grace@desk")
    run = workshop.resume()

    assert refused.status == "waiting"
    assert any("grace@desk was not taken" in event.text for event in refused.events)
    assert (run.status, told[-1]) == ("succeeded", {"one": "right", "two": "right"})
    assert (run.answers[0].by, run.answers[0].how) == ("grace@desk", "inbox")


def test_an_answer_that_settles_nothing_is_taken_once(
    workshop: Workshop, begin: Callable[..., Told], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked the same again, it waits for a person, who is told why; what stood ready is no answer then."""
    begin(deaf=True)
    problems: list[str] = []
    answer = Helpful.answer

    def heard(asker: Helpful, step: PlannedStep, prompt: Prompt, problem: str) -> Given | None:
        problems.append(problem)
        return answer(asker, step, prompt, problem)

    monkeypatch.setattr(Helpful, "answer", heard)

    run = workshop.run("one", nobody({"b": "left"}))

    assert (run.status, len(run.answers), problems) == ("waiting", 1, ["", "Two things clash."])


def test_where_nobody_is_to_be_asked_it_fails_and_an_answer_helps(
    workshop: Workshop, begin: Callable[..., Told]
) -> None:
    """It fails with what it met, and a resume of the same run takes an answer, or looks again."""
    begin(fails=True)

    failed = workshop.run("one")
    again = workshop.resume()
    run = workshop.resume(nobody({"b": "right"}))

    step = failed.step("b")
    assert step is not None
    assert (failed.status, step.status, step.error, again.status) == ("failed", "failed", "Two things clash.", "failed")
    assert (run.status, answers(run)[0][2]) == ("succeeded", "option")


def test_a_retry_looks_again_where_nobody_is_to_be_asked(workshop: Workshop, begin: Callable[..., Told]) -> None:
    """Whoever settles it while the run stands at the failure goes on without a resume."""
    begin(fails=True)

    class Settles(Helpful):
        """Somebody who settles it and has it done again."""

        def after_failure(self, step: PlannedStep, error: str) -> Decision | None:
            """Do so."""
            Path("decided").touch()
            return Decision("retry")

    run = workshop.run("one", Settles({}, "ada@example", {}))

    assert run.status == "succeeded"


@pytest.mark.parametrize(("fails", "at"), [(fails, at) for fails in (False, True) for at in range(1 + fails, 44, 3)])
def test_killed_anywhere_it_ends_the_same(workshop: Workshop, begin: Callable[..., Told], at: int, fails: bool) -> None:
    """A crash at any boundary, while it waits or right after the answer too, resumes to the same end."""
    begin(fails=fails)

    run = through_a_crash(workshop, "one", at, nobody({"b": "one=left, two=right"}))

    assert run.status == "succeeded"
    assert {str(one.value) for one in run.answers} == {str({"one": "left", "two": "right"})}
    assert all(Path(name).exists() for name in ("a.txt", "b.txt", "c.txt"))


def test_killed_while_it_waits_it_goes_on_with_the_answer(workshop: Workshop, told: Told) -> None:
    """The process that asks at a terminal is gone with its question; the journal has it, and `resume` takes the answer."""

    class Killed(Helpful):
        """Somebody whose machine goes down while the question stands on the screen."""

        def answer(self, step: PlannedStep, prompt: Prompt, problem: str) -> Given | None:
            """Be gone."""
            raise CrashError

    with pytest.raises(CrashError):
        workshop.run("one", Killed({}, "ada@example", {}))
    waiting = workshop.runs.all()[-1].read()
    run = workshop.resume(nobody({"b": "right"}))

    assert (waiting.status, waiting.waiting_for) == ("waiting", "b")
    assert (run.status, told[-1]) == ("succeeded", {"one": "right", "two": "right"})


def test_waiting_for_agreement_tells_nothing_of_how_a_step_went(workshop: Workshop) -> None:
    """A step whose outcome is not known stays in doubt where the run waits for agreement at it: that asks nothing of it."""
    workshop.write(
        "one",
        'steps:\n  - {id: c, name: Sleep., shell.run: {command: "echo x >> tries; sleep 60"}, timeout: 500ms}\n',
    )
    failed = workshop.run("one")
    with Journal(workshop.runs.all()[-1].journal) as journal:
        journal.append("waiting", step="c", text="the newly planned steps must be agreed to", agreement=True)

    run = workshop.resume(nobody(agrees=True))

    assert (failed.steps[0].status, run.status, run.steps[0].status) == ("unreachable", "waiting", "in_doubt")
    assert Path("tries").read_text() == "x\n"


def test_the_report_tells_what_was_asked_and_how_long_it_took(workshop: Workshop, told: Told) -> None:
    """The question, the answer and who gave it stand among the answers; waiting for it is no work of the step."""
    workshop.run("one")
    run = workshop.resume(nobody({"b": "left"}))

    report = report_of(run)

    (answer,) = report.answers
    assert (answer.question, answer.by, answer.how) == ("Which one stays?", "ada@example", "option")
    assert "left" in answer.answer
    assert report.impact.waiting == pytest.approx((run.answers[0].at - waited(run)).total_seconds(), abs=0.01)


def waited(run: Run) -> datetime:
    return next(event.at for event in run.events if event.type == "waiting")
