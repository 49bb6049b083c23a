"""The plan as people read it."""

import re
from dataclasses import replace

import pytest

from rollbook.cli.boundary import boundaries, sites
from rollbook.cli.changeview import change_lines
from rollbook.cli.planview import plan_lines, step_lines
from rollbook.cli.screen import Screen
from rollbook.library import Library, stock_folder
from rollbook.runbook import Runbook, Step

from .plans import CHOICE, GIVE_BACK, MAIL, POINTERS, SMOKE, restore_plan

WIDE = Screen(120)


def text_of(screen: Screen = WIDE, **changes: object) -> str:
    """Give the plan's whole text."""
    return "\n".join(plan_lines(restore_plan(**changes), screen))


def test_every_line_that_will_be_sent_stands_in_the_plan_as_it_is() -> None:
    """In a pipe, no line that will be sent is broken, cut or changed."""
    shown = text_of()

    for step in restore_plan().steps:
        for line in "\n".join(step.shown).splitlines():
            assert line.strip() in shown


@pytest.mark.parametrize("width", [80, 100, 120])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    """On a terminal every line fits."""
    shown = text_of(Screen(width, terminal=True), protected=True)

    assert max(map(len, shown.splitlines())) <= width


def test_a_narrow_terminal_loses_no_word_of_a_statement() -> None:
    """Breaking a long statement changes white space only."""
    shown = "".join(text_of(Screen(80, terminal=True)).split())

    assert "".join(POINTERS.shown[1].split()) in shown


def test_colour_is_drawn_only_where_the_screen_has_it() -> None:
    """Without colour the plan holds no escape codes, and with it the same text."""
    plain, coloured = text_of(), text_of(Screen(120, colour=True))

    assert "\033" not in plain
    assert re.sub("\033\\[[0-9;]*m", "", coloured) == plain


def test_what_a_target_gave_cannot_drive_the_terminal() -> None:
    """Control characters in values are shown, not sent."""
    nasty = replace(MAIL, name="Tell\033[2J", shown=("mail\033]0;x\007",), undo_reason="a\u202eb")

    shown = text_of(steps=(nasty,))

    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202e]", shown)


@pytest.mark.parametrize(
    "words",
    [
        "PROTECTED",
        "this machine only",
        "course_id = course-v1:DemoOrg+RB101+2024_T1",
        "planned on 1. 65ab01/65ab02 (assumed; asked in the run)",
        "approval   pointers: by 1 of ada, grace, not by who carries it out",
        "draft      65ab03aa00000000000000aa -> 65ab01aa00000000000000aa",
        "1 of ada, grace",
        "puts back what was there before",
        "leaves it: a mail that was sent stays sent",
        "REFUSED, cannot be taken back: the file's content was not kept",
        "the environment has no target cms",
        "site down; stopping here leaves it down; undo takes back 1 change",
        "site up; you may stop here",
        "undo cannot go back past thaw",
        "1 change can be taken back, 1 stays; 1 refusal: thaw",
        "about 2 s (1 of 3 steps timed before)",
        "may be run once only",
    ],
)
def test_an_operator_finds_it_in_the_plan(words: str) -> None:
    """Everything that a decision rests on is said."""
    assert words in text_of(protected=True)


def test_a_long_choice_is_shortened() -> None:
    """Of many options the plan prints a few, how many there are, and the label of the one it was made on."""
    choices = [{"value": f"v{n}", "label": f"version {n}", "detail": "x" * 200} for n in range(1, 31)]
    prompt = {**(CHOICE.prompt or {}), "choices": choices, "default": "v17"}
    asked = replace(CHOICE, prompt=prompt, outputs={"value": "v17"})

    shown = text_of(Screen(80, terminal=True), steps=(asked,))

    assert "5. version 5 " in shown
    assert "version 6 " not in shown
    assert "and 25 more of 30" in shown
    assert "planned on 17. version 17 (assumed" in shown


def test_fields_that_stay_are_not_shown_as_a_change() -> None:
    """The change shows only fields that differ."""
    shown = "\n".join(step_lines((POINTERS,), restore_plan(), WIDE))

    assert "edited" not in shown


def test_a_plan_without_writes_says_so() -> None:
    """Reading alone is told as such."""
    assert "Nothing will be written." in text_of(steps=(SMOKE,))
    assert "Nothing will be written." not in text_of(steps=(GIVE_BACK,))


def test_a_downtime_that_no_step_ends_is_told() -> None:
    """The summary warns of downtime that stays open."""
    assert "it begins at pointers and no step ends it" in text_of(steps=(POINTERS,))


def test_an_end_of_a_downtime_that_does_not_begin_is_none() -> None:
    """A runbook that ends a downtime only where others began one has none of its own."""
    ending = replace(POINTERS, downtime="ends")

    assert "none expected" in text_of(steps=(ending,))


def test_an_undo_that_may_begin_with_the_site_down_expects_none_of_its_own() -> None:
    """While the site may be down nobody reads that no downtime is expected."""
    ending = replace(POINTERS, address="undo/close", downtime="ends")

    assert "downtime   none of its own" in text_of(steps=(ending,), undo_of="a-run")


@pytest.mark.parametrize("name", ["rollback-database", "rollback-deploy"])
def test_a_fence_that_is_up_again_leaves_the_site_down(name: str) -> None:
    """When the step that let everybody into the database is undone, nobody may think that he can rest there."""
    book = Library(stock_folder()).runbook(name)
    undone = [replace(POINTERS, address=f"undo/{step}") for step in ("drop_base", "fence_down")]

    after = boundaries(undone, sites(book))

    assert not after["undo/fence_down"].calm


def test_an_undo_leaves_the_site_as_it_was_before_the_step() -> None:
    """Once the step that let visitors in again is undone the site is down, and up when what took it down is undone."""
    book = Runbook("r", "t", (Step("off", site="down"), Step("on", site="up")))
    undone = [replace(POINTERS, address=f"undo/{name}") for name in ("on", "off")]

    after = boundaries(undone, sites(book))

    assert [after[step.address].site for step in undone] == ["down", "up"]


def test_an_undo_that_ends_a_downtime_leaves_what_was_declared_before_it() -> None:
    """Nobody rests on "site up" while an earlier step, which no undo touches, keeps the site read-only."""
    book = Runbook(
        "r", "t", (Step("ro", site="read-only"), Step("stop", downtime="begins"), Step("on", downtime="ends"))
    )
    undone = [
        replace(POINTERS, address="undo/on", downtime="begins"),
        replace(POINTERS, address="undo/stop", downtime="ends"),
    ]

    after = boundaries(undone, sites(book))

    assert [after[step.address].site for step in undone] == ["down", "read-only"]


def test_long_texts_are_shown_where_they_differ() -> None:
    """A line put at the end of a long text is in the plan: what is there before and after does not look the same."""
    text = "Welcome to this host. " * 20
    step = replace(POINTERS, before={"text": text}, after={"text": f"{text}Restore in progress"}, compared=("text",))

    lines = list(change_lines(step, WIDE))

    assert "Restore in progress" in "".join(lines)
