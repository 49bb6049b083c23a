"""What a learner or author can reach in one version of a course: a structure document read as an outline."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from rollbook.errors import RollbookError
from rollbook.openedx.instants import to_utc

from ..dataclass import dataclass

Document: TypeAlias = Mapping[str, object]


class StructureError(RollbookError):
    """A document of modulestore.structures does not have the shape that the split modulestore writes."""


class BlockKey(NamedTuple):
    """Name one block inside its course."""

    type: str
    id: str

    def __str__(self) -> str:
        return f"{self.type} {self.id}"


class BranchKind(StrEnum):
    """Which branch a structure was written for, as its blocks tell."""

    DRAFT = "draft"
    PUBLISHED = "published"
    LIBRARY = "library"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Block:
    """One block as a structure holds it; *settings* is a digest of its fields but the children, defaults and asides."""

    key: BlockKey
    name: str
    definition: object
    settings: str
    children: tuple[BlockKey, ...]
    from_published: bool  # edit_info.source_version is set: it was copied here by a publish, or from a library

    @property
    def mark(self) -> int:
        """A number that is the same while the block itself is; valid inside one process only."""
        return hash((self.key, self.definition, self.settings))


@dataclass(frozen=True, slots=True)
class Outline:
    """The blocks that are reachable from the root of one version, in the order of the course."""

    version: str
    root: BlockKey
    blocks: Mapping[BlockKey, Block]
    missing: tuple[BlockKey, ...]  # named as a child (or as the root), and not in the document
    orphans: int  # in the document, and not reachable
    previous_version: str
    original_version: str
    edited_by: int | None
    edited_on: datetime | None

    @property
    def root_present(self) -> bool:
        """Tell whether there is anything to show at all."""
        return self.root in self.blocks

    @property
    def name(self) -> str:
        """The display name of the course, or nothing when the root has none."""
        return self.blocks[self.root].name if self.root_present else ""

    @property
    def counts(self) -> dict[str, int]:
        """Count the reachable blocks by type, the most frequent first."""
        counted = Counter(key.type for key in self.blocks)
        return dict(sorted(counted.items(), key=lambda pair: (-pair[1], pair[0])))

    @property
    def definitions(self) -> tuple[object, ...]:
        """The definitions that the reachable blocks need, each once, as the database's own ids."""
        return tuple(dict.fromkeys(block.definition for block in self.blocks.values() if block.definition is not None))

    @property
    def without_definition(self) -> tuple[BlockKey, ...]:
        """Name the reachable blocks that point at no definition whatever."""
        return tuple(key for key, block in self.blocks.items() if block.definition is None)

    @property
    def marks(self) -> frozenset[int]:
        """
        The marks of the reachable blocks but the root, which every course has under the same id.

        Enough to compare many versions without keeping their blocks in memory.
        """
        return frozenset(block.mark for key, block in self.blocks.items() if key != self.root)

    @property
    def kind(self) -> BranchKind:
        """
        Tell from the blocks which branch this version was written for.

        A publish sets edit_info.source_version on every block it copies. A draft has it on none but those that came
        from a library, and the root never does.
        """
        if self.root.type == "library":
            return BranchKind.LIBRARY
        if not self.root_present:
            return BranchKind.UNCLEAR
        if all(block.from_published for block in self.blocks.values()):
            return BranchKind.PUBLISHED
        return BranchKind.UNCLEAR if self.blocks[self.root].from_published else BranchKind.DRAFT

    def walk(self) -> Iterator[tuple[int, Block]]:
        """Yield each reachable block once, with its depth, in the order in which learners meet it."""
        if self.root_present:
            seen: set[BlockKey] = set()
            waiting = [(0, self.root)]
            while waiting:
                depth, key = waiting.pop()
                if key in seen or key not in self.blocks:
                    continue
                seen.add(key)
                yield depth, self.blocks[key]
                waiting.extend((depth + 1, child) for child in reversed(self.blocks[key].children))


def outline(document: Document) -> Outline:
    """
    Read a structure document.

    Follows children from the root, so that the orphans an import leaves behind are not taken for content. Children
    that form a circle, that are named twice or that are not there do no harm. Raises StructureError when the
    document is not a structure.
    """
    version = str(document.get("_id", ""))
    root = _key(document.get("root"), version)
    raw = {_block_key(item, version): item for item in _block_documents(document, version)}
    blocks, missing = _reachable(root, raw, version)
    edited_by = document.get("edited_by")
    edited_on = document.get("edited_on")
    return Outline(
        version=version,
        root=root,
        blocks=blocks,
        missing=missing,
        orphans=len(raw) - len(blocks),
        previous_version=_id_text(document.get("previous_version")),
        original_version=_id_text(document.get("original_version")),
        edited_by=edited_by if isinstance(edited_by, int) else None,
        edited_on=to_utc(edited_on) if isinstance(edited_on, datetime) else None,
    )


def _reachable(
    root: BlockKey, raw: Mapping[BlockKey, Document], version: str
) -> tuple[dict[BlockKey, Block], tuple[BlockKey, ...]]:
    """Walk from the root without recursion: a course can be deeper than Python's stack, and can hold circles."""
    blocks: dict[BlockKey, Block] = {}
    missing: dict[BlockKey, None] = {}
    waiting = [root]
    while waiting:
        key = waiting.pop()
        if key in blocks or key in missing:
            continue
        if key not in raw:
            missing[key] = None
            continue
        blocks[key] = _block(key, raw[key], version)
        waiting.extend(reversed(blocks[key].children))
    return blocks, tuple(missing)


def _block_documents(document: Document, version: str) -> Iterator[Document]:
    blocks = document.get("blocks")
    found: Sequence[object]
    match blocks:
        case list() | tuple():
            found = blocks
        case Mapping():
            found = list(blocks.values())
        case _:
            raise _malformed(version, "it has no list of blocks")
    for item in found:
        if not isinstance(item, Mapping):
            raise _malformed(version, f"a block is {type(item).__name__}, not a document")
        yield item


def _block(key: BlockKey, item: Document, version: str) -> Block:
    fields = item.get("fields")
    settings = dict(fields) if isinstance(fields, Mapping) else {}
    children = settings.pop("children", None)
    edit = item.get("edit_info")
    source = edit.get("source_version") if isinstance(edit, Mapping) else None
    name = settings.get("display_name")
    return Block(
        key=key,
        name=name if isinstance(name, str) else "",
        definition=_definition(item.get("definition"), key, version),
        settings=_digest([settings, item.get("defaults") or None, item.get("asides") or None]),
        children=_children(children, key, version),
        from_published=source is not None,
    )


def _definition(value: object, key: BlockKey, version: str) -> object:
    if isinstance(value, (Mapping, list, tuple)):
        raise _malformed(version, f"the definition of {key} is {type(value).__name__}, not an id")
    return value


def _children(children: object, parent: BlockKey, version: str) -> tuple[BlockKey, ...]:
    match children:
        case None:
            return ()
        case list() | tuple():
            return tuple(_key(child, version, f"a child of {parent}") for child in children)
    raise _malformed(version, f"the children of {parent} are {type(children).__name__}, not a list")


def _block_key(item: Document, version: str) -> BlockKey:
    return _key((item.get("block_type"), item.get("block_id")), version, "the type and id of a block")


def _key(value: object, version: str, what: str = "the root") -> BlockKey:
    match value:
        case [str(block_type), str(block_id)]:
            return BlockKey(block_type, block_id)
    raise _malformed(version, f"{what} is {value!r:.80}, not a pair of type and id")


def _digest(settings: Sequence[object]) -> str:
    text = json.dumps(settings, sort_keys=True, default=str, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _id_text(value: object) -> str:
    return "" if value is None else str(value)


def _malformed(version: str, why: str) -> StructureError:
    return StructureError(
        f"structure {version or '(without _id)'} cannot be read: {why}",
        advice="it was not written by the split modulestore, or is damaged; choose another version",
    )
