"""Dataclasses whose methods are compiled when they are first called."""

import copy
import dataclasses
import inspect
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError, field, fields, replace
from typing import Any, ClassVar, Generic, TypeVar

import pytest

from rollbook.dataclass import dataclass

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Point:
    """A place."""

    x: int
    y: int = 2
    seen: list[int] = field(default_factory=list, compare=False)
    secret: str = field(default="s", repr=False, kw_only=True)
    made: int = field(default=7, init=False)
    KIND: ClassVar[str] = "point"

    def __post_init__(self) -> None:
        """Look at what was given."""
        if self.x < 0:
            raise ValueError("x")


@dataclass(frozen=True, slots=True)
class Named(Point, Generic[T]):
    """A place that has a name."""

    name: str = ""


@dataclass(slots=True)
class Count:
    """Something that changes."""

    number: int = 0


def both(body: type) -> tuple[Any, Any]:
    """Make a frozen dataclass of the same body here and with the standard library."""
    makers: tuple[Any, Any] = (dataclass, dataclasses.dataclass)
    ours, theirs = (make(frozen=True, slots=True)(_copy(body)) for make in makers)
    return ours, theirs


def _copy(body: type) -> type:
    return type(body.__name__, (), {key: value for key, value in vars(body).items() if key not in _OF_A_BODY})


_OF_A_BODY = ("__dict__", "__weakref__")


class Plain:
    """A body without anything."""


class Some:
    """A body of every sort of field."""

    a: int
    b: str = "b"
    c: dict[str, int] = field(default_factory=dict)
    d: int = field(default=1, repr=False, compare=False, kw_only=True)
    e: int = field(default=3, init=False)


class Odd:
    """A body with methods of its own."""

    a: int = 1

    def __eq__(self, other: object) -> bool:
        """Be like anything."""
        return True

    def __repr__(self) -> str:
        """Show nothing."""
        return "-"


@pytest.mark.parametrize("body", [Plain, Some, Odd])
def test_it_is_the_standard_librarys_dataclass(body: type) -> None:
    """Fields, arguments, text, hash, match arguments and equality are those of the standard decorator."""
    ours, theirs = both(body)
    given = {"a": 5} if body is not Plain else {}

    for look in _LOOKS:
        assert look(ours, ours(**given)) == look(theirs, theirs(**given))
    assert ours(**given) == ours(**given)


def _hash(_cls: Any, one: Any) -> object:
    try:
        return hash(one)
    except TypeError as error:
        return str(error)


_LOOKS: tuple[Callable[[Any, Any], object], ...] = (
    lambda cls, _: [(one.name, one.default, one.kw_only, one.init) for one in fields(cls)],
    lambda cls, _: [
        (one.name, one.kind, one.default is one.empty) for one in inspect.signature(cls).parameters.values()
    ],
    lambda _, one: repr(one),
    lambda cls, _: cls.__match_args__,
    lambda cls, _: cls.__slots__,
    lambda cls, one: one == cls(**({"a": 6} if fields(cls) else {})),
    lambda _, one: one.__eq__(3),
    lambda cls, _: (cls.__dataclass_params__.frozen, dataclasses.is_dataclass(cls)),
    lambda _, one: dataclasses.asdict(one),
    _hash,
)


def test_what_is_frozen_cannot_be_changed() -> None:
    """Neither a field nor anything new can be set or taken away."""
    point = Point(1)

    for name in ("x", "z"):
        with pytest.raises(FrozenInstanceError):
            setattr(point, name, 2)
        with pytest.raises(FrozenInstanceError):
            delattr(point, name)


def test_what_is_not_frozen_changes_and_has_no_hash() -> None:
    """A class with slots alone is mutable, compares by its fields and cannot be a key."""
    count = Count()
    count.number += 1

    assert count == Count(1)
    with pytest.raises(TypeError, match="unhashable"):
        hash(count)


def test_each_gets_a_list_of_its_own_and_its_checks() -> None:
    """A factory is called for each one that is made, and __post_init__ looks at it."""
    Point(1).seen.append(1)

    assert Point(1).seen == []
    with pytest.raises(ValueError, match="x"):
        Point(-1)
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'x'"):
        Point()  # type: ignore[call-arg]


def test_fields_come_down_from_the_base() -> None:
    """A class that derives from one has its fields first, also when its own `__init__` is the first that is called."""
    named: Named[int] = Named(1, name="n")

    assert (named.x, named.y, named.name) == (1, 2, "n")
    assert named != Point(1)
    assert replace(named, x=3, name="m") == Named(3, name="m")


def test_copies_and_pickles_are_equal() -> None:
    """What is frozen and has slots can be copied and sent elsewhere."""
    point = Point(1, seen=[4])

    assert copy.copy(point) == point
    assert copy.deepcopy(point).seen == [4]
    assert pickle.loads(pickle.dumps(point)) == point  # noqa: S301  # our own


def test_each_kind_may_derive_from_the_other() -> None:
    """A package of somebody else uses the standard decorator on a base from here, and the other way round."""

    @dataclasses.dataclass(frozen=True, slots=True)
    class Theirs(Point):
        z: int = 0

    @dataclass(frozen=True, slots=True)
    class Ours(Theirs):
        more: int = 0

    assert Theirs(1, z=4) == Theirs(1, z=4)
    assert Ours(1, z=4, more=5).more == 5
    with pytest.raises(FrozenInstanceError):
        Ours(1).z = 5  # type: ignore[misc]


@pytest.mark.parametrize("make", [dataclass, dataclasses.dataclass])
def test_frozen_and_not_frozen_do_not_mix(make: Callable[..., Any]) -> None:
    """A frozen class has no mutable child, and a mutable one no frozen child, whoever makes it."""
    with pytest.raises(TypeError, match="frozen"):
        make(slots=True)(type("Thawed", (Point,), {}))
    with pytest.raises(TypeError, match="frozen"):
        make(frozen=True, slots=True)(type("Frozen", (Count,), {}))


def test_what_has_no_slots_is_left_to_the_standard_library() -> None:
    """Without slots, or with an argument that is not known here, the standard decorator makes the class."""

    @dataclass(frozen=True, slots=True, order=True)
    class Ordered:
        a: int

    @dataclass
    class Open:
        a: int

    assert Ordered(1) < Ordered(2)
    assert Open(1).__dict__ == {"a": 1}
