"""
A small site that shows the sample's courses as the LMS would: published versions by the ledger's pointers.

`python -m rollbook.demo.site --ledger URL --mongo URL [--port 0] [--port-file FILE]` serves on 127.0.0.1.
"""

import argparse
import json
import os
import signal
import sys
import urllib.parse
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from html import escape
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import sqlalchemy as sa
from bson.errors import InvalidId

from rollbook.demo.errors import DemoError
from rollbook.demo.live import open_studio
from rollbook.demo.outline import BlockBrokenError, Node, Outline, read_outline
from rollbook.demo.studio import Studio
from rollbook.demo.tables import ledger, outlines, overviews

from ..dataclass import dataclass

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;color:#1b1f24}"
    "code{font-size:.85em}table{border-collapse:collapse}td,th{padding:.2rem .8rem .2rem 0;text-align:left}"
    ".error{border-left:.3rem solid #b3261e;padding-left:1rem}"
)


@dataclass(frozen=True, slots=True)
class Page:
    """One answer: for people as HTML, for machines as JSON."""

    title: str
    html: str
    json: object
    status: HTTPStatus = HTTPStatus.OK


def find_page(studio: Studio, path: str) -> Page:
    """Answer `/`, `/course/KEY` (as the LMS: `/courses/KEY/about`), `/course/KEY/draft`, `/overview/KEY`, `/health`."""
    match [urllib.parse.unquote(part) for part in path.strip("/").split("/")]:
        case [""]:
            return _course_list(studio)
        case ["health"]:
            return Page("Up", "<p>The site is up.</p>", {"status": "up"})
        case ["course", course_id] | ["courses", course_id] | ["courses", course_id, "about"]:
            return _course(lambda: read_outline(studio, course_id))
        case ["course", course_id, "draft"]:
            return _course(lambda: read_outline(studio, course_id, "draft"))
        case ["overview", course_id]:
            return _overview(studio, course_id)
    return _error(HTTPStatus.NOT_FOUND, f"There is no page {path}.")


def _course_list(studio: Studio) -> Page:
    """List the courses; one whose structure is missing is left out without a word, as on the real site."""
    with studio.engine.connect() as connection:
        course_ids = connection.execute(sa.select(ledger.c.course_id).order_by(ledger.c.course_id)).scalars().all()
    found: dict[str, str] = {}
    for course_id in course_ids:
        try:
            found[course_id] = read_outline(studio, course_id).title
        except BlockBrokenError:
            found[course_id] = course_id
        except DemoError:
            continue
    items = [
        f'<li><a href="/course/{_quoted(key)}">{escape(title)}</a> <code>{escape(key)}</code></li>'
        for key, title in found.items()
    ]
    listing = [{"course_id": key, "display_name": title} for key, title in found.items()]
    return Page("Courses", f"<ul>{''.join(items)}</ul>", listing)


def _course(read: Callable[[], Outline]) -> Page:
    try:
        outline = read()
    except BlockBrokenError as error:
        return _error(HTTPStatus.INTERNAL_SERVER_ERROR, str(error))
    except (DemoError, InvalidId) as error:
        return _error(HTTPStatus.NOT_FOUND, str(error))
    counts = "".join(f"<tr><td>{escape(kind)}</td><td>{count}</td></tr>" for kind, count in outline.counts.items())
    versions = f"<p>{escape(outline.branch)} <code>{escape(outline.entry.version(outline.branch))}</code></p>"
    body = f"{versions}{_tree(outline.tree.children)}<table>{counts}</table>"
    return Page(outline.title, body, outline.as_json())


def _tree(nodes: Iterable[Node]) -> str:
    items = "".join(f"<li>{escape(node.title)}{_tree(node.children)}</li>" for node in nodes)
    return f"<ul>{items}</ul>" if items else ""


def _overview(studio: Studio, course_id: str) -> Page:
    """Show the cached rows, which only a refresh command brings up to date."""
    with studio.engine.connect() as connection:
        overview = connection.execute(sa.select(overviews).where(overviews.c.id == course_id)).one_or_none()
        outline = connection.execute(sa.select(outlines).where(outlines.c.context_key == course_id)).one_or_none()
    if overview is None:
        return _error(HTTPStatus.NOT_FOUND, f"There is no overview of {course_id}.")
    fields: dict[str, object] = {
        "id": overview.id,
        "display_name": overview.display_name,
        "version": overview.version,
        "created": overview.created.isoformat(),
        "modified": overview.modified.isoformat(),
        "outline_modified": outline and outline.modified.isoformat(),
        "outline_published_version": outline and outline.published_version,
    }
    rows = "".join(f"<tr><th>{name}</th><td>{escape(str(value))}</td></tr>" for name, value in fields.items())
    return Page(f"{overview.display_name} (cached)", f"<table>{rows}</table>", fields)


def _error(status: HTTPStatus, message: str) -> Page:
    html = f'<p class="error">{escape(message)}</p>'
    return Page(f"{status.value} {status.phrase}", html, {"error": message}, status)


def _quoted(course_id: str) -> str:
    return urllib.parse.quote(course_id, safe=":+")


class SiteHandler(BaseHTTPRequestHandler):
    """Answers GET and HEAD; `?format=json` gives what machines want."""

    protocol_version = "HTTP/1.1"

    def __init__(self, studio: Studio, *args: object) -> None:
        self.studio = studio
        super().__init__(*args)  # type: ignore[arg-type]  # the three that the server hands over

    def do_GET(self) -> None:
        """Answer with the page, or with 500 and the reason when a store does not answer."""
        url = urllib.parse.urlsplit(self.path)
        try:
            page = find_page(self.studio, url.path)
        except Exception as error:  # noqa: BLE001  (a page that fails must not end the server)
            page = _error(HTTPStatus.INTERNAL_SERVER_ERROR, f"{type(error).__name__}: {error}")
        wants_json = urllib.parse.parse_qs(url.query).get("format") == ["json"]
        self._answer(page, wants_json=wants_json)

    def do_HEAD(self) -> None:
        """Answer like GET, without the page."""
        self.do_GET()

    def _answer(self, page: Page, *, wants_json: bool) -> None:
        kind = "application/json" if wants_json else "text/html; charset=utf-8"
        text = json.dumps(page.json, indent=1) if wants_json else _document(page)
        body = text.encode()
        self.send_response(page.status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the base class names it so)
        """Write one line for each request to the log that the server was started with."""
        sys.stderr.write(f"{self.log_date_time_string()} {format % args}\n")


def _document(page: Page) -> str:
    title = escape(page.title)
    head = f'<meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body><h1>{title}</h1>{page.html}</body></html>'


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or Ctrl-C; the port is written to the port file when the site answers."""
    options = _parser().parse_args(argv)
    with open_studio(options.ledger, options.mongo, options.database) as studio:
        server = ThreadingHTTPServer(("127.0.0.1", options.port), partial(SiteHandler, studio))
        if options.port_file is not None:
            ready = options.port_file.with_suffix(".new")
            ready.write_text(str(server.server_port))
            ready.replace(options.port_file)
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            pass
        finally:
            server.server_close()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="rollbook.demo.site", description="Serve the sample's courses on 127.0.0.1.")
    for name, variable in (("ledger", "ROLLBOOK_DEMO_LEDGER_URL"), ("mongo", "ROLLBOOK_DEMO_MONGO_URL")):
        known = os.environ.get(variable)
        parser.add_argument(f"--{name}", default=known, required=known is None, metavar="URL", help=f"${variable}")
    parser.add_argument("--database", default="edxapp", help="the MongoDB database")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--port-file", type=Path, help="gets the port as soon as the site answers")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
