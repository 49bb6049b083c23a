"""The report as JSON."""

import json
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings

from rollbook.report.account import FORMAT
from rollbook.report.json import to_json
from rollbook.report.model import report_of
from rollbook.report.wording import json_text

from .accounts import restored
from .hostile import run_with, texts
from .test_html import CASES


@pytest.mark.parametrize("name", CASES)
def test_shape_is_stable(name: str) -> None:
    """A report of any run has the same top-level fields, and the format's number first."""
    told = json.loads(to_json(report_of(CASES[name])))

    assert list(told) == [
        "format", "run", "undo", "zone", "summary", "impact", "steps", "moments", "answers", "written", "stages",
        "stakes",
    ]  # fmt: skip
    assert told["format"] == FORMAT


def test_times_and_seconds_are_for_machines() -> None:
    """Times are ISO 8601 UTC, durations seconds, inputs an object."""
    told = json.loads(to_json(report_of(restored().finish(), local_zone=ZoneInfo("Europe/Berlin"))))

    assert told["run"]["began"] == "2026-11-21T09:02:00.000Z"
    assert told["impact"]["waiting"] == pytest.approx(3100)
    assert told["run"]["inputs"]["retain"] == "10"
    assert told["zone"] == "Europe/Berlin"
    assert told["steps"][7]["undo"]["state"] == "reversible"


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=texts)
def test_any_text_survives(text: str) -> None:
    """Every text reads back as it was, and nothing that a terminal obeys is written raw."""
    written = to_json(report_of(run_with(text)))

    assert json.loads(written)["run"]["environment"] == "x" + text
    assert not {character for character in written if ord(character) < 32 and character != "\n"}
    assert not set(written) & set("\x7f\x85\u202e\u2066\u2028\ufeff")
    written.encode("utf-8")


def test_lone_surrogates_are_escaped() -> None:
    """A text that UTF-8 cannot hold is written escaped."""
    written = to_json(report_of(replace(restored().run(), reason="x\ud800")))

    written.encode("utf-8")
    assert json.loads(written)["run"]["reason"] == "x\ud800"


def test_json_for_a_screen_does_nothing_to_a_terminal() -> None:
    """What JSON allows raw and a terminal obeys is written as JSON's own escapes, and read back as it was."""
    value = {"a\u202e": ["\x9b31m", "\u200b\U000e0041", "\x1b]0;x\x07", "👩\u200d🚀"]}
    written = json_text(value)

    assert json.loads(written) == value
    assert not set(written) & set("\u202e\x9b\u200b\U000e0041\x1b\x07")
