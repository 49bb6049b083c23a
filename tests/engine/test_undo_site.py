"""How an undo leaves the site, as the steps that took part in the first run declare it."""

import pytest

from rollbook.cli.boundary import boundaries, sites
from rollbook.cli.ending import boundary
from rollbook.library import runbook_from_sources
from rollbook.run import Run

from .workshop import Workshop, nobody

STEPS = """steps:
  - id: first
    name: Close it first.
    include: closing
    when: {part}
  - id: stop
    name: Stop it.
    file.present: {{path: "{folder}/stop", content: x}}
    when: {part}
    site: down
  - id: fence
    name: Fence it.
    file.present: {{path: "{folder}/fence", content: x}}
    site: down
  - id: start
    name: Open it.
    file.present: {{path: "{folder}/start", content: x}}
    site: up
"""
CLOSING = """steps:
  - id: close
    name: Close it.
    file.present: {{path: "{folder}/close", content: x}}
    site: down
"""


def _undone(workshop: Workshop, *, part: bool, to: str = "") -> Run:
    workshop.write("closing", CLOSING.format(folder=workshop.folder))
    workshop.write("r", STEPS.format(folder=workshop.folder, part=str(part).lower()))
    return workshop.undo(workshop.run("r"), nobody(), to=to)


def _sites(run: Run) -> list[str]:
    after = boundaries(
        (step.planned for step in run.steps), sites(runbook_from_sources(run.plan.sources)), run.plan.passed
    )
    return [one.site for one in after.values()]


@pytest.mark.parametrize(("part", "seen"), [(False, ["down", "up"]), (True, ["down", "down", "down", "up"])])
def test_steps_that_took_no_part_leave_the_site_up_after_an_undo(
    workshop: Workshop, part: bool, seen: list[str]
) -> None:
    """Once all that took the site down is undone it is told as up, whether or not other steps were not for this run."""
    undone = _undone(workshop, part=part)

    assert _sites(undone) == seen
    assert boundary(undone, sites(runbook_from_sources(undone.plan.sources))).calm


@pytest.mark.parametrize("part", [False, True])
def test_an_undo_in_part_leaves_the_site_as_the_steps_that_stay(workshop: Workshop, part: bool) -> None:
    """What took part and was not taken back still keeps the site down."""
    undone = _undone(workshop, part=part, to="fence")

    assert _sites(undone) == ["down"]
    assert not boundary(undone, sites(runbook_from_sources(undone.plan.sources))).calm
