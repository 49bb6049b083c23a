"""`human.confirm`: a yes or no."""

from collections.abc import Mapping
from dataclasses import field
from typing import ClassVar

from ...action import Prompt, Question
from ...dataclass import dataclass
from ...values import Plain
from .words import check_text, yes_or_no


@dataclass(frozen=True, slots=True)
class HumanConfirm(Question):
    """Ask yes or no; the run stops on a no, and can be resumed, unless `stop_on_no: false`."""

    kind: ClassVar[str] = "human.confirm"
    example: ClassVar[Mapping[str, Plain]] = {"text": "Does the course outline look right?"}
    output_names: ClassVar[tuple[str, ...] | None] = ("value", "by", "at", "reason")

    text: str
    default: bool | None = None
    stop_on_no: bool = field(default=True, metadata={"help": "with false, a no is a value for later steps"})

    def __post_init__(self) -> None:
        check_text(self.text)

    def prompt(self) -> Prompt:
        """Give the question."""
        return Prompt("confirm", self.text, default=self.default, has_default=self.default is not None)

    def accept(self, text: str) -> Plain:
        """Take yes or no."""
        return yes_or_no(text)

    def refused(self, value: Plain) -> str | None:
        """Stop on a no."""
        return None if value is True or not self.stop_on_no else f"answered no to: {self.text}"
