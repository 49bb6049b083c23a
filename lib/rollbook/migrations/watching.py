"""
Looks whom statements wait for: the part of `patient` that names who is in the way.

Sent as text before that, so it imports nothing of Rollbook, and is valid for Python 3.8 and Django 3.2.
"""

import os
import re
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import Error as DatabaseError

ENDED = 143
_EVERY = 0.25  # seconds


def say(line: str) -> None:
    """Tell whoever watches the run."""
    sys.stdout.flush()
    print(f"\nRollbook: {line}", file=sys.stderr, flush=True)


def short(text: str) -> str:
    """Give the beginning of a statement, in one line."""
    line = " ".join(text.split())
    return line if len(line) <= 100 else f"{line[:99]}…"


class Watch:
    """
    Looks from a connection of its own whom a statement waits for, and says so meanwhile.

    Ends the statement where the process is to end: a server carries on what nobody waits for any more.
    """

    def __init__(self, alias: str, queries: "dict[str, Any]", seconds: float) -> None:
        self.alias, self.queries, self.seconds = alias, queries, seconds
        self.ending = False
        self.holders: "dict[int, str]" = {}  # whom the last statement waited for
        self._told: "set[int]" = set()
        self._statement: "tuple[int | None, str, float] | None" = None
        self._over = threading.Event()
        self._blind = ""

    @contextmanager
    def running(self, session: "int | None", text: str) -> "Iterator[None]":
        """Watch a statement while it runs."""
        self.holders = {}
        self._statement = session, text, time.monotonic()
        try:
            yield
        finally:
            self._statement = None

    @contextmanager
    def watching(self) -> "Iterator[None]":
        """Watch whatever runs."""
        if hasattr(signal, "pthread_sigmask"):
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # for the thread to take
        thread = threading.Thread(target=self._watch, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join(1)

    def _watch(self) -> None:
        connection = connections[self.alias]
        try:
            while not self._over.is_set():
                if self._told_to_end():
                    self._end(connection)
                now = self._statement
                if now and time.monotonic() - now[2] > self.seconds:
                    self._look(connection, now)
        finally:
            connection.close()

    def _told_to_end(self) -> bool:
        if hasattr(signal, "sigtimedwait"):
            return signal.sigtimedwait({signal.SIGTERM}, _EVERY) is not None
        time.sleep(_EVERY)
        return False

    def _end(self, connection: "BaseDatabaseWrapper") -> None:
        self.ending = True
        now = self._statement
        if now and now[0]:
            try:
                with connection.cursor() as cursor:
                    cursor.execute(self.queries["cancel"], [now[0]])
            except DatabaseError:
                pass
            self._over.wait(3)
        sys.stdout.flush()
        os._exit(ENDED)

    def _look(self, connection: "BaseDatabaseWrapper", now: "tuple[int | None, str, float]") -> None:
        session, text, _ = now
        try:
            found = dict(self._found(connection, session, text)) if session else {}
        except DatabaseError as error:
            why = " ".join(str(error).split())
            if why != self._blind:
                say(f"who holds what it waits for cannot be seen: {why}")
            self._blind = why
            return
        if found.keys() - self._told:
            say(f"{short(text)} waits for {'; '.join(found.values())}")
        self._told |= found.keys()
        self.holders = found or self.holders

    def _found(self, connection: "BaseDatabaseWrapper", session: int, text: str) -> "Iterator[tuple[int, str]]":
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute(self.queries["of_session"], [session, session])
            else:
                ids = self._ids(cursor, session, text)
                if not ids:
                    return
                cursor.execute(self.queries["sessions"].replace("{ids}", ", ".join(map(str, sorted(ids)))))
            yield from cursor.fetchall()

    def _ids(self, cursor: Any, session: int, text: str) -> "set[int]":
        """Name the sessions that hold tables of a statement, or rows, as far as the account may see."""
        cursor.execute(self.queries["state"], [session])
        ((state,),) = cursor.fetchall() or (("",),)
        if not str(state).startswith("Waiting for"):
            return self._seen(cursor, self.queries["of_rows"], [session], session)
        tables = re.findall(r"`([^`]+)`", text) or [""]
        for query in self.queries["of_tables"]:
            given = tables if "{tables}" in query else None
            asked = query.replace("{tables}", ", ".join(["%s"] * len(tables)))
            ids = self._seen(cursor, asked, given, session)
            if ids:
                return ids
        return self._seen(cursor, self.queries["asleep"], None, session)

    def _seen(self, cursor: Any, query: str, given: "list[Any] | None", session: int) -> "set[int]":
        try:
            cursor.execute(query, given)
        except DatabaseError as error:
            cause: Any = error.__cause__ or error
            if next(iter(cause.args), None) not in self.queries["unknown"]:
                raise
            return set()
        return {int(row[0]) for row in cursor.fetchall() if row[0]} - {session}
