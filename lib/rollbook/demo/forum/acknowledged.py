"""
What the forum must hold after all: an account of its own, made from the traffic's log and read from the database.

It knows nothing of runs and journals, so that it can contradict them.
"""

import datetime as dt
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from ...dataclass import dataclass

Fields = Mapping[str, object]

# Of each kind: its table, and the column by which the log's key finds a row.
_TABLES = {
    "user": ("auth_user", "username"),
    "show": ("podcasts_show", "id"),
    "episode": ("podcasts_episode", "id"),
    "comment": ("channels_comment", "id"),
}


@dataclass(frozen=True, slots=True)
class Promise:
    """
    A thing that the site acknowledged: the fields that it may have now, by columns; None means that it is gone.

    There is more than one possibility where the last request had no answer.
    """

    kind: str
    key: object
    made: dt.datetime
    possible: tuple[Fields | None, ...]

    def kept(self, row: Fields | None) -> bool:
        """Tell whether a row (or none) is what was promised."""
        return any(_fits(fields, row) for fields in self.possible)


@dataclass(frozen=True, slots=True)
class Account:
    """How promises were kept: how many of each kind, those *broken*, and those *lost* that no copy could hold."""

    kept: Mapping[str, int]
    broken: tuple[Promise, ...]
    lost: tuple[Promise, ...]


def promises(log: Path) -> tuple[Promise, ...]:
    """
    Read the log; a show that was deleted took its episodes along, which are promised nothing more.

    A row that got the number of an earlier one is a promise of its own: the earlier one is not kept by it.
    """
    known: dict[tuple[str, object], Promise] = {}
    before: dict[tuple[str, object], Promise | None] = {}
    displaced: list[Promise] = []
    for line in _lines(log):
        thing = line.kind, line.key
        if line.key is None:
            continue
        if line.made and thing in known:
            displaced.append(known.pop(thing))
        if line.outcome == "sent" or line.made:
            before[thing] = known.get(thing)
        old = before.get(thing)
        if line.outcome != "refused":
            known[thing] = _after(old, line)
        elif old is not None:
            known[thing] = old
        else:
            known.pop(thing, None)
        if line.kind == "show" and line.fields is None and line.outcome != "refused":
            known = {thing: one for thing, one in known.items() if not _belongs(one, line.key)}
    return (*known.values(), *displaced)


def settle(
    connection: psycopg.Connection, made: tuple[Promise, ...], *, gap: tuple[dt.datetime, dt.datetime]
) -> Account:
    """
    Compare promises with the rows that are there.

    *gap* is from the backup to the deploy: a comment of that time was in no backup, and the deploy dropped its table.
    """
    kept: Counter[str] = Counter()
    broken, lost = [], []
    for promise in made:
        if promise.kept(_row(connection, promise)):
            kept[promise.kind] += 1
        elif promise.kind == "comment" and gap[0] <= promise.made <= gap[1]:
            lost.append(promise)
        else:
            broken.append(promise)
    return Account(dict(kept), tuple(broken), tuple(lost))


@dataclass(frozen=True, slots=True)
class _Line:
    """A line; *made* is said of the one that tells the number of a new row."""

    made: bool
    at: dt.datetime
    outcome: str
    kind: str
    key: object
    fields: Fields | None


def _lines(log: Path) -> Iterator[_Line]:
    nameless = False
    for text in log.read_text().splitlines(keepends=True):
        if text.endswith("\n"):  # the last one may be torn
            found = json.loads(text)
            at = dt.datetime.fromisoformat(found["at"])
            made = nameless and found["key"] is not None
            yield _Line(made, at, found["outcome"], found["kind"], found["key"], found["fields"])
            nameless = found["outcome"] == "sent" and found["key"] is None


def _after(old: Promise | None, line: _Line) -> Promise:
    """Give what is possible after a request; of a row that the traffic did not make nothing was promised before."""
    possible: tuple[Fields | None, ...] = old.possible if old else ({},)
    changed: tuple[Fields | None, ...] = tuple(_changed(fields, line.fields) for fields in possible)
    if line.outcome != "acknowledged":
        changed = (*possible, *changed)
    return Promise(line.kind, line.key, old.made if old else line.at, changed)


def _changed(fields: Fields | None, by: Fields | None) -> Fields | None:
    return None if by is None else {**(fields or {}), **by}


def _belongs(promise: Promise, show: object) -> bool:
    return promise.kind == "episode" and any(fields and fields.get("show_id") == show for fields in promise.possible)


def _row(connection: psycopg.Connection, promise: Promise) -> Fields | None:
    """Find the row; where the table itself is gone, there is none."""
    table, column = _TABLES[promise.kind]
    with connection.cursor(row_factory=dict_row) as cursor:
        if cursor.execute("SELECT 1 WHERE to_regclass(%s) IS NOT NULL", (table,)).fetchone() is None:
            return None
        query = sql.SQL("SELECT * FROM {} WHERE {} = %s").format(sql.Identifier(table), sql.Identifier(column))
        return cursor.execute(query, (promise.key,)).fetchone()


def _fits(fields: Fields | None, row: Fields | None) -> bool:
    if fields is None or row is None:
        return fields is None and row is None
    return all(row.get(name) == value for name, value in fields.items())
