"""Users who write while a run goes on, and note what the database acknowledged."""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

PREFIX = "written "
"""How the titles of what they write begin."""

_PAUSE = 0.03  # seconds


class Writer:
    """
    Inserts, changes and deletes episodes, each with a title of its own.

    `possible` has what each may be now: its plays, or None where it is not there. There is more than one possibility
    where a connection broke before the database answered. `lost` has those that a later write did not find.
    """

    def __init__(self, url: str, seed: int) -> None:
        self.possible: dict[str, set[int | None]] = {}
        self.lost: list[str] = []
        self._url = url
        self._chance = random.Random(seed)  # noqa: S311  # the same writes every time
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._write_on, daemon=True)

    @contextmanager
    def writing(self) -> Iterator["Writer"]:
        """Write until the block ends."""
        self._thread.start()
        try:
            yield self
        finally:
            self.stop()

    def stop(self) -> None:
        """Write nothing more."""
        self._ended.set()
        self._thread.join()

    def _write_on(self) -> None:
        while not self._ended.is_set():
            try:
                with psycopg.connect(self._url, autocommit=True, connect_timeout=5) as connection:
                    while not self._ended.wait(_PAUSE):
                        self._write(connection)
            except psycopg.Error:
                self._ended.wait(0.05)

    def _write(self, connection: psycopg.Connection) -> None:
        title, plays, statement = self._choose()
        before = self.possible.get(title, {None})
        self.possible[title] = before | {plays}
        cursor = connection.execute(statement.encode(), {"title": title, "plays": plays})
        if cursor.rowcount == 0 and len(before) == 1:
            self.lost.append(title)
        self.possible[title] = {plays} if cursor.rowcount else {None}

    def _choose(self) -> tuple[str, int | None, str]:
        known = [title for title, found in self.possible.items() if None not in found]
        kind = self._chance.random()
        if not known or kind < 0.6:
            title = f"{PREFIX}{len(self.possible)}"
            return title, 0, "INSERT INTO shows_episode (show_id, title, plays) VALUES (1, %(title)s, %(plays)s)"
        title = self._chance.choice(known)
        if kind < 0.85:
            plays = self._chance.randrange(1, 10**6)
            return title, plays, "UPDATE shows_episode SET plays = %(plays)s WHERE title = %(title)s"
        return title, None, "DELETE FROM shows_episode WHERE title = %(title)s"

    def broken(self, connection: psycopg.Connection) -> dict[str, tuple[set[int | None], int | None]]:
        """Give what is not as it was acknowledged: what may be there, and what is."""
        query = "SELECT title, plays FROM shows_episode WHERE starts_with(title, %s)"
        found = dict(connection.execute(query, (PREFIX,)).fetchall())
        titles = self.possible.keys() | found.keys()
        return {
            title: (self.possible.get(title, {None}), found.get(title))
            for title in titles
            if found.get(title) not in self.possible.get(title, {None})
        }
