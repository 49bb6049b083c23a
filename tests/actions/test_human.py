"""Questions: what is accepted, what stops the run, and what people are told."""

import re

import pytest

from rollbook.action import Choice
from rollbook.errors import SchemaError

from .conftest import use


@pytest.mark.parametrize("text", ["yes", " Y ", "true", "YES"])
def test_a_yes_goes_on(text: str) -> None:
    """A yes in any spelling lets the run go on."""
    question = use("human.confirm", text="Right?")

    assert question.accept(text) is True
    assert question.refused(True) is None


def test_a_no_stops_the_run_and_repeats_the_question() -> None:
    """A no stops the run, unless the runbook wants it as a value."""
    question = use("human.confirm", text="Right?")

    assert question.accept("n") is False
    assert question.refused(False) == "answered no to: Right?"
    assert use("human.confirm", text="Right?", stop_on_no=False).refused(False) is None


def test_a_maybe_is_told_what_is_accepted() -> None:
    """What is neither yes nor no is refused in words that say what is."""
    with pytest.raises(ValueError, match="answer yes or no"):
        use("human.confirm", text="Right?").accept("maybe")


def test_an_approval_names_who_may_give_it() -> None:
    """The prompt carries names, quorum, and that the operator may not approve."""
    prompt = use("human.approve", text="Go?", names=["alice", "bob"], quorum=2).prompt()

    assert (prompt.names, prompt.quorum, prompt.not_operator) == (("alice", "bob"), 2, True)


@pytest.mark.parametrize(("text", "value"), [("approve", True), ("yes", True), ("refuse", False), ("No", False)])
def test_an_approval_is_given_or_refused(text: str, value: bool) -> None:
    """Only an approval lets the run go on."""
    question = use("human.approve", text="Go?")

    assert question.accept(text) is value
    assert (question.refused(value) is None) is value


def test_a_quorum_that_nobody_can_reach_is_refused() -> None:
    """More approvals than names are never reached."""
    with pytest.raises(SchemaError, match="between 1 and 1"):
        use("human.approve", text="Go?", names=["alice"], quorum=2)


OFFERS = ["a1", {"value": {"id": 7}, "label": "Monday", "detail": "312 blocks"}, "b2"]


@pytest.mark.parametrize(
    ("text", "value"),
    [("a1", "a1"), (" B2 ", "b2"), ("Monday", {"id": 7}), ("monday", {"id": 7}), ("2", {"id": 7}), ("3", "b2")],
)
def test_a_choice_is_made_by_value_label_or_number(text: str, value: object) -> None:
    """All that the list shows may be typed."""
    assert use("human.choose", from_=OFFERS).accept(text) == value


@pytest.mark.parametrize("text", ["", "0", "4", "c3", "-1"])
def test_no_choice_is_told_what_there_is(text: str) -> None:
    """What is not on offer is refused with what is."""
    with pytest.raises(ValueError, match="answer one of a1, Monday, b2, or a number from 1 to 3"):
        use("human.choose", from_=OFFERS).accept(text)


def test_numbers_that_are_values_are_values() -> None:
    """Where values are numbers, a number never means a place in the list."""
    question = use("human.choose", from_=[10, 2, 1])

    assert question.accept("1") == 1
    with pytest.raises(ValueError, match=r"answer one of 10, 2, 1$"):
        question.accept("3")


def test_a_choice_shows_label_and_detail() -> None:
    """People read labels, steps get values."""
    prompt = use("human.choose", from_=OFFERS, default="b2").prompt()

    assert prompt.choices[1] == Choice({"id": 7}, "Monday", "312 blocks")
    assert (prompt.default, prompt.has_default) == ("b2", True)


EACH = ["clash book", "clash shelf", "gone book"]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("right", ["right", "right", "right"]),
        ("1=left, 2=right, gone book=left", ["left", "right", "left"]),
        ("book=Left; clash shelf=right", ["left", "right", "left"]),
        ("others=left, shelf=right", ["left", "right", "left"]),
    ],
)
def test_one_is_chosen_for_each(text: str, values: list[str]) -> None:
    """One for all, or one for what a number or words name, in any order of what is said of the others."""
    question = use("human.choose", from_=["left", "right"], each=EACH)

    assert question.accept(text) == dict(zip(EACH, values, strict=True))
    assert question.prompt().items == tuple(EACH)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1=left", "nothing is said of clash shelf, gone book; others=… is for all that are left"),
        ("4=left, others=right", "'4' is none of what is asked about"),
        ("book=middle, others=left", "answer one of left, right"),
        ("=left", "'' is none of what is asked about"),
        ("1", "answer one of left, right"),
        ("1=2, others=left", "answer one of left, right"),
    ],
)
def test_nothing_is_guessed_for_any_of_each(text: str, message: str) -> None:
    """What is not said, or says nothing, is told."""
    with pytest.raises(ValueError, match=re.escape(message)):
        use("human.choose", from_=["left", "right"], each=EACH).accept(text)


def test_the_default_is_for_each() -> None:
    """An empty answer gives it to all."""
    prompt = use("human.choose", from_=["left", "right"], each=EACH, default="left").prompt()

    assert prompt.default == dict.fromkeys(EACH, "left")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"from": ["a"], "each": ["x", "x"]}, "none of them twice"),
        ({"from": []}, "nothing to choose from"),
        ({"from": ["a", "a"]}, "'a' is there twice"),
        ({"from": ["a"], "default": "b"}, "'b' is none of a"),
        ({"from": [{"label": "x"}]}, "a mapping with `value`"),
        ({"from": [{"value": 1, "lable": "x"}]}, "label"),
    ],
)
def test_a_bad_list_is_refused(arguments: dict[str, object], message: str) -> None:
    """A list from which nobody could choose is refused before anybody is asked."""
    with pytest.raises(SchemaError, match=message):
        use("human.choose", **arguments)


@pytest.mark.parametrize(
    ("type_", "text", "value"),
    [
        ("text", "  some words ", "some words"),
        ("number", "12", 12),
        ("number", "-0.5", -0.5),
        ("datetime", "2024-05-01T14:30:00+02:00", "2024-05-01T12:30:00Z"),
    ],
)
def test_an_input_is_taken_as_its_type(type_: str, text: str, value: object) -> None:
    """Numbers become numbers, times become UTC."""
    assert use("human.input", text="?", type=type_).accept(text) == value


@pytest.mark.parametrize(
    ("type_", "text", "message"),
    [
        ("text", "  ", "an empty answer is none"),
        ("number", "twelve", "such as 12 or 0.5"),
        ("number", "nan", "such as 12 or 0.5"),
        ("datetime", "yesterday", "2024-05-01T12:30:00Z"),
        ("datetime", "2024-05-01T12:30:00", "zone"),
    ],
)
def test_an_input_of_another_type_is_told(type_: str, text: str, message: str) -> None:
    """The refusal shows an answer that would be accepted."""
    with pytest.raises(ValueError, match=message):
        use("human.input", text="?", type=type_).accept(text)


def test_a_pattern_must_fit_the_whole_answer() -> None:
    """A pattern is not just found somewhere in the answer."""
    question = use("human.input", text="Ticket?", type="pattern", pattern="[A-Z]+-\\d+")

    assert question.accept("OPS-12") == "OPS-12"
    with pytest.raises(ValueError, match="matches"):
        question.accept("see OPS-12")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"type": "pattern"}, "needs it"),
        ({"pattern": "x"}, "goes with"),
        ({"type": "pattern", "pattern": "("}, "not a regular expression"),
        ({"type": "number", "default": "many"}, "would not be accepted"),
    ],
)
def test_an_input_that_accepts_nothing_is_refused(arguments: dict[str, object], message: str) -> None:
    """A question that contradicts itself is refused before anybody is asked."""
    with pytest.raises(SchemaError, match=message):
        use("human.input", text="?", **arguments)


def test_an_open_item_stops_the_run() -> None:
    """All items must be confirmed; those that are not are named."""
    question = use("human.checklist", items=["told the team", "status page"])

    assert question.refused(question.accept("all")) is None
    assert question.refused(question.accept("2, 1")) is None
    assert question.refused(question.accept("1")) == "not confirmed: status page"
    assert question.refused(question.accept("none")) == "not confirmed: told the team; status page"
    with pytest.raises(ValueError, match=r"\(1 to 2\)"):
        question.accept("3")


def test_a_task_is_done_or_stops_the_run() -> None:
    """Only "done" goes on; what was to be done is repeated when it could not be."""
    question = use("human.task", text="Suspend the job")

    assert question.accept("Done") is True
    assert question.refused(question.accept("failed")) == "not done: Suspend the job"
    with pytest.raises(ValueError, match="answer done"):
        question.accept("later")


def test_confirmed_items_may_be_named_as_they_are() -> None:
    """As JSON, as an answer that was given before is; what is none of them is told."""
    asked = use("human.checklist", items=["one", "[two]"])

    assert asked.accept('["[two]"]') == ["[two]"]
    for text in ('["three"]', "[" * 20_000):
        with pytest.raises(ValueError, match="answer all"):
            asked.accept(text)
