"""What steps counted of tables and columns is laid together in the report."""

import json
from dataclasses import replace
from typing import Any

import pytest

from rollbook.report.account import Report
from rollbook.report.html import to_html
from rollbook.report.json import to_json
from rollbook.report.markdown import to_markdown
from rollbook.report.model import report_of
from rollbook.report.stakes import stake_sentences, stakes_of
from rollbook.tally import Fate, tallied

from .accounts import SHA, Story, plan_of, step

STEPS = ("risk", "save", "gone", "recover", "counted")
Told = tuple[str, Fate, dict[str, int]]
LOST: tuple[Told, ...] = (
    ("risk", "counted", {"posts": 10, "users.nick": 4}),
    ("save", "saved", {"posts": 10, "users.nick": 6}),
    ("gone", "absent", {"posts": 0, "users.nick": 0}),
)


def telling(*tellings: Told, outputs: Any = None) -> Story:
    """Tell a run whose steps told this, up to its end."""
    given = {name: (fate, counts) for name, fate, counts in tellings}
    story = Story(plan_of(tuple(step(name, name, "sql.at_risk", "read") for name in STEPS)))
    for name in STEPS:
        fate, counts = given.get(name, ("counted", {}))
        sha = SHA if fate == "saved" else ""
        tally = [
            {**one, "sha256": sha, "of": "values" if "." in one["thing"] else "rows"} for one in tallied(fate, counts)
        ]
        story.tell("step_finished", 1, step=name, status="ok", outputs=outputs or {"tally": tally})
    return story


def told(*tellings: Told, outputs: Any = None) -> Report:
    """Give the report of such a run."""
    return report_of(telling(*tellings, outputs=outputs).tell("run_finished", 1, status="succeeded").run())


def counts(report: Report) -> dict[str, tuple[int | None, ...]]:
    return {one.thing: one.counts for one in report.stakes}


def test_each_thing_has_one_row() -> None:
    """What was at risk, saved, destroyed, put back and there at the end, with the checksum of what was saved."""
    back: tuple[Told, ...] = (
        ("recover", "recovered", {"posts": 10, "users.nick": 4}),
        ("counted", "counted", {"posts": 12, "users.nick": 4}),
    )

    report = told(*LOST, *back)

    assert counts(report) == {"posts": (10, 10, 10, 10, 12), "users.nick": (4, 6, 4, 4, 4)}
    assert {one.sha256 for one in report.stakes} == {SHA}
    assert "14 rows or values of posts, users.nick were destroyed, and are back." in str(report.summary)


def test_what_did_not_come_back_is_told_loudly() -> None:
    """One row less than was destroyed is bad, and the thing is named."""
    report = told(*LOST, ("recover", "recovered", {"posts": 9, "users.nick": 4}))

    sentence = next(one for one in report.summary if "destroyed" in one.text)
    assert (sentence.tone, "NOT ALL CAME BACK: posts;" in sentence.text) == ("bad", True)


def test_what_an_undo_took_out_again_is_told_as_that() -> None:
    """It came back, and is not there any more; it is neither called missing nor there."""
    back: tuple[Told, ...] = (("recover", "recovered", {"posts": 10}), ("counted", "counted", {"posts": 10}))
    story = telling(*LOST[:2], ("gone", "absent", {"posts": 0}), *back)
    run = story.tell("run_finished", 1, status="succeeded").run()
    steps = report_of(run).steps
    undone = tuple(replace(one, status="undone") if one.address == "recover" else one for one in steps)

    stakes = stakes_of(run, undone)

    posts = stakes[0]
    assert (posts.thing, posts.recovered, posts.now, posts.undone) == ("posts", 10, None, True)
    assert "10 came back, and the undo took them out again." in next(stake_sentences(stakes)).text
    assert posts.told == ("10", "10", "10", "10", "not counted since")


@pytest.mark.parametrize(
    ("tellings", "expected"),
    [
        ((LOST[0], LOST[1]), (10, 10, None, None, None)),
        ((LOST[0], LOST[2]), (10, None, 10, None, None)),
        ((LOST[1], ("gone", "counted", {"posts": 3})), (None, 10, 7, None, None)),
        ((("save", "saved", {"posts.nick": 3}), ("gone", "absent", {"posts.nick": 0})), (None, 3, None, None, None)),
        ((("risk", "counted", {"posts": 3}), ("gone", "counted", {"posts": 5})), (3, None, 0, None, None)),
    ],
)
def test_what_nobody_counted_is_not_told(tellings: tuple[Told, ...], expected: tuple[int | None, ...]) -> None:
    """A count that is not known is none, such as how many cells of a column held anything; more rows are no loss."""
    assert next(iter(counts(told(*tellings)).values())) == expected


@pytest.mark.parametrize("outputs", [{"tally": "x"}, {"tally": [{"thing": 1}]}, {"tally": [3]}, ["tally"], {}])
def test_an_output_of_that_name_may_be_something_else(outputs: Any) -> None:
    """Whatever a step of another kind gave, the report is made."""
    assert told(outputs=outputs).stakes == ()


def test_every_form_of_the_report_shows_it() -> None:
    """Markdown, HTML and JSON have the table; without counts there is none."""
    report = told(*LOST)

    assert f"| `posts` | 10 | 10 | 10 | – | – | `{SHA}` |" in to_markdown(report)
    assert '<h2 id="stakes">' in to_html(report)
    assert json.loads(to_json(report))["stakes"][0]["destroyed"] == 10
    assert "at stake" not in to_markdown(told()) + to_html(told())
