"""`human.choose`: one of several."""

from collections.abc import Mapping
from dataclasses import field
from functools import partial
from typing import ClassVar

from ...action import Choice, Prompt, Question
from ...dataclass import dataclass
from ...values import Plain
from .each import assigned
from .words import as_data, plain_word


@dataclass(frozen=True, slots=True)
class Offer:
    """One possible answer as written in a runbook: a plain value, or one with a label and a detail."""

    value: Plain
    label: str = ""
    detail: str = ""

    @classmethod
    def __convert__(cls, content: object) -> "Offer":
        """Take a text, number or bool, or a mapping with `value`, and perhaps `label` and `detail`."""
        match content:
            case Offer():
                return content
            case str() | int() | float() | bool():
                return cls(content)
            case {"value": value, **rest} if value is not None and rest.keys() <= {"label", "detail"}:
                return cls(value, str(rest.get("label") or ""), str(rest.get("detail") or ""))
        raise ValueError("expected a text, a number, or a mapping with `value`, and perhaps `label` and `detail`")

    def __encode__(self) -> Plain:
        """Give the mapping."""
        return {"value": self.value, "label": self.label, "detail": self.detail}

    @classmethod
    def __json_schema__(cls) -> dict[str, Plain]:
        """Describe both forms."""
        properties = {"value": {}, "label": {"type": "string"}, "detail": {"type": "string"}}
        mapping = {"type": "object", "properties": properties, "required": ["value"], "additionalProperties": False}
        return {"anyOf": [{"type": ["string", "number", "boolean"]}, mapping]}

    def choice(self) -> Choice:
        """Give it a label."""
        return Choice(self.value, self.label or str(self.value), self.detail)


@dataclass(frozen=True, slots=True)
class HumanChoose(Question):
    """
    Have one of several chosen; the output `value` is its value.

    People answer with the value, its label, or its number in the list (numbers only where no value
    is one itself). With `each`, one is chosen for each of these things, and `value` has them by their values. The
    answer is one choice for all, or THING=CHOICE with commas between, where a thing is named by its number or by
    words of its value, and `others` are all that are left. A value that is a mapping, and all choices by their
    things, may be written as JSON.
    """

    kind: ClassVar[str] = "human.choose"
    example: ClassVar[Mapping[str, Plain]] = {
        "text": "Which version shall come back?",
        "from": ["a1f4", {"value": "9bc0", "label": "9bc0, Monday 09:12", "detail": "312 blocks"}],
        "default": "9bc0",
    }
    output_names: ClassVar[tuple[str, ...] | None] = ("value", "by", "at", "reason")

    from_: tuple[Offer, ...]
    text: str = "Which one?"
    default: Plain = None
    each: tuple[Offer, ...] = field(default=(), metadata={"help": "have one chosen for each of these"})

    def __post_init__(self) -> None:
        if not self.from_:
            raise ValueError("from: there is nothing to choose from")
        for number, offer in enumerate(self.from_):
            if any(_same(offer.value, other.value) for other in self.from_[:number]):
                raise ValueError(f"from: {offer.value!r} is there twice")
        if self.default is not None and not self._offers(self.default):
            raise ValueError(f"default: {self.default!r} is none of {self._listed()}")
        things = [offer.value for offer in self.each]
        if not all(isinstance(thing, str) and thing.strip() for thing in things) or len(set(things)) < len(things):
            raise ValueError("each: expected texts, none of them twice")

    def _listed(self) -> str:
        shown = [
            str(offer.choice().label if isinstance(offer.value, dict | list) else offer.value) for offer in self.from_
        ]
        return ", ".join(shown[:10]) + (f" and {len(shown) - 10} more" if len(shown) > 10 else "")

    def prompt(self) -> Prompt:
        """Give the question."""
        choices = tuple(offer.choice() for offer in self.from_)
        default, given = self.default, self.default is not None
        if given and self.each:
            default = dict.fromkeys((str(thing.value) for thing in self.each), default)
        items = tuple("  ".join(filter(None, (thing.choice().label, thing.detail))) for thing in self.each)
        return Prompt("choose", self.text, choices, default, given, items)

    def accept(self, text: str) -> Plain:
        """Take a value, a label or a number in the list; with `each`, for each, and numbers are of these things."""
        data = as_data(text)
        if self.each:
            if self._says_all(data):
                return data
            return assigned(text, [str(thing.value) for thing in self.each], partial(self._one, numbers=False))
        if data is not None and self._offers(data):
            return data
        return self._one(text, numbers=not any(_written(offer.value).isdecimal() for offer in self.from_))

    def _offers(self, value: Plain) -> bool:
        return any(_same(offer.value, value) for offer in self.from_)

    def _says_all(self, data: Plain) -> bool:
        things = {thing.value for thing in self.each}
        return isinstance(data, dict) and data.keys() == things and all(map(self._offers, data.values()))

    def _one(self, text: str, *, numbers: bool) -> Plain:
        word = text.strip()
        offers = self.from_
        exact = [offer.value for offer in offers if word in (_written(offer.value), offer.label)]
        loose = [offer.value for offer in offers if plain_word(word) in map(plain_word, _names(offer))]
        for found in (exact, loose):
            if len(found) == 1:
                return found[0]
        if numbers and word.isdecimal() and 1 <= int(word) <= len(offers):
            return offers[int(word) - 1].value
        ending = f", or a number from 1 to {len(offers)}" if numbers else ""
        raise ValueError(f"answer one of {self._listed()}{ending}")


def _written(value: Plain) -> str:
    return str(value).casefold() if isinstance(value, bool) else str(value)


def _names(offer: Offer) -> tuple[str, ...]:
    return (_written(offer.value), offer.label) if offer.label else (_written(offer.value),)


def _same(left: Plain, right: Plain) -> bool:
    return type(left) is type(right) and bool(left == right)
