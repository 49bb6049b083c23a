"""Answers the engine where nobody sits at a terminal: from the command line, all in sight of who reads the output."""

from collections.abc import Mapping
from dataclasses import replace

from ..action import Prompt
from ..dataclass import dataclass
from ..engine.ports import Asker, Decision, Given, Nobody, OnDoubt
from ..plan import SYMBOLS, Plan, PlannedStep
from ..report.wording import visible
from ..values import Plain
from .boundary import Site
from .planview import step_lines
from .questionview import head_lines, how, question_lines
from .screen import Screen, write


@dataclass(frozen=True, slots=True)
class Unattended(Asker):
    """Gives what the *sheet* of prepared answers holds; newly planned steps are printed before anything else."""

    sheet: Nobody
    screen: Screen
    sites: Mapping[str, Site] | None = None

    def answer(self, step: PlannedStep, prompt: Prompt, problem: str) -> Given | None:
        """Answer as the sheet says; a question that waits is printed with all that it asks."""
        given = self.sheet.answer(step, prompt, problem)
        if given is None:
            write()
            head = head_lines(SYMBOLS["ask"], step.address, step.name, self.screen)
            for line in (*head, *question_lines(replace(prompt, seen=()), self.screen)):
                write(line)
            write(f"  Nobody is here to answer ({how(prompt)}).")
            write()
        return given

    def at_hand(self, step: PlannedStep, prompt: Prompt) -> Given | None:
        """Give what the sheet of prepared answers holds."""
        return self.sheet.answer(step, prompt, "")

    def agree(self, plan: Plan, steps: tuple[PlannedStep, ...], why: str) -> bool | None:
        """Print the newly planned *steps*; they are agreed to with --yes only."""
        for line in fresh_lines(plan, steps, why, self.screen, self.sites):
            write(line)
        agreed = self.sheet.agree(plan, steps, why)
        write("Agreed beforehand with --yes." if agreed else "Nobody is here to agree to these steps.")
        write()
        return agreed

    def after_failure(self, step: PlannedStep, error: str) -> Decision | None:
        """Leave it to the step's on_failure."""
        return self.sheet.after_failure(step, error)

    def in_doubt(self, step: PlannedStep, found: Plain, why: str) -> OnDoubt | None:
        """Say what the sheet says."""
        return self.sheet.in_doubt(step, found, why)

    def told_doubt(self, step: PlannedStep) -> OnDoubt | None:
        """Give what the sheet says."""
        return self.sheet.told_doubt(step)


def fresh_lines(
    plan: Plan, steps: tuple[PlannedStep, ...], why: str, screen: Screen, sites: Mapping[str, Site] | None
) -> tuple[str, ...]:
    """Give the newly planned *steps* as they are shown, and *why* they were planned again."""
    heading = screen.wrap(f"The plan has changed: {visible(why)}")
    return ("", *(screen.paint(line, "bold") for line in heading), *step_lines(steps, plan, screen, sites=sites), "")
