"""
The platform's refresh commands, as far as the sample has something to refresh.

`python -m rollbook.demo.publish [./manage.py cms] [simulate_publish] --courses KEY…` and
`python -m rollbook.demo.publish [./manage.py cms] update_course_outline KEY` make overview and outline rows anew.
"""

import argparse
import contextlib
import datetime as dt
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import pymongo
import sqlalchemy as sa

from rollbook.demo.errors import DemoError
from rollbook.demo.outline import Outline, read_outline
from rollbook.demo.studio import Studio
from rollbook.demo.tables import ledger, outlines, overviews

OVERVIEW_VERSION = 19  # the platform's own number for the form of these rows

Part = Literal["overview", "outline"]

_COMMANDS: Mapping[str, tuple[Part, ...]] = {
    "simulate_publish": ("overview", "outline"),
    "update_course_outline": ("outline",),
    "generate_course_overview": ("overview",),
    "reindex_course": (),
    "reindex_library": (),
}
_ADDRESS = frozenset({"./manage.py", "manage.py", "cms", "lms"})


def refresh(studio: Studio, course_id: str, now: dt.datetime, parts: Sequence[Part] = ("overview", "outline")) -> None:
    """Write the cached rows of a course from what the ledger points at now; a library has none."""
    found = read_outline(studio, course_id)
    if found.branch == "library":
        return
    with studio.engine.begin() as connection:
        if "overview" in parts:
            _write_overview(connection, found, now)
        if "outline" in parts:
            _write_outline(connection, found, now)


def _write_overview(connection: sa.Connection, found: Outline, now: dt.datetime) -> None:
    values = {"display_name": found.title, "version": OVERVIEW_VERSION, "org": found.entry.org, "modified": now}
    key = overviews.c.id == found.entry.course_id
    if connection.execute(overviews.update().where(key).values(**values)).rowcount == 0:
        connection.execute(overviews.insert().values(**values, id=found.entry.course_id, created=now))


def _write_outline(connection: sa.Connection, found: Outline, now: dt.datetime) -> None:
    values = {
        "title": found.title,
        "published_at": found.entry.last_update,
        "published_version": found.entry.version(found.branch),
        "modified": now,
    }
    key = outlines.c.context_key == found.entry.course_id
    if connection.execute(outlines.update().where(key).values(**values)).rowcount == 0:
        connection.execute(outlines.insert().values(**values, context_key=found.entry.course_id, created=now))


def main(argv: Sequence[str] | None = None) -> int:
    """Run one refresh command; only `simulate_publish` ends well whatever its receivers met, as the real one does."""
    words = [word for word in (sys.argv[1:] if argv is None else argv) if word not in _ADDRESS]
    command = words.pop(0) if words and words[0] in _COMMANDS else "simulate_publish"
    options = _parser(command).parse_args(words)
    failures = 0
    with _studio(options) as studio:
        for course_id in (*options.courses, *options.keys) or _all_courses(studio):
            try:
                refresh(studio, course_id, dt.datetime.now(dt.UTC), _COMMANDS[command])
                sys.stdout.write(f"{command}: {course_id}\n")
            except DemoError as error:
                failures += 1
                sys.stderr.write(f"{command}: {course_id}: {error}\n")
    return 1 if failures and command != "simulate_publish" else 0


def _parser(command: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"rollbook.demo.publish {command}", description="Refresh cached course rows.")
    parser.add_argument("keys", nargs="*", metavar="KEY", help="course ids; none means all courses")
    parser.add_argument("--courses", nargs="+", default=(), metavar="KEY")
    parser.add_argument("--receivers", nargs="+", default=(), help="accepted and not looked at")
    for name, variable in (("ledger", "ROLLBOOK_DEMO_LEDGER_URL"), ("mongo", "ROLLBOOK_DEMO_MONGO_URL")):
        known = os.environ.get(variable)
        parser.add_argument(f"--{name}", default=known, required=known is None, metavar="URL", help=f"${variable}")
    parser.add_argument("--database", default="edxapp", help="the MongoDB database")
    return parser


@contextlib.contextmanager
def _studio(options: argparse.Namespace) -> Iterator[Studio]:
    engine = sa.create_engine(options.ledger)
    try:
        with pymongo.MongoClient[dict[str, object]](options.mongo, tz_aware=True) as client:
            yield Studio(engine, client[options.database])
    finally:
        engine.dispose()


def _all_courses(studio: Studio) -> tuple[str, ...]:
    with studio.engine.connect() as connection:
        return tuple(connection.execute(sa.select(ledger.c.course_id).where(ledger.c.library_version == "")).scalars())


if __name__ == "__main__":
    raise SystemExit(main())
