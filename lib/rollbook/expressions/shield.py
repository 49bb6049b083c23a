"""Values that may be handed on in an expression but not worked with: unknown ones and secrets."""

from collections.abc import Iterator, Mapping
from typing import Final, NoReturn

from ..values import Plain, Secret, Unknown


class TouchedError(Exception):
    """An operation needed the value of *held*."""

    def __init__(self, held: Unknown | Secret) -> None:
        super().__init__(str(held))
        self.held = held


class Shield:
    """Stands for an Unknown or a Secret; every operation on it raises TouchedError."""

    __slots__ = ("held",)

    def __init__(self, held: Unknown | Secret) -> None:
        self.held = held

    def __getattr__(self, name: str) -> NoReturn:
        raise TouchedError(self.held)


def _touch(self: Shield, *_: object) -> NoReturn:
    raise TouchedError(self.held)


_OPERATIONS: Final = """
    str repr format bool len iter next reversed getitem contains call hash eq ne lt le gt ge
    add radd sub rsub mul rmul truediv rtruediv floordiv rfloordiv mod rmod pow rpow and rand or ror
    neg pos abs int float index round
""".split()  # noqa: SIM905  # words in rows read better than one a line

for _operation in _OPERATIONS:
    setattr(Shield, f"__{_operation}__", _touch)


def shield(value: Plain) -> Plain:
    """Return *value* with a Shield in place of each Unknown and Secret; the same object where it holds none."""
    match value:
        case Unknown() | Secret():
            return Shield(value)
        case {"$unknown": str(source), **rest} if not rest:
            return Shield(Unknown(source))
        case Mapping():
            parts = {key: shield(part) for key, part in value.items()}
            return parts if any(parts[key] is not part for key, part in value.items()) else value
        case list() | tuple():
            items = [shield(part) for part in value]
            return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
    return value


def shields(value: Plain) -> Iterator[Shield]:
    """Yield each Shield inside *value*."""
    match value:
        case Shield():
            yield value
        case Mapping():
            for part in value.values():
                yield from shields(part)
        case list() | tuple():
            for part in value:
                yield from shields(part)


def touch(*values: Plain) -> None:
    """Raise TouchedError for the first Shield in or among *values*."""
    for value in values:
        for found in shields(value):
            raise TouchedError(found.held)
