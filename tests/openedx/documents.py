"""Documents as the split modulestore writes them, small enough to read in a test."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from rollbook.openedx.completeness import Sketch
from rollbook.openedx.keys import BRANCHES
from rollbook.openedx.ledger import HistoryRow, LedgerRow
from rollbook.openedx.pointers import Pointers
from rollbook.openedx.structure import outline

ROOT = ("course", "course")
Tree = Mapping[tuple[str, str], Sequence[tuple[str, str]]]


def version(number: int) -> str:
    """Give a version id that is easy to tell from others."""
    return f"{number:024x}"


def at(minute: int) -> datetime:
    """Give a time on the day of the tests."""
    return datetime(2024, 5, 1, 12, 0, tzinfo=UTC).replace(hour=minute // 60, minute=minute % 60)


def block(key: tuple[str, str], children: Sequence[tuple[str, str]], **fields: object) -> dict[str, object]:
    """Give one block; *definition* and *source_version* among the fields go to their own places."""
    definition = fields.pop("definition", f"definition of {key[1]}")
    source_version = fields.pop("source_version", None)
    settings = {"display_name": f"The {key[1]}", **fields}
    if children:
        settings["children"] = [list(child) for child in children]
    return {
        "block_type": key[0],
        "block_id": key[1],
        "definition": definition,
        "fields": settings,
        "defaults": {},
        "asides": {},
        "edit_info": {"edited_by": 7, "source_version": source_version},
    }


def structure(tree: Tree, *, number: int = 1, root: tuple[str, str] = ROOT, **fields: object) -> dict[str, object]:
    """Give a structure document of the blocks in *tree*."""
    return {
        "_id": version(number),
        "root": list(root),
        "previous_version": None,
        "original_version": version(number),
        "edited_by": 9,
        "edited_on": at(number),
        "schema_version": 1,
        "blocks": [block(key, children, **fields) for key, children in tree.items()],
    }


def chapters(*names: str) -> Tree:
    """Give a course of chapters without more."""
    return {ROOT: [("chapter", name) for name in names], **{("chapter", name): [] for name in names}}


def sketch(number: int, *names: str, published: bool = False, missing_definitions: int = 0) -> Sketch:
    """Give the sketch of a course of chapters."""
    found = outline(structure(chapters(*names), number=number, source_version="x" if published else None))
    return Sketch.of(found, lost=map(version, range(missing_definitions)))


def ledger_row(pointers: Pointers, minute: int) -> LedgerRow:
    """Give a ledger row that was last saved at *minute*."""
    return LedgerRow(1, "a" * 24, "course-v1:O+C+R", "O", pointers, "", "mongodb", 7, at(0), at(minute))


def history_row(number: int, draft: int, published: int, *, minute: int, kind: str = "~") -> HistoryRow:
    """Give a history row; 0 stands for an absent branch."""
    pointers = Pointers(
        **{
            branch.word: version(value) if value else ""
            for branch, value in zip(BRANCHES, (draft, published, 0), strict=True)
        }
    )
    return HistoryRow(number, at(minute), kind, "Updated draft branch", 9, ledger_row(pointers, minute))
