"""A course as the site shows it: what the ledger points at, looked up in MongoDB, and nothing cached."""

from collections import Counter
from collections.abc import Mapping
from typing import Literal

from bson import ObjectId

from rollbook.demo.blocks import Edit, Ids, Key, Structure
from rollbook.demo.errors import DemoError
from rollbook.demo.studio import Branch, Entry, Studio

from ..dataclass import dataclass

_NOBODY = Ids(0)


class BlockBrokenError(DemoError):
    """A block's definition is gone: the course opens, the block does not."""


@dataclass(frozen=True, slots=True)
class Node:
    """One container of the outline with what is under it."""

    key: Key
    title: str
    children: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Outline:
    """One branch of a course, as far as a reader of the site can reach it."""

    entry: Entry
    branch: Branch
    title: str
    counts: Mapping[str, int]
    tree: Node

    def as_json(self) -> dict[str, object]:
        """Give the outline for machines."""
        return {
            "course_id": self.entry.course_id,
            "display_name": self.title,
            "published_version": self.entry.published_version,
            "draft_version": self.entry.draft_version,
            "library_version": self.entry.library_version,
            "blocks": dict(self.counts),
            "chapters": [node.title for node in self.tree.children],
        }


def read_outline(studio: Studio, course_id: str, view: Literal["published", "draft"] = "published") -> Outline:
    """
    Read a branch of a course; a library has one only.

    Raises `DemoError` when the course or its structure is missing, `BlockBrokenError` when a definition is.
    """
    entry = studio.entry(course_id)
    branch: Branch = (
        "library" if entry.library_version else "published-branch" if view == "published" else "draft-branch"
    )
    version = entry.version(branch)
    if not version:
        raise DemoError(f"{course_id} has no {view} version.")
    structure = studio.structure(version, Edit(0, entry.edited_on, _NOBODY))
    reachable = tuple(structure.reachable())
    _require_definitions(studio, structure, reachable)
    counts = Counter(kind for kind, _ in reachable)
    tree = _node(structure, structure.root)
    return Outline(entry, branch, tree.title, dict(sorted(counts.items())), tree)


def _node(structure: Structure, key: Key) -> Node:
    title = str(structure.blocks[key]["fields"].get("display_name", key[0]))
    return Node(key, title, tuple(_node(structure, child) for child in structure.children(key)))


def _require_definitions(studio: Studio, structure: Structure, keys: tuple[Key, ...]) -> None:
    wanted: set[ObjectId] = {structure.blocks[key]["definition"] for key in keys}
    definitions = studio.database["modulestore.definitions"]
    found = {definition["_id"] for definition in definitions.find({"_id": {"$in": list(wanted)}}, ["_id"])}
    if wanted - found:
        broken = [f"{kind} {name}" for kind, name in keys if structure.blocks[kind, name]["definition"] not in found]
        raise BlockBrokenError(f"{len(broken)} blocks have no definition, for example {broken[0]}.")
