"""Which pair of versions to go back to, as far as it can be told."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from ..dataclass import dataclass
from .instants import text as instant_text
from .keys import PUBLISHED
from .versions import MOST, Candidate

_UPLOADING: Final = timedelta(minutes=30)  # an import of a large course may take this long before it saves


@dataclass(frozen=True, slots=True)
class Suggestion:
    """
    The candidate to go back to, as far as it can be told, and why that one.

    *damage* is when the harm began: the time given, else a little before the save that did it, for an import
    uploads its files first. Where pruning took what lies before the save that shows it, the earliest that it may be.
    """

    candidate: Candidate | None
    reason: str
    damage: datetime | None = None


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
            shown, earliest = _harm(candidates, place)
            reason = _told(candidates, shown, earliest)
            return _first_good(candidates[shown + 1 :], reason, _began(candidates, earliest))
        place = back or place + 1
    return Suggestion(None, "no save that is still known replaced most of the blocks; say `before` or choose yourself")


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


def _harm(candidates: Sequence[Candidate], place: int) -> tuple[int, int]:
    """
    Give the place of the oldest change that shows the harm of the one at *place*, and of the earliest that may be it.

    They differ where pruning took what lies before: the change was compared with a version of long before then, and
    any save in between may have done it.
    """
    earliest = place + candidates[place].apart
    older = (n for n in range(earliest, place, -1) if n < len(candidates) and _is_harm(candidates, n))
    shown = next(older, None)
    return _harm(candidates, shown) if shown is not None else (place, earliest)


def _told(candidates: Sequence[Candidate], shown: int, earliest: int) -> str:
    one = candidates[shown]
    at, share = instant_text(one.pair.when), f"replaced {one.replaced:.0%} of the blocks"
    if earliest == shown:
        return f"the last pair before {at}, when a save by {one.who} {share}"
    since = instant_text(candidates[earliest].pair.when)
    return (
        f"the last pair before {since}: some save between then and {at} {share}, and which one "
        f"is not known, for of {earliest - shown} of them nothing is left to compare with"
    )


def _cured(candidates: Sequence[Candidate], place: int, harm: int) -> Suggestion:
    """Stay with the pair that went back behind the harm, if nothing was saved since."""
    last, damage = candidates[0], _began(candidates, _harm(candidates, harm)[1])
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
        told = f"{reason}, and all known ones before it are damaged, pruned or refused"
        return Suggestion(None, told + _published(candidates), damage)
    passed = candidates.index(chosen)
    later = "1 later one is" if passed == 1 else f"{passed} later ones are"
    told = f"{reason}; {later} damaged, pruned or refused" if passed else reason
    newer = [one for one in candidates[:passed] if one.pair.pointers.published != chosen.pair.pointers.published]
    told += _published(newer) + _smaller(chosen, candidates[passed + 1 :])
    between = next((one.pair.deleted for one in candidates[: passed + 1] if one.pair.deleted), None)
    if between:
        told += f". THE COURSE WAS DELETED at {instant_text(between)} and made anew: this is of the one before"
    return Suggestion(chosen, told, damage)


def _published(passed: Sequence[Candidate]) -> str:
    """Say where learners' version of a pair that was passed over is whole: of the draft pruning takes more."""
    one = next((one for one in passed if PUBLISHED.word in one.whole and len(one.pair.pointers.present) > 1), None)
    if one is None:
        return ""
    version = one.pair.pointers.published
    return (
        f". WHAT WAS PUBLISHED at {instant_text(one.pair.when)} is whole ({sum(one.counts[PUBLISHED.word].values())} "
        f"blocks), and its draft is not: --set version=draft:{version},published:{version} --set allow_same=true goes "
        "back to it in both branches"
    )


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
