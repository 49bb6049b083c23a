"""`human.checklist`: every item must be confirmed."""

from collections.abc import Mapping
from dataclasses import field
from typing import ClassVar

from ...action import Prompt, Question
from ...dataclass import dataclass
from ...values import Plain
from .words import DONE, as_data, plain_word


@dataclass(frozen=True, slots=True)
class HumanChecklist(Question):
    """Have every item of a list confirmed; the run stops, resumable, while one is open."""

    kind: ClassVar[str] = "human.checklist"
    example: ClassVar[Mapping[str, Plain]] = {
        "text": "Before the switch",
        "items": ["The course team has stopped editing", "The status page says so"],
    }
    output_names: ClassVar[tuple[str, ...] | None] = ("value", "by", "at", "reason")

    items: tuple[str, ...]
    text: str = field(default="Please confirm each of these", metadata={"help": "what stands above the list"})

    def __post_init__(self) -> None:
        if not self.items or not all(item.strip() for item in self.items):
            raise ValueError("items: expected at least one, and none empty")

    def prompt(self) -> Prompt:
        """Give the question."""
        return Prompt("checklist", self.text, items=self.items)

    def accept(self, text: str) -> Plain:
        """Take `all`, `none`, or the confirmed items by their numbers or as JSON; give those items."""
        named = as_data(text)
        if isinstance(named, list) and all(item in self.items for item in named):
            return [item for item in self.items if item in named]
        word = plain_word(text)
        if word == "all" or word in DONE:
            return list(self.items)
        if word == "none":
            return []
        numbers = word.replace(",", " ").split()
        if not numbers or not all(part.isdecimal() and 1 <= int(part) <= len(self.items) for part in numbers):
            raise ValueError(
                f"answer all, none, or the numbers of the confirmed items (1 to {len(self.items)}), such as 1,2"
            )
        chosen = {int(part) for part in numbers}
        return [item for number, item in enumerate(self.items, 1) if number in chosen]

    def refused(self, value: Plain) -> str | None:
        """Stop while an item is open."""
        confirmed = value if isinstance(value, list | tuple) else ()
        missing = [item for item in self.items if item not in confirmed]
        return f"not confirmed: {'; '.join(missing)}" if missing else None
