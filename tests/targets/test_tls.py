"""Laws of http targets over TLS, against servers with certificates good and bad."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

import pytest
from authority import Authority, Certified

from rollbook.errors import TargetError, Unreachable
from rollbook.ops import HttpCall
from rollbook.targets.base import HttpReader


class Site(BaseHTTPRequestHandler):
    """Answers everything, and remembers that it was asked."""

    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.command)
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.send_response(200)
        self.send_header("content-length", "5")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(b"hello")

    do_HEAD = do_POST = do_GET  # noqa: N815  # so http.server calls them

    def log_message(self, *words: object) -> None:
        """Say nothing."""


class Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Say nothing: a client that does not believe the certificate hangs up."""


Serve = Callable[[Certified | None], Any]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start sites, each with a certificate or without TLS."""
    servers: list[Quiet] = []

    def start(shown: Certified | None) -> Any:
        site = Quiet(("127.0.0.1", 0), cast("Any", type("OwnSite", (Site,), {"asked": []})))
        if shown is not None:
            site.socket = shown.context().wrap_socket(site.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=site.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        servers.append(site)
        return site

    yield start
    for site in servers:
        site.shutdown()
        site.server_close()


def settings(site: Any, host: str = "127.0.0.1", **more: Any) -> tuple[str, dict[str, Any]]:
    return "http", {"base_url": f"https://{host}:{site.server_address[1]}", **more}


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_an_authority_of_ones_own_is_believed(
    authority: Authority, serve: Serve, make_pool: Any, execution: Any, host: str
) -> None:
    """With the authority's certificate in ca:, a site is asked and written to under its name or address."""
    site = serve(authority.certify("127.0.0.1", "localhost"))
    pool = make_pool(site=settings(site, host, ca=str(authority.path)))

    answer = cast("HttpReader", pool.reader("site")).get("/")
    pool.execute(HttpCall("site", "POST", "/", body={"text": "zurück"}), execution)

    assert answer.body == "hello"
    assert [finding.severity for finding in pool.target("site").check()] == ["ok"]
    assert site.RequestHandlerClass.asked == ["GET", "POST", "HEAD"]


def _expired(authority: Authority) -> Certified:
    return authority.certify("127.0.0.1", days=-30)


def _other_host(authority: Authority) -> Certified:
    return authority.certify("other.example")


def _self_signed(authority: Authority) -> Certified:
    return authority.self_signed("127.0.0.1")


def _no_tls(authority: Authority) -> None:
    return None


@pytest.mark.parametrize(
    ("make", "says", "advice"),
    [
        (_expired, "expired", "renewed"),
        (_other_host, "not valid for '127.0.0.1'", "another host"),
        (_self_signed, "self-signed", "ca:"),
        (_no_tls, "wrong version number", "does not speak TLS"),
    ],
)
def test_a_bad_certificate_is_not_believed(
    authority: Authority,
    serve: Serve,
    make_pool: Any,
    execution: Any,
    make: Callable[[Authority], Certified | None],
    says: str,
    advice: str,
) -> None:
    """A certificate that is expired, for another host or signed by nobody gets no request; the error says what to do."""
    site = serve(make(authority))
    pool = make_pool(site=settings(site, ca=str(authority.path)))

    with pytest.raises(Unreachable, match=says) as caught:
        cast("HttpReader", pool.reader("site")).get("/")
    with pytest.raises(Unreachable, match="cannot be trusted"):
        pool.execute(HttpCall("site", "POST", "/", body={}), execution)

    assert advice in caught.value.advice
    assert pool.target("site").check()[0].severity == "missing"
    assert not site.RequestHandlerClass.asked


def test_the_systems_authorities_do_not_know_it(authority: Authority, serve: Serve, make_pool: Any) -> None:
    """Without ca: a private authority is not believed, and the advice names ca:."""
    site = serve(authority.certify("127.0.0.1"))

    with pytest.raises(Unreachable, match="local issuer") as caught:
        cast("HttpReader", make_pool(site=settings(site)).reader("site")).get("/")

    assert "ca:" in caught.value.advice
    assert not site.RequestHandlerClass.asked


def test_a_ca_file_that_is_none_is_told(authority: Authority, serve: Serve, make_pool: Any, tmp_path: Path) -> None:
    """A file of authorities that is not there, or holds none, is an error of the inventory and names the file."""
    shown = authority.certify("127.0.0.1")
    site = serve(shown)

    for path, why in ((tmp_path / "none.pem", "No such file"), (shown.key, "no certificate")):
        pool = make_pool(site=settings(site, ca=str(path)))
        with pytest.raises(TargetError, match=why) as caught:
            cast("HttpReader", pool.reader("site")).get("/")
        assert str(path) in caught.value.message
        assert pool.target("site").check()[0].severity == "missing"
