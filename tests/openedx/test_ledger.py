# ruff: noqa: S608  # only constants of the module under test go into statements

from collections.abc import Iterator
from datetime import datetime

import pytest
from sqlalchemy import Connection, create_engine, text

from rollbook.openedx.instants import InstantError
from rollbook.openedx.ledger import (
    HISTORY,
    TABLE,
    HistoryRow,
    LedgerError,
    LedgerRow,
    Query,
    move,
    read_history,
    read_row,
    read_shared,
    remember,
)
from rollbook.openedx.pointers import Pointers

from .documents import at, version

COURSE = "course-v1:O+C+R"
_COLUMNS = """
    objectid varchar(24) NOT NULL, course_id varchar(255) NOT NULL, org varchar(255) NOT NULL,
    draft_version varchar(24) NOT NULL, published_version varchar(24) NOT NULL, library_version varchar(24) NOT NULL,
    wiki_slug varchar(255) NOT NULL, base_store varchar(20) NOT NULL, edited_by_id integer NULL,
    edited_on datetime NOT NULL, last_update datetime NOT NULL
"""


@pytest.fixture
def ledger() -> Iterator[Connection]:
    """Make a ledger with one course, as Django lays it out on SQLite."""
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE TABLE {TABLE} (id integer PRIMARY KEY, {_COLUMNS})"))
        connection.execute(
            text(
                f"CREATE TABLE {HISTORY} (id integer NOT NULL, {_COLUMNS}, history_id integer PRIMARY KEY, "
                "history_date datetime NOT NULL, history_change_reason varchar(100) NULL, "
                "history_type varchar(1) NOT NULL, history_user_id integer NULL)"
            )
        )
        connection.execute(
            text(
                f"INSERT INTO {TABLE} VALUES (4, :objectid, :course, 'O', :draft, :published, '', '', 'mongodb', 7, "
                "'2024-05-01 12:00:00', '2024-05-01 12:00:01.000250')"
            ),
            {"objectid": "a" * 24, "course": COURSE, "draft": version(1), "published": version(11)},
        )
        yield connection
    engine.dispose()


def run(connection: Connection, query: Query) -> int:
    """Carry out a statement with its times as Django writes them on SQLite, and give the rows touched."""
    params = {
        name: str(value.replace(tzinfo=None)) if isinstance(value, datetime) else value
        for name, value in query.params.items()
    }
    return int(connection.execute(text(query.text), params).rowcount)


def row(connection: Connection) -> LedgerRow:
    """Read the course's row."""
    query = read_row(COURSE)
    return LedgerRow.from_row(connection.execute(text(query.text), query.params).mappings().one())


def test_a_move_touches_one_row_once(ledger: Connection) -> None:
    """The compare-and-set moves the row it has seen, and nothing the second time."""
    seen = row(ledger)
    statement = move(seen.id, seen.pointers, seen.last_update, Pointers(version(2), version(12)), at(60))

    touched = [run(ledger, statement), run(ledger, statement)]

    assert touched == [1, 0]
    assert (row(ledger).pointers, row(ledger).last_update) == (Pointers(version(2), version(12)), at(60))


def test_a_move_does_not_touch_a_row_that_was_saved_since(ledger: Connection) -> None:
    """A row whose last_update is another than seen, by a microsecond, is left alone."""
    seen = row(ledger)
    ledger.execute(text(f"UPDATE {TABLE} SET last_update = '2024-05-01 12:00:01.000251'"))

    touched = run(ledger, move(seen.id, seen.pointers, seen.last_update, Pointers(version(2)), at(60)))

    assert touched == 0
    assert row(ledger).pointers == seen.pointers


def test_a_history_entry_is_the_row_as_it_is(ledger: Connection) -> None:
    """The entry copies the ledger row, with reason, time and type, and names no user."""
    assert run(ledger, remember(4, "run 7", at(60))) == 1

    query = read_history(COURSE)
    (entry,) = [HistoryRow.from_row(found) for found in ledger.execute(text(query.text), query.params).mappings()]
    assert (entry.type, entry.reason, entry.date, entry.user_id) == ("~", "run 7", at(60), None)
    assert entry.row == row(ledger)


def test_runs_that_share_a_structure_are_found(ledger: Connection) -> None:
    """Another run that points at one of the versions, in whatever branch, is named; the course itself is not."""
    ledger.execute(
        text(
            f"INSERT INTO {TABLE} SELECT 5, 'b', 'course-v1:O+C+R2', 'O', :draft, published_version, '', '', "
            f"'mongodb', 7, edited_on, last_update FROM {TABLE}"
        ),
        {"draft": version(2)},
    )

    found = [
        [str(shared["course_id"]) for shared in ledger.execute(text(query.text), query.params).mappings()]
        for query in (read_shared(COURSE, [version(11)]), read_shared(COURSE, [version(3)]), read_shared(COURSE, []))
    ]

    assert found == [["course-v1:O+C+R2"], [], []]


def test_other_values_are_clear_errors(ledger: Connection) -> None:
    """A column that holds something else than Open edX writes is named."""
    query = read_row(COURSE)
    good = dict(ledger.execute(text(query.text), query.params).mappings().one())

    with pytest.raises(InstantError, match="last_update"):
        LedgerRow.from_row({**good, "last_update": "yesterday"})
    with pytest.raises(LedgerError, match="id of the ledger"):
        LedgerRow.from_row({**good, "id": "four"})
