"""Pairs of versions that were in force between two that the ledger's history has, and are in no entry of it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from ..dataclass import dataclass
from .versions import Link, Pair, chain_pairs


@dataclass(frozen=True, slots=True)
class Entries:
    """
    Consecutive *pairs* of a history, the newest first, with the *links* of their versions to those before.

    A row that plain SQL changed has no entry, and a history may have been cleaned: then a pair came from one that is
    in none. What pruning linked to the first version comes from what is in the entries before, as far as they go.
    Nothing is looked for before a course was created: a re-run goes on from the structures of its source.
    """

    pairs: Sequence[Pair]
    links: Mapping[str, Link]

    def unexplained(self) -> frozenset[str]:
        """Name the versions before those that some pair brought which no older pair has."""
        oldest = self._oldest()
        return frozenset(
            version for place, pair in enumerate(self.pairs) for version in self._came_from(pair, place, oldest)
        )

    def completed(self, *, limit: int) -> tuple[Pair, ...]:
        """
        Put in between what newer pairs came from, up to *limit* each.

        Where that is gone, the older pair is marked with a gap.
        """
        oldest, found, gap = self._oldest(), list[Pair](), False
        for place, pair in enumerate(self.pairs):
            found.append(replace(pair, gap=pair.gap or gap))
            between = tuple(self._between(pair, oldest, limit)) if self._came_from(pair, place, oldest) else ()
            found += between
            gap = bool(self._came_from(between[-1] if between else pair, place, oldest))
        return tuple(found)

    def _oldest(self) -> dict[str, int]:
        """Give the place of the oldest pair that has a version."""
        return {version: place for place, pair in enumerate(self.pairs) for version in pair.pointers.versions}

    def _came_from(self, pair: Pair, place: int, oldest: Mapping[str, int]) -> set[str]:
        if pair.created or place == len(self.pairs) - 1:
            return set()
        brought = (version for version in pair.pointers.versions if oldest.get(version, place) <= place)
        links = (self.links[version] for version in brought if version in self.links)
        before = {link.previous_version for link in links if link.previous_version and not link.skips}
        return {version for version in before if oldest.get(version, -1) <= place}

    def _between(self, newer: Pair, oldest: Mapping[str, int], limit: int) -> Iterator[Pair]:
        for pair in chain_pairs(newer, self.links, limit=limit):
            if pair.gap or all(version in oldest for version in pair.pointers.versions):
                return
            yield replace(pair, why="in no entry of the history")
