"""Values, assertions, and waiting for what really appears and disappears."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from rollbook.errors import Interrupted, RefusedError, SchemaError, Unreachable
from rollbook.registry import action_type
from rollbook.targets.base import CommandResult, HttpResponse
from rollbook.testing import FakeDatabase, FakeHost, FakeReaders, FakeSite

from .conftest import Machine, use


def test_values_are_outputs_of_their_names() -> None:
    """One value is `value`; several have the names they were given."""
    read = FakeReaders({})
    one, several = use("value.set", value=3), use("value.set", values={"a": 1, "b": [2]})

    assert one.outputs(one.probe(read), ()) == {"value": 3}
    assert several.outputs(several.probe(read), ()) == {"a": 1, "b": [2]}


def test_every_condition_that_fails_is_told() -> None:
    """Not only the first failure is reported."""
    conditions = [{"that": False, "message": "no backup"}, {"that": True}, {"that": False}]

    outcome = use("assert.that", all=conditions).probe(FakeReaders({}))

    assert not outcome.passed
    assert outcome.message == "no backup; condition 3 does not hold"


@pytest.mark.parametrize("arguments", [{}, {"that": True, "all": [{"that": True}]}, {"all": []}, {"that": "yes"}])
def test_an_assertion_needs_a_condition(arguments: dict[str, object]) -> None:
    """An assertion that looks at nothing, or at a text, is refused."""
    with pytest.raises(SchemaError):
        use("assert.that", **arguments)


def test_a_file_that_appears_is_seen(machine: Machine, tmp_path: Path) -> None:
    """Waiting ends soon after the file is there."""
    path = tmp_path / "flag"
    timer = threading.Timer(0.2, path.touch)
    timer.start()

    outcome = use("wait.for", file=str(path), every="50ms", timeout="20s").probe(machine.read)

    timer.join()
    assert outcome.passed
    assert outcome.seen["looks"] > 1


def test_a_port_is_open_and_then_gone(machine: Machine) -> None:
    """A listening port is there, a closed one is gone."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = {"port": server.getsockname()[1]}
        listening = use("wait.for", port=port, timeout="20s").probe(machine.read)
    gone = use("wait.for", port=port, gone=True, timeout="20s").probe(machine.read)
    missing = use("wait.for", port=port, timeout="0s").probe(machine.read)

    assert (listening.passed, gone.passed, missing.passed) == (True, True, False)
    assert "accepts no connection" in missing.message


def test_a_command_is_waited_for(machine: Machine, tmp_path: Path) -> None:
    """A command that ends with 0 says so, given as a list or as one line for the shell."""
    found = use("wait.for", command=["test", "-d", str(tmp_path)]).probe(machine.read)
    lost = use("wait.for", command=["test", "-d", str(tmp_path / "x")], timeout="0s").probe(machine.read)
    line = use("wait.for", command=f"cd {tmp_path} && test -d .").probe(machine.read)
    gone = use("wait.for", command="false || exit 3", gone=True, timeout="0s").probe(machine.read)

    assert (found.passed, lost.passed, line.passed, gone.passed) == (True, False, True, True)
    assert "exit code 1" in lost.message


def test_a_stop_ends_the_waiting(machine: Machine, tmp_path: Path) -> None:
    """Somebody who asks to stop does not wait for the time limit."""
    machine.stop.set()

    with pytest.raises(Interrupted):
        use("wait.for", file=str(tmp_path / "never"), timeout="1h").probe(machine.read)


def test_time_runs_out_after_the_limit() -> None:
    """It looks every so often and gives up at the limit, having looked once more there."""
    read = FakeReaders({"local": FakeHost()})

    outcome = use("wait.for", file="/never", every="4s", timeout="10s").probe(read)

    assert not outcome.passed
    assert read.pauses == [4.0, 4.0, 2.0]
    assert outcome.seen["looks"] == 4


def test_a_query_is_waited_for() -> None:
    """A query's first value decides; without `equals` any that is not empty."""
    read = FakeReaders({"db": FakeDatabase("db", {"q": [{"n": 0}], "r": [{"n": 5}], "none": []})})

    def outcome(**sql: object) -> bool:
        return bool(use("wait.for", sql=sql, target="db", timeout="0s").probe(read).passed)

    assert outcome(query="q", equals=0)
    assert not outcome(query="q")
    assert not outcome(query="q", equals=False)
    assert outcome(query="r")
    assert not outcome(query="none")
    assert not outcome(query="fails")


def test_what_cannot_be_told_is_neither_there_nor_gone() -> None:
    """A host that does not answer has not lost its file; a page that does not answer is gone."""
    host, site = FakeHost(), FakeSite()
    host.reachable = site.reachable = False
    read = FakeReaders({"local": host, "site": site})

    file = use("wait.for", file="/x", gone=True, timeout="0s").probe(read)
    page = use("wait.for", http={"url": "/"}, target="site", gone=True, timeout="0s").probe(read)

    assert (file.passed, page.passed) == (False, True)


def test_a_page_is_waited_for() -> None:
    """A page is there when it answers with the status."""
    answers = [HttpResponse(status, {}, "", 0.01) for status in (502, 503, 200)]
    read = FakeReaders({"site": FakeSite(pages={"/": answers})})

    outcome = use("wait.for", http={"url": "/"}, target="site").probe(read)

    assert outcome.passed
    assert outcome.seen["looks"] == 3


def test_a_target_of_the_wrong_kind_is_told() -> None:
    """A page cannot be asked of a database, and the message says which kind would do."""
    with pytest.raises(RefusedError, match="which is sql"):
        use("wait.for", http={"url": "/"}, target="db").probe(FakeReaders({"db": FakeDatabase("db")}))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "exactly one of port, file"),
        ({"file": "/x", "command": ["y"]}, "not file and command"),
        ({"http": {"url": "/"}}, "needs the name of an http target"),
        ({"port": {"port": 70000}}, "between 1 and 65535"),
        ({"file": "/x", "every": 0}, "more than 0 s"),
    ],
)
def test_waiting_for_nothing_is_refused(arguments: dict[str, object], message: str) -> None:
    """What cannot be waited for is refused beforehand."""
    with pytest.raises(SchemaError, match=message):
        use("wait.for", **arguments)


def test_a_look_that_takes_too_long_is_no_answer() -> None:
    """A host that becomes reachable later is waited for."""
    host = FakeHost(programs={("look",): CommandResult(0, "")})
    host.reachable = False
    read = FakeReaders({"local": host})
    action = use("wait.for", command=["look"], timeout="3s")

    assert not action.probe(read).passed
    with pytest.raises(Unreachable):
        host.answer()
    host.reachable = True
    assert action.probe(read).passed


def test_what_is_waited_for_is_in_the_plan() -> None:
    """The plan says what is looked at, and how long."""
    assert use("wait.for", port={"port": 80}, gone=True).describe() == "until port 127.0.0.1:80 is gone, at most 60 s"
    assert action_type("wait.for").family == "assertion"


def test_a_file_that_still_grows_is_not_idle(machine: Machine, tmp_path: Path) -> None:
    """With `idle`, the file must be there and stay as it is for that long."""
    path, stop = tmp_path / "copy", threading.Event()
    path.write_text("")

    def grow() -> None:
        while not stop.wait(0.05):
            with path.open("a") as file:
                file.write("more")

    wait = {"file": str(path), "idle": "400ms", "every": "50ms"}
    writer = threading.Thread(target=grow)
    writer.start()
    growing = use("wait.for", **wait, timeout="1s").probe(machine.read)
    stop.set()
    writer.join()
    idle = use("wait.for", **wait, timeout="5s").probe(machine.read)

    assert not growing.passed
    assert "is not idle" in growing.message
    assert idle.passed
    assert 0.4 <= idle.seen["waited"] < 4


class _Changing(FakeDatabase):
    """A database that gives another number at each look."""

    def __init__(self, numbers: list[int]) -> None:
        super().__init__("db")
        self.numbers = numbers

    def rows(
        self, query: str, parameters: object = None, *, within: float | None = None
    ) -> Iterator[dict[str, object]]:
        return iter([{"n": self.numbers.pop(0)}])


@pytest.mark.parametrize(("timeout", "limit"), [("2m", 120.0), ("3s", 10.0)])
def test_a_query_that_hangs_does_not_outlast_the_wait(timeout: str, limit: float) -> None:
    """It may take as long as is waited at the most, so the wait is at its end by twice that."""
    database = FakeDatabase("db", {"q": [{"n": 1}]})

    assert use("wait.for", sql={"query": "q"}, target="db", timeout=timeout).probe(FakeReaders({"db": database})).passed

    assert database.limits == [limit]


def test_what_comes_back_is_not_idle() -> None:
    """A query that says so, then not, then so again is idle only once it stayed so long enough."""
    database = _Changing([0, 0, 1, 0, 0, 0, 0, 0])

    outcome = use("wait.for", sql={"query": "q"}, target="db", gone=True, idle="3s").probe(
        FakeReaders({"db": database})
    )

    assert outcome.passed
    assert outcome.seen["looks"] == 7


def test_idle_longer_than_the_time_limit_is_refused() -> None:
    """What can never come true is told at once."""
    with pytest.raises(SchemaError, match="idle: expected"):
        use("wait.for", file="/x", idle="2m", timeout="1m")
