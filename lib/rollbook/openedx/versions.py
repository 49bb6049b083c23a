"""The pairs of versions that a course has had, judged as candidates to go back to."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final, Literal

from rollbook.errors import RefusedError
from rollbook.openedx.completeness import Sketch, misplaced
from rollbook.openedx.difference import replaced_share
from rollbook.openedx.instants import text as instant_text
from rollbook.openedx.keys import BRANCHES, DRAFT, PUBLISHED, Branch, CourseKey
from rollbook.openedx.ledger import HistoryRow, LedgerRow
from rollbook.openedx.pointers import Pointers, check_fit

from ..dataclass import dataclass

MOST: Final = 0.5  # a change that replaced more than this share of the reachable blocks is suspect
_TOGETHER: Final = timedelta(seconds=2)  # a save that moves both branches writes the two structures this close

Source = Literal["ledger", "history", "chain"]


@dataclass(frozen=True, slots=True)
class Pair:
    """
    Where the branches of a course pointed at from *when* on.

    Taken from the ledger's row, from its history, or put together from the chain of previous versions, in which
    case nothing proves that the two were ever in force together to the second.
    """

    pointers: Pointers
    when: datetime
    source: Source
    why: str = ""
    history_id: int | None = None
    user_id: int | None = None
    gap: bool = False  # pruning may have taken versions between this pair and the next newer one
    created: bool = False  # with it the course came to be
    deleted: datetime | None = None  # when the course was deleted, after this pair and before the next newer one


@dataclass(frozen=True, slots=True)
class Link:
    """One version in the chain of a branch, and the one before it."""

    version: str
    previous_version: str
    original_version: str
    edited_on: datetime

    @property
    def skips(self) -> bool:
        """Tell whether it leads straight to the first version: it was the second, or pruning took those between."""
        return self.previous_version == self.original_version


@dataclass(frozen=True, slots=True)
class Candidate:
    """A pair with everything an operator needs to know to choose it."""

    pair: Pair
    current: bool
    who: str
    name: str
    counts: Mapping[str, Mapping[str, int]]  # by branch, then by block type
    problems: tuple[str, ...]
    shared_with: tuple[str, ...]
    saves_left: int | None
    replaced: float | None  # the share of the blocks of an earlier pair that this one replaced, where both are known
    apart: int = 0  # the pairs between the two, of which nothing is left to compare with
    whole: tuple[str, ...] = ()  # the branches of which all is there
    dumped: bool = False  # something of it is only in a dump, from which it can be brought back
    without: tuple[str, ...] = ()  # children that are nowhere, and are allowed to be missing

    @property
    def good(self) -> bool:
        """Tell whether the course can be pointed at it as it is."""
        return not self.problems

    @property
    def label(self) -> str:
        """Put it in one line."""
        parts = (
            instant_text(self.pair.when),
            self.who,
            self.pair.why or "no reason recorded",
            self.pair.pointers.short(),
            f'"{self.name}"' if self.name else "",
            "; ".join(f"{word}: {_counted(counts)}" for word, counts in self.counts.items()),
            f"replaced {self.replaced:.0%} of the blocks" if self.replaced and self.replaced > MOST else "",
            "; ".join(self.problems) or ("complete with what is in the dump" if self.dumped else "complete"),
            "; ".join(self.without),
            f"shared with {', '.join(self.shared_with)}" if self.shared_with else "",
            "put together from the chain of versions" if self.pair.source == "chain" else "",
            "versions between this line and the newer one may be pruned" if self.pair.gap else "",
            f"THE COURSE WAS DELETED at {instant_text(self.pair.deleted)}" if self.pair.deleted else "",
            "NOW" if self.current else "",
        )
        return " | ".join(part for part in parts if part)


def history_pairs(row: LedgerRow | None, history: Sequence[HistoryRow]) -> tuple[Pair, ...]:
    """
    Give the pairs that the ledger remembers, the newest first, the present one included.

    The row as it is now comes on top when the history does not end with it: a course that was only migrated has no
    history at all, and a row changed by plain SQL leaves none.
    """
    entries = sorted(history, key=lambda entry: (entry.date, entry.history_id), reverse=True)
    deleted = {older: newer.date for newer, older in pairwise(entries) if newer.type == "-"}
    pairs = [
        Pair(
            pointers=entry.row.pointers,
            when=entry.date,
            source="history",
            why=_reason(entry),
            history_id=entry.history_id,
            user_id=entry.user_id,
            created=entry.type == "+",
            deleted=deleted.get(entry),
        )
        for entry in entries
        if entry.type != "-"
    ]
    if row and (not pairs or pairs[0].pointers != row.pointers):
        why = "changed without a history entry" if pairs else "no history entry (only migrated)"
        pairs.insert(0, Pair(row.pointers, row.last_update, "ledger", why))
    return tuple(pairs)


def reaches_creation(history: Sequence[HistoryRow]) -> bool:
    """Tell whether the history goes back to the course's first save, so that no chain is needed below it."""
    return any(entry.type == "+" for entry in history)


def chain_pairs(oldest: Pair, links: Mapping[str, Link], *, limit: int = 50) -> tuple[Pair, ...]:
    """
    Put together the pairs before *oldest* from the chains of previous versions, the newest first.

    Goes back one save at a time, by the times in the structures; two versions written within two seconds of each
    other count as one save. Ends where a version is gone, where a branch began, and where one leads back to a later
    version, which only damage can make. Pruning links the oldest version it keeps straight to the original, so the
    pair that such a step leads to is marked with a gap.
    """
    pairs: list[Pair] = []
    at = oldest.pointers
    been = set(at.present)
    while len(pairs) < limit and (moved := _step_back(at, links)):
        steps = set(moved[0].present) - set(at.present)
        if not steps or steps & been:
            break
        been |= steps
        at, when, gap = moved
        pairs.append(Pair(at, when, "chain", "previous version", gap=gap))
    return tuple(pairs)


def window(pairs: Sequence[Pair], before: datetime | None, limit: int) -> tuple[Pair, ...]:
    """
    Choose the *limit* pairs worth looking at, for every one costs reading whole structures.

    The newest ones; or, when *before* lies further back, the present one and those around that time.
    """
    first_older = next((n for n, pair in enumerate(pairs) if before and pair.when < before), None)
    if len(pairs) <= limit or first_older is None or first_older < limit // 2:
        return tuple(pairs[:limit])
    start = max(1, min(first_older - limit // 2, len(pairs) - limit + 1))
    return (pairs[0], *pairs[start : start + limit - 1])


def judge(
    pairs: Sequence[Pair],
    sketches: Mapping[str, Sketch],
    key: CourseKey,
    *,
    now: Pointers,
    shared: Mapping[str, Sequence[str]],
    left: Mapping[str, int | None],
    allow_same: bool = False,
) -> tuple[Candidate, ...]:
    """
    Judge *pairs* (newest first) by the sketches of their versions, and by what is shared and about to be pruned.

    With *allow_same* a pair whose branches are one version is as good as another.
    """
    return tuple(
        Candidate(
            pair=pair,
            current=pair.pointers == now,
            who=_who(pair, pairs[place + 1] if place + 1 < len(pairs) else None, sketches),
            name=next((sketches[v].name for v in pair.pointers.versions if v in sketches and sketches[v].name), ""),
            counts=_counts(pair.pointers, sketches),
            problems=_problems(pair.pointers, sketches, key, allow_same=allow_same),
            shared_with=tuple(dict.fromkeys(run for v in pair.pointers.versions for run in shared.get(v, ()))),
            saves_left=_least([left.get(version, 0) for version in pair.pointers.versions]),
            replaced=replaced.share if replaced else None,
            apart=replaced.apart if replaced else 0,
            whole=tuple(branch.word for branch, version in pair.pointers.present if _is_whole(sketches.get(version))),
            dumped=any(sketches[v].dumped for v in pair.pointers.versions if v in sketches),
            without=_without(pair.pointers, sketches),
        )
        for place, pair in enumerate(pairs)
        for replaced in (_replaced(place, pairs, sketches),)
    )


def is_known(pointers: Pointers, known: Sequence[Pointers]) -> bool:
    """Tell whether the course had these once, or what is published in both branches: then nothing is mixed either."""
    in_both = pointers.draft == pointers.published and pointers.published != ""
    return pointers in known or (in_both and pointers.published in {pair.published for pair in known})


def check_mix(pointers: Pointers, known: Sequence[Pointers], *, allowed: bool) -> None:
    """Refuse draft and published versions that were never in force together, unless that is *allowed*."""
    if allowed or is_known(pointers, known):
        return
    raise RefusedError(
        f"{pointers} is no pair that this course has had: the two come from different saves, or from another course",
        advice="choose both from one line of openedx.versions, or set allow_mix: true if the mix is really wanted",
    )


def _reason(entry: HistoryRow) -> str:
    if entry.reason:
        return entry.reason
    if entry.type == "+":
        return "created"
    return "edited in the Django admin" if entry.user_id is not None else ""


def _step_back(at: Pointers, links: Mapping[str, Link]) -> tuple[Pointers, datetime, bool] | None:
    """Undo the newest save of *at*: the pointers before it, since when they held, and whether some are skipped."""
    here = {branch: links[version] for branch, version in at.present if version in links}
    if not here or len(here) < len(at.present):
        return None
    newest = max(link.edited_on for link in here.values())
    moved = {b: link for b, link in here.items() if newest - link.edited_on <= _TOGETHER and link.previous_version}
    if not moved or any(link.previous_version not in links for link in moved.values()):
        return None
    versions = {branch.word: at.of(branch) for branch in BRANCHES}
    versions |= {branch.word: link.previous_version for branch, link in moved.items()}
    back = Pointers(**versions)
    when = max(links[version].edited_on for version in back.versions)
    gap = any(link.skips and newest - links[link.previous_version].edited_on > _TOGETHER for link in moved.values())
    return back, when, gap


def _moved(pair: Pair, older: Pair | None) -> Iterator[str]:
    """Yield the versions that this pair brought, else all of them: its editor is theirs."""
    if older:
        yield from (version for branch, version in pair.pointers.present if older.pointers.of(branch) != version)
    yield from pair.pointers.versions


def _who(pair: Pair, older: Pair | None, sketches: Mapping[str, Sketch]) -> str:
    """Name the editor by the structure; the ledger's own edited_by is the creator for ever."""
    if pair.source == "history" and pair.why == "edited in the Django admin":
        return f"user {pair.user_id}"
    editors = (sketches[v].edited_by for v in _moved(pair, older) if v in sketches and sketches[v].exists)
    editor = next((user for user in editors if user is not None), pair.user_id)
    return _USERS.get(editor, f"user {editor}") if editor is not None else "unknown"


_USERS: Final = {-1: "a management command", -2: "the system (primitive)", -3: "a test", -4: "the system"}


def _counts(pointers: Pointers, sketches: Mapping[str, Sketch]) -> dict[str, Mapping[str, int]]:
    found = ((branch, sketches.get(version)) for branch, version in pointers.present)
    return {branch.word: sketch.counts for branch, sketch in found if sketch and sketch.counts is not None}


def _problems(
    pointers: Pointers, sketches: Mapping[str, Sketch], key: CourseKey, *, allow_same: bool
) -> tuple[str, ...]:
    try:
        check_fit(pointers, key, allow_same=allow_same)
    except RefusedError as error:
        return (error.message,)
    found = [(branch, sketches[version]) for branch, version in pointers.present if version in sketches]
    wrong = misplaced(found, were_in_force=True)
    return tuple(
        f"{branch.word}: {problem}"
        for branch, version in pointers.present
        for problem in (*_branch_problems(sketches.get(version)), wrong.get(branch, ""))
        if problem
    )


def _without(pointers: Pointers, sketches: Mapping[str, Sketch]) -> tuple[str, ...]:
    found = ((branch.word, sketches[version]) for branch, version in pointers.present if version in sketches)
    return tuple(f"{word}: {one.without}, allowed" for word, one in found if one.lenient and one.without)


def _branch_problems(sketch: Sketch | None) -> tuple[str, ...]:
    return sketch.problems if sketch else ("not looked at",)


@dataclass(frozen=True, slots=True)
class _Replaced:
    """What share of an earlier version's blocks one replaced, and how many pairs lie between whose version is gone."""

    share: float
    apart: int

    @property
    def telling(self) -> tuple[bool, int, float]:
        """Order those of two branches: of two that replaced most, that which was compared with what is nearest."""
        most = self.share > MOST
        return most, -self.apart if most else 0, self.share


def _replaced(place: int, pairs: Sequence[Pair], sketches: Mapping[str, Sketch]) -> _Replaced | None:
    """
    Compare each branch with the nearest older version of it that still exists, and take what tells more.

    Publishing what the draft already was replaces nothing: else the publish after a bad import would be taken for
    the damage, and the pair before it, with the bad draft, for the cure.
    """
    found = []
    for branch, version in pairs[place].pointers.present:
        marks = _marks(version, sketches)
        older = next(_older_marks(branch, place, pairs, sketches), None)
        if marks is None or older is None:
            continue
        draft = next(_older_marks(DRAFT, place, pairs, sketches), None)
        echo = branch is PUBLISHED and draft is not None and replaced_share(draft[1], marks) <= MOST
        apart = max(older[0], _hidden(place, pairs, sketches)) if branch is PUBLISHED else older[0]
        found.append(_Replaced(0.0 if echo else replaced_share(older[1], marks), apart))
    return max(found, key=lambda one: one.telling, default=None)


def _hidden(place: int, pairs: Sequence[Pair], sketches: Mapping[str, Sketch]) -> int:
    """
    Count the pairs before this one that may have brought what it published, for their drafts are gone.

    A draft that is there, and one that was published with its pair, show how the course was by then.
    """
    for apart, pair in enumerate(pairs[place + 1 :], place + 1):
        older = pairs[apart + 1].pointers if apart + 1 < len(pairs) else Pointers()
        published = pair.pointers.published != older.published and _marks(pair.pointers.published, sketches)
        if published or _marks(pair.pointers.draft, sketches) is not None:
            return apart - place - 1
    return len(pairs) - place - 1


def _older_marks(
    branch: Branch, place: int, pairs: Sequence[Pair], sketches: Mapping[str, Sketch]
) -> Iterator[tuple[int, frozenset[int]]]:
    """Yield the marks of the older versions that are there, each after how many pairs whose version is not."""
    for apart, pair in enumerate(pairs[place + 1 :]):
        marks = _marks(pair.pointers.of(branch), sketches)
        if marks is not None:
            yield apart, marks


def _is_whole(sketch: Sketch | None) -> bool:
    return sketch is not None and not sketch.problems and not sketch.dumped


def _marks(version: str, sketches: Mapping[str, Sketch]) -> frozenset[int] | None:
    sketch = sketches.get(version)
    return sketch.marks if sketch and sketch.exists and not sketch.damage else None


def _least(left: Sequence[int | None]) -> int | None:
    """Take the branch that pruning takes first: a pair is only whole while both are there."""
    return min((saves for saves in left if saves is not None), default=None)


def _counted(counts: Mapping[str, int]) -> str:
    shown = [f"{count} {kind}" for kind, count in list(counts.items())[:6]]
    return ", ".join(shown) + (" …" if len(counts) > 6 else "")
