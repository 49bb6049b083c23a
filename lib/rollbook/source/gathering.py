"""Problems as they are gathered: in the order of the file, and what is wrong everywhere told a few times only."""

from collections import Counter
from dataclasses import replace
from typing import Final

from .document import Problem

MOST_EQUAL: Final = 10


class Gathering:
    """Gathers the problems of one file; of many alike it keeps the first few and counts the others."""

    def __init__(self) -> None:
        self._kept: list[tuple[str, Problem]] = []
        self._count: Counter[str] = Counter()
        self._most: dict[str, int] = {}

    def add(self, problem: Problem, *, alike: str = "", most: int = MOST_EQUAL) -> bool:
        """
        Keep *problem*, and tell whether it was; of all that are *alike* (by default of one message) the first *most*.

        The same problem at the same place counts once.
        """
        sort = alike or problem.message
        if (sort, problem) in self._kept[-MOST_EQUAL:]:
            return False
        self._count[sort] += 1
        self._most[sort] = most
        if self._count[sort] > most:
            return False
        self._kept.append((sort, problem))
        return True

    def drop(self, line: int, column: int) -> None:
        """Forget what was told of a place."""
        self._kept = [(sort, kept) for sort, kept in self._kept if (kept.line, kept.column) != (line, column)]

    def problems(self) -> tuple[Problem, ...]:
        """Give what was kept, in the order of the file, what concerns the file as a whole last."""
        told: dict[Problem, None] = {}
        last = {sort: number for number, (sort, _) in enumerate(self._kept)}
        for number, (sort, problem) in enumerate(self._kept):
            more = self._count[sort] - self._most[sort]
            if more > 0 and number == last[sort]:
                told[replace(problem, message=f"{problem.message} (and {more} more like this)")] = None
            else:
                told[problem] = None
        return tuple(sorted(told, key=lambda problem: (not problem.line, problem.line, problem.column)))

    def __len__(self) -> int:
        return len(self._kept)
