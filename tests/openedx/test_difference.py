from hypothesis import given
from hypothesis import strategies as st

from rollbook.openedx.difference import difference, replaced_share
from rollbook.openedx.structure import Outline, outline

from .documents import ROOT, block, chapters, structure

NAMES = [f"c{number}" for number in range(6)]
KEYS = [("chapter", name) for name in NAMES]


@st.composite
def outlines(draw: st.DrawFn) -> Outline:
    """Draw a course of some chapters, each with one of three contents and settings, perhaps nested."""
    chosen = draw(st.lists(st.sampled_from(NAMES), unique=True))
    nested = draw(st.lists(st.sampled_from(NAMES), max_size=3))
    document = structure({})
    document["blocks"] = [block(ROOT, [("chapter", name) for name in chosen])] + [
        block(
            ("chapter", name),
            [("chapter", other) for other in nested] if name == "c0" else [],
            definition=draw(st.integers(1, 2)),
            start=draw(st.integers(1, 2)),
        )
        for name in chosen
    ]
    return outline(document)


@given(outlines())
def test_nothing_differs_from_itself(found: Outline) -> None:
    """A version compared with itself shows no difference, and every block as unchanged."""
    same = difference(found, found)

    assert same.empty
    assert same.unchanged == len(found.blocks)


@given(outlines(), outlines())
def test_the_other_way_round_swaps_added_and_removed(one: Outline, two: Outline) -> None:
    """What one direction adds the other removes, and as much is changed in both."""
    there, back = difference(one, two), difference(two, one)

    assert (there.added, there.removed) == (back.removed, back.added)
    assert (there.changed.by_type, there.unchanged) == (back.changed.by_type, back.unchanged)


@given(outlines(), outlines())
def test_every_block_is_counted_once(one: Outline, two: Outline) -> None:
    """Added, changed and unchanged blocks are the later version; removed, changed and unchanged the earlier."""
    found = difference(one, two)

    both = found.changed.total + found.unchanged
    assert found.added.total + both == len(two.blocks)
    assert found.removed.total + both == len(one.blocks)


def test_what_changed_is_named() -> None:
    """A block whose content, settings or children are others says which."""
    before, after = structure({}), structure({})
    before["blocks"] = [
        block(ROOT, KEYS[:2]),
        block(KEYS[0], [], definition=1, start="monday"),
        block(KEYS[1], []),
    ]
    after["blocks"] = [
        block(ROOT, list(reversed(KEYS[:2]))),
        block(KEYS[0], [], definition=2, start="tuesday"),
        block(KEYS[1], []),
    ]

    found = difference(outline(before), outline(after))

    assert {item.id: item.what for item in found.changed.sample} == {
        "course": ("children",),
        "c0": ("content", "settings"),
    }


def test_the_sample_is_bounded_and_the_counts_are_not() -> None:
    """However many blocks differ, only so many are named, and all are counted."""
    many = outline(structure(chapters(*(f"c{number}" for number in range(1000)))))

    found = difference(None, many, sample=5)

    assert (found.added.total, len(found.added.sample)) == (1001, 5)
    assert dict(found.added.by_type) == {"chapter": 1000, "course": 1}


@given(outlines(), outlines())
def test_the_replaced_share_is_a_share(one: Outline, two: Outline) -> None:
    """The share is 0 for the same version, 1 where nothing is left, and in between otherwise."""
    share = replaced_share(one.marks, two.marks)

    assert 0 <= share <= 1
    assert replaced_share(one.marks, one.marks) == 0
    assert one.marks == frozenset() or (share == 1) == (not one.marks & two.marks)


def test_what_a_block_takes_from_its_library_counts() -> None:
    """A block whose defaults changed, as an update from its library changes them, is a changed block."""
    tree = chapters("one", "two")
    before, after = structure(tree), structure(tree, number=2)
    after["blocks"] = [block(key, children) | {"defaults": {"weight": 2}} for key, children in tree.items()]

    found = difference(outline(before), outline(after))

    assert (found.changed.total, found.unchanged) == (3, 0)
