"""Laws of apprise targets, with the real Apprise and a webhook on loopback."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

import pytest

from rollbook.demo.process import free_port
from rollbook.errors import TargetError, Unreachable
from rollbook.ops import ChatMessage

pytest.importorskip("apprise")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of modules that Apprise imports

PASSWORD = "hunter2hunter2"


class Hook(BaseHTTPRequestHandler):
    """Takes messages; says 500 below /broken."""

    received: list[dict[str, Any]]

    def do_POST(self) -> None:
        self.received.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(500 if self.path.startswith("/broken") else 200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *words: object) -> None:
        """Say nothing."""


@pytest.fixture
def hook() -> Iterator[Any]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), cast("Any", type("OwnHook", (Hook,), {"received": []})))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def pool_for(make_pool: Any, url: str) -> Any:
    return make_pool({"CHAT": url}, chat=("apprise", {"url": {"secret": "env:CHAT"}}))


def url(port: int, path: str) -> str:
    return f"json://ops:{PASSWORD}@127.0.0.1:{port}/{path}"


def test_a_message_arrives_once(hook: Any, make_pool: Any, execution: Any) -> None:
    """Title and text arrive as written, and once."""
    pool = pool_for(make_pool, url(hook.server_address[1], "hook"))

    pool.execute(ChatMessage("chat", "Kurs zurück ✓", "Zeile eins → ü\nzwei"), execution)

    (message,) = hook.RequestHandlerClass.received
    assert (message["title"], message["message"]) == ("Kurs zurück ✓", "Zeile eins → ü\nzwei")
    assert [finding.severity for finding in pool.target("chat").check()] == ["ok", "ok"]


def test_a_message_that_is_not_taken_is_told(
    hook: Any, make_pool: Any, execution: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    """A service that refuses or is down is told with what it answered, and nothing shows the address."""
    places = {
        url(hook.server_address[1], "broken"): "the service answered 500",
        url(free_port(), "hook"): "no connection came about",
    }
    for place, why in places.items():
        with pytest.raises(Unreachable, match=why) as caught:
            pool_for(make_pool, place).execute(ChatMessage("chat", "", "text"), execution)
        assert PASSWORD not in f"{caught.value}{capfd.readouterr()}"


def test_an_address_that_apprise_does_not_know_is_told_before(
    make_pool: Any, execution: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    """The preflight finds an address of no known service; neither it nor the error shows the address."""
    pool = pool_for(make_pool, f"nosuch://{PASSWORD}/")

    findings = pool.target("chat").check()
    with pytest.raises(TargetError, match="no address that Apprise knows") as caught:
        pool.execute(ChatMessage("chat", "", "text"), execution)

    assert findings[-1].severity == "missing"
    assert PASSWORD not in f"{findings}{caught.value}{capfd.readouterr()}"
