"""Plain values, and the two that are not there yet: a secret and an unknown."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Self, TypeAlias

from .dataclass import dataclass

Plain: TypeAlias = Any  # JSON's values; a recursive alias would only move the Any into every caller

_FIELD: Final = "secret"
UNKNOWN_KEY: Final = "$unknown"


@dataclass(frozen=True, slots=True)
class Secret:
    """
    A reference to a secret: `env:NAME`, `file:PATH` or `command:ARGV`.

    Written in YAML as `{secret: "env:NAME"}`. Holds no value; only targets look it up.
    """

    reference: str

    def __str__(self) -> str:
        return f"‹secret {self.reference}›"

    @classmethod
    def __convert__(cls, content: object) -> Self:
        """Take `{secret: REFERENCE}`; raise ValueError for anything else."""
        match content:
            case Secret():
                return cls(content.reference)
            case {"secret": str(reference), **rest} if not rest:
                scheme, _, name = reference.partition(":")
                if scheme in ("env", "file", "command") and name.strip():
                    return cls(reference)
                raise ValueError('expected a secret reference such as "env:NAME", "file:PATH" or "command:ARGV"')
        raise ValueError('expected {secret: "env:NAME"}; a secret is given by reference, never by value')

    def __encode__(self) -> Plain:
        """Give the YAML form back."""
        return {_FIELD: self.reference}

    @classmethod
    def __json_schema__(cls) -> dict[str, Plain]:
        """Describe the YAML form."""
        return {
            "type": "object",
            "properties": {"secret": {"type": "string", "pattern": "^(env|file|command):"}},
            "required": ["secret"],
            "additionalProperties": False,
        }


@dataclass(frozen=True, slots=True)
class Unknown:
    """
    A value that is known only later: after the step, or in the run, named by *source*.

    Sources are expression paths: `steps.choice.outputs.value`, `run.id`, `run.now`.
    """

    source: str

    def __str__(self) -> str:
        parts = self.source.split(".")
        if parts[0] == "run":
            return f"‹run {parts[-1]}›"
        return f"‹known after step {parts[1]}›" if len(parts) > 1 else f"‹{self.source}›"

    @classmethod
    def __convert__(cls, content: object) -> Self:
        """Take the JSON form or an Unknown; raise ValueError for anything else."""
        match content:
            case Unknown():
                return cls(content.source)
            case {"$unknown": str(source), **rest} if not rest:
                return cls(source)
        raise ValueError("expected a value that is not known yet")

    def __encode__(self) -> Plain:
        """Give the JSON form."""
        return {UNKNOWN_KEY: self.source}

    @classmethod
    def __json_schema__(cls) -> dict[str, Plain]:
        """Describe the JSON form; people never write it."""
        return {"type": "object", "properties": {UNKNOWN_KEY: {"type": "string"}}, "required": [UNKNOWN_KEY]}


RUN_ID: Final = Unknown("run.id")
NOW: Final = Unknown("run.now")


def unknowns(value: object) -> Iterator[Unknown]:
    """Yield every Unknown inside plain *value*, in either form."""
    match value:
        case Unknown():
            yield value
        case {"$unknown": str(source), **rest} if not rest:
            yield Unknown(source)
        case Mapping():
            for part in value.values():
                yield from unknowns(part)
        case str() | bytes():
            return
        case Sequence():
            for part in value:
                yield from unknowns(part)


def alike(left: Plain, right: Plain) -> bool:
    """Tell whether two plain values are the same also in JSON, where 1, 1.0 and true differ."""
    return left == right and repr(left) == repr(right)


def bind(value: Plain, known: Mapping[str, Plain]) -> Plain:
    """
    Return JSON *value* with each Unknown whose source is in *known* replaced by its plain value.

    Inside a text, the way an Unknown of the run prints (`‹run id›`) stands for it.
    """
    if isinstance(value, str):  # as most values are, at every step of a run
        return _bind_text(value, known) if "‹run " in value else value
    if isinstance(value, dict):
        source = source_of(value)
        if source is None:
            return {key: bind(part, known) for key, part in value.items()}
        return known.get(source, value)
    if isinstance(value, list | tuple):
        return [bind(part, known) for part in value]
    return known.get(value.source, value) if isinstance(value, Unknown) else value


def source_of(value: Mapping[str, Plain]) -> str | None:
    """Give the source of an Unknown in its JSON form; None for any other mapping."""
    source = value.get(UNKNOWN_KEY) if len(value) == 1 else None
    return source if isinstance(source, str) else None


def _bind_text(value: str, known: Mapping[str, Plain]) -> str:
    for source, plain in known.items():
        value = value.replace(str(Unknown(source)), str(plain))
    return value
