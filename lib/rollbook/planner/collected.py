"""What the uses of one step gave, where a loop, a group or several environments make more than one of it."""

from collections import Counter
from dataclasses import field
from typing import Final

from ..dataclass import dataclass
from ..values import Plain, Unknown

_UNKNOWN: Final = "?"
_WEIGHT: Final = (
    _UNKNOWN,
    "in_doubt",
    "unreachable",
    "failed",
    "running",
    "waiting",
    "changed",
    "recovered",
    "ok",
    "undone",
    "planned",
)
"""What a status of several steps says of them all, the heaviest first: one that failed, before any that changed."""


@dataclass(slots=True)
class Collected:
    """
    The *entry* that expressions see of a step, kept up as its uses are planned and carried out, in any order.

    Its outputs are `items`, in the order of the uses, and `members`, by the members' names; its status is the
    heaviest of theirs, not known where one of them is not, and `skipped` where none took part.
    """

    entry: dict[str, Plain] = field(
        default_factory=lambda: {"outputs": {"items": [], "members": {}}, "status": "skipped"}
    )
    _numbers: dict[str, int] = field(default_factory=dict)
    _statuses: dict[str, str] = field(default_factory=dict)
    _counts: Counter[str] = field(default_factory=Counter)
    _ahead: Plain = None

    def take(self, place: str, member: str, outputs: Plain) -> None:
        """Take what the use at *place* gave, that of *member* where there is one, instead of what it gave before."""
        collected = self.entry["outputs"]
        number = self._numbers.setdefault(place, len(self._numbers))
        collected["items"][number : number + 1] = [outputs]
        if member:
            collected["members"][member] = outputs

    def tell(self, place: str, status: Plain) -> None:
        """Take how far the use at *place* came."""
        if place in self._statuses:
            self._counts[self._statuses[place]] -= 1
        if isinstance(status, Unknown):
            self._ahead = status
        word = self._statuses[place] = _UNKNOWN if isinstance(status, Unknown) else str(status)
        self._counts[word] += 1
        heaviest = next((one for one in _WEIGHT if self._counts[one] > 0), "skipped")
        self.entry["status"] = self._ahead if heaviest == _UNKNOWN else heaviest
