"""Pairs between the entries of a history that are in none of them."""

from dataclasses import replace

from rollbook.openedx.pointers import Pointers
from rollbook.openedx.unentered import Entries
from rollbook.openedx.versions import Link, Pair

from .documents import at, version


def pair(draft: int, published: int, minute: int) -> Pair:
    """Give an entry of the history."""
    return Pair(Pointers(version(draft), version(published)), at(minute), "history")


def links(*drafts: tuple[int, int]) -> dict[str, Link]:
    """Give links of drafts, each with its previous one; a draft's number is the minute of its save."""
    found = (Link(version(one), version(before), version(1), at(one)) for one, before in drafts)
    return {link.version: link for link in (*found, Link(version(90), "", version(90), at(0)))}


def test_what_is_in_no_entry_is_put_in_between() -> None:
    """Entries that are gone are found by what the next one came from, newest first, each at the time of its save."""
    entries = (pair(9, 90, 9), pair(6, 90, 6), pair(3, 90, 3))

    completed = Entries(entries, links((9, 8), (8, 7), (7, 6), (6, 3), (3, 1))).completed(limit=50)

    assert [one.pointers.draft for one in completed] == [version(number) for number in (9, 8, 7, 6, 3)]
    assert [(one.when, one.source, one.why) for one in completed[1:3]] == [
        (at(8), "chain", "in no entry of the history"),
        (at(7), "chain", "in no entry of the history"),
    ]
    assert not any(one.gap for one in completed)


def test_what_is_gone_leaves_a_gap() -> None:
    """Where the version before is not there any more, the older pair says that some may be missing."""
    entries = (pair(9, 90, 9), pair(6, 90, 6), pair(3, 90, 3))

    completed = Entries(entries, links((9, 8), (8, 7), (6, 3), (3, 1))).completed(limit=50)

    assert [one.pointers.draft for one in completed] == [version(number) for number in (9, 8, 6, 3)]
    assert [one.gap for one in completed] == [False, False, True, False]


def test_a_whole_history_stays_as_it_is() -> None:
    """Reverts, publishes that lag behind, what pruning linked to the first version, a new life: nothing is missing."""
    entries = (
        pair(5, 90, 12),  # put back to an earlier pair
        pair(9, 90, 9),
        replace(pair(7, 90, 7), created=True),  # from the structures of its source
        pair(6, 90, 6),  # pruning linked it past 5
        pair(5, 90, 5),
        pair(2, 90, 2),
    )
    whole = Entries(entries, links((9, 7), (7, 4), (6, 1), (5, 2), (2, 1)))

    assert whole.unexplained() == frozenset()
    assert whole.completed(limit=50) == entries
