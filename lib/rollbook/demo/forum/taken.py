"""What the deploy takes away from the forum, noted beforehand, so that it can be looked for afterwards."""

import json
from collections.abc import Mapping, Sequence

import psycopg
from psycopg import sql

Taken = Mapping[str, Sequence[str]]

# Only what no member changes meanwhile: an author who leaves is missing on a post, and the worker counts comments.
_QUERIES = {
    "channels": "SELECT id, slug, title, about FROM channels_channel",
    "posts": "SELECT id, channel_id, title, text FROM channels_post",
    "comments": "SELECT id, post_id, parent_id, text FROM channels_comment",
    "settings": "SELECT id, name, value FROM siteconfig",
    "contacts of shows": "SELECT id, contact FROM podcasts_show WHERE contact IS NOT NULL",
    "episodes": "SELECT id, show_id, number, title, notes FROM podcasts_episode",
}


def note(connection: psycopg.Connection) -> Taken:
    """Read the rows of everything that the deploy drops, deletes, rewrites or folds; each as a text."""
    return {name: [json.dumps(row) for row in connection.execute(query)] for name, query in _QUERIES.items()}


def missing(connection: psycopg.Connection, noted: Taken) -> dict[str, int]:
    """Count the noted rows that are not there as they were; a table or column that is gone has none of them."""
    return {name: len(set(rows) - _present(connection, name)) for name, rows in noted.items()}


def _present(connection: psycopg.Connection, name: str) -> set[str]:
    try:
        with connection.transaction():
            return {json.dumps(row) for row in connection.execute(sql.SQL(_QUERIES[name]))}
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn):
        return set()
