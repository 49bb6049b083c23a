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
_UPLOADING: Final = timedelta(minutes=30)  # an import of a large course may take this long before it saves
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
    replaced: float | None  # the share of the blocks of the pair before that this one replaced, where both are known
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


@dataclass(frozen=True, slots=True)
class Suggestion:
    """
    The candidate to go back to, as far as it can be told, and why that one.

    *damage* is when the harm began: the time given, else a little before the save that did it, for an import
    uploads its files first.
    """

    candidate: Candidate | None
    reason: str
    damage: datetime | None = None


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
            replaced=_replaced(place, pairs, sketches),
            dumped=any(sketches[v].dumped for v in pair.pointers.versions if v in sketches),
            without=_without(pair.pointers, sketches),
        )
        for place, pair in enumerate(pairs)
    )


def suggest(candidates: Sequence[Candidate], before: datetime | None) -> Suggestion:
    """
    Say which of *candidates* (newest first) to go back to.

    The last good pair before *before*; without it the last good pair before the newest change that replaced most of
    the reachable blocks. A change that went back to an earlier pair is none that did harm: where it went back behind
    the harm, the course is whole again, and its pair stays; where it went back to the harm, the search goes on there.
    Never a mix: both branches come from one line.
    """
    if before is not None:
        older = [candidate for candidate in candidates if candidate.pair.when < before]
        return _first_good(older, f"the last pair before {instant_text(before)}", before)
    place = 0
    while place < len(candidates):
        back = _back_to(candidates, place)
        if back is not None:
            undone = [number for number in range(place + 1, back) if _is_harm(candidates, number)]
            if undone:
                return _cured(candidates, place, undone[-1])
        elif _is_harm(candidates, place):
            reason = (
                f"the last pair before {instant_text(candidates[place].pair.when)}, when a save by "
                f"{candidates[place].who} replaced {candidates[place].replaced:.0%} of the blocks"
            )
            return _first_good(candidates[place + 1 :], reason, _began(candidates, place))
        place = back or place + 1
    return Suggestion(None, "no save that is still known replaced most of the blocks; say `before` or choose yourself")


def check_mix(pointers: Pointers, known: Sequence[Pointers], *, allowed: bool) -> None:
    """Refuse draft and published versions that were never in force together, unless that is *allowed*."""
    if allowed or pointers in known:
        return
    raise RefusedError(
        f"{pointers} is no pair that this course has had: the two come from different saves, or from another course",
        advice="choose both from one line of openedx.versions, or set allow_mix: true if the mix is really wanted",
    )


def _back_to(candidates: Sequence[Candidate], place: int) -> int | None:
    """Give the place of the earlier pair that the change at *place* went back to, over others; None for a new pair."""
    same = (
        n for n in range(place + 1, len(candidates)) if candidates[n].pair.pointers == candidates[place].pair.pointers
    )
    found = next(same, None)
    return None if found == place + 1 else found


def _is_harm(candidates: Sequence[Candidate], place: int) -> bool:
    """Tell whether the change at *place* brought a new pair that replaced most of the blocks."""
    replaced = candidates[place].replaced
    return replaced is not None and replaced > MOST and _back_to(candidates, place) is None


def _cured(candidates: Sequence[Candidate], place: int, harm: int) -> Suggestion:
    """Stay with the pair that went back behind the harm, if nothing was saved since."""
    last, damage = candidates[0], _began(candidates, harm)
    if last.good and last.pair.pointers == candidates[place].pair.pointers:  # be it by way of the harm and back
        at = instant_text(last.pair.when)
        return Suggestion(last, f"the course was put back to it at {at}, and nothing was saved since", damage)
    at = instant_text(candidates[place].pair.when)
    reason = f"the course was put back at {at}, and no save since replaced most of the blocks"
    return Suggestion(None, f"{reason}; say `before` or choose yourself", damage)


def _began(candidates: Sequence[Candidate], place: int) -> datetime:
    """Allow for the uploads of an import, but not back to before the last save of somebody else."""
    began = candidates[place].pair.when - _UPLOADING
    return max(began, candidates[place + 1].pair.when) if place + 1 < len(candidates) else began


def _first_good(candidates: Sequence[Candidate], reason: str, damage: datetime) -> Suggestion:
    if not candidates:
        return Suggestion(None, f"nothing is known of {reason}", damage)
    chosen = next((candidate for candidate in candidates if candidate.good), None)
    if chosen is None:
        return Suggestion(None, f"{reason}, and all known ones before it are damaged, pruned or refused", damage)
    passed = candidates.index(chosen)
    later = "1 later one is" if passed == 1 else f"{passed} later ones are"
    told = f"{reason}; {later} damaged, pruned or refused" if passed else reason
    told += _smaller(chosen, candidates[passed + 1 :])
    between = next((one.pair.deleted for one in candidates[: passed + 1] if one.pair.deleted), None)
    if between:
        told += f". THE COURSE WAS DELETED at {instant_text(between)} and made anew: this is of the one before"
    return Suggestion(chosen, told, damage)


def _smaller(chosen: Candidate, earlier: Sequence[Candidate]) -> str:
    """Say where the course had many more blocks before: what is deleted bit by bit is most of it only at last."""
    most = max((one for one in earlier if one.good), key=_size, default=None)
    if most is None or _size(most) <= 2 * _size(chosen):
        return ""
    return (
        f". LOOK AT THE LINES BEFORE IT: at {instant_text(most.pair.when)} the course had {_size(most)} blocks, "
        f"here it has {_size(chosen)}"
    )


def _size(candidate: Candidate) -> int:
    """Count the blocks of the branch that has the most."""
    return max((sum(counts.values()) for counts in candidate.counts.values()), default=0)


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


def _replaced(place: int, pairs: Sequence[Pair], sketches: Mapping[str, Sketch]) -> float | None:
    """
    Compare each branch with the nearest older version of it that still exists, and take the larger share.

    Publishing what the draft already was replaces nothing: else the publish after a bad import would be taken for
    the damage, and the pair before it, with the bad draft, for the cure.
    """
    shares = []
    for branch, version in pairs[place].pointers.present:
        marks = _marks(version, sketches)
        older = next(_older_marks(branch, place, pairs, sketches), None)
        if marks is None or older is None:
            continue
        draft = next(_older_marks(DRAFT, place, pairs, sketches), None)
        echo = branch is PUBLISHED and draft is not None and replaced_share(draft, marks) <= MOST
        shares.append(0.0 if echo else replaced_share(older, marks))
    return max(shares, default=None)


def _older_marks(
    branch: Branch, place: int, pairs: Sequence[Pair], sketches: Mapping[str, Sketch]
) -> Iterator[frozenset[int]]:
    for pair in pairs[place + 1 :]:
        marks = _marks(pair.pointers.of(branch), sketches)
        if marks is not None:
            yield marks


def _marks(version: str, sketches: Mapping[str, Sketch]) -> frozenset[int] | None:
    sketch = sketches.get(version)
    return sketch.marks if sketch and sketch.exists and not sketch.damage else None


def _least(left: Sequence[int | None]) -> int | None:
    """Take the branch that pruning takes first: a pair is only whole while both are there."""
    return min((saves for saves in left if saves is not None), default=None)


def _counted(counts: Mapping[str, int]) -> str:
    shown = [f"{count} {kind}" for kind, count in list(counts.items())[:6]]
    return ", ".join(shown) + (" …" if len(counts) > 6 else "")
