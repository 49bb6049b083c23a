"""
The standard library's `dataclass`, with methods that are compiled when they are first looked for.

Python compiles six functions for a frozen dataclass, half a millisecond each class. A command meets some hundred
classes and uses a method or two of half of them: this was a quarter of a short run. Type checkers see the standard
decorator; what is made here is a dataclass in every respect (`fields`, `replace`, `match`, `copy`, pickle), and
either kind may derive from the other. Not known here: `InitVar`.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any, Final, Never

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:

    def dataclass(cls: type | None = None, /, *, slots: bool = False, frozen: bool = False, **others: bool) -> object:
        """Make a dataclass as the standard library does; without slots, or with *others*, it is the one to make it."""
        if not slots or others:
            return dataclasses.dataclass(cls, slots=slots, frozen=frozen, **others)
        return (lambda one: _made(one, frozen=frozen)) if cls is None else _made(cls, frozen=frozen)


class _Params:
    """
    What the standard library asks of a base, above all whether it is frozen.

    Classes made here are frozen by methods of their own, of which the standard library does not know. So, while it
    makes one, all of them are thawed to it.
    """

    making = False

    def __init__(self, given: object, *, frozen: bool) -> None:
        self._given, self._frozen = given, frozen

    def __getattr__(self, name: str) -> object:
        return getattr(self._given, name)

    @property
    def frozen(self) -> bool:
        """Tell whether the class is frozen, to everybody but the maker of a class that derives from it."""
        return self._frozen and not _Params.making


def _made(cls: type, *, frozen: bool) -> type:
    kin = [vars(base)["__dataclass_params__"] for base in cls.__mro__[1:] if "__dataclass_params__" in vars(base)]
    if any(not isinstance(base, _Params) or base.frozen is not frozen for base in kin):
        # It says what is wrong with the bases, or makes one that fits them.
        return dataclasses.dataclass(slots=True, frozen=frozen)(cls)
    _Params.making = True
    try:
        made: Any = dataclasses.dataclass(slots=True, init=False, repr=False, eq=False)(cls)
    finally:
        _Params.making = False
    made.__dataclass_params__ = _Params(made.__dataclass_params__, frozen=frozen)
    if vars(made).get("__hash__") is None:  # a body with __eq__ and without __hash__ gets None from Python itself
        made.__hash__ = _Later(made, "__hash__", _hash) if frozen else None
    ready = _FROZEN if frozen else {"__repr__": _repr}
    methods = {"__init__": _Later(made, "__init__", _init), "__eq__": _Later(made, "__eq__", _eq), **ready}
    for name, method in methods.items():
        if name not in vars(made):
            setattr(made, name, method)
    return made  # type: ignore[no-any-return]  # a class to which methods were given


class _Later:
    """Stands for a method until somebody looks for it."""

    def __init__(self, owner: type, name: str, compiled: "Callable[[type], Any]") -> None:
        self._owner, self._name, self._compiled = owner, name, compiled

    def __get__(self, instance: object, _: type) -> object:
        method = self._compiled(self._owner)
        method.__qualname__, method.__module__ = f"{self._owner.__qualname__}.{self._name}", self._owner.__module__
        setattr(self._owner, self._name, method)
        return method if instance is None else method.__get__(instance)


def _init(cls: type) -> object:
    names: dict[str, object] = {"_absent": dataclasses.MISSING}
    words: dict[bool, list[str]] = {False: [], True: []}
    lines = []
    for field in dataclasses.fields(cls):
        name = field.name
        names[f"_set_{name}"] = getattr(cls, name).__set__  # of the slot: also where the class is frozen
        names[f"_default_{name}"], names[f"_make_{name}"] = field.default, field.default_factory
        made = field.default_factory is not dataclasses.MISSING
        value = f"_make_{name}()" if made else f"_default_{name}"
        if field.init:
            fixed = field.default is not dataclasses.MISSING
            words[bool(field.kw_only)].append(name + (f"=_default_{name}" if fixed else "=_absent" if made else ""))
            value = f"{value} if {name} is _absent else {name}" if made else name
        lines.append(f"_set_{name}(self, {value})")
    if hasattr(cls, "__post_init__"):
        lines.append("self.__post_init__()")
    named = ["*", *words[True]] if words[True] else []
    return _compiled(f"def __init__({', '.join(('self', *words[False], *named))}):", lines or ["pass"], names)


def _eq(cls: type) -> object:
    lines = (
        "if other.__class__ is not self.__class__: return NotImplemented",
        f"return {_compared(cls, 'self')} == {_compared(cls, 'other')}",
    )
    return _compiled("def __eq__(self, other):", lines, {})


def _hash(cls: type) -> object:
    return _compiled("def __hash__(self):", (f"return hash({_compared(cls, 'self')})",), {})


def _compared(cls: "type[Any]", owner: str) -> str:
    return "(" + "".join(f"{owner}.{one.name}, " for one in dataclasses.fields(cls) if one.compare) + ")"


def _compiled(head: str, lines: Sequence[str], names: Mapping[str, object]) -> object:
    made = dict(names)
    # Made of nothing but the names of fields, which Python has taken for names before.
    exec("\n ".join((head, *lines)), made)  # noqa: S102
    return made[head.split("(")[0].removeprefix("def ")]


@recursive_repr()
def _repr(self: Any) -> str:  # noqa: ANN401  # any dataclass
    shown = (f"{one.name}={getattr(self, one.name)!r}" for one in dataclasses.fields(self) if one.repr)
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _forbidden(self: object, name: str, *_: object) -> Never:
    raise dataclasses.FrozenInstanceError(f"{type(self).__qualname__}.{name} cannot be changed")


def _state(self: Any) -> tuple[object, ...]:  # noqa: ANN401  # any dataclass
    return tuple(getattr(self, one.name) for one in dataclasses.fields(self))


def _set_state(self: Any, state: Sequence[object]) -> None:  # noqa: ANN401  # any dataclass
    for one, value in zip(dataclasses.fields(self), state, strict=True):
        object.__setattr__(self, one.name, value)


_FROZEN: Final[Mapping[str, Any]] = {
    "__repr__": _repr,
    "__setattr__": _forbidden,
    "__delattr__": _forbidden,
    # Python's own would set the fields of what is made from a pickle.
    "__getstate__": _state,
    "__setstate__": _set_state,
}
