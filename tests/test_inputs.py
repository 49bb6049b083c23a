"""Inputs of runbooks: declared, given, converted, and told where they do not fit."""

import pytest
from runbook_texts import HEAD, parse, problems, step

from rollbook.errors import SchemaError, UsageError
from rollbook.reading.runbook import parse_runbook
from rollbook.runbook import Input, convert_input, convert_inputs
from rollbook.source import load_yaml
from rollbook.values import Plain, Secret, Unknown


def test_inputs_are_checked_where_they_are_declared() -> None:
    """Defaults, choices and patterns must fit their own types."""
    head = (
        "runbook: book\ntitle: T\ninputs:\n  d: {type: whole, default: x}\n  p: {pattern: '('}\n  c: {choices: [1]}\n"
    )
    found = problems(step("human.task: {text: x}"), head + "  t: {type: datetime, default: '2024-05-01T12:00:00'}\n")

    assert [line.partition(": ")[2].partition(",")[0] for line in found] == [
        "d: expected a whole number",
        "'(' is not a regular expression: missing )",
        "c: expected text",
        (
            't: expected a date and time with its zone such as "2024-05-01T12:30:00Z"; without a zone nobody knows which '
            'instant is meant: write "2024-05-01T12:00:00Z" for UTC'
        ),
    ]


@pytest.mark.parametrize(
    ("wanted", "given", "value"),
    [
        (Input("text"), "a b", "a b"),
        (Input("whole"), " 12 ", 12),
        (Input("whole"), 12, 12),
        (Input("number"), "1.5", 1.5),
        (Input("number"), "2", 2),
        (Input("bool"), "Yes", True),
        (Input("bool"), False, False),
        (Input("datetime"), "2024-05-01T12:00:00+02:00", "2024-05-01T10:00:00Z"),
        (Input("datetime"), "2024-05-01 12:00:00.5Z", "2024-05-01T12:00:00.500000Z"),
        (Input("duration"), "90m", "1h30m"),
        (Input("duration"), 90, "1m30s"),
        (Input("list"), "a, b", ["a", "b"]),
        (Input("list"), '["a", 1]', ["a", 1]),
        (Input("list"), "", []),
        (Input("course_key"), " course-v1:A+B+C ", "course-v1:A+B+C"),
        (Input("course_key"), "ORG/COURSE/RUN", "ORG/COURSE/RUN"),
        (Input("path"), "/srv/x", "/srv/x"),
        (Input("text", secret=True), "env:TOKEN", Secret("env:TOKEN")),
        (Input("text", secret=True), {"secret": "file:/x"}, Secret("file:/x")),
        (Input("text", choices=("a", "b")), "a", "a"),
        (Input("text", pattern="[a-z]+"), "abc", "abc"),
        (Input("whole"), Unknown("steps.a.outputs.b"), Unknown("steps.a.outputs.b")),
    ],
)
def test_what_is_given_is_converted(wanted: Input, given: Plain, value: Plain) -> None:
    """Text from a command line and plain values become the input's type; what is not known yet passes."""
    found = convert_input(wanted, given, "it")

    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("wanted", "given", "words"),
    [
        (Input("text"), 5, "it: expected text, found 5"),
        (Input("whole"), "1.5", "it: expected a whole number"),
        (Input("whole"), True, "it: expected a whole number"),
        (Input("number"), "nan", "it: expected a number"),
        (Input("bool"), "maybe", "it: expected true or false"),
        (Input("bool"), 1, "it: expected true or false"),
        (Input("datetime"), "2024-05-01T12:00:00", "without a zone"),
        (Input("datetime"), "yesterday", "it: expected a date and time"),
        (Input("duration"), "soon", "it: expected a duration"),
        (Input("list"), "[a", "as JSON it is broken"),
        (Input("list"), 5, "it: expected a list"),
        (Input("course_key"), "nonsense", "it: expected a course key"),
        (Input("path"), " ", "it: expected a path"),
        (Input("text", choices=("a", "b")), "c", 'expected one of "a", "b"; found "c"'),
        (Input("text", pattern="[a-z]+"), "A", "of the form [a-z]+"),
        (Input("text", secret=True), "hunter22", "by reference"),
    ],
)
def test_what_does_not_fit_is_told(wanted: Input, given: Plain, words: str) -> None:
    """The error names the input and what was expected; a secret typed by mistake is not repeated."""
    with pytest.raises(ValueError, match=r"^it: ") as caught:
        convert_input(wanted, given, "it")

    assert words in str(caught.value)
    assert "hunter22" not in str(caught.value)


def test_all_inputs_are_told_at_once() -> None:
    """Missing, unknown and unfit inputs come in one error, with help and the nearest names."""
    runbook = parse(
        step("human.task: {text: x}"), "runbook: book\ntitle: T\ninputs:\n  course_id: {help: the course}\n  n: whole\n"
    )

    with pytest.raises(UsageError) as caught:
        convert_inputs(runbook, {"curse_id": "x", "n": "many"})

    assert str(caught.value).splitlines() == [
        "The inputs of book do not fit:",
        "  curse_id is no input; did you mean course_id?",
        "  course_id is missing (text: the course)",
        '  n: expected a whole number, found "many" (whole)',
        "  Give inputs with --set name=value.",
    ]


def test_inputs_not_given_have_their_default() -> None:
    """Every declared input has a value: given, default or None; converting twice changes nothing."""
    head = (
        "runbook: book\ntitle: T\ninputs: {a: {default: x}, b: {optional: true}, c: {type: duration, default: 90s}}\n"
    )
    runbook = parse(step("human.task: {text: x}"), head)

    values = convert_inputs(runbook, {})

    assert values == {"a": "x", "b": None, "c": "1m30s"}
    assert convert_inputs(runbook, values) == values


def test_an_included_runbook_must_be_given_its_inputs() -> None:
    """Inputs of an include are checked where it stands; expressions are taken on trust."""
    inner = parse(
        step("human.task: {text: x}"), "runbook: inner\ntitle: T\ninputs: {n: whole, m: {type: text, optional: true}}\n"
    )
    good = load_yaml(HEAD + step("include: inner\n  inputs: {n: '{{ vars.n }}'}"), "book.yml")
    bad = load_yaml(HEAD + step("include: inner\n  inputs: {n: x, o: 1}"), "book.yml")

    assert parse_runbook(good, lambda _: inner).steps[0].include == "inner"
    with pytest.raises(SchemaError, match=r"book\.yml:11:11: The inputs of inner do not fit:\n  o is no input"):
        parse_runbook(bad, lambda _: inner)
