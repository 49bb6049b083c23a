"""Plain content becomes scalars, records and unions: strict and complete."""

import math
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal

import pytest

from rollbook.schema import build, encode
from rollbook.values import Secret, Unknown

from .samples import Box, Level, Local, Mode, NumberBox, Retry, Ssh, Step, StepId, one_told, told


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
