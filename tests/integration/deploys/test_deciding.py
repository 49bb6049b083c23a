"""Deciding by the playbook on the board: both cures, weighed on the real database, wherever somebody decides."""

import pytest

from .conftest import Undisturbed
from .desk import Desk

pytestmark = [pytest.mark.server, pytest.mark.timeout(600)]

ANSWERS = {
    "corrupting": "no",
    "fault": "database",
    "severity": "critical",
    "affected": "all",
    "fixable": "no",
    "team": "all",
    "evidence": "all",
}


def deciding(desk: Desk, *words: str, **answers: str) -> tuple[str, ...]:
    """Give the words that decide about the board's deploy."""
    pattern, backup = desk.board.pattern, desk.board.folder / "backups" / "forum.dump"
    given = {"deploy": pattern.merge, "deployed_at": pattern.deployed_at.isoformat(), "backup": str(backup)}
    options = [f"--set={name}={value}" for name, value in given.items()]
    answered = [f"--answer={name}={value}" for name, value in {**ANSWERS, **answers}.items()]
    return (*words, "bad-deploy", "--env", "board", *options, *answered)


def test_both_cures_stand_in_plan_question_and_report(desk: Desk) -> None:
    """Whoever decides sees what each cure takes and loses; the report says what was known when it was decided."""
    code, planned = desk.type(*deciding(desk, "plan"))
    waiting, asked = desk.type(*deciding(desk, "run-playbook"), "--yes")

    report = (desk.runs.all()[-1].path / "report.md").read_text()
    assert (code, waiting) == (0, 3), planned[-2000:] + asked[-2000:]
    for told in (planned, asked, report):
        assert "PROPOSED: go back: the deploy also made or changed constraint one_of_a_title" in told, told[-6000:]
        assert "put back brings back 2 tables with 2020 rows" in told
    assert "put back could lose" in asked[asked.rindex("The matrix says rollback") :]


def test_those_whom_it_concerns_are_listed_and_not_mailed(undisturbed: Undisturbed) -> None:
    """Going back leaves a list of addresses for its owner; what is journalled and told has its path and a count."""
    listed = undisturbed.run.step("affected")

    assert listed is not None
    assert listed.status == "changed"
    assert listed.outputs["path"].endswith("/affected-users.csv")
    assert listed.outputs["untold"] == ["channels_channel", "channels_post"]
