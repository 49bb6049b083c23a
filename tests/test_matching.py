"""Patterns are matched, and catastrophic ones are stopped."""

import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollbook.errors import StepFailed
from rollbook.matching import check_pattern, search


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("abc", "xxabc", "abc"),
        (r"v(\d+)", "a v12", "v12"),
        ("^b$", "a\nb\nc", "b"),
        ("(?i)OK", "ok", "ok"),
        ("x+", "yyy", None),
    ],
)
def test_a_pattern_is_found_anywhere(pattern: str, text: str, found: str | None) -> None:
    """Simple patterns and those that repeat give the same kind of match."""
    match = search(pattern, text)

    assert (match.text if match else None) == found


def test_groups_are_given() -> None:
    """Groups come in order, and by name where they have one."""
    match = search(r"(?P<major>\d+)\.(\d+)(-rc)?", "version 4.7")

    assert match is not None
    assert match.groups == ("4", "7", None)
    assert match.names == {"major": "4"}


def test_a_catastrophic_pattern_is_stopped() -> None:
    """A pattern that would match for ever fails with advice, also outside the main thread."""
    caught: list[BaseException] = []

    def match() -> None:
        try:
            search("(a+)+$", "a" * 50 + "b", seconds=0.3)
        except StepFailed as error:
            caught.append(error)

    thread = threading.Thread(target=match)
    thread.start()
    thread.join()

    assert "took longer than 0.3 s" in str(caught[0])


@settings(max_examples=20, deadline=None)
@given(st.text(min_size=1, max_size=200))
def test_any_text_can_be_searched(text: str) -> None:
    """Whatever a server sends, the text that matched is the text that was there."""
    match = search("(?s).+", text)

    assert match is not None
    assert match.text == text


@pytest.mark.parametrize("pattern", ["(", "[a", "*x", "(?P<n>a)(?P<n>b)"])
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    """A pattern is checked before anything runs."""
    with pytest.raises(ValueError, match="not a regular expression"):
        check_pattern(pattern)


@pytest.mark.parametrize("pattern", ["(", "a{99999999999}", "(" * 4000 + ")" * 4000, "*", "x" * 5000 + "["])
def test_what_is_no_pattern_is_told(pattern: str) -> None:
    """A pattern that cannot be compiled is refused in words, where it is checked and where it is used."""
    with pytest.raises(ValueError, match="is not a regular expression") as caught:
        check_pattern(pattern)
    with pytest.raises(StepFailed, match="is not a regular expression"):
        search(pattern, "text")

    assert len(str(caught.value)) < 300


def test_a_pattern_that_python_warns_of_is_matched(capfd: pytest.CaptureFixture[str]) -> None:
    """What Python would change about patterns one day is no news for an operator."""
    assert search("[[a]+", "[a")

    assert capfd.readouterr() == ("", "")
