"""Options of the form name=value."""

from dataclasses import replace

import pytest

from rollbook.cli.options import doubts, known, pairs, reasons
from rollbook.errors import UsageError

from .plans import POINTERS, VERSIONS


def test_a_value_may_hold_equals_signs() -> None:
    """Only the first equals sign parts name and value."""
    assert pairs("set", ["url=https://x/?a=b", "empty="]) == {"url": "https://x/?a=b", "empty": ""}


@pytest.mark.parametrize("given", [["no sign"], ["=value"], ["a=1", "a=2"]])
def test_unclear_pairs_are_refused(given: list[str]) -> None:
    """A missing name, a missing sign or two values for one name are usage errors."""
    with pytest.raises(UsageError):
        pairs("set", given)


def test_the_same_pair_twice_is_harmless() -> None:
    """Saying the same thing twice is no contradiction."""
    assert pairs("set", ["a=1", "a=1"]) == {"a": "1"}


def test_a_doubt_is_decided_by_one_of_three_words() -> None:
    """Anything else than done, redo and abort is refused with what they mean."""
    assert doubts(["pointers=redo"]) == {"pointers": "redo"}
    with pytest.raises(UsageError) as caught:
        doubts(["pointers=maybe"])
    assert "redo: it did not" in caught.value.advice


def test_a_misspelt_step_is_answered_with_the_nearest() -> None:
    """A step that does not exist is refused, and the nearest named."""
    with pytest.raises(UsageError) as caught:
        known("skip", ["pointer"], (VERSIONS, POINTERS))

    assert caught.value.advice == "Did you mean pointers?"


def test_each_step_is_named_once() -> None:
    """A step that is known by its address and by its id is suggested, and listed, by its address."""
    inner = replace(VERSIONS, address="again/versions")
    with pytest.raises(UsageError) as near:
        known("skip", ["version"], (VERSIONS, inner))
    with pytest.raises(UsageError) as far:
        known("skip", ["xyz"], (VERSIONS, inner, POINTERS))
    known("skip", ["versions", "again/versions"], (inner,))

    assert near.value.advice == "Did you mean versions or again/versions?"
    assert far.value.advice == "The steps are: versions, again/versions, pointers."


def test_going_past_a_step_needs_a_reason() -> None:
    """A skip without a reason is refused; without a skip none is needed."""
    assert reasons("skip", [], "") == {}
    with pytest.raises(UsageError):
        reasons("skip", ["pointers"], " ")
