"""How two versions of a course differ, block by block, in what is reachable."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from rollbook.openedx.structure import Block, BlockKey, Outline

from ..dataclass import dataclass

SAMPLE: Final = 25  # blocks named per list; the counts are always of all


@dataclass(frozen=True, slots=True)
class DifferentBlock:
    """One block that differs; *what* names the sides of it that changed, and is empty for one added or removed."""

    type: str
    id: str
    name: str
    what: tuple[str, ...] = ()

    def __str__(self) -> str:
        name = f'"{self.name}"' if self.name else "(no name)"
        changed = f" ({', '.join(self.what)})" if self.what else ""
        return f"{self.type} {name}{changed}"


@dataclass(frozen=True, slots=True)
class Listed:
    """Blocks that were added, removed or changed: how many of each type, and a sample by name."""

    total: int = 0
    by_type: tuple[tuple[str, int], ...] = ()
    sample: tuple[DifferentBlock, ...] = ()

    def __str__(self) -> str:
        return ", ".join(f"{count} {kind}" for kind, count in self.by_type) or "none"

    def plain(self) -> dict[str, object]:
        """Give JSON's values."""
        return {
            "total": self.total,
            "by_type": dict(self.by_type),
            "sample": [str(block) for block in self.sample],
        }


@dataclass(frozen=True, slots=True)
class Difference:
    """What choosing one version over another does to the reachable blocks of a branch."""

    added: Listed
    removed: Listed
    changed: Listed
    unchanged: int

    @property
    def empty(self) -> bool:
        """Tell whether both versions show the same."""
        return not (self.added.total or self.removed.total or self.changed.total)

    def __str__(self) -> str:
        if self.empty:
            return f"no difference ({self.unchanged} blocks)"
        return f"+ {self.added} · - {self.removed} · ~ {self.changed} · = {self.unchanged} unchanged"

    def plain(self) -> dict[str, object]:
        """Give JSON's values, of bounded size however large the course is."""
        return {
            "added": self.added.plain(),
            "removed": self.removed.plain(),
            "changed": self.changed.plain(),
            "unchanged": self.unchanged,
        }


def difference(before: Outline | None, after: Outline | None, *, sample: int = SAMPLE) -> Difference:
    """
    Compare what is reachable in *before* with what is in *after*; None stands for a branch that is absent.

    A block changed when its definition, its fields or its children are others; a block that only moved to another
    parent is unchanged itself, and both parents changed.
    """
    old: Mapping[BlockKey, Block] = before.blocks if before else {}
    new: Mapping[BlockKey, Block] = after.blocks if after else {}
    kept = [(old[key], new[key]) for key in new if key in old]
    changes = [(block, what) for was, block in kept if (what := _changes(was, block))]
    return Difference(
        added=_listed(((block, ()) for key, block in new.items() if key not in old), sample),
        removed=_listed(((block, ()) for key, block in old.items() if key not in new), sample),
        changed=_listed(changes, sample),
        unchanged=len(kept) - len(changes),
    )


def replaced_share(before: frozenset[int], after: frozenset[int]) -> float:
    """Say which share, 0 to 1, of the blocks with the marks *before* were taken away or rewritten."""
    return 1 - len(before & after) / len(before) if before else 0.0


def _changes(was: Block, now: Block) -> tuple[str, ...]:
    sides = (
        ("content", was.definition != now.definition),
        ("settings", was.settings != now.settings),
        ("children", was.children != now.children),
    )
    return tuple(name for name, differs in sides if differs)


def _listed(blocks: Iterable[tuple[Block, tuple[str, ...]]], sample: int) -> Listed:
    found = list(blocks)
    counted = Counter(block.key.type for block, _ in found)
    return Listed(
        total=len(found),
        by_type=tuple(sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))),
        sample=tuple(DifferentBlock(block.key.type, block.key.id, block.name, what) for block, what in found[:sample]),
    )
