"""Classes of every kind that content is converted to, and what is told of content that does not fit."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, IntEnum
from typing import Annotated, Any, ClassVar, Generic, Literal, NewType, TypeVar

import pytest

from rollbook.errors import SchemaError
from rollbook.schema import build
from rollbook.values import Secret, Unknown

S = TypeVar("S")
StepId = NewType("StepId", str)


class Mode(Enum):
    FAST = "fast"
    SLOW = "slow"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


@dataclass(frozen=True, slots=True)
class Local:
    """A target on this machine."""

    kind: Literal["local"]
    folder: str = "."


@dataclass(frozen=True, slots=True)
class Ssh:
    kind: Literal["ssh", "mosh"]
    host: str
    port: int = 22
    password: Secret | None = None


@dataclass(frozen=True, slots=True)
class Retry:
    """
    How often a step is tried.

    More lines that no editor shows.
    """

    times: int = field(default=0, metadata={"help": "how many times more"})
    delay: timedelta = timedelta(0)

    def __post_init__(self) -> None:
        if self.times < 0:
            raise ValueError("expected no less than 0 times")


@dataclass(frozen=True, slots=True)
class Step:
    kind: ClassVar[str] = "step"

    id: StepId
    title: str = ""
    retry: Retry | None = None
    from_: str | None = None
    class_name: str = field(default="", metadata={"key": "class"})
    mode: Mode = Mode.FAST
    on_failure: Literal["stop", "undo", "continue"] = "stop"
    at: datetime | None = None
    ratio: Annotated[float, "of all"] = 1.0
    tags: frozenset[str] = frozenset()
    pair: tuple[int, str] = (0, "")
    size: int | Unknown = 0
    target: Local | Ssh | None = None
    steps: "tuple[Step, ...]" = ()
    seen: int = field(default=0, init=False)
    calls: Mapping[str, Any] = field(default_factory=dict, metadata={"rest": r"\."})


@dataclass(frozen=True, slots=True)
class Box(Generic[S]):
    content: S
    more: tuple[S, ...] = ()


@dataclass(frozen=True, slots=True)
class NumberBox(Box[int]):
    name: str = ""


def told(cls: Any, content: object) -> list[str]:
    """Return the problems of *content* as they are told without a file."""
    with pytest.raises(SchemaError) as caught:
        build(cls, content)
    return [str(problem) for problem in caught.value.problems]


def one_told(cls: Any, content: object) -> str:
    (problem,) = told(cls, content)
    return problem.removeprefix("$: ")
