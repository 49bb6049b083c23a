"""A playbook's run in the report: stages and environments as groups, each site's downtime its own."""

import json
import re
from collections.abc import Sequence

import pytest

from rollbook.cli.boundary import boundaries
from rollbook.cli.ending import boundary
from rollbook.cli.planview import step_lines
from rollbook.cli.screen import Screen
from rollbook.plan import Plan, PlannedLock, PlannedStep
from rollbook.report.html import to_html
from rollbook.report.json import to_json
from rollbook.report.markdown import to_markdown
from rollbook.report.model import report_of
from rollbook.report.timeline import to_svg

from .accounts import Story, plan_of, restored, step


def stage(name: str, environment: str, **rest: object) -> tuple[PlannedStep, ...]:
    """Plan a stage of three steps."""
    own = {"stage": "Roll back", "environment": environment, "targets": (f"{environment}:web",)} | rest
    address = f"back@{environment}"
    return tuple(
        PlannedStep(f"{address}/{id_}", id_, f"{told} {name}", "shell.run", "run", downtime=downtime, **own)  # type: ignore[arg-type]  # the tests' short form
        for id_, told, downtime in (("stop", "Stop", "begins"), ("put", "Put back", ""), ("start", "Start", "ends"))
    )


def plan() -> Plan:
    """Plan a playbook over two environments."""
    asked = step("broken", "Say what is broken", "human.choose", "ask", prompt={"text": "What?"}, stage="Decide")
    steps: Sequence[PlannedStep] = (asked, *stage("first", "stage"), *stage("then", "prod"))
    return plan_of(
        steps,
        playbook=True,
        environment="ops",
        environments={"ops": False, "stage": False, "prod": True},
        locks=(PlannedLock("database forum", (), "prod", "this machine only"),),
    )


def told(*, left: bool = False, started: bool = True) -> Story:
    """Tell the run: the stage in the first environment is left half-way, or not; the second is begun, or not."""
    story = Story(plan()).ask("broken", 12, "code")
    story.begin("back@stage/stop").tell("downtime_began", 0, by="back@stage/stop").end("back@stage/stop", 2, "changed")
    if left:
        story.begin("back@stage/put").tell("step_failed", 1, step="back@stage/put", error="no such backup")
        steps = ["back@stage/put", "back@stage/start"]
        story.tell("stage_left", 0.01, steps=steps, reason="it failed", text="it failed", by="anna@ops-laptop")
    else:
        story.step("back@stage/put", 5, "changed").step("back@stage/start", 1, "changed")
        story.tell("downtime_ended", 0, by="back@stage/start")
    if started:
        story.begin("back@prod/stop").tell("downtime_began", 0, by="back@prod/stop").end("back@prod/stop", 2, "changed")
        story.step("back@prod/put", 5, "changed").step("back@prod/start", 1, "changed")
        story.tell("downtime_ended", 0, by="back@prod/start")
    return story


def test_stages_are_told_one_by_one() -> None:
    """Each stage in each environment has its row: its steps, how it ended, how long it took, what it changed."""
    report = report_of(told().finish())

    assert [(one.title, one.environment, one.words, one.first, one.last, one.changed) for one in report.stages] == [
        ("Decide", "", "done", 1, 1, 0),
        ("Roll back", "stage", "done", 2, 4, 3),
        ("Roll back", "prod", "done", 5, 7, 3),
    ]
    assert report.stages[2].seconds == pytest.approx(8, abs=0.1)


def test_looks_into_several_environments_stand_under_one_heading() -> None:
    """Each says in its title where it looked; the heading does not come again whenever the environment is another."""
    looks = [
        step(f"{name}@{where}", told, "sql.at_risk", "read", stage="Decide", environment=where, details=("12 rows",))
        for name, told in (("risk", "Look what is at risk"), ("saved", "Look what is saved"))
        for where in ("stage", "prod")
    ]
    run = Story(plan_of(looks, playbook=True, environment="ops", environments={"stage": False, "prod": True}))
    for one in looks:
        run.step(one.address, 1)
    report = report_of(run.finish())

    assert [(one.title, one.environment, one.first, one.last) for one in report.stages] == [("Decide", "", 1, 4)]
    for told in (to_markdown(report), re.sub("<[^>]*>", "", to_html(report))):
        found = told.rpartition("What was found")[2].partition("What was changed")[0]
        assert found.count("Decide") == 1
        assert re.findall(r"\d\. (Look [^\n:]*)", found) == [
            f"Look what is {what} ({where})" for what in ("at risk", "saved") for where in ("stage", "prod")
        ]
    assert "\n".join(step_lines(tuple(looks), run.plan, Screen())).count("Decide") == 1


@pytest.mark.parametrize(
    ("left", "started", "ended", "wanted"),
    [
        (True, True, True, ["done", "left before its end", "done"]),
        (False, False, True, ["done", "done", "not reached"]),
        (True, False, False, ["done", "left before its end", "not reached"]),
    ],
)
def test_a_stage_that_did_not_end_well_says_so(left: bool, started: bool, ended: bool, wanted: list[str]) -> None:
    """A stage that was left, and one that the run never came to, are not told as done."""
    story = told(left=left, started=started)
    run = story.finish("succeeded" if started else "failed") if ended else story.run()

    report = report_of(run)

    assert [one.words for one in report.stages] == wanted


def test_a_runbook_has_no_stages() -> None:
    """Nothing of this shows in the report of a runbook's run."""
    report = report_of(restored().finish())

    assert report.stages == ()
    assert "Stages" not in to_markdown(report)
    assert 'id="stages"' not in to_html(report)


def test_changes_stand_under_their_stage() -> None:
    """Markdown and HTML group what was changed by stage and environment, and name the playbook as one."""
    report = report_of(told().finish())

    page, sheet = to_html(report), to_markdown(report)

    assert page.count('<h3 class="stage">') == 2
    assert '<h3 class="stage">Roll back, in prod</h3>' in page
    assert "ops (protected); stages in stage, prod (protected)" in page
    assert sheet.count("**Roll back, in stage**") == 1
    assert "| 5 to 7 | Roll back | prod | done |" in sheet
    assert "- **Playbook:** `restore-course`" in sheet
    assert "database forum, in prod (held by this machine only)" in sheet


def test_machines_are_told_too() -> None:
    """The JSON has the stages, and each step's."""
    content = json.loads(to_json(report_of(told().finish())))

    assert [(one["title"], one["environment"]) for one in content["stages"]][1:] == [
        ("Roll back", "stage"),
        ("Roll back", "prod"),
    ]
    assert (content["steps"][4]["stage"], content["steps"][4]["environment"]) == ("Roll back", "prod")


def test_stages_have_a_lane_of_their_own() -> None:
    """The timeline has a lane for each environment's target, and one above them for the stages."""
    drawing = to_svg(report_of(told().finish()))

    names = [name for name in ("stages", "people", "stage:web", "prod:web") if f">{name}<" in drawing]
    assert names == ["stages", "people", "stage:web", "prod:web"]
    assert drawing.count('class="bar stage good"') == 3


def test_each_environment_has_a_downtime_of_its_own() -> None:
    """What ends in one environment does not end what is open in another."""
    run = told(left=True).finish()

    assert [(one.environment, one.ended_by) for one in run.downtimes] == [("stage", ""), ("prod", "back@prod/start")]
    assert [one.began_by for one in report_of(run).impact.still_down] == ["back@stage/stop"]
    assert str(boundary(run, {})).startswith("site down in stage; stopping here leaves it down")


def test_the_site_that_is_worst_off_is_told() -> None:
    """After a step the plan tells of the environment whose site is down, also where another one's is up again."""
    first, then = stage("first", "stage"), stage("then", "prod")

    after = boundaries((*first[:2], *then), {})

    assert str(after["back@stage/put"]).startswith("site down in stage;")
    assert str(after["back@prod/start"]).startswith("site down in stage;")
    assert str(boundaries((*first, *then), {})["back@prod/start"]).startswith("site up;")
