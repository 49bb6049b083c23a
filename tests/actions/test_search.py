"""Search indexes rebuilt by a real command, and asked through a real site."""

import sys
from pathlib import Path

import pytest
from engine.workshop import Workshop

from rollbook.action import Leave
from rollbook.errors import SchemaError
from rollbook.targets.base import TargetSpec
from rollbook.testing import FakeExecution

from .conftest import Machine, use
from .slow_site import SlowSite

STEPS = """
targets: {site: {}}
steps:
  - id: index
    name: Rebuild the index
    search.rebuild:
      command: COMMAND
      within: WITHIN
      settle: 0s
      queries:
        - {name: post, url: /posts, json: results}
        - {name: comment, url: /comments, json: count}
"""


@pytest.fixture
def workshop(tmp_path: Path, slow_site: SlowSite) -> Workshop:
    """Give a folder whose environment has the site."""
    return Workshop(tmp_path, targets={"site": TargetSpec("site", "http", {"base_url": slow_site.url})})


def _write(workshop: Workshop, command: str, within: str = "1m") -> None:
    workshop.write("rebuild", STEPS.replace("COMMAND", command).replace("WITHIN", within))


def test_every_query_must_find_something(workshop: Workshop, slow_site: SlowSite) -> None:
    """A command that ends well proves nothing: one type without results fails the step, with every count told."""
    slow_site.bodies = {"/posts": '{"results": [1, 2]}', "/comments": '{"count": 0}'}
    _write(workshop, "[echo, done]")

    failed = workshop.run("rebuild")
    slow_site.bodies["/comments"] = '{"count": 3}'
    good = workshop.run("rebuild")

    assert failed.status == "failed"
    assert "FAILED comment: 0 results" in failed.steps[0].error
    assert "ok     post: 2 results" in failed.steps[0].error
    assert good.status == "succeeded"
    assert good.steps[0].outputs["proof"]["seen"] == {"post": 2, "comment": 3}


def test_a_rebuild_that_waits_for_ever_is_ended(workshop: Workshop, tmp_path: Path) -> None:
    """At its time limit it goes, with all that it started."""
    (tmp_path / "wait.sh").write_text(f"sleep 1234.5 & echo $! > {tmp_path}/child; wait\n")
    _write(workshop, f"[sh, {tmp_path}/wait.sh]", within="1s")

    run = workshop.run("rebuild")

    assert run.steps[0].status == "unreachable"
    assert "time limit of 1 s" in run.steps[0].error
    assert not Path(f"/proc/{(tmp_path / 'child').read_text().strip()}").exists()


class Listening(FakeExecution):
    """An execution that keeps the progress it was told."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[tuple[int, int | None]] = []

    def progress(self, done: int, total: int | None, unit: str) -> None:
        """Keep it."""
        self.told.append((done, total))


def _carried(machine: Machine, pattern: str) -> Listening:
    lines = "import time\nfor n in range(1, 5):\n    print(f'indexed {n}00 of 400', flush=True)\n    time.sleep(0.3)\n"
    action = use("search.rebuild", command=[sys.executable, "-c", lines], progress=pattern, queries=QUERIES)
    execution = Listening()
    for op in machine.plan(action).ops:
        op.carry_out(machine.pool, execution)
    return execution


QUERIES = [{"name": "post", "url": "/posts", "json": "results"}]


def test_progress_is_read_from_the_output(machine: Machine) -> None:
    """The newest line's numbers are told while it runs."""
    execution = _carried(machine, r"indexed (?P<done>\d+) of (?P<total>\d+)")

    assert len(execution.told) >= 2
    assert execution.told == sorted(execution.told)
    assert {total for _, total in execution.told} == {400}


def test_a_pattern_that_hangs_does_not_stop_the_rebuild(machine: Machine) -> None:
    """Progress is given up and the output says so; the command runs to its end."""
    execution = _carried(machine, r"(?P<done>(\w+\s?)+)$~")

    assert execution.told == []
    assert b"400 of 400" in execution.output


def test_what_proves_nothing_is_refused() -> None:
    """Without a query, or a group for the progress, there is nothing to look at."""
    for arguments in (
        {"queries": []},
        {"queries": QUERIES, "progress": r"(\d+)"},
        {"queries": [{"name": "post", "url": "/", "json": ""}]},
    ):
        with pytest.raises(SchemaError):
            use("search.rebuild", command=["true"], **arguments)


def test_an_index_stays(machine: Machine) -> None:
    """An undo leaves it."""
    action = use("search.rebuild", command=["true"], queries=QUERIES)

    assert isinstance(action.undo(machine.plan(action)), Leave)
