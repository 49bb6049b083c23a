"""
Documents of the split modulestore, changed the way Studio changes them.

A `Structure` is one stored version of one branch: immutable once written, so every change starts with `successor`.
"""

import datetime as dt
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from typing import Self, TypedDict, cast

from bson import ObjectId

from ..dataclass import dataclass

Key = tuple[str, str]

CONTAINERS = ("course", "chapter", "sequential", "vertical", "library")


class Ids:
    """Makes ObjectIds for given times, and block ids; the same seed makes the same ids."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311  (identifiers, not secrets)
        self._machine = self._random.randbytes(5)
        self._counter = self._random.randrange(1 << 20)

    def object_id(self, when: dt.datetime) -> ObjectId:
        """Make an ObjectId whose first four bytes tell *when*, as those of a real driver do."""
        self._counter += 1
        return ObjectId(int(when.timestamp()).to_bytes(4) + self._machine + self._counter.to_bytes(3))

    def block_id(self) -> str:
        """Make a block id as Studio does: 32 hex digits."""
        return self._random.randbytes(16).hex()


class EditInfo(TypedDict):
    """When and from what a block came to be as it is; `source_version` is set in published branches."""

    edited_by: int
    edited_on: dt.datetime
    previous_version: ObjectId | None
    update_version: ObjectId
    source_version: ObjectId | None
    original_usage: str | None
    original_usage_version: ObjectId | None


class Block(TypedDict):
    """One block of a structure; its content is in the definition."""

    block_type: str
    block_id: str
    definition: ObjectId
    fields: dict[str, object]
    defaults: dict[str, object]
    asides: dict[str, object]
    edit_info: EditInfo


class StructureDocument(TypedDict):
    """What `modulestore.structures` holds."""

    _id: ObjectId
    root: list[str]
    previous_version: ObjectId | None
    original_version: ObjectId
    edited_by: int
    edited_on: dt.datetime
    schema_version: int
    blocks: list[Block]


class DefinitionEdit(TypedDict):
    """The chain that a definition stands in."""

    edited_by: int
    edited_on: dt.datetime
    previous_version: ObjectId | None
    original_version: ObjectId


class DefinitionDocument(TypedDict):
    """What `modulestore.definitions` holds."""

    _id: ObjectId
    block_type: str
    fields: dict[str, object]
    edit_info: DefinitionEdit
    schema_version: int


@dataclass(frozen=True, slots=True)
class Edit:
    """Who changes something, when, and where the new ids come from."""

    user: int
    when: dt.datetime
    ids: Ids

    def object_id(self) -> ObjectId:
        """Make an id of the time of this edit."""
        return self.ids.object_id(self.when)


@dataclass(slots=True)
class Structure:
    """
    One version of one branch in the making.

    *definitions* are the new ones that must be stored with it; *origins* leads from a definition to its chain's first.
    """

    id: ObjectId
    root: Key
    previous: ObjectId | None
    original: ObjectId
    edit: Edit
    blocks: dict[Key, Block]
    definitions: list[DefinitionDocument] = field(default_factory=list)
    origins: dict[ObjectId, ObjectId] = field(default_factory=dict)

    @classmethod
    def create(cls, edit: Edit, root: Key) -> Self:
        """Begin a chain: a structure without a block yet, which is its own original."""
        made = edit.object_id()
        return cls(made, root, None, made, edit, {})

    @classmethod
    def from_document(cls, document: StructureDocument, edit: Edit) -> Self:
        """Read a stored structure, to go on from it with `successor`."""
        blocks = {(block["block_type"], block["block_id"]): block for block in document["blocks"]}
        root = (document["root"][0], document["root"][1])
        return cls(document["_id"], root, document["previous_version"], document["original_version"], edit, blocks)

    def document(self) -> StructureDocument:
        """Give the document as it is stored: blocks are a list there."""
        return {
            "_id": self.id,
            "root": list(self.root),
            "previous_version": self.previous,
            "original_version": self.original,
            "edited_by": self.edit.user,
            "edited_on": self.edit.when,
            "schema_version": 1,
            "blocks": list(self.blocks.values()),
        }

    def successor(self, edit: Edit) -> Self:
        """Begin the next version of this branch; it holds the same blocks until they are changed."""
        blocks = dict(self.blocks)
        return type(self)(edit.object_id(), self.root, self.id, self.original, edit, blocks, origins=self.origins)

    def children(self, key: Key) -> tuple[Key, ...]:
        """List the keys under a block, in their order."""
        pairs = cast("list[list[str]]", self.blocks[key]["fields"].get("children", []))
        return tuple((kind, name) for kind, name in pairs)

    def reachable(self, start: Key | None = None) -> Iterator[Key]:
        """
        Walk from *start* (default: the root) downwards, each block once.

        What only lies in the list is an orphan and not met. A damaged course may lead in circles.
        """
        met, ahead = set[Key](), [start or self.root]
        while ahead:
            key = ahead.pop()
            if key not in met:
                met.add(key)
                yield key
                ahead += reversed(self.children(key))

    def put(self, key: Key, fields: Mapping[str, object], content: Mapping[str, object]) -> None:
        """Add a block, or overwrite one as an import does; its content goes to a new definition."""
        old = self.blocks.get(key)
        definition = self._define(key[0], content, None if old is None else old["definition"])
        all_fields = dict(fields)
        if key[0] in CONTAINERS:
            all_fields.setdefault("children", [])
        self.blocks[key] = {
            "block_type": key[0],
            "block_id": key[1],
            "definition": definition,
            "fields": all_fields,
            "defaults": {},
            "asides": {},
            "edit_info": self._edited(old),
        }

    def add(self, parent: Key, block_type: str, fields: Mapping[str, object], content: Mapping[str, object]) -> Key:
        """Add a block at the end of *parent*."""
        key = (block_type, self.edit.ids.block_id())
        self.put(key, fields, content)
        self.set_children(parent, (*self.children(parent), key))
        return key

    def set_children(self, key: Key, children: Iterable[Key]) -> None:
        """Replace what is under a block."""
        self.set_fields(key, children=[list(child) for child in children])

    def set_fields(self, key: Key, **fields: object) -> None:
        """Change settings of a block."""
        block = self._touch(key)
        block["fields"] = {**block["fields"], **fields}

    def set_content(self, key: Key, content: Mapping[str, object]) -> None:
        """Change what a block says: a new definition, for definitions are immutable too."""
        block = self._touch(key)
        block["definition"] = self._define(key[0], content, block["definition"])

    def publish(self, draft: "Structure", keys: Iterable[Key]) -> None:
        """Take over the blocks of *keys* from the draft branch; children that are not published stay out."""
        wanted = tuple(keys)
        known = {*self.blocks, *wanted}
        for key in wanted:
            source = draft.blocks[key]
            fields = dict(source["fields"])
            if "children" in fields:
                fields["children"] = [list(child) for child in draft.children(key) if child in known]
            published_from = source["edit_info"]["update_version"]
            edit_info = self._edited(self.blocks.get(key), published_from)
            self.blocks[key] = {**source, "fields": fields, "edit_info": edit_info}

    def publish_units(self, draft: "Structure", keys: Iterable[Key]) -> None:
        """Publish *keys*, and show those that are new under their published parents, in the draft's order."""
        wanted = tuple(keys)
        self.publish(draft, wanted)
        for parent in tuple(self.blocks):
            children = tuple(child for child in draft.children(parent) if child in self.blocks)
            if parent not in wanted and children != self.children(parent) and set(children) & set(wanted):
                self.set_children(parent, children)

    def _touch(self, key: Key) -> Block:
        old = self.blocks[key]
        edit_info = old["edit_info"]
        if edit_info["update_version"] != self.id:
            edit_info = self._edited(old, edit_info["source_version"])
        block: Block = {**old, "edit_info": edit_info}
        self.blocks[key] = block
        return block

    def _edited(self, old: Block | None, source_version: ObjectId | None = None) -> EditInfo:
        return {
            "edited_by": self.edit.user,
            "edited_on": self.edit.when,
            "previous_version": None if old is None else old["edit_info"]["update_version"],
            "update_version": self.id,
            "source_version": source_version,
            "original_usage": None,
            "original_usage_version": None,
        }

    def _define(self, block_type: str, content: Mapping[str, object], previous: ObjectId | None) -> ObjectId:
        made = self.edit.object_id()
        origin = made if previous is None else self.origins.get(previous, previous)
        self.origins[made] = origin
        edit_info: DefinitionEdit = {
            "edited_by": self.edit.user,
            "edited_on": self.edit.when,
            "previous_version": previous,
            "original_version": origin,
        }
        definition: DefinitionDocument = {
            "_id": made,
            "block_type": block_type,
            "fields": dict(content),
            "edit_info": edit_info,
            "schema_version": 1,
        }
        self.definitions.append(definition)
        return made
