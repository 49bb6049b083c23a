from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollbook.openedx.structure import BlockKey, BranchKind, StructureError, outline

from .documents import ROOT, block, chapters, structure

IDS = [ROOT, *(("vertical", f"b{number}") for number in range(8))]
GRAPHS = st.dictionaries(st.sampled_from(IDS), st.lists(st.sampled_from(IDS), max_size=5), max_size=9)


def closure(graph: dict[tuple[str, str], list[tuple[str, str]]]) -> set[tuple[str, str]]:
    """Reach from the root the slow, obvious way: add children until nothing is added."""
    reached = {ROOT}
    while True:
        more = reached | {child for key in reached for child in graph.get(key, [])}
        if more == reached:
            return reached
        reached = more


@given(GRAPHS)
def test_reachable_is_the_closure_of_children(graph: dict[tuple[str, str], list[tuple[str, str]]]) -> None:
    """Whatever circles and gaps there are, the blocks are those reachable from the root, and the rest is told."""
    found = outline(structure(graph))

    reached = closure(graph)
    assert set(found.blocks) == reached & set(graph)
    assert set(found.missing) == reached - set(graph)
    assert found.orphans == len(graph) - len(found.blocks)
    assert sum(found.counts.values()) == len(found.blocks)


@given(GRAPHS)
def test_a_walk_meets_each_reachable_block_once(graph: dict[tuple[str, str], list[tuple[str, str]]]) -> None:
    """The walk in the order of the course ends, also in circles, and leaves nothing out."""
    found = outline(structure(graph))

    walked = [item.key for _, item in found.walk()]

    assert len(walked) == len(set(walked))
    assert set(walked) == set(found.blocks)


def test_orphans_of_an_import_are_not_content() -> None:
    """Blocks that an import left behind in the document are counted as orphans, not as content."""
    tree = {**chapters("new"), ("chapter", "old"): [("html", "old text")], ("html", "old text"): []}

    found = outline(structure(tree))

    assert found.counts == {"chapter": 1, "course": 1}
    assert found.orphans == 2


def test_the_branch_is_told_by_source_version() -> None:
    """Published structures have a source version on every block, drafts have none on the root."""
    draft = structure(chapters("a"))
    published = structure(chapters("a"), source_version="x")
    with_library_copy = structure(chapters("a"))
    with_library_copy["blocks"] = [
        block(ROOT, [("chapter", "a")]),
        block(("chapter", "a"), [], source_version="from a library"),
    ]
    library = structure({("library", "library"): []}, root=("library", "library"))

    kinds = [outline(document).kind for document in (draft, published, with_library_copy, library)]

    assert kinds == [BranchKind.DRAFT, BranchKind.PUBLISHED, BranchKind.DRAFT, BranchKind.LIBRARY]


def test_fields_that_are_unset_and_asides_as_a_list_are_read() -> None:
    """A block without fields, with no children, and with asides as a list is an ordinary block."""
    document = structure({})
    document["blocks"] = [{"block_type": "course", "block_id": "course", "definition": "d", "asides": [{"a": 1}]}]

    found = outline(document)

    assert (found.name, found.definitions, found.blocks[BlockKey(*ROOT)].children) == ("", ("d",), ())


def test_blocks_as_a_dict_are_read_too() -> None:
    """The form in memory, a dict of blocks, is read like the list of the database."""
    document = structure(chapters("a"))
    blocks = document["blocks"]
    assert isinstance(blocks, list)

    as_dict = {**document, "blocks": dict(enumerate(blocks))}

    assert outline(as_dict) == outline(document)


def test_a_naive_time_is_taken_for_utc() -> None:
    """Times of a driver that is not aware of zones are in UTC."""
    found = outline({**structure(chapters("a")), "edited_on": datetime(2024, 5, 1, 12, 0)})  # noqa: DTZ001  # the case

    assert found.edited_on == datetime(2024, 5, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "damage",
    [
        {"root": None},
        {"root": ["course"]},
        {"blocks": None},
        {"blocks": ["text"]},
        {"blocks": [{"block_type": "course"}]},
        {"blocks": [{"block_type": "course", "block_id": "course", "fields": {"children": "all"}}]},
        {"blocks": [{"block_type": "course", "block_id": "course", "fields": {"children": [["a"]]}}]},
        {"blocks": [{"block_type": "course", "block_id": "course", "definition": {"a": 1}}]},
    ],
)
def test_a_damaged_document_is_a_clear_error(damage: dict[str, object]) -> None:
    """A document that is no structure is named with its id and what is wrong."""
    document = {**structure(chapters("a")), **damage}

    with pytest.raises(StructureError, match=f"structure {document['_id']} cannot be read"):
        outline(document)


def test_a_structure_of_many_blocks_is_read_whole() -> None:
    """A course deeper than Python's stack and of thousands of blocks is read like any other."""
    names = [("vertical", f"v{number}") for number in range(6000)]
    tree = {ROOT: names[:1], **{key: [child] for key, child in pairwise(names)}, names[-1]: []}

    found = outline(structure(tree, data="x" * 2000))

    assert len(found.blocks) == 6001
    assert sum(1 for _ in found.walk()) == 6001
