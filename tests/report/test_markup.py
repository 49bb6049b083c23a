"""Markup that values cannot break out of."""

import pytest

from rollbook.report.markup import Html, form, html, joined

from .hostile import EVIL


@pytest.mark.parametrize("text", EVIL)
def test_values_are_escaped(text: str) -> None:
    """A value put into a form brings no markup, in an element as in an attribute."""
    made = form('<p title="{}">{}</p>')(text, text)

    inside = made.removeprefix('<p title="').removesuffix("</p>")
    assert inside.count('"') == inside.count(">") == 1
    assert not set(inside) & set("<'")


def test_markup_is_not_escaped_again() -> None:
    """What a form made goes into another as it is."""
    assert form("<p>{}</p>")(joined((form("<b>{}</b>")("<"), Html("<br>")))) == "<p><b>&lt;</b><br></p>"


def test_markup_added_up_is_text() -> None:
    """Two pieces of markup that were added, or put into an f-string, are escaped: only `joined` vouches for them."""
    bold = Html("<b>")

    assert html(bold + bold) == html(f"{bold}{bold}") == "&lt;b&gt;&lt;b&gt;"


def test_places_have_one_digit() -> None:
    """A float is a place in a drawing."""
    assert form("{} {}")(1 / 3, 2) == "0.3 2"
