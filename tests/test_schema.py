"""Conversion between plain content and dataclasses: strict, complete, and reversible."""

import json
import math
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from enum import Enum, IntEnum
from typing import Annotated, Any, ClassVar, Generic, Literal, NewType, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollbook.errors import SchemaError
from rollbook.schema import (
    DocumentProblems,
    PlainProblems,
    build,
    check,
    convert,
    encode,
    format_duration,
    json_schema,
    parse_duration,
)
from rollbook.source import load_yaml
from rollbook.values import Secret, Unknown

S = TypeVar("S")
StepId = NewType("StepId", str)


class Mode(Enum):
    FAST = "fast"
    SLOW = "slow"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


@dataclass(frozen=True, slots=True)
class Local:
    """A target on this machine."""

    kind: Literal["local"]
    folder: str = "."


@dataclass(frozen=True, slots=True)
class Ssh:
    kind: Literal["ssh", "mosh"]
    host: str
    port: int = 22
    password: Secret | None = None


@dataclass(frozen=True, slots=True)
class Retry:
    """
    How often a step is tried.

    More lines that no editor shows.
    """

    times: int = field(default=0, metadata={"help": "how many times more"})
    delay: timedelta = timedelta(0)

    def __post_init__(self) -> None:
        if self.times < 0:
            raise ValueError("expected no less than 0 times")


@dataclass(frozen=True, slots=True)
class Step:
    kind: ClassVar[str] = "step"

    id: StepId
    title: str = ""
    retry: Retry | None = None
    from_: str | None = None
    class_name: str = field(default="", metadata={"key": "class"})
    mode: Mode = Mode.FAST
    on_failure: Literal["stop", "undo", "continue"] = "stop"
    at: datetime | None = None
    ratio: Annotated[float, "of all"] = 1.0
    tags: frozenset[str] = frozenset()
    pair: tuple[int, str] = (0, "")
    size: int | Unknown = 0
    target: Local | Ssh | None = None
    steps: "tuple[Step, ...]" = ()
    seen: int = field(default=0, init=False)
    calls: Mapping[str, Any] = field(default_factory=dict, metadata={"rest": r"\."})


@dataclass(frozen=True, slots=True)
class Box(Generic[S]):
    content: S
    more: tuple[S, ...] = ()


@dataclass(frozen=True, slots=True)
class NumberBox(Box[int]):
    name: str = ""


def told(cls: Any, content: object) -> list[str]:
    """Return the problems of *content* as they are told without a file."""
    with pytest.raises(SchemaError) as caught:
        build(cls, content)
    return [str(problem) for problem in caught.value.problems]


def one_told(cls: Any, content: object) -> str:
    (problem,) = told(cls, content)
    return problem.removeprefix("$: ")


class TestScalars:
    """Nothing is coerced."""

    @pytest.mark.parametrize(
        ("cls", "content", "value"),
        [
            (str, "a", "a"),
            (int, 3, 3),
            (int, -(10**30), -(10**30)),
            (float, 1.5, 1.5),
            (float, 3, 3.0),
            (bool, True, True),
            (None, None, None),
            (object, {"a": [1]}, {"a": [1]}),
            (Any, None, None),
            (StepId, "a", "a"),
            (Annotated[int, "x"], 1, 1),
            (Literal["a", 1], 1, 1),
            (Literal[True], True, True),
            (Mode, "slow", Mode.SLOW),
            (Mode, Mode.SLOW, Mode.SLOW),
            (Level, 2, Level.HIGH),
            (int | str, "3", "3"),
            (float | int, 3, 3),
            (float | None, 3, 3.0),
            (bool | int, 1, 1),
            (str | timedelta, "text", "text"),
            (datetime, "2024-05-01T12:30:00+02:00", datetime(2024, 5, 1, 10, 30, tzinfo=UTC)),
            (datetime, "2024-05-01 12:30Z", datetime(2024, 5, 1, 12, 30, tzinfo=UTC)),
            (timedelta, 90, timedelta(seconds=90)),
            (timedelta, 0.5, timedelta(milliseconds=500)),
            (tuple[int, ...], [1, 2], (1, 2)),
            (tuple[int, str], [1, "a"], (1, "a")),
            (tuple, [1, "a"], (1, "a")),
            (list[int], (1, 2), [1, 2]),
            (Sequence[int], [1], (1,)),
            (frozenset[int], [2, 1], frozenset((1, 2))),
            (dict[str, int], {"a": 1}, {"a": 1}),
            (dict[Mode, int], {"fast": 1}, {Mode.FAST: 1}),
            (Secret, {"secret": "env:A"}, Secret("env:A")),
            (str | Secret, {"secret": "env:A"}, Secret("env:A")),
            (Unknown | int, {"$unknown": "run.id"}, Unknown("run.id")),
            (Box[int], {"content": 1, "more": [2]}, Box(1, (2,))),
            (Box[Box[str]], {"content": {"content": "a"}}, Box(Box("a"))),
            (NumberBox, {"content": 1, "name": "a"}, NumberBox(1, (), "a")),
        ],
    )
    def test_what_fits_is_converted(self, cls: Any, content: object, value: object) -> None:
        """Content of the right form becomes a value of just the right type."""
        built = build(cls, content)

        assert built == value
        assert type(built) is type(value)

    @pytest.mark.parametrize(
        ("cls", "content", "message"),
        [
            (int, "3", 'expected a whole number, found the text "3"'),
            (int, True, "expected a whole number, found true"),
            (int, 3.0, "expected a whole number, found the number 3.0"),
            (int, None, "expected a whole number, found nothing"),
            (bool, 1, "expected true or false, found the number 1"),
            (bool, "true", 'expected true or false, found the text "true"'),
            (str, 5, "expected text, found the number 5"),
            (str, {}, "expected text, found a mapping"),
            (str, Mode.FAST, "expected text, found a value of type Mode"),
            (str, b"x", "expected text, found a value of type bytes"),
            (float, "x" * 100, f'expected a number, found the text "{"x" * 60}…"'),
            (float, math.nan, "expected a number, found the number nan"),
            (float, math.inf, "expected a number, found the number inf"),
            (float, True, "expected a number, found true"),
            (None, False, "expected nothing, found false"),
            (Literal["a"], 1, 'expected "a", found the number 1'),
            (Literal[1, 2], True, "expected one of 1 or 2, found true"),
            (Literal["a", "b", "c"], "x", 'expected one of "a", "b" or "c", found the text "x"'),
            (Mode, "fst", 'expected one of "fast" or "slow", found the text "fst"; did you mean "fast"?'),
            (int | str, [], "expected a whole number or text, found a list"),
            (int | bool | None, "x", 'expected a whole number, true or false or nothing, found the text "x"'),
            (int | None, "3", 'expected a whole number or nothing, found the text "3"'),
            (tuple[int, ...], 1, "expected a list, found the number 1"),
            (tuple[int, str], [1], "expected a list of 2 items, found 1"),
            (tuple[int, str], "ab", 'expected a list of 2 items, found the text "ab"'),
            (dict[str, int], [1], "expected a mapping, found a list"),
            (dict[str, int], {1: 1}, "expected text as a key, found the number 1"),
            (Step, {1: 1, "id": "a"}, "expected text as a key, found the number 1"),
            (Step, "a", 'expected a mapping, found the text "a"'),
            (Secret, "hunter2", 'expected {secret: "env:NAME"}; a secret is given by reference, never by value'),
            (
                timedelta,
                "5 m",
                'expected a duration such as 90s, 5m, 1h30m or a number of seconds, found the text "5 m"',
            ),
            (timedelta, True, "expected a duration such as 90s, 5m, 1h30m or a number of seconds, found true"),
            (
                timedelta,
                1e300,
                "expected a duration such as 90s, 5m, 1h30m or a number of seconds; this one is too long",
            ),
            (
                datetime,
                "yesterday",
                'expected a date and time with its zone such as "2024-05-01T12:30:00Z", found the text "yesterday"',
            ),
            (
                datetime | None,
                "2024-05-01 12:30",
                (
                    'expected a date and time with its zone such as "2024-05-01T12:30:00Z" or nothing; without a zone '
                    'nobody knows which instant is meant: write "2024-05-01T12:30:00Z" for UTC, '
                    'or an offset as in "2024-05-01T12:30:00+02:00"'
                ),
            ),
            (
                datetime,
                "0001-01-01T00:00:00+02:00",
                (
                    'expected a date and time with its zone such as "2024-05-01T12:30:00Z", '
                    'found the text "0001-01-01T00:00:00+02:00"'
                ),
            ),
            (Retry, {"times": -1}, "expected no less than 0 times"),
            (
                str | int | Secret,
                1.5,
                'expected a whole number, {secret: "env:NAME"} or text, found the number 1.5',
            ),
        ],
    )
    def test_what_does_not_fit_is_told(self, cls: Any, content: object, message: str) -> None:
        """A misfit says what was expected and what was found, and never shows what could be a secret."""
        assert one_told(cls, content) == message

    def test_equal_unions_say_the_same_whichever_comes_first(self) -> None:
        """Int | str and str | int are one type to Python, so their words do not hang on the order of the types."""
        assert one_told(str | int, [1]) == one_told(int | str, [1]) == "expected a whole number or text, found a list"

    def test_text_of_a_template_becomes_plain_text(self) -> None:
        """A subclass of str, as templates give, becomes a str."""

        class Markup(str):
            __slots__ = ()

        assert type(build(str, Markup("a"))) is str
        assert build(Literal["a"], Markup("a")) == "a"  # type: ignore[arg-type]  # a Literal is no class to mypy

    @pytest.mark.parametrize("cls", [bytes, date, set[int], complex])
    def test_a_type_without_a_plain_form_is_a_programming_error(self, cls: Any) -> None:
        """A type that content cannot have is refused when it is first used."""
        with pytest.raises(TypeError, match="is no type that plain content can be converted to"):
            build(cls, 1)


class TestRecords:
    """Dataclasses."""

    def test_keys_are_the_names_people_write(self) -> None:
        """A trailing underscore is dropped, metadata may name the key, a rest field takes what matches it."""
        content = {"id": "a", "from": "x", "class": "y", "shell.run": {"command": "true"}}

        step = build(Step, content)

        assert (step.from_, step.class_name) == ("x", "y")
        assert step.calls == {"shell.run": {"command": "true"}}
        assert {key: value for key, value in encode(step).items() if key in content} == content

    @pytest.mark.parametrize("key", ["from_", "class_name", "kind", "seen", "calls"])
    def test_no_other_name_is_a_key(self, key: str) -> None:
        """Python's names, class variables, and fields that are not given are unknown as keys."""
        assert f'unknown key "{key}"' in one_told(Step, {"id": "a", key: 1})

    def test_an_unknown_key_names_its_neighbour(self) -> None:
        """A misspelt key gives the nearest name that is free, else says that it is there, else lists all."""
        assert told(Retry, {"tiems": 1}) == ['$.tiems: unknown key "tiems"; did you mean "times"?']
        assert told(Retry, {"Delay": 1}) == ['$.Delay: unknown key "Delay"; did you mean "delay"?']
        assert told(Retry, {"times": 1, "tiems": 1}) == ['$.tiems: unknown key "tiems"; "times" is here already']
        assert told(Retry, {"x y": 1}) == ['$["x y"]: unknown key "x y"; known keys: times, delay']

    def test_all_problems_are_told_at_once(self) -> None:
        """Every problem at every depth is told, with the path of each."""
        content = {"title": 1, "steps": [{"id": "a"}, {"id": 3, "x": 1, "retry": {"times": "1"}}, "b"]}

        assert told(Step, content) == [
            "$.title: expected text, found the number 1",
            "$.steps[1].id: expected text, found the number 3",
            (
                '$.steps[1].x: unknown key "x"; known keys: id, title, retry, from, class, mode, on_failure, at, '
                "ratio, tags, pair, size, target, steps"
            ),
            '$.steps[1].retry.times: expected a whole number, found the text "1"',
            '$.steps[2]: expected a mapping, found the text "b"',
            '$: missing key "id"',
        ]

    def test_a_value_that_is_one_already_passes(self) -> None:
        """Rendered arguments may hold values of the wanted class, at any depth."""
        step = Step(StepId("a"), retry=Retry(1), at=datetime(2024, 1, 1, tzinfo=UTC))

        assert build(Step, step) is step
        assert build(Step, {"id": "b", "retry": step.retry, "at": step.at, "steps": (step,)}) == Step(
            StepId("b"), retry=step.retry, at=step.at, steps=(step,)
        )

    def test_a_set_refuses_what_is_twice(self) -> None:
        """A list that stands for a set may not repeat itself."""
        assert told(frozenset[str], ["a", "b", "a"]) == ['$[2]: the text "a" is in the list twice']


class TestTaggedUnions:
    """Alternatives told apart by a key with a Literal type."""

    def test_the_tag_decides(self) -> None:
        """Each alternative is found by its tag, and its own problems are told."""
        assert build(Step, {"id": "a", "target": {"kind": "mosh", "host": "h"}}).target == Ssh("mosh", "h")
        assert told(Local | Ssh, {"kind": "ssh", "folder": "x"}) == [
            '$.folder: unknown key "folder"; known keys: kind, host, port, password',
            '$: missing key "host"',
        ]

    def test_a_wrong_or_missing_tag_names_all_tags(self) -> None:
        """A misspelt tag gives the nearest, a missing one all of every alternative."""
        assert told(Local | Ssh | None, {"kind": "shs", "host": "h"}) == [
            '$.kind: expected one of "local", "ssh" or "mosh", found the text "shs"; did you mean "ssh"?'
        ]
        assert told(Local | Ssh, {"host": "h"}) == ['$: missing key "kind": "local", "ssh" or "mosh"']

    def test_without_a_tag_the_nearest_alternative_explains(self) -> None:
        """Where nothing tells alternatives apart, the one with the fewest problems speaks."""
        assert told(Retry | Box[int], {"times": "x"}) == ['$.times: expected a whole number, found the text "x"']
        assert told(Retry | Box[int], {"content": "x"}) == ['$.content: expected a whole number, found the text "x"']


class TestDocuments:
    """Problems with places in a file."""

    def test_problems_are_told_with_their_lines(self) -> None:
        """Every problem names file, line and column, in the order of the file, with advice about quotes."""
        document = load_yaml(
            'id: 5\nretry: {tiems: "3", times: "3"}\nsteps:\n  - id: a\n    ratio: \'1.5\'\n  - mode: fsat\n',
            "f.yml",
        )
        problems = DocumentProblems(document)

        assert convert(Step, document.content, problems) is None
        assert "\n".join(map(str, problems.problems)) == (
            "f.yml:1:5: expected text, found the number 5: put it in quotes\n"
            "    id: 5\n"
            "        ^\n"
            'f.yml:2:9: unknown key "tiems"; "times" is here already\n'
            '    retry: {tiems: "3", times: "3"}\n'
            "            ^\n"
            'f.yml:2:28: expected a whole number, found the text "3": leave the quotes out\n'
            '    retry: {tiems: "3", times: "3"}\n'
            "                               ^\n"
            'f.yml:5:12: expected a number, found the text "1.5": leave the quotes out\n'
            "        ratio: '1.5'\n"
            "               ^\n"
            'f.yml:6:5: missing key "id"\n'
            "      - mode: fsat\n"
            "        ^\n"
            'f.yml:6:11: expected one of "fast" or "slow", found the text "fsat"; did you mean "fast"?\n'
            "      - mode: fsat\n"
            "              ^"
        )

    @pytest.mark.parametrize(
        ("cls", "written", "advised"),
        [
            (bool, "'true'", True),
            (int | None, "'null'", True),
            (int, "'3.5'", False),
            (int, "'x'", False),
            (Literal[1], "'1'", True),
            (str | bool, "3", True),
            (str, "[3]", False),
        ],
    )
    def test_quotes_are_named_where_they_are_the_reason(self, cls: Any, written: str, advised: bool) -> None:
        """Advice about quotes is given where following it would help."""
        document = load_yaml(f"key: {written}", "f.yml")
        problems = DocumentProblems(document)

        convert(cls, document.content["key"], problems, ("key",))

        assert problems
        assert ("quotes" in problems.problems[0].message) is advised


class TestChecks:
    """What is accepted before expressions are rendered."""

    def test_an_expression_is_accepted_anywhere(self) -> None:
        """A text with an expression stands for any value; what is beside it is checked."""
        content = {
            "id": "a-{{ x }}",
            "retry": {"times": "{{ x }}", "delay": "{{ x }}s"},
            "mode": "{{ x }}",
            "tags": ["{{ x }}", "b"],
            "pair": "{{ x }}",
            "target": {"kind": "ssh", "host": "{{ x }}", "password": {"secret": "env:{{ x }}"}},
            "steps": [{"id": "{{ x }}", "size": Unknown("run.id")}, "{{ x }}"],
            "a.b": {"c": "{{ x }}"},
        }
        problems = PlainProblems()

        assert check(Step, content, problems)
        assert not problems

    @pytest.mark.parametrize(
        ("content", "path"),
        [
            ({"retry": {"times": "x"}}, "$.retry.times"),
            ({"retry": {"times": -1}}, "$.retry"),
            ({"target": {"kind": "{{ x }}", "hots": 1}}, "$.target.hots"),
            ({"target": {"kind": "ssh", "host": "{{ x }}", "port": "22"}}, "$.target.port"),
            ({"{{ x }}": 1}, '$["{{ x }}"]'),
            ({"steps": ["{{ x }}", 1]}, "$.steps[1]"),
        ],
    )
    def test_the_rest_is_checked_as_ever(self, content: dict[str, object], path: str) -> None:
        """An expression hides nothing but its own value."""
        problems = PlainProblems()

        assert not check(Step, {"id": "{{ x }}", **content}, problems)
        assert path in [str(problem).partition(": ")[0] for problem in problems.problems]


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


class TestJsonSchema:
    """What editors are told."""

    def test_a_small_class_in_full(self) -> None:
        """Types, defaults, help and required keys are all there, and nothing else is allowed."""
        assert json_schema(Retry, templates=False) == {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "Retry",
            "$ref": "#/$defs/Retry",
            "$defs": {
                "Retry": {
                    "type": "object",
                    "description": "How often a step is tried.",
                    "properties": {
                        "times": {"type": "integer", "description": "how many times more", "default": 0},
                        "delay": {
                            "anyOf": [
                                {
                                    "type": "string",
                                    "pattern": "^(?=.)([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$",
                                },
                                {"type": "number"},
                            ],
                            "default": 0,
                        },
                    },
                    "additionalProperties": False,
                }
            },
        }

    def test_templates_are_allowed_beside_every_value(self) -> None:
        """With templates, a number may be an expression; a text may be one anyway."""
        schema = json_schema(Ssh)

        properties = schema["$defs"]["Ssh"]["properties"]
        assert properties["host"] == {"type": "string"}
        assert properties["port"] == {"anyOf": [{"type": "integer"}, {"$ref": "#/$defs/template"}], "default": 22}
        assert schema["$defs"]["Ssh"]["required"] == ["kind", "host"]
        assert schema["$defs"]["template"]["pattern"] == r"\{\{"

    def test_a_class_that_holds_itself_is_described_once(self) -> None:
        """Recursion, unions, classes of their own kind and rest fields have their place."""
        schema = json_schema(Step, templates=False)

        step = schema["$defs"]["Step"]
        assert set(schema["$defs"]) == {"Step", "Retry", "Local", "Ssh"}
        assert step["properties"]["steps"] == {"type": "array", "items": {"$ref": "#/$defs/Step"}, "default": []}
        assert step["properties"]["from"] == {"anyOf": [{"type": "string"}, {"type": "null"}]}
        assert step["properties"]["size"] == {"type": "integer", "default": 0}
        assert step["properties"]["mode"] == {"enum": ["fast", "slow"], "default": "fast"}
        assert step["properties"]["tags"]["uniqueItems"] is True
        assert step["properties"]["target"]["anyOf"][1] == {"$ref": "#/$defs/Ssh"}
        assert step["patternProperties"] == {r"\.": {}}
        assert step["additionalProperties"] is False
        assert "secret" in schema["$defs"]["Ssh"]["properties"]["password"]["anyOf"][0]["properties"]

    def test_a_schema_is_json(self) -> None:
        """Whatever the defaults, the schema can be written to a file."""
        assert json.loads(json.dumps(json_schema(Step))) == json_schema(Step)
