"""The timeline."""

import re
import xml.etree.ElementTree as ET
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollbook.report.model import report_of
from rollbook.report.scale import BREAK, ROOM, scale_of
from rollbook.report.timeline import WIDTH, to_svg

from .accounts import BEGAN, Story, plan_of, restored, step, undo_of
from .hostile import EVIL, run_with
from .test_html import CASES


def parsed(svg: str) -> ET.Element:
    """Parse an SVG, strictly."""
    return ET.fromstring(svg)  # noqa: S314  # our own text


@pytest.mark.parametrize("name", CASES)
def test_timeline_is_whole_and_named(name: str) -> None:
    """A timeline is well-formed XML with a title and a description for those who do not see it."""
    root = parsed(to_svg(report_of(CASES[name]), standalone=True))

    texts = [element.tag.split("}")[-1] for element in root][:2]
    assert texts == ["title", "desc"]
    assert root.get("role") == "img"


@pytest.mark.parametrize("name", CASES)
def test_nothing_is_drawn_outside(name: str) -> None:
    """Every shape stands inside the picture."""
    svg = to_svg(report_of(CASES[name]), standalone=True)

    for x, width in re.findall(r'<rect[^>]* x="([\d.]+)"[^>]* width="([\d.]+)"', svg):
        assert 0 <= float(x) <= float(x) + float(width) <= WIDTH + 1


@pytest.mark.parametrize("text", EVIL)
def test_texts_stay_texts(text: str) -> None:
    """A text in a step's name or target adds no element."""
    plain = [element.tag for element in parsed(to_svg(report_of(run_with("")), standalone=True)).iter()]

    tags = [element.tag for element in parsed(to_svg(report_of(run_with(text)), standalone=True)).iter()]

    assert tags == plain


def test_each_target_has_a_lane() -> None:
    """Targets, people and steps without a target each have a lane of their name."""
    svg = to_svg(report_of(restored().finish()))

    names = re.findall(r'class="name"[^>]*>([^<\n]+)', svg)
    assert names == ["people", "rollbook", "ledger", "modulestore", "jobs", "cms", "site"]


def test_lanes_are_bounded() -> None:
    """With very many targets the last lane holds the rest."""
    plan = plan_of([step(f"s{i}", targets=(f"host-{i}",), verdict="run") for i in range(90)])
    story = Story(plan)
    for i in range(90):
        story.step(f"s{i}", 1)

    names = re.findall(r'class="name"[^>]*>([^<\n]+)', to_svg(report_of(story.finish())))

    assert len(names) == 24
    assert names[-1] == "other targets"


def test_crowded_bars_are_bundled() -> None:
    """A thousand steps are drawn as some hundred bars; one that failed has a bar of its own."""
    story = Story(plan_of([step(f"s{i}", f"Step {i}", verdict="run") for i in range(1000)]))
    for i in range(999):
        story.step(f"s{i}", 0.1, "changed")
    story.begin("s999").tell("step_failed", 0.1, step="s999", error="no")

    svg = to_svg(report_of(story.finish("failed")))

    assert 100 < svg.count('<g class="bar changed"><title>') < 300
    assert svg.count('<g class="bar failed"><title>1000. Step 999: failed') == 1
    assert "<title>1. Step 0 to " in svg


def test_trouble_has_its_marks() -> None:
    """Retries, drift, doubt, failure and warnings each have a mark and a place in the legend."""
    story = Story(plan_of((step("s", "S", targets=("t",), verdict="run", ops=({"op": "command"},)),)))
    story.begin("s").tell("attempt", 1, step="s", attempt=2).tell("drift", 1, step="s", differences=["a: 1 -> 2"])
    story.tell("in_doubt", 1, step="s").tell("warning", 1, text="no mail").tell("step_failed", 1, step="s", error="no")

    svg = to_svg(report_of(story.finish("failed")))

    for mark in ("tried-again", "drift", "in-doubt", "warning", "failed"):
        assert svg.count(f'class="mark {mark}"') >= 2


def test_undo_resume_and_downtime_are_drawn() -> None:
    """The undo's begin is a line, downtime a band over all lanes."""
    run = restored().finish()
    undo = undo_of(run).step("pointers", 1, "changed").finish()

    svg = to_svg(report_of(run, undo=undo))

    assert 'class="turn"' in svg
    assert 'class="down"' in svg
    assert "1 d 2 h" in svg


def test_long_waits_are_shortened_and_short_steps_seen() -> None:
    """A step of 3 ms and one of 30 s beside a wait of 40 minutes: all are seen, the wait is a break."""
    work = [
        (BEGAN, BEGAN + timedelta(milliseconds=3)),
        (BEGAN + timedelta(minutes=40), BEGAN + timedelta(minutes=40.5)),
    ]

    scale = scale_of(work, [], left=100, right=900)

    (stop,) = scale.breaks
    assert stop.seconds == pytest.approx(2400, abs=1)
    assert stop.right - stop.left <= BREAK * 1.01
    assert scale.place(work[0][1]) - scale.place(work[0][0]) > 5
    assert scale.place(work[1][1]) == 900


stretches = st.lists(
    st.tuples(st.floats(0, 1e6), st.floats(0, 1e4)).map(
        lambda pair: (BEGAN + timedelta(seconds=pair[0]), BEGAN + timedelta(seconds=pair[0] + pair[1]))
    ),
    max_size=40,
)


@given(work=stretches)
def test_time_never_goes_left(work: list[tuple[object, object]]) -> None:
    """A later moment never stands left of an earlier one, and ticks keep apart."""
    scale = scale_of(work, [BEGAN], left=100, right=900)  # type: ignore[arg-type]  # hypothesis' pairs

    places = [scale.place(moment) for moment in scale.moments]
    ticks = [tick.place for tick in scale.ticks()]

    assert places == sorted(places)
    assert all(99.9 <= place <= 900.1 for place in places)
    assert all(right - left >= ROOM - 0.01 for left, right in pairwise(ticks))
