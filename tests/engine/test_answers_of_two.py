"""Two people answer one question at the same time."""

from dataclasses import dataclass

from rollbook.action import Prompt
from rollbook.engine import put_answer
from rollbook.engine.ports import Given
from rollbook.plan import PlannedStep

from .workshop import Helpful, Workshop, write_step

ASK = """\
steps:
  - id: q
    name: Ask.
    human.choose: {text: "Which?", from: [alpha, beta]}
"""


@dataclass(frozen=True, slots=True)
class AtTheTerminal(Helpful):
    """Somebody who types an answer after another one was left elsewhere."""

    workshop: Workshop | None = None

    def answer(self, step: PlannedStep, prompt: Prompt, problem: str = "") -> Given | None:
        """Answer, a moment late."""
        assert self.workshop is not None
        put_answer(self.workshop.runs.all()[-1], step.address, "alpha", "grace@desk")
        return Given("beta", self.by, "terminal", "")


def test_an_answer_that_came_too_late_is_told(workshop: Workshop) -> None:
    """The one that was typed counts; the other is in the journal as not taken, and answers nothing later."""
    workshop.write("r", ASK + write_step("a", "{{ steps.q.outputs.value }}"))

    run = workshop.run("r", AtTheTerminal({}, "ada@example", {}, True, {}, workshop))

    assert run.status == "succeeded"
    assert (workshop.folder / "a.txt").read_text() == "beta"
    assert any("the answer of grace@desk was not taken" in event.text for event in run.events)
    assert list(workshop.runs.all()[-1].inbox.iterdir()) == []
