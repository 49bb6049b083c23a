"""Pages checked: what is wanted of them, how often, and for how long."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollbook.errors import SchemaError, StepFailed
from rollbook.json_path import MissingPathError, find_path, parse_path
from rollbook.planner.readers import LiveReaders
from rollbook.targets import Redactor, SecretStore, TargetPool
from rollbook.targets.base import HttpResponse, TargetSpec
from rollbook.testing import FakeReaders, FakeSite

from .conftest import use

GOOD = HttpResponse(200, {}, '{"status": "ok", "checks": [{"name": "sql", "up": true}], "a.b": 1}', 0.02)
BAD = HttpResponse(502, {}, "Bad gateway", 0.01)


def _read(*answers: HttpResponse) -> FakeReaders:
    return FakeReaders({"site": FakeSite(pages={"/": list(answers)})})


@pytest.mark.parametrize(
    ("wanted", "passes", "says"),
    [
        ({}, True, "status 200"),
        ({"status": [200, 204]}, True, ""),
        ({"status": 204}, False, "status 200, wanted 204"),
        ({"contains": "sql"}, True, ""),
        ({"contains": ["sql", "mongo"]}, False, "does not contain 'mongo'"),
        ({"lacks": "sql"}, False, "contains 'sql'"),
        ({"matches": '"up": (true|1)'}, True, ""),
        ({"matches": "^down"}, False, "does not match '^down'"),
        ({"json": {"status": "ok", "checks[0].up": True, '["a.b"]': 1}}, True, ""),
        ({"json": {"$.checks[0].up": 1}}, False, "$.checks[0].up is true, wanted 1"),
        ({"json": {"checks[1]": True}}, False, "$.checks is a list of 1"),
        ({"json": {"stats": True}}, False, "the keys status, checks, a.b"),
        ({"latency": "1s"}, True, ""),
        ({"latency": "10ms"}, False, "took 0.02 s, wanted at most 0.01 s"),
    ],
)
def test_an_answer_is_compared(wanted: dict[str, object], passes: bool, says: str) -> None:
    """Each thing wanted of a page is looked at, and a misfit is told with both sides."""
    outcome = use("http.check", url="/", timeout="0s", **wanted).probe(_read(GOOD))

    assert outcome.passed is passes
    assert says in outcome.message


@pytest.mark.parametrize(("kind", "passes"), [("text/html; charset=utf-8", True), ("text/plain", False)])
def test_a_page_is_read_as_people_read_it(kind: str, passes: bool) -> None:
    """A title with & or quotes stands in HTML in other letters, and is there all the same; in plain text it is not."""
    answer = HttpResponse(200, {"content-type": kind}, "<h1>R &amp; D: &quot;a&#39;s &lt;5&quot;</h1>", 0.01)

    there = use("http.check", url="/", timeout="0s", contains='R & D: "a\'s <5"').probe(_read(answer))
    lacking = use("http.check", url="/", timeout="0s", lacks="R & D").probe(_read(answer))

    assert (there.passed, lacking.passed) == (passes, not passes)


def test_every_misfit_is_told() -> None:
    """Not only the first."""
    outcome = use("http.check", url="/", timeout="0s", status=204, contains="x", json={"a": 1}).probe(_read(BAD))

    assert "wanted 204; the body does not contain 'x'; the body is not JSON" in outcome.message


def test_it_is_asked_until_it_is_good() -> None:
    """A site that comes up within the time limit passes."""
    read = _read(BAD, BAD, GOOD)

    outcome = use("http.check", url="/", timeout="1m", every="5s").probe(read)

    assert outcome.passed
    assert read.pauses == [5.0, 5.0]
    assert outcome.seen == {"status": 200, "seconds": 0.02, "asked": 3, "waited": 10.0}


def test_good_answers_must_be_in_a_row() -> None:
    """One bad answer starts the count again."""
    outcome = use("http.check", url="/", consecutive=2).probe(_read(GOOD, BAD, GOOD, GOOD))

    assert outcome.passed
    assert outcome.seen["asked"] == 4


@pytest.mark.parametrize("answers", [(GOOD, GOOD, GOOD), (GOOD, GOOD, BAD)])
def test_without_time_a_row_is_asked_for_once(answers: tuple[HttpResponse, ...]) -> None:
    """With `timeout: 0s` the row must come at the first try."""
    outcome = use("http.check", url="/", consecutive=3, timeout="0s").probe(_read(*answers))

    assert outcome.passed is (answers[-1] is GOOD)
    assert outcome.seen["asked"] == 3


def test_time_runs_out() -> None:
    """A site that stays bad fails at the limit, with the last reason."""
    read = _read(BAD)

    outcome = use("http.check", url="/", timeout="10s", every="4s").probe(read)

    assert not outcome.passed
    assert read.pauses == [4.0, 4.0, 2.0]
    assert "after 4 tries in 10.0 s: status 502" in outcome.message


def test_a_site_that_does_not_answer_fails_the_check() -> None:
    """No answer is a finding, not an error."""
    read = _read(GOOD)
    read.targets["site"].reachable = False

    outcome = use("http.check", url="/", timeout="0s").probe(read)

    assert (outcome.passed, outcome.seen["status"]) == (False, None)


def test_a_catastrophic_pattern_fails_the_step() -> None:
    """A pattern that would match for ever ends the check, not the operator's evening."""
    page = HttpResponse(200, {}, "a" * 60 + "b", 0.01)

    with pytest.raises(StepFailed, match="took longer than"):
        use("http.check", url="/", matches="(a+)+$").probe(_read(page))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"url": ""}, "expected an address"),
        ({"url": "/", "status": []}, "at least one"),
        ({"url": "/", "matches": "("}, "not a regular expression"),
        ({"url": "/", "json": {"a..b": 1}}, "no path"),
        ({"url": "/", "consecutive": 0}, "1 or more"),
    ],
)
def test_a_check_that_makes_no_sense_is_refused(arguments: dict[str, object], message: str) -> None:
    """Mistakes are found before anything runs."""
    with pytest.raises(SchemaError, match=message):
        use("http.check", **arguments)


def test_the_plan_says_what_is_wanted() -> None:
    """The plan shows the request and every condition."""
    check = use("http.check", url="/x", json={"a": True}, latency="2s", consecutive=3, contains="y")

    assert check.describe() == "GET /x, status 200, contains 'y', a is true, within 2 s, 3 times in a row"


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("a", ("a",)),
        ("$.a.b", ("a", "b")),
        ("a[0].b", ("a", 0, "b")),
        ("[-1]", (-1,)),
        ('a["b.c"]', ("a", "b.c")),
        ("$['x']", ("x",)),
        ("a-b.c_d", ("a-b", "c_d")),
        ("$", ()),
    ],
)
def test_a_path_is_read(path: str, parts: tuple[str | int, ...]) -> None:
    """Dots, brackets and quotes lead into a document."""
    assert parse_path(path) == parts


@given(
    st.recursive(
        st.none() | st.integers(),
        lambda inner: st.lists(inner, min_size=1) | st.dictionaries(st.text("ab", min_size=1), inner, min_size=1),
    )
)
def test_every_leaf_can_be_reached(document: object) -> None:
    """For each leaf of a document there is a path that gives it."""
    for path, leaf in _leaves(document, "$"):
        assert find_path(document, path) == leaf


def _leaves(value: object, path: str) -> Iterator[tuple[str, object]]:
    match value:
        case dict():
            for key, part in value.items():
                yield from _leaves(part, f"{path}.{key}")
        case list():
            for index, part in enumerate(value):
                yield from _leaves(part, f"{path}[{index}]")
        case _:
            yield path, value


def test_a_path_too_far_says_where_it_ended() -> None:
    """The message shows what is there instead."""
    with pytest.raises(MissingPathError, match=r"a\.b\.c is not there: \$\.a\.b is 3"):
        find_path({"a": {"b": 3}}, "a.b.c")


class _Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status = 302 if self.path == "/moved" else 200
        self.send_response(status)
        self.send_header("Location", "/")
        self.end_headers()
        self.wfile.write(json.dumps({"path": self.path, "agent": self.headers["X-Check"]}).encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name there
        """Stay quiet."""


@contextmanager
def _site() -> Iterator[tuple[ThreadingHTTPServer, LiveReaders]]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Page)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    redactor = Redactor()
    spec = TargetSpec("site", "http", {"base_url": f"http://127.0.0.1:{server.server_port}"})
    pool = TargetPool({"site": spec}, SecretStore({}, redactor), redactor)
    try:
        yield server, LiveReaders(pool, lambda: datetime.now(UTC), threading.Event())
    finally:
        pool.close()
        server.shutdown()
        server.server_close()


def test_a_real_site_is_asked() -> None:
    """Headers are sent, redirects are not followed unless asked for, and a site that is down fails."""
    with _site() as (_server, read):
        good = use("http.check", url="/x", headers={"X-Check": "me"}, json={"path": "/x", "agent": "me"}).probe(read)
        moved = use("http.check", url="/moved", status=302, timeout="0s").probe(read)
        followed = use("http.check", url="/moved", redirects=1, json={"path": "/"}, timeout="0s").probe(read)
        lost = use("http.check", url="/x", status=404, timeout="0s").probe(read)
    down = use("http.check", url="/x", timeout="0s").probe(read)

    assert (good.passed, moved.passed, followed.passed, lost.passed, down.passed) == (True, True, True, False, False)
