import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollbook.openedx.pruning import PruningPlanError, read_plan, saves_left, tell_saves_left

from .documents import version


def test_a_plan_names_what_it_takes() -> None:
    """Versions that a pending plan would delete are found; those it only links anew are not."""
    content = json.dumps({"delete": [version(1), version(2)], "update_parents": [[version(3), version(4)]]})

    plan = read_plan("plan.json", content.encode())

    assert plan.takes([version(3), version(2), version(9)]) == (version(2),)
    assert plan.relinks == 1


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"[" * 100_000,
        b'{"delete": []}',
        b'{"delete": {}, "update_parents": []}',
        b'{"delete": [1], "update_parents": []}',
        b'{"delete": ["abc"], "update_parents": []}',
        b'{"delete": [], "update_parents": [["519665f6223ebd6980884f2b"]]}',
        b'{"delete": [], "update_parents": [], "more": 1}',
    ],
)
def test_another_file_is_a_clear_error(content: bytes) -> None:
    """A file that is no plan is named, for it might be one that lists the wanted version."""
    with pytest.raises(PruningPlanError, match=r"other\.json is not a plan"):
        read_plan("other.json", content)


@given(st.integers(0, 12), st.integers(0, 12))
def test_saves_left_counts_down_to_the_next_pruning(position: int, retain: int) -> None:
    """One more save brings a version one closer to pruning; past what is retained the next run takes it."""
    chain = [version(number + 1) for number in range(13)]

    now = saves_left(chain[position], [chain], retain=retain)
    later = saves_left(chain[position], [[version(99), *chain]], retain=retain)

    assert now == max(0, retain + 1 - position)
    assert later == max(0, now - 1)


def test_a_measured_incident_ages_out_as_measured() -> None:
    """After an import and two panic edits the good draft is kept from three retained on, the published from one on."""
    draft, published = [version(n) for n in (5, 4, 3, 2, 1)], [version(n) for n in (13, 12, 11)]

    kept = [
        [retain for retain in range(5) if saves_left(target, [draft, published], retain=retain)]
        for target in (version(2), version(12))
    ]

    assert kept == [[3, 4], [1, 2, 3, 4]]


def test_originals_are_never_taken() -> None:
    """A version that is kept for another reason has no number of saves left."""
    assert saves_left(version(1), [], retain=2, kept={version(1)}) is None
    assert "never" in tell_saves_left(None)
