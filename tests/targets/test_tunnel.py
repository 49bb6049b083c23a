"""Laws of the ways to servers that are not reached directly, through a real sshd and a forwarding command."""

import sys
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
import sqlalchemy as sa

from rollbook.errors import TargetError, Unreachable
from rollbook.ops import MongoWrite, Sql, Statement
from rollbook.targets import TargetPool

pytestmark = pytest.mark.server

FORWARD = """
import socket, sys, threading
def move(a, b):
    try:
        while chunk := a.recv(65536):
            b.sendall(chunk)
        b.shutdown(socket.SHUT_WR)
    except OSError:
        pass
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    near, _ = server.accept()
    far = socket.create_connection(("127.0.0.1", int(sys.argv[2])))
    for pair in ((near, far), (far, near)):
        threading.Thread(target=move, args=pair, daemon=True).start()
"""


def gate(sshd: Any) -> tuple[str, dict[str, Any]]:
    place = {"host": sshd.host, "port": sshd.port, "user": sshd.user, "key": str(sshd.key)}
    return "ssh", {**place, "known_hosts": [str(sshd.known_hosts)]}


@pytest.fixture(params=["ssh", "command"])
def via(request: pytest.FixtureRequest, sshd: Any) -> Callable[[int], Any]:
    """Give what goes into `via:` for a port, of both kinds."""
    if request.param == "ssh":
        return lambda _port: "gate"
    return lambda port: {"command": [sys.executable, "-c", FORWARD, "{port}", str(port)]}


@pytest.mark.parametrize("server", ["mariadb", "postgres"])
def test_a_database_is_reached_through_another(
    request: pytest.FixtureRequest,
    server: str,
    sshd: Any,
    via: Any,
    make_pool: Callable[..., TargetPool],
    execution: Any,
) -> None:
    """Reading and writing go through, and what is asked is the same database."""
    url = sa.make_url(request.getfixturevalue(f"{server}_url"))
    shown = url.render_as_string(hide_password=False)
    settings = {"url": shown, "via": via(url.port)}
    pool = make_pool(gate=gate(sshd), there=("sql", settings), direct=("sql", {"url": shown}))

    pool.execute(
        Sql("there", (Statement("CREATE TABLE a (id int)"), Statement("INSERT INTO a VALUES (1)", rows=1))), execution
    )

    reader: Any = pool.reader("there")
    assert list(reader.rows("SELECT id FROM a")) == [{"id": 1}]
    assert reader.identity() == pool.reader("direct").identity()


def test_a_mongo_is_reached_through_another(
    sshd: Any, via: Any, mongo_url: str, mongo_database: str, make_pool: Any, execution: Any
) -> None:
    """A member of a replica set is reached without being led to its own address."""
    port = int(mongo_url.split("://")[1].split("/")[0].split(":")[1])
    pool = make_pool(gate=gate(sshd), there=("mongo", {"url": mongo_url, "database": mongo_database, "via": via(port)}))

    pool.execute(MongoWrite("there", "c", "insert_one", document={"_id": 1}), execution)

    reader: Any = pool.reader("there")
    assert list(reader.find("c", {})) == [{"_id": 1}]


class _Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:  # the name http.server wants
        body = self.headers["Host"].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def site() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Answer)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_site_is_reached_through_another(sshd: Any, site: int, via: Any, make_pool: Any) -> None:
    """The request names the site's own host, whatever way it takes."""
    settings = {"base_url": f"http://localhost:{site}", "via": via(site)}
    reader: Any = make_pool(gate=gate(sshd), there=("http", settings)).reader("there")

    assert reader.get("/").body == f"localhost:{site}"
    assert reader.identity() == {"host": f"localhost:{site}"}


def test_a_way_that_does_not_open_is_unreachable(sshd: Any, make_pool: Any) -> None:
    """A gate that is down, a command that ends at once or is missing, a gate that is none: each says which."""
    down = gate(sshd)
    down[1]["port"] = 1
    url = "postgresql://nobody@127.0.0.1:1/x"
    pool = make_pool(
        down=down,
        up=gate(sshd),
        a=("sql", {"url": url, "via": "down"}),
        b=("sql", {"url": url, "via": {"command": ["false"]}}),
        c=("sql", {"url": url, "via": {"command": ["no-such-program"]}}),
        d=("sql", {"url": url, "via": "up"}),
        e=("sql", {"url": url, "via": "a"}),
    )

    for name in "abcd":
        with pytest.raises(Unreachable):
            pool.reader(name).identity()
    with pytest.raises(TargetError, match="no ssh target"):
        pool.reader("e").identity()
