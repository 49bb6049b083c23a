"""A site whose pages take a moment, and which counts how many are asked at once."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from rollbook.planner.readers import LiveReaders
from rollbook.targets import Redactor, SecretStore, TargetPool
from rollbook.targets.base import TargetSpec


@dataclass
class SlowSite:
    """Where it is, and how it is asked; *most_at_once* is counted by the site itself."""

    url: str
    read: LiveReaders
    most_at_once: int = 0
    bodies: dict[str, str] = field(default_factory=dict)


@contextmanager
def open_slow_site() -> Iterator[SlowSite]:
    """Serve it on loopback; `/missing` is not there."""
    guard, present = threading.Lock(), set[int]()

    class Pages(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with guard:
                present.add(id(self))
                site.most_at_once = max(site.most_at_once, len(present))
            time.sleep(0.2)
            body = site.bodies.get(self.path, "ok").encode()
            self.send_response(404 if self.path == "/missing" else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            with guard:
                present.discard(id(self))

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name there
            """Stay quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    redactor, url = Redactor(), f"http://127.0.0.1:{server.server_port}"
    pool = TargetPool({"site": TargetSpec("site", "http", {"base_url": url})}, SecretStore({}, redactor), redactor)
    site = SlowSite(url, LiveReaders(pool, lambda: datetime.now(UTC), threading.Event()))
    yield site
    pool.close()
    server.shutdown()
    server.server_close()
