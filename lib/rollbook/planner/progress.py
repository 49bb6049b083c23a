"""How far a change came that was begun and not ended."""

from collections.abc import Sequence
from typing import Any

from ..action import Action, AnyState
from ..ops import Op
from ..run import StepRun
from ..values import bind
from .step import encode_op


def rest_of(action: Action[Any], found: AnyState, after: AnyState, past: StepRun) -> Sequence[Op] | None:
    """
    Give the ops that are left when *found* is what a beginning of the step's ops leads to, else None.

    The kind's own pure function tells: the way from *found* to the end is then the rest of the way
    that was journalled.
    """
    left = action.ops(found, after)
    encoded = [bind(encode_op(op), past.known) for op in left]
    done = len(past.ops) - len(encoded)
    if done > 0 and encoded == list(past.ops[done:]):
        return left
    return None
