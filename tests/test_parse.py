"""What `parse:` makes of outputs."""

import pytest

from rollbook.errors import StepFailed
from rollbook.parse import Parse, parse_output


@pytest.mark.parametrize(
    ("how", "text", "value"),
    [
        ("json", '{"a": [1, null]}\n', {"a": [1, None]}),
        ("lines", "one\n\n  two \r\n", ["one", "two"]),
        ("lines", "", []),
        ({"regex": r"v\d+"}, "is v12", "v12"),
        ({"regex": r"v(\d+)"}, "is v12", "12"),
        ({"regex": r"(\d+)/(\d+)"}, "3/4", ["3", "4"]),
        ({"regex": r"(?P<done>\d+)/\d+"}, "3/4", {"done": "3"}),
    ],
)
def test_an_output_becomes_a_value(how: Parse, text: str, value: object) -> None:
    """Each way of parsing gives its kind of value."""
    assert parse_output(how, text) == value


@pytest.mark.parametrize(
    ("how", "text", "message"),
    [
        ("json", "Warning: old\n{}", "begins with: Warning: old"),
        ("json", "", r"\(nothing\)"),
        ("json", "NaN", "not JSON"),
        ({"regex": "x"}, "abc", "does not match 'x'"),
        ({"regx": "x"}, "abc", "json, lines or"),
    ],
)
def test_another_output_is_told_with_its_beginning(how: Parse, text: str, message: str) -> None:
    """The error shows what was there instead."""
    with pytest.raises(StepFailed, match=message):
        parse_output(how, text)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000])
def test_json_nested_too_deeply_is_told(text: str) -> None:
    """A document in more levels than can be read is an output that is not like that."""
    with pytest.raises(StepFailed, match="not JSON"):
        parse_output("json", text)
