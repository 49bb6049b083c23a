"""The order of tables by their foreign keys."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from rollbook.postgres.catalog import ForeignKey
from rollbook.postgres.names import Name
from rollbook.postgres.order import flat, in_order

NAMES = [Name("public", f"t{at}") for at in range(7)]
EDGES = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)), max_size=14)


def key(child: Name, parent: Name) -> ForeignKey:
    return ForeignKey("k", child, ("a",), parent, ("id",), "a", "a", False, False, False, True, "")


def reaches(edges: list[tuple[Name, Name]], start: Name) -> set[Name]:
    """Walk from child to parent as far as it goes."""
    found: set[Name] = set()
    edge = {start}
    while edge:
        edge = {parent for child, parent in edges if child in edge} - found
        found |= edge
    return found


@given(EDGES)
def test_parents_come_first_and_circles_together(edges: list[tuple[Name, Name]]) -> None:
    """Each table stands once; two share a group exactly when each leads to the other, and no child precedes."""
    groups = in_order(NAMES, [key(*edge) for edge in edges])

    assert sorted(flat(groups)) == NAMES
    place = {name: at for at, group in enumerate(groups) for name in group}
    for child, parent in edges:
        circle = child in reaches(edges, parent) or child == parent
        assert place[parent] == place[child] if circle else place[parent] < place[child]


def test_a_long_chain_needs_no_recursion() -> None:
    """A chain of ten thousand tables is put in order."""
    names = [Name("public", f"t{at:05}") for at in range(10_000)]
    keys = [key(child, parent) for child, parent in pairwise(names)]

    assert flat(in_order(names, keys)) == tuple(reversed(names))
