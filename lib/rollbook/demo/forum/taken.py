"""What is taken away from the forum, noted beforehand, so that it can be looked for afterwards."""

import json
from collections.abc import Mapping, Sequence
from typing import LiteralString

import psycopg
from psycopg import sql

Taken = Mapping[str, Sequence[str]]
_PAIR = 2

Queries = Mapping[str, LiteralString]

# Only what no member changes meanwhile: an author who leaves is missing on a post, and the worker counts comments.
DEPLOY: Queries = {
    "channels": "SELECT id, slug, title, about FROM channels_channel",
    "posts": "SELECT id, channel_id, title, text FROM channels_post",
    "comments": "SELECT id, post_id, parent_id, text FROM channels_comment",
    "settings": "SELECT id, name, value FROM siteconfig",
    "contacts of shows": "SELECT id, contact FROM podcasts_show WHERE contact IS NOT NULL",
    "episodes": "SELECT id, show_id, number, title, notes FROM podcasts_episode",
}


MIGRATION: Queries = {
    "comments": "SELECT id, post_id, parent_id, text, created_on::text FROM channels_comment",
    "authors of comments": "SELECT id, author_id FROM channels_comment WHERE author_id IS NOT NULL",
    "owners of channels": "SELECT id, owner_id FROM channels_channel WHERE owner_id IS NOT NULL",
}
"""Of these the second of two columns is a member, who may have left by now, and is missing then with good reason."""


def note(connection: psycopg.Connection, queries: Queries = DEPLOY) -> Taken:
    """Read the rows of everything that is dropped, deleted, rewritten or folded; each as a text."""
    return {name: [json.dumps(row) for row in connection.execute(query)] for name, query in queries.items()}


def missing(connection: psycopg.Connection, noted: Taken, queries: Queries = DEPLOY) -> dict[str, int]:
    """Count the noted rows that are not there as they were; a table or column that is gone has none of them."""
    return {name: len(set(rows) - _present(connection, queries[name])) for name, rows in noted.items()}


def without_those_who_left(connection: psycopg.Connection, noted: Taken) -> Taken:
    """Leave out what was noted of members who are not there any more: rows of two columns, as `MIGRATION` has them."""
    there = {row[0] for row in connection.execute("SELECT id FROM auth_user")}
    return {
        name: [row for row in rows if len(found := json.loads(row)) != _PAIR or found[1] in there]
        for name, rows in noted.items()
    }


def _present(connection: psycopg.Connection, query: LiteralString) -> set[str]:
    try:
        with connection.transaction():
            return {json.dumps(row) for row in connection.execute(sql.SQL(query))}
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn):
        return set()
