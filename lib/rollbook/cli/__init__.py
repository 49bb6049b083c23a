"""The command line: `namespace` is what `invoke` and `rollbook` share."""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from invoke.collection import Collection

    namespace: Collection

__all__ = ["namespace"]


def __getattr__(name: str) -> "Collection":
    """Make `namespace`, for what was typed, when it is asked for: importing invoke takes longer than most commands."""
    if name != "namespace":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .tasks import namespace

    return namespace(sys.argv[1:])
