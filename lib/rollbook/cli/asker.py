"""Puts the engine's questions to the person at the terminal."""

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Final, cast

from ..action import Prompt
from ..dataclass import dataclass
from ..engine.ports import Asker, Decision, Given, Nobody, OnDoubt, OnFailure
from ..plan import SYMBOLS, Plan, PlannedStep, shown
from ..report.wording import visible
from ..values import Plain
from .boundary import Site
from .hints import typed
from .keyboard import Keyboard
from .questionview import default_lead, head_lines, how, is_long, question_lines
from .screen import write
from .unattended import fresh_lines

_FAILURE: Final = {
    "retry": "carry the step out again",
    "skip": "go on without it, and say why",
    "done": "it was done by hand: go on, and say how",
    "undo": "take back what this run changed",
    "stop": "stop here; `resume` goes on later",
}
_DOUBT: Final = {
    "done": "it took effect: go on after it",
    "redo": "it did not take effect: carry it out again",
    "abort": "leave it in doubt and stop here",
}


@dataclass(frozen=True, slots=True)
class TerminalAsker(Asker):
    """
    Asks at the *keyboard* what the *sheet* of prepared answers does not hold; *by* is who sits there.

    *stopping* tells whether somebody asked to stop: then nobody is asked what to do about a failure.
    """

    keyboard: Keyboard
    sheet: Nobody
    by: str
    run_id: str = ""
    sites: Mapping[str, Site] | None = None
    stopping: Callable[[], bool] = lambda: False
    _aborted: set[str] = field(default_factory=set)
    _shown: list[Prompt] = field(default_factory=list)

    def answer(self, step: PlannedStep, prompt: Prompt, problem: str) -> Given | None:
        """Ask *prompt*; Ctrl-D leaves it for later."""
        prepared = self.sheet.answer(step, prompt, problem)
        if prepared is not None:
            return prepared
        with self.keyboard.open():
            self._show(step, prompt, problem)
            return self._read(prompt)

    def _show(self, step: PlannedStep, prompt: Prompt, problem: str) -> None:
        if problem:
            self.keyboard.say(f"Not accepted: {visible(problem)}", "red")
        if problem and prompt in self._shown:
            return
        self._shown.append(prompt)
        self._title(SYMBOLS["ask"], step)
        screen = self.keyboard.screen
        for line in question_lines(prompt, screen, whole=False):
            write(line)
        if prompt.kind == "approve":
            others = typed("approve", self.run_id or "last", step.address)
            self.keyboard.say(f"You are {self.by}. Others answer with", "dim")
            write(screen.paint(f"    {others}", "dim"))
            self.keyboard.say("then Ctrl-D here, and resume.", "dim")
        default = "; Enter takes the default" if prompt.has_default else ""
        more = "; ? shows all that is known of each" if is_long(prompt, screen) else ""
        self.keyboard.say(f"Type {how(prompt)}{default}{more}. Ctrl-D: answer later.", "dim")

    def _title(self, symbol: str, step: PlannedStep) -> None:
        write()
        for line in head_lines(symbol, step.address, step.name, self.keyboard.screen):
            write(line)

    def _read(self, prompt: Prompt) -> Given | None:
        lead = f"{default_lead(prompt)}> "
        while ((text := self.keyboard.line(lead)) == "?" and prompt.choices) or (text == "" and not prompt.has_default):
            if text:
                for line in question_lines(prompt, self.keyboard.screen):
                    write(line)
            self.keyboard.say(f"Type {how(prompt)}. Ctrl-D: answer later.", "dim")
        if text is None:
            return None
        if not text:
            return Given(default_text(prompt), self.by, "default")
        reason = self.keyboard.line("  Why? (Enter: no reason) ") if prompt.kind == "approve" else ""
        return Given(text, self.by, "terminal", reason or "")

    def at_hand(self, step: PlannedStep, prompt: Prompt) -> Given | None:
        """Give what the sheet of prepared answers holds."""
        return self.sheet.answer(step, prompt, "")

    def agree(self, plan: Plan, steps: tuple[PlannedStep, ...], why: str) -> bool | None:
        """Show the newly planned *steps* and ask whether to go on."""
        with self.keyboard.open():
            for line in fresh_lines(plan, steps, why, self.keyboard.screen, self.sites):
                write(line)
            if self.sheet.agrees:
                self.keyboard.say("Agreed beforehand with --yes.", "dim")
                return True
            self.keyboard.say("Go on with these steps?")
            word = self.keyboard.one_of({"yes": "go on as shown", "no": "stop here; nothing of this is carried out"})
        return None if word is None else word == "yes"

    def after_failure(self, step: PlannedStep, error: str) -> Decision | None:
        """Ask what to do with a step that failed; Ctrl-D: as its on_failure says."""
        if self.stopping() or step.address in self._aborted:
            return Decision("stop")
        with self.keyboard.open():
            self._title(self.keyboard.screen.paint("✕", "red", "bold"), step)
            for line in error.splitlines():
                self.keyboard.say(visible(line))
            write()
            self.keyboard.say("What now?", "bold")
            while True:
                word = self.keyboard.one_of(_FAILURE)
                if word is None:
                    return None
                reason = self.keyboard.reason() if word in ("skip", "done") else ""
                if reason is not None:
                    return Decision(cast("OnFailure", word), reason)

    def in_doubt(self, step: PlannedStep, found: Plain, why: str) -> OnDoubt | None:
        """Show what a probe *found* and ask what became of the step."""
        decision = self.sheet.in_doubt(step, found, why) or self._ask_doubt(step, found, why)
        if decision == "abort":
            # Whoever leaves it in doubt has said what is next: nothing.
            self._aborted.add(step.address)
        return decision

    def told_doubt(self, step: PlannedStep) -> OnDoubt | None:
        """Give what the sheet says."""
        return self.sheet.told_doubt(step)

    def _ask_doubt(self, step: PlannedStep, found: Plain, why: str) -> OnDoubt | None:
        with self.keyboard.open():
            self._title("?", step)
            self.keyboard.say("This step began and its end was not recorded: nobody knows whether it took effect.")
            if why:
                self.keyboard.say(visible(why))
            for label, state in (("found", found), ("before", step.before), ("wanted", step.after)):
                if state is not None:
                    self.keyboard.say(visible(f"{label:<7} {shown(state, limit=600)}"), indent="    ")
            for line in step.shown:
                self.keyboard.say(visible(f"sent    {line}"), indent="    ")
            self.keyboard.say("Look at the target yourself, then say:", "bold")
            return cast("OnDoubt | None", self.keyboard.one_of(_DOUBT))


def default_text(prompt: Prompt) -> str:
    """Write a prompt's default as a person would type it."""
    match prompt.default:
        case bool():
            return "yes" if prompt.default else "no"
        case str() | int() | float():
            return str(prompt.default)
    for choice in prompt.choices:
        if choice.value == prompt.default:
            return choice.label
    return ""
