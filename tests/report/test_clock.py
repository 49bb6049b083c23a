"""What a report says of a run during which the clock was set back."""

from collections.abc import Callable

import pytest

from rollbook.report.account import Report
from rollbook.report.html import to_html
from rollbook.report.markdown import to_markdown
from rollbook.report.model import report_of

from .accounts import Story, restore_plan


@pytest.mark.parametrize("told", [to_markdown, to_html])
def test_it_is_made_and_says_so(told: Callable[[Report], str]) -> None:
    """Times that run backwards make no length, and no report is missing for them."""
    story = Story(restore_plan()).end("key", 1).tell("interrupted", 1, text="stopped")
    story.tell("run_resumed", -600, operator="a@b").end("versions", 1)

    text = told(report_of(story.finish()))

    assert "the clock was set back" in text
