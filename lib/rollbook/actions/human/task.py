"""`human.task`: something that is done by hand."""

from collections.abc import Mapping
from typing import ClassVar

from ...action import Prompt, Question
from ...dataclass import dataclass
from ...values import Plain
from .words import DONE, FAILED, check_text, plain_word


@dataclass(frozen=True, slots=True)
class HumanTask(Question):
    """Have a person do something and report back; the run stops, resumable, when it could not be done."""

    kind: ClassVar[str] = "human.task"
    example: ClassVar[Mapping[str, Plain]] = {"text": "Suspend the pruning job in the scheduler, then report done."}
    output_names: ClassVar[tuple[str, ...] | None] = ("value", "by", "at", "reason")

    text: str

    def __post_init__(self) -> None:
        check_text(self.text)

    def prompt(self) -> Prompt:
        """Give the question."""
        return Prompt("task", self.text)

    def accept(self, text: str) -> Plain:
        """Take done or failed."""
        word = plain_word(text)
        if word in DONE:
            return True
        if word in FAILED:
            return False
        raise ValueError("answer done, or failed if it could not be done")

    def refused(self, value: Plain) -> str | None:
        """Stop when it was not done."""
        return None if value is True else f"not done: {self.text}"
