"""Laws of http targets, against a small server on loopback."""

import json
import subprocess
import sys
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from rollbook.errors import Interrupted, TargetError, Unreachable
from rollbook.ops import HttpCall
from rollbook.targets import TargetPool
from rollbook.targets.base import HttpReader
from rollbook.values import Secret

VALUE = "s3cr3t/väluë-9"
ASCII = "s3cr3t-token-9"


class Site(BaseHTTPRequestHandler):
    """Answers by path, and remembers what it was asked."""

    asked: list[tuple[str, str, dict[str, str], bytes]]

    def do_GET(self) -> None:  # noqa: C901  # a table of pages; the name http.server wants
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
            case "/bad":
                self.answer(302, b"", Location=urllib.parse.unquote(self.path.partition("?")[2]))
            case "/coded":
                self.answer(200, "é".encode("latin-1"), **{"Content-Type": f"text/plain; charset={self.path[7:]}"})
            case "/slow":
                self.drip()
            case "/head":
                self.drip_for_ever(b"X")
            case "/chunks":
                self.drip_for_ever(b"\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"x")
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

    def drip_for_ever(self, begin: bytes, more: bytes = b"y") -> None:
        """Send a byte now and then until nobody is there."""
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: " + begin)
        while True:
            self.wfile.write(more)
            time.sleep(0.02)

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
        own=("http", {"headers": {"X-Key": {"secret": "env:TOKEN"}}}),
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


@pytest.mark.parametrize("url", ["//example.org/x", "@example.org/", "x", "/http://example.org", ""])
def test_no_relative_url_leaves_the_host(pool: TargetPool, site: Any, url: str) -> None:
    """Whatever a path holds, the request goes to the target's host, as its headers do."""
    assert reader_of(pool).get(url).status == 200

    assert "x-key" in asked(site)[0][2]


@pytest.mark.parametrize(
    "url", ["https://127.0.0.1/x", "http://example.org/", "file:///etc/passwd", "ftp://127.0.0.1/"]
)
def test_another_host_or_scheme_is_refused(pool: TargetPool, site: Any, url: str) -> None:
    """An absolute url of another host, port or scheme is not asked."""
    with pytest.raises(TargetError):
        reader_of(pool).get(url)

    assert not asked(site)


@pytest.mark.parametrize("relative", [True, False])
def test_what_readers_of_addresses_differ_on_is_refused(pool: TargetPool, site: Any, relative: bool) -> None:
    """No backslash, control character, user, or host or port that is none is asked, whoever would read it how."""
    base = f"http://127.0.0.1:{site.server_address[1]}"
    urls = ["/a\\b", "/x\r\nX-Evil: 1", "/a\tb", "\x00"]
    if not relative:
        urls = [f"http://127.0.0.1:9\\@{base[7:]}/x", f"http://u:p@{base[7:]}/", f"{base}\\@127.0.0.1:9/x"]
        urls += ["http://[::1/", "http://127.0.0.1:99999999/", "http://127.0.0.1:x/", "http://a b/", "http:///x"]

    for url in urls:
        for name in ("site", "hook"):
            reader = pool.reader(name)
            assert isinstance(reader, HttpReader)
            with pytest.raises(TargetError) as caught:
                reader.get(url)
            assert caught.value.advice

    assert not asked(site)


def test_a_base_url_that_is_no_address_is_told(make_pool: Any) -> None:
    """A check of a target whose base_url is no address says so."""
    for base in ("http://[::1", "http://a:99999999", "127.0.0.1", "http://u:p@a/", "http://a\\@b"):
        assert make_pool(site=("http", {"base_url": base})).target("site").check()[0].severity == "missing"


@pytest.mark.parametrize("where", ["http://[::1/", "http://a:99999999/", "http://a\\@b/", "gopher://a/", "http://u@a/"])
def test_a_redirect_to_no_address_is_told(pool: TargetPool, where: str) -> None:
    """A Location that leads nowhere is an answer at fault, and is not followed."""
    assert reader_of(pool).get(f"/bad?{urllib.parse.quote(where)}").status == 302
    with pytest.raises(Unreachable, match="redirects to"):
        reader_of(pool).get(f"/bad?{urllib.parse.quote(where)}", redirects=2)


@pytest.mark.parametrize("charset", ["rot13", "hex", "idna", "punycode", "undefined", "none", "\0", "latin-1", ""])
def test_any_charset_is_read(pool: TargetPool, charset: str) -> None:
    """A body whose charset is none of text is read as UTF-8 or latin-1."""
    body = reader_of(pool).get(f"/coded?{urllib.parse.quote(charset)}").body

    assert body in ("é", "\N{REPLACEMENT CHARACTER}")


@pytest.mark.parametrize("header", [("X-A", "a\r\nX-Evil: 1"), ("X-A", "\N{SNOWMAN}"), ("X A", "a"), ("", "a")])
def test_a_header_that_is_none_is_refused(pool: TargetPool, site: Any, header: tuple[str, str]) -> None:
    """What a header cannot hold is refused before anything is sent."""
    with pytest.raises(TargetError, match="header"):
        reader_of(pool).get("/", headers=dict([header]))

    assert not asked(site)


def test_a_body_nested_too_deeply_is_refused(pool: TargetPool, site: Any, execution: Any) -> None:
    """A body that cannot be written as JSON is refused before anything is sent."""
    deep: Any = None
    for _ in range(20_000):
        deep = [deep]

    for body, why in ((deep, "too deeply"), ({"a": "\ud800"}, "no text")):
        with pytest.raises(TargetError, match=why):
            pool.execute(HttpCall("site", "POST", "/", body=body), execution)

    assert not asked(site)


def test_redirects_are_followed_only_when_asked_for(pool: TargetPool, site: Any) -> None:
    """Without a number of redirects a redirect is the answer; with one it is followed, and a loop ends."""
    assert reader_of(pool).get("/moved").status == 302
    assert reader_of(pool).get("/moved", redirects=1).body == "hello"
    assert reader_of(pool).get("/loop", redirects=3).status == 302
    assert len(asked(site)) == 1 + 2 + 4


def test_headers_with_secrets_stay_on_their_host(pool: TargetPool, site: Any) -> None:
    """A redirect to another host is followed without the target's own headers and the step's, whatever the target."""
    reader, base = pool.reader("own"), f"http://127.0.0.1:{site.server_address[1]}"
    assert isinstance(reader, HttpReader)
    mine = {"Authorization": "Bearer of-the-step"}

    assert reader_of(pool).get("/away", headers=mine, redirects=1).body == "hello"
    assert reader.get(f"{base}/away", headers=mine, redirects=1).body == "hello"
    assert reader_of(pool).get("/moved", headers=mine, redirects=1).body == "hello"

    assert [{"x-key", "authorization"} & set(headers) for _, _, headers, _ in asked(site)] == [
        {"x-key", "authorization"}, set(), {"x-key", "authorization"}, set(), *[{"x-key", "authorization"}] * 2
    ]  # fmt: skip


def test_a_redirect_is_followed_to_where_it_leads(pool: TargetPool, site: Any) -> None:
    """A secret in a Location is hidden from people, not from the site."""
    assert ASCII not in str(reader_of(pool).get(f"/bad?/to/{ASCII}").headers)
    reader_of(pool).get(f"/bad?/to/{ASCII}", redirects=1)

    assert asked(site)[-1][1] == f"/to/{ASCII}"


def test_a_large_body_is_cut(pool: TargetPool) -> None:
    """At most 1 MB of a body is kept, and the next answer is not spoilt by the rest."""
    assert len(reader_of(pool).get("/large").body) == 1_000_000
    assert reader_of(pool).get("/").body == "hello"


def test_an_answer_that_drips_is_given_up(pool: TargetPool) -> None:
    """The time limit is for the whole answer, also of a site that drips its head, its chunks or its body."""
    for path in ("/slow", "/head", "/chunks"):
        with pytest.raises(Unreachable):
            reader_of(pool).get(path, timeout=0.4)
    assert reader_of(pool).get("/").body == "hello"


@pytest.mark.parametrize("path", ["/head", "/chunks"])
def test_a_request_ends_when_the_run_is_to_stop(pool: TargetPool, execution: Any, path: str) -> None:
    """A stop ends a request that would never end, and says that it is in doubt."""
    looks = iter([False, False])
    execution.stop = lambda: next(looks, True)

    with pytest.raises(Interrupted, match="may have been taken or not"):
        pool.execute(HttpCall("site", "POST", path, timeout=600.0), execution)


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


@pytest.mark.parametrize("address", ["http://no.such.invalid", "https://no.such.invalid", "http://127.0.0.1:1"])
def test_who_does_not_answer_is_told_in_clean_words(make_pool: Any, address: str) -> None:
    """The address and the reason are there, and no name of a class."""
    pool = make_pool(site=("http", {"base_url": address}))

    (finding,) = pool.target("site").check()

    assert f"HEAD {address}" in finding.message or f"GET {address}" in finding.message
    assert "Name or service not known" in finding.message or "resol" in finding.message or "refused" in finding.message
    assert "Connection" not in finding.message.replace("Connection refused", "")


def test_a_request_without_an_answer_is_in_doubt(pool: TargetPool, execution: Any) -> None:
    """A request that writes and gets no whole answer says that it may have been taken."""
    with pytest.raises(Unreachable, match="may have been taken or not"):
        pool.execute(HttpCall("site", "POST", "/slow", timeout=0.3), execution)


def test_a_site_that_answers_is_in_order(pool: TargetPool) -> None:
    """Any answer proves that a site is there."""
    assert {finding.severity for finding in pool.target("site").check()} == {"ok"}
    assert {finding.severity for finding in pool.target("hook").check()} == {"ok"}


def test_the_driver_is_loaded_by_many_threads_at_once() -> None:
    """Requests that begin together in a fresh process do not lock each other out of its modules, however slow a disk."""
    program = """
import sys, time
from concurrent.futures import ThreadPoolExecutor
from rollbook.errors import Unreachable
from rollbook.targets import Redactor, SecretStore, TargetPool
from rollbook.targets.base import TargetSpec

class SlowDisk:
    @staticmethod
    def find_spec(name, path=None, target=None):
        time.sleep(0.01 if name.startswith("urllib3") else 0)

sys.meta_path.insert(0, SlowDisk)
spec, redactor = TargetSpec("site", "http", {"base_url": "http://127.0.0.1:1"}), Redactor()
site = TargetPool({"site": spec}, SecretStore({}, redactor), redactor).reader("site")

def ask(number):
    time.sleep(number * float(sys.argv[1]))
    try:
        site.get("/")
    except Unreachable:
        return True

with ThreadPoolExecutor(16) as threads:
    assert all(threads.map(ask, range(16)))
"""
    for apart in ("0.01", "0.02", "0.03", "0.07", "0.01", "0.07"):
        done = subprocess.run([sys.executable, "-c", program, apart], check=False, capture_output=True, timeout=60)
        assert done.returncode == 0, done.stderr.decode()
