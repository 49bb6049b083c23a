"""`human.approve`: named people must agree."""

from collections.abc import Mapping
from dataclasses import field
from typing import ClassVar

from ...action import Prompt, Question
from ...dataclass import dataclass
from ...values import Plain
from .words import check_text, plain_word, yes_or_no


@dataclass(frozen=True, slots=True)
class HumanApprove(Question):
    """
    Have `quorum` of `names` agree; anybody may where no names are given.

    Whoever runs the runbook cannot approve it, unless `not_operator: false`.
    """

    kind: ClassVar[str] = "human.approve"
    example: ClassVar[Mapping[str, Plain]] = {
        "text": "Point the course at the chosen version?",
        "names": ["alice", "bob"],
        "quorum": 1,
    }
    output_names: ClassVar[tuple[str, ...] | None] = ("value", "by", "at", "reason")

    text: str
    names: tuple[str, ...] = field(default=(), metadata={"help": "who may approve"})
    quorum: int = field(default=1, metadata={"help": "how many of them must"})
    not_operator: bool = field(default=True, metadata={"help": "whoever runs it may not approve it"})

    def __post_init__(self) -> None:
        check_text(self.text)
        if len(set(self.names)) != len(self.names) or not all(self.names):
            raise ValueError("names: expected different names")
        if self.quorum < 1 or (self.names and self.quorum > len(self.names)):
            raise ValueError(f"quorum: expected between 1 and {len(self.names) or 'as many as there are people'}")

    def prompt(self) -> Prompt:
        """Give the question."""
        return Prompt("approve", self.text, names=self.names, quorum=self.quorum, not_operator=self.not_operator)

    def accept(self, text: str) -> Plain:
        """Take approve or refuse."""
        word = plain_word(text)
        if word in ("approve", "approved", "refuse", "refused"):
            return word.startswith("approve")
        try:
            return yes_or_no(text)
        except ValueError:
            raise ValueError("answer approve or refuse (yes or no will do)") from None

    def refused(self, value: Plain) -> str | None:
        """Stop when it is refused."""
        return None if value is True else f"refused: {self.text}"
