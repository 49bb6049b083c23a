"""Numbers watched for a time: from logs, pages and queries."""

import threading
from pathlib import Path

import pytest
from engine.workshop import Workshop

from rollbook.action import Outcome
from rollbook.actions.monitor.prometheus import metric
from rollbook.actions.monitor.samples import Sample, sparkline
from rollbook.errors import SchemaError
from rollbook.report import report_of, to_html, to_markdown
from rollbook.targets.base import HttpResponse, TargetSpec
from rollbook.testing import FakeDatabase, FakeReaders, FakeSite

from .conftest import Machine, use

QUERY = "SELECT count(*) FROM failed_tasks"


def _page(body: str, status: int = 200) -> HttpResponse:
    return HttpResponse(status, {}, body, 0.01)


def _watch(read: object, **arguments: object) -> Outcome:
    given = {"for": "3s", "every": "1s", **arguments}
    outcome = use("monitor.watch", **given).probe(read)
    assert isinstance(outcome, Outcome)
    return outcome


def _site(*bodies: str) -> FakeReaders:
    return FakeReaders({"site": FakeSite(pages={"/metrics": [_page(body) for body in bodies]})})


GAUGE = {"http": {"url": "/metrics", "json": "load"}, "target": "site"}


def test_a_number_within_its_limit_is_watched_to_the_end() -> None:
    """All looks are kept with their time, and the line of blocks shows them."""
    outcome = _watch(_site('{"load": 1}', '{"load": 4}', '{"load": "2.5"}', '{"load": 1}'), **GAUGE, below=5)

    assert outcome.passed
    assert outcome.seen["samples"] == [[0.0, 1.0], [1.0, 4.0], [2.0, 2.5], [3.0, 1.0]]
    assert outcome.message.splitlines()[1] == "▁█▄▁" or outcome.message.splitlines()[1] == "▁█▅▁"


def test_the_first_look_outside_fails_at_once() -> None:
    """Nobody waits five minutes to hear what was known after one second; the limit itself is outside."""
    outcome = _watch(_site('{"load": 1}', '{"load": 5}', '{"load": 1}'), **GAUGE, below=5)

    assert not outcome.passed
    assert len(outcome.seen["samples"]) == 2
    assert "1 outside, the first after 1 s: 5" in outcome.message


def test_some_looks_may_be_outside() -> None:
    """As many as `outside` says, and not one more."""
    bodies = ('{"load": 9}', '{"load": 1}', '{"load": 9}', '{"load": 1}')

    assert _watch(_site(*bodies), **GAUGE, below=5, outside=2).passed
    assert not _watch(_site(*bodies), **GAUGE, below=5, outside=1).passed


@pytest.mark.parametrize("body", ["{}", "no json", '{"load": "much"}', '{"load": true}', '{"load": 1e999}'])
def test_what_is_no_number_is_outside(body: str) -> None:
    """A look that gives no number is no good one, and its reason is told."""
    outcome = _watch(_site(body), **GAUGE, below=5)

    assert not outcome.passed
    assert outcome.seen["samples"] == [[0.0, None]]
    assert "no number (" in outcome.message


def test_a_site_that_does_not_answer_is_outside() -> None:
    """Neither an error page nor silence is within the limit."""
    silent = _site("")
    silent.targets["site"].reachable = False
    errors = FakeReaders({"site": FakeSite(pages={"/metrics": _page('{"load": 1}', 503)})})

    assert "does not answer" in _watch(silent, **GAUGE, below=5).message
    assert "status 503" in _watch(errors, **GAUGE, below=5).message


def test_a_counter_is_watched_by_its_growth() -> None:
    """With `per`, the growth between looks is the number; a counter that fell began anew."""
    bodies = [f'errors_total{{app="web"}} {count}\nerrors_total{{app="api"}} 900\n' for count in (100, 101, 103, 2)]
    source = {"http": {"url": "/metrics", "metric": 'errors_total{app="web"}'}, "target": "site", "per": "1m"}

    outcome = _watch(_site(*bodies), **source, below=200)

    assert [value for _, value in outcome.seen["samples"]] == [60.0, 120.0, 120.0]


@pytest.mark.parametrize("value", ["NaN", "+Inf", "much", "1\nload{x} 1"])
def test_a_metric_that_is_no_number_is_outside(value: str) -> None:
    """Prometheus writes NaN where there was nothing to measure: no number to go by, and none to draw."""
    source = {"http": {"url": "/metrics", "metric": "load"}, "target": "site"}

    outcome = _watch(_site("load 1", f"load {value}"), **source, below=5)

    assert not outcome.passed
    assert [value for _, value in outcome.seen["samples"]] == [1.0, None]
    assert outcome.message.splitlines()[1] == "▁·"


def test_a_query_is_watched() -> None:
    """The first value of the first row is the number."""
    read = FakeReaders({"db": FakeDatabase("db", {QUERY: [{"count": 3}]})})

    assert _watch(read, sql={"query": QUERY}, target="db", below=4).passed
    assert not _watch(read, sql={"query": QUERY}, target="db", above=3).passed


@pytest.mark.parametrize(("time", "limit"), [("3s", 10.0), ("5m", 300.0), ("0s", None)])
def test_a_query_may_take_as_long_as_is_watched(time: str, limit: float | None) -> None:
    """One that hangs does not hold the run for longer; where one look is all, the target's own limit holds."""
    database = FakeDatabase("db", {QUERY: [{"count": 3}]})

    assert _watch(FakeReaders({"db": database}), sql={"query": QUERY}, target="db", below=4, **{"for": time}).passed

    assert set(database.limits) == {limit}


def test_lines_of_logs_are_watched_per_minute(machine: Machine, tmp_path: Path) -> None:
    """Lines that come while it watches count once each; those from before do not."""
    log = tmp_path / "web.log"
    log.write_text("ERROR old\n" * 100)

    def write() -> None:
        with log.open("a") as file:
            file.write("ERROR new\n" * 5 + "fine\n")

    timer = threading.Timer(0.35, write)
    timer.start()
    outcome = _watch(machine.read, log={"files": [str(log)]}, below=1e9, **{"for": "1s", "every": "200ms"})
    timer.join()

    values = [value for _, value in outcome.seen["samples"]]
    assert outcome.passed
    assert sum(value > 0 for value in values) == 1
    assert 0.9 * 5 * 60 / 0.45 < max(values) < 1.1 * 5 * 60 / 0.2


@pytest.mark.parametrize(
    ("text", "selector", "value"),
    [
        ("up 1\n", "up", 1.0),
        ("up_total 3\nup 1 1714550000000\n", "up", 1.0),
        ('x{a="1",b="2"} 2\nx{a="1"} 3\nx{a="2"} 4\n', 'x{a="1"}', 5.0),
        ('x{path="a\\"b,\\\\"} 7\n', 'x{path="a\\"b,\\\\"}', 7.0),
        ("# HELP up 5\n", "up", None),
    ],
)
def test_metrics_are_read(text: str, selector: str, value: float | None) -> None:
    """Series with the selector's labels are added up; comments, and names that only begin the same, are not."""
    assert metric(text, selector) == value


def test_many_samples_keep_their_peaks_in_the_line() -> None:
    """However many looks there were, the highest one is seen, and a gap is a dot."""
    samples = [Sample(float(number), 100.0 if number == 777 else 1.0) for number in range(1000)]

    assert sparkline(samples).count("█") == 1
    assert len(sparkline(samples)) == 60
    assert sparkline([Sample(0, 1.0), Sample(1, None)]) == "▁·"


def test_what_cannot_be_watched_is_refused() -> None:
    """Two sources, none, no limit, or more looks than anybody reads."""
    for arguments in (
        {"below": 1},
        {**GAUGE, "sql": {"query": "x"}, "below": 1},
        GAUGE,
        {**GAUGE, "below": 1, "for": "10h", "every": "1s"},
        {**GAUGE, "target": "local", "below": 1},
        {"http": {"url": "/", "metric": "a b"}, "target": "site", "below": 1},
    ):
        with pytest.raises(SchemaError):
            use("monitor.watch", **arguments)


@pytest.mark.parametrize(("limit", "status"), [(5, "succeeded"), (0, "failed")])
def test_the_report_draws_it(tmp_path: Path, limit: int, status: str) -> None:
    """Passed or failed, the page has the picture and the text has the line of blocks."""
    (tmp_path / "x.sqlite").touch()
    workshop = Workshop(tmp_path, targets={"db": TargetSpec("db", "sql", {"url": f"sqlite:///{tmp_path}/x.sqlite"})})
    watch = f'{{sql: {{query: "SELECT 1"}}, target: db, below: {limit}, for: 200ms, every: 100ms}}'
    workshop.write("w", f"targets: {{db: {{}}}}\nsteps:\n  - id: w\n    name: Watch\n    monitor.watch: {watch}\n")

    run = workshop.run("w")
    report = report_of(run)

    assert run.status == status
    assert '<polyline class="samples"' in to_html(report)
    assert "▁" in to_markdown(report)
