"""The engine's questions at a terminal."""

from pathlib import Path

import pytest

from rollbook.action import Choice, Prompt
from rollbook.cli.asker import TerminalAsker, default_text
from rollbook.cli.keyboard import Keyboard
from rollbook.cli.screen import Screen
from rollbook.cli.sheet import Sheet, given_already
from rollbook.cli.unattended import Unattended
from rollbook.engine.ports import Decision, Given, Nobody
from rollbook.errors import Interrupted

from .plans import CHOICE, MAIL, POINTERS, restore_plan
from .runs import finished, write_run
from .typing_hands import hands

CHOOSE = Prompt("choose", "Which?", (Choice("a1", "Monday"), Choice("b2", "Tuesday", "312 blocks")), "b2", True)
CONFIRM = Prompt("confirm", "Go on?")


def asker(*typed: str | None, sheet: Nobody | None = None) -> TerminalAsker:
    """Give an asker at which these lines are typed."""
    return TerminalAsker(
        hands(*typed), sheet or Nobody({}, "grace@laptop", {}), "grace@laptop", "20260102T030405Z-1a2b3c"
    )


def test_what_is_typed_is_handed_on_with_who_typed_it() -> None:
    """The engine judges the text; the asker only fetches it."""
    assert asker("1").answer(CHOICE, CHOOSE, "") == Given("1", "grace@laptop", "terminal")


def test_enter_takes_the_default_and_nothing_else() -> None:
    """Without a default, an empty line is asked again."""
    assert asker("").answer(CHOICE, CHOOSE, "") == Given("b2", "grace@laptop", "default")
    assert asker("", "yes").answer(CHOICE, CONFIRM, "") == Given("yes", "grace@laptop", "terminal")


def test_ctrl_d_leaves_a_question_open() -> None:
    """Nobody answers now, so the run waits."""
    assert asker(None).answer(CHOICE, CONFIRM, "") is None


def test_nobody_is_asked_after_a_stop() -> None:
    """When Ctrl-C ended the question of one member of a group, the other members' are not put."""
    keyboard = Keyboard(Screen(), read=lambda _: "yes", stopping=lambda: True)

    with pytest.raises(Interrupted):
        TerminalAsker(keyboard, Nobody({}, "grace@laptop", {}), "grace@laptop").answer(CHOICE, CONFIRM, "")


def test_what_was_answered_is_not_asked_again_for_agreement(tmp_path: Path) -> None:
    """The journalled answer, with who gave it, stands for the question that led to the new plan."""
    _, run = write_run(
        tmp_path,
        ("answered", {"step": "choice", "value": "65ab03/65ab04", "by": "ada@desk", "how": "terminal"}),
        finished("choice"),
        ("waiting", {"step": "choice", "text": "the newly planned steps must be agreed to", "agreement": True}),
    )
    sheet = Sheet({}, "grace@laptop", {}, True, given_already(run))

    assert sheet.answer(CHOICE, CHOOSE, "") == Given("65ab03/65ab04", "ada@desk", "terminal")
    assert sheet.answer(CHOICE, CHOOSE, "not one of these") is None


def test_an_answer_given_beforehand_is_not_asked_again() -> None:
    """--answer comes first, and a refused one is asked at the terminal."""
    sheet = Nobody({"choice": "a1"}, "grace@laptop", {})

    assert asker(sheet=sheet).answer(CHOICE, CHOOSE, "") == Given("a1", "grace@laptop", "option")
    assert asker("2", sheet=sheet).answer(CHOICE, CHOOSE, "not one of them") == Given("2", "grace@laptop")


def test_an_approval_may_carry_its_reason() -> None:
    """Who approves may say why."""
    given = asker("yes", "looked at it").answer(POINTERS, Prompt("approve", "Go on?"), "")

    assert given == Given("yes", "grace@laptop", "terminal", "looked at it")


def test_everything_that_a_choice_rests_on_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """The question, the numbered choices with details, and the default are on the screen."""
    asker("1").answer(CHOICE, CHOOSE, "")

    shown = capsys.readouterr().out
    assert "Which?" in shown
    assert "2. Tuesday; 312 blocks  (default)" in shown


@pytest.mark.parametrize(
    ("typed", "decision"),
    [
        (("r",), Decision("retry")),
        (("nonsense", "stop"), Decision("stop")),
        (("s", "st"), Decision("stop")),
        (("skip", "", "not needed here"), Decision("skip", "not needed here")),
        (("done", "by hand"), Decision("done", "by hand")),
        (("skip", None, "retry"), Decision("retry")),
        ((None,), None),
    ],
)
def test_after_a_failure_one_of_five_words_decides(typed: tuple[str | None, ...], decision: Decision | None) -> None:
    """A beginning of a word will do where it is clear; going past a step needs a reason."""
    assert asker(*typed).after_failure(MAIL, "the server refused it") == decision


def test_a_doubt_is_decided_after_seeing_what_was_found(capsys: pytest.CaptureFixture[str]) -> None:
    """What the probe found, what was there before and what was wanted are on the screen."""
    assert asker("redo").in_doubt(POINTERS, {"draft": "65ab09"}, "it is neither") == "redo"

    shown = capsys.readouterr().out
    assert "65ab09" in shown
    assert "65ab03aa00000000000000aa" in shown
    assert "it is neither" in shown


def test_who_leaves_a_step_in_doubt_is_not_asked_what_to_do_about_it() -> None:
    """Abort stops the run; there is no second question."""
    ask = asker("abort")

    assert ask.in_doubt(POINTERS, None, "") == "abort"
    assert ask.after_failure(POINTERS, "left as it is") == Decision("stop")


def test_newly_planned_steps_are_shown_and_agreed_to(capsys: pytest.CaptureFixture[str]) -> None:
    """Only yes goes on; no stops; Ctrl-D leaves it open."""
    plan = restore_plan()

    assert asker("yes").agree(plan, (POINTERS,), "another version was chosen") is True
    assert asker("no").agree(plan, (POINTERS,), "") is False
    assert asker(None).agree(plan, (POINTERS,), "") is None
    assert POINTERS.shown[0] in capsys.readouterr().out


@pytest.mark.parametrize(
    ("default", "text"),
    [(True, "yes"), (False, "no"), ("a1", "a1"), (3, "3"), ({"draft": 1}, "that one")],
)
def test_a_default_reads_as_a_person_would_type_it(default: object, text: str) -> None:
    """A default that is no text is named by its choice's label."""
    assert default_text(Prompt("choose", "?", (Choice({"draft": 1}, "that one"),), default, True)) == text


def many() -> Prompt:
    """Give a question with as many choices as a course has versions."""
    labels = [
        f'2026-11-1{day}T05:52:51.921Z | user 1 | Updated draft branch | draft …034a9{day} · published …034a95 | "Beginners" '
        f"| draft: {day} html, 10 problem, 10 video, 8 sequential, 4 chapter; published: 16 vertical | complete"
        for day in range(6)
    ]
    choices = tuple(Choice(f"{number}", label, "taken by the next pruning") for number, label in enumerate(labels))
    return Prompt("choose", "Which version?", choices, "3", True)


def test_many_choices_are_shown_on_a_line_each_and_whole_when_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    """A screen of 80 by 24 holds the question; `?` shows all that is known; Enter takes what the prompt names."""
    asked: list[str] = []
    answers = iter(["?", ""])

    def read(prompt: str) -> str:
        asked.append(prompt)
        return next(answers)

    keyboard = Keyboard(Screen(80), read=read)
    given = TerminalAsker(keyboard, Nobody({}, "grace@laptop", {}), "grace@laptop").answer(CHOICE, many(), "")

    shown = capsys.readouterr().out
    assert '  >  4. 2026-11-13 05:52 | user 1 | "Beginners" | …034a93 …034a95' in shown
    assert shown.index("published: 16 vertical") > shown.index("? shows all")
    assert all(len(line) <= 80 for line in shown.splitlines())
    assert asked == ["[4. 2026-11-13 05:52] > "] * 2
    assert given is not None
    assert given.how == "default"


def test_what_waits_without_a_terminal_is_shown_with_all_that_it_asks(capsys: pytest.CaptureFixture[str]) -> None:
    """Items, choices with their numbers and the default are printed for whoever answers later."""
    ask = Unattended(Nobody({}, "grace@laptop", {}), Screen())

    assert ask.answer(CHOICE, CHOOSE, "") is None
    assert (
        ask.answer(CHOICE, Prompt("checklist", "Before the switch", items=("Editors gone", "Status page")), "") is None
    )

    shown = capsys.readouterr().out
    assert "2. Tuesday; 312 blocks  (default)" in shown
    assert "2. [ ] Status page" in shown
