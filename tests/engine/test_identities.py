"""Before anything is written: the systems of a run must be those that are meant."""

import sqlite3
import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from rollbook.errors import PreflightError
from rollbook.targets.base import TargetSpec

from .workshop import Workshop, write_step


def test_the_database_that_holds_the_lock_must_be_the_one_that_is_meant(workshop: Workshop) -> None:
    """Two operators exclude each other on one server only, so it is looked at even where no step uses it."""
    file = workshop.folder / "x.db"
    with closing(sqlite3.connect(file)) as database:
        database.executescript("CREATE TABLE t (a); PRAGMA application_id = 7;")
    workshop.targets = {"db": TargetSpec("db", "sql", {"url": f"sqlite:///{file}"}, expect={"application_id": "8"})}
    workshop.write("s", "targets: {db: sql}\nlock: one thing\nsteps:\n" + write_step("a", "x"))

    with pytest.raises(PreflightError, match="application_id should be 8 and is 7"):
        workshop.run("s")

    assert not (workshop.folder / "a.txt").exists()


def test_a_page_that_is_not_the_expected_one_stops_the_run(workshop: Workshop) -> None:
    """A page that is down is no reason not to start; another site's page is."""
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        workshop.targets = {"page": TargetSpec("page", "http", {"base_url": url}, expect={"host": "other:80"})}
        look = "  - {id: look, name: Look., http.check: {target: page, url: /}}\n"
        workshop.write("p", "targets: {page: {}}\nsteps:\n" + write_step("a", "x") + look)

        with pytest.raises(PreflightError, match="host should be other:80"):
            workshop.run("p")

        server.shutdown()
    assert not (workshop.folder / "a.txt").exists()
