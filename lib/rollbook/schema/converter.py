"""What a type compiles to."""

from collections.abc import Callable
from typing import Literal, TypeAlias

from ..dataclass import dataclass
from ..source.document import Path
from .fields import TypeHint
from .problems import Problems

Convert: TypeAlias = Callable[[object, Path, Problems], object]
Shape: TypeAlias = Literal["scalar", "list", "mapping"]


@dataclass(frozen=True, slots=True)
class Converter:
    """
    How plain content becomes a value of one type.

    *convert* returns the value, MISFIT (and the problem is noted) or LATER. *expected* names the
    content in messages; it is empty where only the attempt can say. *rank* orders the alternatives
    of a union, the more exact first. *kinds* are the scalar types accepted as they are.
    """

    convert: Convert
    expected: str
    rank: int
    shape: Shape = "scalar"
    kinds: frozenset[type] = frozenset()
    hint: TypeHint = None


# Compiles a part's type; given to the compilers of the types that have parts.
Compile: TypeAlias = Callable[[TypeHint], Converter]
