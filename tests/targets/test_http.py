"""Laws of http targets, against a small server on loopback."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from rollbook.errors import TargetError, Unreachable
from rollbook.ops import HttpCall
from rollbook.targets import TargetPool
from rollbook.targets.base import HttpReader
from rollbook.values import Secret

VALUE = "s3cr3t/väluë-9"
ASCII = "s3cr3t-token-9"


class Site(BaseHTTPRequestHandler):
    """Answers by path, and remembers what it was asked."""

    asked: list[tuple[str, str, dict[str, str], bytes]]

    def do_GET(self) -> None:  # the name http.server wants
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.asked.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body))
        path = self.path.partition("?")[0]
        match path:
            case "/moved":
                self.answer(302, b"", Location="/here")
            case "/away":
                self.answer(302, b"", Location=f"http://localhost:{self.server.server_address[1]}/here")
            case "/loop":
                self.answer(302, b"", Location="/loop")
            case "/large":
                self.answer(200, b"x" * 3_000_000)
            case "/slow":
                self.drip()
            case "/echo":
                self.answer(200, f"token {VALUE} {ASCII}".encode(), **{"X-Token": ASCII})
            case "/fail":
                self.answer(500, f"no: {ASCII}".encode())
            case _:
                self.answer(200, b"hello")

    do_POST = do_PUT = do_HEAD = do_GET  # noqa: N815

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def drip(self) -> None:
        self.send_response(200)
        self.end_headers()
        for _ in range(50):
            self.wfile.write(b".")
            time.sleep(0.1)

    def handle(self) -> None:
        try:
            super().handle()
        except OSError:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def site() -> Iterator[Any]:
    handler = type("OwnSite", (Site,), {"asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def pool(site: Any, make_pool: Callable[..., TargetPool]) -> TargetPool:
    base = f"http://127.0.0.1:{site.server_address[1]}"
    return make_pool(
        {"TOKEN": ASCII, "WORD": VALUE, "HOOK": f"{base}/hook/{ASCII}"},
        site=("http", {"base_url": base, "headers": {"X-Key": {"secret": "env:TOKEN"}, "X-Plain": "yes"}}),
        hook=("http", {}),
    )


def asked(site: Any) -> list[tuple[str, str, dict[str, str], bytes]]:
    found: list[tuple[str, str, dict[str, str], bytes]] = site.RequestHandlerClass.asked
    return found


def reader_of(pool: TargetPool) -> HttpReader:
    reader = pool.reader("site")
    assert isinstance(reader, HttpReader)
    return reader


def test_a_relative_url_is_below_the_target(pool: TargetPool, site: Any) -> None:
    """A path is added to base_url, with the target's headers."""
    answer = reader_of(pool).get("/a?b=c", headers={"X-More": "m"})

    assert (answer.status, answer.body) == (200, "hello")
    assert answer.headers["content-length"] == "5"
    assert answer.seconds > 0
    method, path, headers, _ = asked(site)[0]
    assert (method, path) == ("GET", "/a?b=c")
    assert (headers["x-key"], headers["x-plain"], headers["x-more"]) == (ASCII, "yes", "m")


@pytest.mark.parametrize("url", ["//example.org/x", "@example.org/", "/x\r\nX-Evil: 1", "x", "/http://example.org", ""])
def test_no_relative_url_leaves_the_host(pool: TargetPool, site: Any, url: str) -> None:
    """Whatever a path holds, the request goes to the target's host, with no header of its making."""
    assert reader_of(pool).get(url).status == 200

    assert "x-evil" not in asked(site)[0][2]


@pytest.mark.parametrize(
    "url", ["https://127.0.0.1/x", "http://example.org/", "file:///etc/passwd", "ftp://127.0.0.1/"]
)
def test_another_host_or_scheme_is_refused(pool: TargetPool, site: Any, url: str) -> None:
    """An absolute url of another host, port or scheme is not asked."""
    with pytest.raises(TargetError):
        reader_of(pool).get(url)

    assert not asked(site)


def test_redirects_are_followed_only_when_asked_for(pool: TargetPool, site: Any) -> None:
    """Without a number of redirects a redirect is the answer; with one it is followed, and a loop ends."""
    assert reader_of(pool).get("/moved").status == 302
    assert reader_of(pool).get("/moved", redirects=1).body == "hello"
    assert reader_of(pool).get("/loop", redirects=3).status == 302
    assert len(asked(site)) == 1 + 2 + 4


def test_headers_with_secrets_stay_on_their_host(pool: TargetPool, site: Any) -> None:
    """A redirect to another host is followed without the target's own headers."""
    assert reader_of(pool).get("/away", redirects=1).body == "hello"

    assert "x-key" in asked(site)[0][2]
    assert "x-key" not in asked(site)[1][2]


def test_a_large_body_is_cut(pool: TargetPool) -> None:
    """At most 1 MB of a body is kept, and the next answer is not spoilt by the rest."""
    assert len(reader_of(pool).get("/large").body) == 1_000_000
    assert reader_of(pool).get("/").body == "hello"


def test_an_answer_that_drips_is_given_up(pool: TargetPool) -> None:
    """The time limit is for the whole answer, also of a site that sends a byte now and then."""
    started = time.monotonic()

    with pytest.raises(Unreachable):
        reader_of(pool).get("/slow", timeout=0.4)

    assert time.monotonic() - started < 4


def test_secrets_do_not_come_back(pool: TargetPool, execution: Any) -> None:
    """A secret in a body, a header or an error is not told."""
    answer = reader_of(pool).get("/echo")
    with pytest.raises(TargetError) as caught:
        pool.execute(HttpCall("site", "POST", "/fail"), execution)

    everything = answer.body + str(answer.headers) + str(caught.value)
    assert VALUE not in reader_of(pool).get("/echo").body or "env:WORD" not in everything
    assert ASCII not in everything
    assert "answered 500" in str(caught.value)


def test_a_webhook_whose_url_is_a_secret(pool: TargetPool, site: Any, execution: Any) -> None:
    """A secret url is asked and never shown; a body goes as JSON with its secrets looked up."""
    body = {"text": "hällo", "key": {"secret": "env:TOKEN"}, "list": [1, None]}

    result = pool.execute(HttpCall("hook", "POST", Secret("env:HOOK"), body=body), execution)

    method, path, headers, sent = asked(site)[0]
    assert (method, path) == ("POST", f"/hook/{ASCII}")
    assert headers["content-type"] == "application/json"
    assert json.loads(sent) == {"text": "hällo", "key": ASCII, "list": [1, None]}
    assert result.outputs["status"] == 200
    assert "x-key" not in headers


def test_nobody_there_is_unreachable(make_pool: Any, execution: Any) -> None:
    """No server: unreachable for asking, for writing (nothing was sent) and in a check."""
    pool = make_pool(site=("http", {"base_url": "http://127.0.0.1:1"}))

    with pytest.raises(Unreachable):
        reader_of(pool).get("/")
    with pytest.raises(Unreachable, match="nothing was sent"):
        pool.execute(HttpCall("site", "POST", "/"), execution)
    assert pool.target("site").check()[0].severity == "missing"


def test_a_request_without_an_answer_is_in_doubt(pool: TargetPool, execution: Any) -> None:
    """A request that writes and gets no whole answer says that it may have been taken."""
    with pytest.raises(Unreachable, match="may have been taken or not"):
        pool.execute(HttpCall("site", "POST", "/slow", timeout=0.3), execution)


def test_a_site_that_answers_is_in_order(pool: TargetPool) -> None:
    """Any answer proves that a site is there."""
    assert {finding.severity for finding in pool.target("site").check()} == {"ok"}
    assert {finding.severity for finding in pool.target("hook").check()} == {"ok"}
