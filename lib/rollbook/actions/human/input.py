"""`human.input`: something that a person knows and the systems do not."""

import math
from collections.abc import Mapping
from dataclasses import field
from typing import ClassVar, Literal

from ...action import Prompt, Question
from ...dataclass import dataclass
from ...matching import check_pattern, search
from ...schema import parse_instant
from ...values import Plain
from .words import check_text


@dataclass(frozen=True, slots=True)
class HumanInput(Question):
    """Have a text, a number or a time typed in; a time needs its zone and is given on in UTC."""

    kind: ClassVar[str] = "human.input"
    example: ClassVar[Mapping[str, Plain]] = {"text": "When did the damage begin?", "type": "datetime"}
    output_names: ClassVar[tuple[str, ...] | None] = ("value", "by", "at", "reason")

    text: str
    type: Literal["text", "number", "datetime", "pattern"] = "text"
    pattern: str | None = field(default=None, metadata={"help": "with type pattern: what the whole answer must match"})
    default: str | int | float | None = None

    def __post_init__(self) -> None:
        check_text(self.text)
        if (self.type == "pattern") != (self.pattern is not None):
            raise ValueError("`pattern` goes with `type: pattern`, and that needs it")
        if self.pattern is not None:
            check_pattern(self.pattern)
        if self.default is not None:
            self._check_default(str(self.default))

    def _check_default(self, text: str) -> None:
        try:
            self.accept(text)
        except ValueError as error:
            raise ValueError(f"default: {text!r} would not be accepted: {error}") from error

    def prompt(self) -> Prompt:
        """Give the question."""
        default = None if self.default is None else self.accept(str(self.default))
        return Prompt("input", self.text, default=default, has_default=default is not None)

    def accept(self, text: str) -> Plain:
        """Take what the type wants."""
        word = text.strip()
        if not word:
            raise ValueError(f"answer {self._wanted()}; an empty answer is none")
        match self.type:
            case "text":
                return word
            case "number":
                return self._number(word)
            case "datetime":
                return self._instant(word)
            case "pattern":
                return self._matching(word)

    def _wanted(self) -> str:
        match self.type:
            case "text":
                return "with a text"
            case "number":
                return "with a number, such as 12 or 0.5"
            case "datetime":
                return "with a date and time with its zone, such as 2024-05-01T12:30:00Z"
            case "pattern":
                return f"with something that matches {self.pattern}"

    def _number(self, word: str) -> int | float:
        try:
            number = float(word)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise ValueError(f"answer {self._wanted()}")
        return int(word) if word.lstrip("+-").isdecimal() else number

    def _instant(self, word: str) -> str:
        try:
            return parse_instant(word).isoformat().replace("+00:00", "Z")
        except ValueError as error:
            raise ValueError(f"answer {self._wanted()}: {error}") from error

    def _matching(self, word: str) -> str:
        if search(rf"\A(?:{self.pattern})\Z", word) is None:
            raise ValueError(f"answer {self._wanted()}")
        return word
