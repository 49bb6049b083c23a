"""Values made to break whoever reads them: each is refused in words, in little time."""

import json
from pathlib import Path

import pytest

from rollbook import plan as plans
from rollbook.errors import ExpressionError, JournalError, RefusedError, StepFailed
from rollbook.expressions import render
from rollbook.inputs import Input, convert_input
from rollbook.journal import replay
from rollbook.matching import fits
from rollbook.openedx.extended_json import ExtendedJsonError, read_lines
from rollbook.parse import DEEPEST, parse_output, read_json

DEEP = "[" * 100_000
SHALLOW = "[" * (DEEPEST + 2) + "]" * (DEEPEST + 2)


@pytest.mark.parametrize("text", [DEEP, SHALLOW, '{"a":' * 300 + "1" + "}" * 300])
def test_json_that_is_nested_too_deep_is_refused_wherever_it_is_read(text: str, tmp_path: Path) -> None:
    """No document can overflow the stack, nor be read here and then not be written to a journal."""
    with pytest.raises(ValueError, match=f"nested more than {DEEPEST} deep"):
        read_json(text)
    with pytest.raises(StepFailed, match="not JSON"):
        parse_output("json", text)
    with pytest.raises(ExpressionError, match="nested more than"):
        render("{{ text | fromjson }}", {"text": text})
    if text.startswith("["):
        with pytest.raises(ValueError, match=r"^l: .*nested more than"):
            convert_input(Input("list"), text, "l")


def test_files_that_are_nested_too_deep_are_refused(tmp_path: Path) -> None:
    """A saved plan, a journal and a dump that overflow the stack are told to be none."""
    path = tmp_path / "file"
    path.write_text(f"{DEEP}\n")

    with pytest.raises(RefusedError, match="is not a saved plan"):
        plans.load(path)
    with pytest.raises(JournalError, match="is not a record"):
        replay(path)
    with pytest.raises(ExtendedJsonError, match="is not Extended JSON"):
        tuple(read_lines("dump", [DEEP]))


@pytest.mark.parametrize(
    ("path", "why"), [("/dev/zero", "not a regular file"), ("{}", "holds no plan"), ("[]", "holds no plan")]
)
def test_what_cannot_be_a_saved_plan_is_told_in_a_line(tmp_path: Path, path: str, why: str) -> None:
    """A device, and JSON that is something else, are refused with what they are."""
    file = Path(path)
    if not file.is_absolute():
        file = tmp_path / "plan.json"
        file.write_text(path)

    with pytest.raises(RefusedError, match=why):
        plans.load(file)


def test_json_as_deep_as_the_limit_is_read() -> None:
    """The limit refuses nothing that it does not name."""
    text = "[" * DEEPEST + "]" * DEEPEST

    assert json.dumps(read_json(text)) == text


@pytest.mark.parametrize("value", ["{{ {1: 2} }}", "{{ {'a': [{none: 2}]} }}"])
def test_a_key_that_is_no_text_is_refused_where_it_is_made(value: str) -> None:
    """JSON knows texts as keys only, so no plan could hold it; the error names the expression."""
    with pytest.raises(ExpressionError, match=r"\{\{ \{.*a key of a mapping must be text"):
        render(value, {})


def test_a_pattern_of_an_input_has_a_time_limit() -> None:
    """A pattern whose tries double with each letter ends with an error that names input and pattern."""
    wanted = Input(pattern="(a+)+")

    assert convert_input(wanted, "aaaa", "p") == "aaaa"
    with pytest.raises(ValueError, match=r"^p: The pattern '\(a\+\)\+' took longer than"):
        convert_input(wanted, "a" * 40 + "b", "p")


@pytest.mark.parametrize(
    ("pattern", "text", "whole"),
    [
        ("[a-z]+", "abc", True),
        ("[a-z]+", "abc1", False),
        ("(?i)ab|cd", "AB", True),
        ("ab|cd", "abx", False),
        ("^a.b$", "a-b", True),
        (r"\d{4}-\d{2}", "2026-01", True),
        ("a", "a\n", False),
    ],
)
def test_a_pattern_of_an_input_fits_the_whole_value(pattern: str, text: str, whole: bool) -> None:
    """It does so whether matched here, or by a process of its own."""
    assert fits(pattern, text) is whole
