"""Conversion to plain content and back, of whatever there is."""

import json
import math
import string
from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollbook.errors import SchemaError
from rollbook.schema import PlainProblems, build, check, encode, format_duration, parse_duration
from rollbook.values import Secret, Unknown

from .samples import Box, Level, Local, Mode, Retry, Ssh, Step

NAMES = st.text(string.ascii_letters + "äß中 .-", max_size=5)
INSTANTS = st.datetimes(
    min_value=datetime(1, 1, 3),  # noqa: DTZ001  # the zone is drawn apart
    max_value=datetime(9999, 12, 29),  # noqa: DTZ001
    timezones=st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)
# Beyond 270 years a float does not hold every microsecond.
DURATIONS = st.timedeltas(timedelta(days=-98_000), timedelta(days=98_000))
FINITE = st.floats(allow_nan=False, allow_infinity=False)
RETRIES = st.builds(Retry, times=st.integers(min_value=0), delay=DURATIONS)
LOCALS = st.builds(Local, kind=st.just("local"), folder=NAMES)
SSHS = st.builds(
    Ssh,
    kind=st.sampled_from(["ssh", "mosh"]),
    host=NAMES,
    port=st.integers(),
    password=st.none() | st.builds(Secret, NAMES.map(lambda name: f"env:{name}x")),
)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | FINITE | NAMES,
    lambda part: st.lists(part) | st.dictionaries(NAMES, part),
    max_leaves=5,
)


def steps(inner: st.SearchStrategy[tuple[Step, ...]]) -> st.SearchStrategy[Step]:
    """Draw steps that may hold *inner* steps."""
    return st.builds(
        Step,
        id=NAMES,
        title=NAMES,
        retry=st.none() | RETRIES,
        from_=st.none() | NAMES,
        class_name=NAMES,
        mode=st.sampled_from(Mode),
        on_failure=st.sampled_from(["stop", "undo", "continue"]),
        at=st.none() | INSTANTS,
        ratio=FINITE,
        tags=st.frozensets(NAMES),
        pair=st.tuples(st.integers(), NAMES),
        size=st.integers() | st.builds(Unknown, NAMES),
        target=st.none() | LOCALS | SSHS,
        steps=inner,
        calls=st.dictionaries(NAMES.map(lambda name: f"{name}.x"), PLAIN, max_size=2),
    )


STEPS = steps(st.lists(steps(st.lists(steps(st.just(())), max_size=1).map(tuple)), max_size=2).map(tuple))


class TestRoundTrips:
    """`encode` and `build` are each other's inverse."""

    @given(STEPS)
    def test_a_record_survives_json(self, step: Step) -> None:
        """Any value comes back equal, through JSON text, whatever it is made of."""
        content = json.loads(json.dumps(encode(step), allow_nan=False))

        assert build(Step, content) == step
        assert check(Step, content, PlainProblems())

    @given(st.frozensets(st.tuples(NAMES, st.integers())), st.randoms())
    def test_a_set_is_written_in_one_order(self, pairs: frozenset[tuple[str, int]], random: Any) -> None:
        """Equal sets are written alike, so that digests of them agree."""
        shuffled = list(pairs)
        random.shuffle(shuffled)

        assert encode(pairs) == encode(frozenset(shuffled))
        assert build(frozenset[tuple[str, int]], encode(pairs)) == pairs

    @pytest.mark.parametrize(
        ("value", "plain"),
        [
            (frozenset((10, 9)), [9, 10]),
            (frozenset(("b", "a", 1)), ["a", "b", 1]),
            (timedelta(hours=1), 3600),
            (timedelta(milliseconds=-500), -0.5),
            (datetime(2024, 5, 1, 12, tzinfo=timezone(timedelta(hours=2))), "2024-05-01T10:00:00Z"),
            (Level.HIGH, 2),
            ({Mode.FAST: (1, None)}, {"fast": [1, None]}),
            (Box(Unknown("run.id")), {"content": {"$unknown": "run.id"}, "more": []}),
        ],
    )
    def test_each_kind_has_its_plain_form(self, value: object, plain: object) -> None:
        """Plain forms are what journals and digests rest on."""
        encoded = encode(value)

        assert encoded == plain
        assert type(encoded) is type(plain)

    @pytest.mark.parametrize("value", [b"x", object(), {1: 2}, date(2024, 1, 1), 1j])
    def test_what_has_no_plain_form_is_refused(self, value: object) -> None:
        """Bytes and other things that JSON cannot say are refused."""
        with pytest.raises(TypeError):
            encode(value)

    @pytest.mark.parametrize("value", [math.nan, math.inf, datetime(2024, 1, 1)])  # noqa: DTZ001
    def test_a_value_without_meaning_is_refused(self, value: object) -> None:
        """Numbers that are none, and times without a zone, are refused."""
        with pytest.raises(ValueError, match="has no"):
            encode(value)

    @given(st.timedeltas(timedelta(0), timedelta(days=100_000)))
    def test_a_formatted_duration_is_read_back(self, duration: timedelta) -> None:
        """A duration is shown in the form that people may write, to the millisecond."""
        assert abs(parse_duration(format_duration(duration)) - duration) <= timedelta(microseconds=500)

    @pytest.mark.parametrize(
        ("written", "seconds"),
        [("90s", 90), ("5m", 300), ("2h", 7200), ("1d", 86400), ("1w", 604800), ("1h30m", 5400), ("500ms", 0.5)],
    )
    def test_durations_are_read(self, written: str, seconds: float) -> None:
        """Each unit counts what it says."""
        assert parse_duration(written) == timedelta(seconds=seconds)

    @pytest.mark.parametrize(
        "written", ["", "5", "m", "30m1h", "1.5h", "-5m", "5M", " 5m", "٣s", "5m\n", "9" * 5000 + "d"]
    )
    def test_other_durations_are_refused(self, written: str) -> None:
        """What is ambiguous, backwards or endless is refused."""
        with pytest.raises(ValueError, match="expected a duration"):
            parse_duration(written)


PLAIN_OR_ODD = PLAIN | st.recursive(
    st.none() | st.integers() | NAMES | st.sampled_from(["id", "ssh", "kind", "{{ x }}", "env:A"]),
    lambda part: (
        st.lists(part, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "retry", "times", "target", "kind", "steps", "secret", "a.b", "at"]), part
        )
    ),
    max_leaves=8,
)


@given(PLAIN_OR_ODD)
def test_any_content_fits_or_is_refused_in_words(content: object) -> None:
    """Whatever the content, there is a value or a SchemaError; a value passes the check before rendering."""
    try:
        step = build(Step, content)
    except SchemaError as error:
        check_told(error)
    else:
        assert check(Step, content, PlainProblems())
        assert build(Step, encode(step)) == step


def check_told(error: SchemaError) -> None:
    assert error.problems
    assert all(str(problem).startswith("$") for problem in error.problems)
