import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollbook.errors import RefusedError
from rollbook.openedx.completeness import Sketch
from rollbook.openedx.instants import text
from rollbook.openedx.keys import CourseKey
from rollbook.openedx.ledger import HistoryRow
from rollbook.openedx.pointers import Pointers
from rollbook.openedx.suggestion import Suggestion, suggest
from rollbook.openedx.versions import (
    Candidate,
    Link,
    Pair,
    chain_pairs,
    check_mix,
    history_pairs,
    judge,
    reaches_creation,
    window,
)

from .documents import at, history_row, ledger_row, sketch, version

KEY = CourseKey.parse("course-v1:O+C+R")
GOOD = tuple(f"good{number}" for number in range(10))
BAD = tuple(f"bad{number}" for number in range(10))


def judged(pairs: tuple[Pair, ...], *sketches: Sketch, allow_same: bool = False) -> tuple[Candidate, ...]:
    """Judge pairs by sketches, of which those not given are pruned."""
    known = {item.version: item for item in sketches}
    for pair in pairs:
        for name in pair.pointers.versions:
            known.setdefault(name, Sketch.gone(name))
    return judge(pairs, known, KEY, now=pairs[0].pointers, shared={}, left={}, allow_same=allow_same)


def saves(*minutes: int) -> list[HistoryRow]:
    """Give a course made (1, 11), worked on (2, 12), broken by an import (3, 13), and edited in its draft twice."""
    pairs = zip(minutes, (11, 12, 13, 13, 13), strict=True)
    return [
        history_row(n, n, published, minute=minute, kind="+" if n == 1 else "~")
        for n, (minute, published) in enumerate(pairs, 1)
    ]


def incident() -> tuple[Candidate, ...]:
    """Tell of a good course, an import by mistake that replaced both branches, and two panic edits of the draft."""
    history = saves(1, 10, 20, 21, 22)
    return judged(
        history_pairs(ledger_row(history[-1].row.pointers, 22), history),
        sketch(1, *GOOD[:9]),
        sketch(11, *GOOD[:9], published=True),
        sketch(2, *GOOD),
        sketch(12, *GOOD, published=True),
        sketch(3, *BAD),
        sketch(13, *BAD, published=True),
        sketch(4, *BAD[1:]),
        sketch(5, *BAD[2:]),
    )


def test_the_pair_before_the_bad_import_is_suggested() -> None:
    """Without a time, the pair before the newest change that replaced most blocks is suggested."""
    suggestion = suggest(incident(), None)

    assert suggestion.candidate is not None
    assert suggestion.candidate.pair.pointers == Pointers(version(2), version(12))
    assert "replaced 100%" in suggestion.reason


def test_the_pair_in_force_before_the_given_time_is_suggested() -> None:
    """With a time, the last pair before it is suggested, whatever came later."""
    suggestion = suggest(incident(), at(10))

    assert suggestion.candidate is not None
    assert suggestion.candidate.pair.pointers == Pointers(version(1), version(11))


def test_publishing_the_damage_is_not_taken_for_the_damage() -> None:
    """An import of the draft that was published later leads back to before the import, not to before the publish."""
    history = [
        history_row(1, 1, 11, minute=1, kind="+"),
        history_row(2, 2, 11, minute=20),
        history_row(3, 2, 12, minute=30),
    ]

    candidates = judged(
        history_pairs(ledger_row(history[-1].row.pointers, 30), history),
        sketch(1, *GOOD),
        sketch(11, *GOOD, published=True),
        sketch(2, *BAD),
        sketch(12, *BAD, published=True),
    )

    chosen = suggest(candidates, None).candidate
    assert chosen is not None
    assert chosen.pair.pointers == Pointers(version(1), version(11))


def pruned(*left: Sketch) -> Suggestion:
    """Tell of the same course, hours apart, of which pruning has *left* these besides the first pair and the head."""
    first = (sketch(1, *GOOD[:4]), sketch(11, *GOOD[:4], published=True))
    return suggest(judged(history_pairs(None, saves(1, 100, 200, 300, 400)), *first, sketch(5, *BAD[2:]), *left), None)


def test_nobody_is_blamed_for_what_pruning_parted() -> None:
    """Where what lay between is pruned any save may have done the harm: it is dated from the earliest of them on."""
    suggestion = pruned(sketch(13, *BAD, published=True))

    assert suggestion.candidate is not None
    assert suggestion.candidate.pair.pointers == Pointers(version(1), version(11))
    assert suggestion.damage == at(100 - 30)
    assert f"the last pair before {text(at(100))}: some save between then and {text(at(200))}" in suggestion.reason
    assert "user" not in suggestion.reason


def test_harm_that_is_known_exactly_is_dated_by_it() -> None:
    """A panic edit compared over what is pruned is not taken for the damage where an older save shows itself as it."""
    suggestion = pruned(sketch(13, *BAD, published=True), sketch(12, *GOOD, published=True))

    assert suggestion.damage == at(200 - 30)
    assert f"the last pair before {text(at(200))}, when a save by" in suggestion.reason


def test_a_publish_is_not_taken_for_the_harm_where_the_drafts_before_it_are_gone() -> None:
    """What was published may have been brought by any draft since the last one that is there."""
    history = [history_row(n, n, 11 if n < 5 else 15, minute=100 * n, kind="+" if n == 1 else "~") for n in range(1, 6)]
    kept = (sketch(1, *GOOD), sketch(11, *GOOD, published=True), sketch(15, *BAD, published=True))

    suggestion = suggest(judged(history_pairs(None, history), *kept), None)

    assert suggestion.damage == at(200 - 30)
    assert f"some save between then and {text(at(500))}" in suggestion.reason
    assert "user" not in suggestion.reason


def test_a_whole_published_version_is_named_where_its_draft_is_pruned() -> None:
    """What learners saw just before the damage is told, with how to go back to it: pruning takes drafts first."""
    suggestion = pruned(sketch(13, *BAD, published=True), sketch(12, *GOOD, published=True))
    wanted = Pointers(version(12), version(12))

    assert suggestion.candidate is not None
    assert suggestion.candidate.pair.pointers == Pointers(version(1), version(11))
    assert f"WHAT WAS PUBLISHED at {text(at(100))} is whole" in suggestion.reason
    assert f"--set version={wanted} --set allow_same=true" in suggestion.reason
    known = [Pointers(version(2), version(12))]
    check_mix(wanted, known, allowed=False)
    with pytest.raises(RefusedError):
        check_mix(Pointers(version(2), version(2)), known, allowed=False)


def gone_back(*drafts: int) -> Suggestion:
    """Tell of a good course (1, 2), an import by mistake (3), a panic edit (4), and pairs gone back to, or edits (5)."""
    moves = (1, 2, 3, 4, *drafts)
    history = [history_row(n, draft, 10 + draft, minute=n) for n, draft in enumerate(moves, start=1)]
    contents = {1: GOOD[:9], 2: GOOD, 3: BAD, 4: BAD[1:], 5: GOOD[1:]}
    sketches = [sketch(number, *names) for number, names in contents.items()]
    sketches += [sketch(10 + number, *names, published=True) for number, names in contents.items()]
    return suggest(judged(history_pairs(None, history), *sketches), None)


def test_a_course_that_was_put_back_is_not_broken_again() -> None:
    """After a way back behind the import, the pair in force is suggested, and not the one before the way back."""
    suggestion = gone_back(2)

    assert suggestion.candidate is not None
    assert suggestion.candidate.pair.pointers == Pointers(version(2), version(12))
    assert suggestion.candidate.pair.when == at(5)
    assert "put back" in suggestion.reason


@pytest.mark.parametrize("moves", [(2, 4, 2), (2, 4, 2, 4, 2), (2, 5, 2)])
def test_a_course_that_was_put_back_more_than_once_stays(moves: tuple[int, ...]) -> None:
    """A restore, its undo and one more, or an edit taken back: the pair in force is suggested, with its own time."""
    suggestion = gone_back(*moves)

    assert suggestion.candidate is not None
    assert (suggestion.candidate.pair.pointers, suggestion.candidate.pair.when) == (
        Pointers(version(2), version(12)),
        at(4 + len(moves)),
    )
    assert "nothing was saved since" in suggestion.reason


def test_nothing_is_suggested_for_a_course_that_was_put_back_and_edited() -> None:
    """After a way back and further edits, nobody can tell what is wanted: the operator chooses."""
    assert gone_back(2, 5).candidate is None


def test_a_way_back_that_was_undone_leads_to_the_good_pair_again() -> None:
    """After a way back was undone, the import is the harm as before."""
    suggestion = gone_back(2, 4)

    assert suggestion.candidate is not None
    assert suggestion.candidate.pair.pointers == Pointers(version(2), version(12))
    assert "replaced 100%" in suggestion.reason


def test_a_pair_with_one_branch_pruned_is_passed_over_and_told() -> None:
    """Where pruning took the draft of the wanted pair, the next older whole pair is suggested, and that is said."""
    history = [
        history_row(1, 1, 11, minute=1, kind="+"),
        history_row(2, 2, 12, minute=10),
        history_row(3, 3, 13, minute=20),
    ]

    candidates = judged(
        history_pairs(ledger_row(history[-1].row.pointers, 20), history),
        sketch(1, *GOOD),
        sketch(11, *GOOD, published=True),
        sketch(12, *GOOD, published=True),
        sketch(3, *BAD),
        sketch(13, *BAD, published=True),
    )

    suggestion = suggest(candidates, at(20))
    assert suggestion.candidate is not None
    assert suggestion.candidate.pair.pointers == Pointers(version(1), version(11))
    assert "1 later one is damaged, pruned or refused" in suggestion.reason
    assert candidates[1].problems == ("draft: pruned: its structure is gone",)


@given(
    drafts=st.lists(st.integers(1, 6), min_size=1, max_size=8),
    contents=st.lists(st.lists(st.sampled_from(GOOD[:4] + BAD[:4]), unique=True), min_size=6, max_size=6),
    gone=st.frozensets(st.integers(1, 6)),
    before=st.one_of(st.none(), st.integers(0, 10)),
)
def test_a_suggestion_is_always_good_and_older(
    drafts: list[int], contents: list[list[str]], gone: frozenset[int], before: int | None
) -> None:
    """Whatever the history, a suggestion is whole, is a pair of one line, and is older than the time given."""
    history = [history_row(number, draft, 0, minute=number) for number, draft in enumerate(drafts, start=1)]
    sketches = [sketch(number, *names) for number, names in enumerate(contents, start=1) if number not in gone]
    pairs = history_pairs(None, history)

    candidates = judged(pairs, *sketches)
    suggestion = suggest(candidates, None if before is None else at(before))

    assert suggestion.reason
    if suggestion.candidate is None:
        return
    assert suggestion.candidate.good
    assert suggestion.candidate.pair in pairs
    assert before is None or suggestion.candidate.pair.when < at(before)


def test_a_row_without_history_is_a_pair_of_its_own() -> None:
    """A course that was only migrated has no history row, and its present pair is still listed."""
    row = ledger_row(Pointers(version(1), version(11)), 5)

    (pair,) = history_pairs(row, [])

    assert (pair.pointers, pair.source, reaches_creation([])) == (row.pointers, "ledger", False)


def test_a_row_changed_by_plain_sql_comes_on_top_of_its_history() -> None:
    """A ledger row that the history does not end with is listed above it; deletions are not pairs."""
    history = [history_row(1, 1, 11, minute=1, kind="+"), history_row(2, 1, 11, minute=2, kind="-")]

    pairs = history_pairs(ledger_row(Pointers(version(2), version(11)), 5), history)

    assert [pair.source for pair in pairs] == ["ledger", "history"]


def link(number: int, previous: int, original: int, minute: int) -> tuple[str, Link]:
    """Give a link of a chain, 0 for no previous version."""
    return version(number), Link(version(number), version(previous) if previous else "", version(original), at(minute))


def test_a_course_without_history_is_put_together_from_its_chains() -> None:
    """Chains of versions give pairs save by save, newest first; a step that moved both branches is one save."""
    links = dict(
        [
            link(3, 2, 1, 30),
            link(2, 1, 1, 20),
            link(1, 0, 1, 10),
            link(13, 12, 11, 30),
            link(12, 11, 11, 25),
            link(11, 0, 11, 10),
        ]
    )
    oldest = Pair(Pointers(version(3), version(13)), at(30), "ledger")

    pairs = chain_pairs(oldest, links)

    assert [pair.pointers for pair in pairs] == [
        Pointers(version(2), version(12)),
        Pointers(version(2), version(11)),
        Pointers(version(1), version(11)),
    ]
    assert [pair.when for pair in pairs] == [at(25), at(20), at(10)]


def test_a_chain_ends_where_pruning_took_its_next_version() -> None:
    """A version that is gone ends the chain; nothing is made up below it."""
    links = dict([link(3, 2, 1, 30), link(13, 0, 13, 10)])

    assert chain_pairs(Pair(Pointers(version(3), version(13)), at(30), "ledger"), links) == ()


@pytest.mark.parametrize("previous", [3, 2])
def test_a_chain_in_a_circle_ends(previous: int) -> None:
    """A damaged chain that leads back to a later version, or to itself, gives no pair twice."""
    links = dict([link(3, 2, 1, 30), link(2, previous, 1, 20)])

    pairs = chain_pairs(Pair(Pointers(version(3)), at(30), "ledger"), links)

    assert [pair.pointers for pair in pairs] == [Pointers(version(2))]


def test_a_course_that_was_deleted_bit_by_bit_says_so() -> None:
    """The pair before the last change that replaced most of it has little left; the reason says where there was more."""
    parts = [GOOD, GOOD[:7], GOOD[:5], GOOD[:3], BAD[:1]]
    history = [history_row(n, n, 90, minute=n, kind="+" if n == 1 else "~") for n in range(1, 6)]
    drafts = [sketch(number, *blocks) for number, blocks in enumerate(parts, 1)]

    found = suggest(judged(history_pairs(None, history), *drafts, sketch(90, published=True)), None)

    assert found.candidate is not None
    assert found.candidate.pair.when == at(4)
    assert f"LOOK AT THE LINES BEFORE IT: at {text(at(1))} the course had" in found.reason


@given(st.integers(1, 60), st.integers(1, 20), st.one_of(st.none(), st.integers(0, 59)))
def test_a_window_is_bounded_and_holds_the_present_pair(count: int, limit: int, before: int | None) -> None:
    """At most so many pairs are looked at, the present one always among them, and the one before the time if there."""
    pairs = [Pair(Pointers(version(n + 1)), at(count - n), "history") for n in range(count)]

    chosen = window(pairs, None if before is None else at(before), limit)

    assert len(chosen) <= limit
    assert chosen[0] == pairs[0]
    assert list(chosen) == sorted(chosen, key=lambda pair: pair.when, reverse=True)
    older = [pair for pair in pairs if before is not None and pair.when < at(before)]
    assert limit < 3 or not older or older[0] in chosen


def test_a_mix_is_refused_unless_allowed() -> None:
    """Draft and published of different saves are refused, and let through where the operator says so."""
    known = [Pointers(version(1), version(11)), Pointers(version(2), version(12))]
    mix = Pointers(version(1), version(12))

    with pytest.raises(RefusedError, match="allow_mix"):
        check_mix(mix, known, allowed=False)
    check_mix(mix, known, allowed=True)
    check_mix(known[1], known, allowed=False)


def test_swapped_branches_are_a_problem() -> None:
    """A pair whose draft was written for the published branch, and the other way round, is not good."""
    pairs = (Pair(Pointers(version(11), version(1)), at(1), "history"),)

    (candidate,) = judged(pairs, sketch(1, *GOOD), sketch(11, *GOOD, published=True))

    assert [problem.partition(":")[0] for problem in candidate.problems] == ["draft", "published"]


@pytest.mark.parametrize(("draft", "published"), [(11, 12), (1, 2)])
def test_a_pair_with_one_version_of_the_other_branch_is_none(draft: int, published: int) -> None:
    """Pairs that were in force after reset_course_content, and so have one version of the other branch, are good."""
    pairs = (Pair(Pointers(version(draft), version(published)), at(1), "history"),)

    (candidate,) = judged(pairs, *(sketch(n, *GOOD, published=n > 9) for n in (draft, published)))

    assert candidate.good


@pytest.mark.parametrize("allowed", [True, False])
def test_one_version_for_both_branches_is_suggested_where_it_is_allowed(allowed: bool) -> None:
    """A course that had one version in both branches before the damage is led back there only if that is allowed."""
    pairs = (
        Pair(Pointers(version(2), version(12)), at(2), "history"),
        Pair(Pointers(version(1), version(1)), at(1), "history"),
    )
    sketches = (sketch(1, *GOOD), sketch(2, *BAD), sketch(12, *BAD, published=True))

    suggestion = suggest(judged(pairs, *sketches, allow_same=allowed), None)

    assert (suggestion.candidate is not None) == allowed
    assert ("refused" in suggestion.reason) != allowed
