"""
Runs inside a Django site, by its `manage.py shell`: migrates, and keeps nobody waiting for long meanwhile.

What changes a table waits a short while for its lock, again and again, and who holds it is named; else everybody would
wait behind it. Sent as text, so it imports nothing of Rollbook, and is valid for Python 3.8 and Django 3.2.
"""

import re
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

from django.core.management import call_command
from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import Error as DatabaseError

from .watching import ENDED, Watch, say, short

GAVE_UP = 75
HALF = 76
# MySQL and MariaDB: a table, column, key or constraint is there already, or one that is to go is not.
MET = (1050, 1051, 1060, 1061, 1091, 1826)
LOCKED = ("55P03", "40P01", 1205, 1213)
# What waits for whole tables; wherever it stands in a text, for one text may be several statements.
CHANGE = re.compile(r"\b(ALTER|CREATE|DROP|RENAME|TRUNCATE|LOCK|COMMENT|REINDEX|CLUSTER|GRANT|REVOKE)\s", re.I)
# What keeps nobody waiting while it waits.
GENTLE = re.compile(r"\bCONCURRENTLY\b", re.I)
# What may be given a transaction of its own where the migration has none, on PostgreSQL.
ALONE = re.compile(r"\s*(ALTER\s+TABLE|(CREATE|DROP)\s+(UNIQUE\s+)?INDEX|DROP\s+TABLE|TRUNCATE)\s", re.I)
# What writes nothing.
READS = re.compile(r"\s*(SELECT|SHOW|SET|EXPLAIN|BEGIN|SAVEPOINT|RELEASE)\b", re.I)


def is_locked(error: "DatabaseError") -> bool:
    """Tell whether somebody else's lock is what an error is about."""
    cause: Any = error.__cause__ or error
    number = next(iter(cause.args), None)  # MySQL's; its SQLSTATEs tell next to nothing apart
    state = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
    return (number if isinstance(number, int) else state) in LOCKED


def session_of(connection: "BaseDatabaseWrapper") -> "int | None":
    """Give the server's number of a connection's session, as the driver knows it."""
    driver: Any = connection.connection
    if hasattr(driver, "thread_id"):
        return int(driver.thread_id())
    if hasattr(driver, "info"):
        return int(driver.info.backend_pid)
    return None


class Patience:
    """
    Sends what changes tables with a short wait for their locks.

    *stands*: something is done that no rollback of the migration takes back, so that it cannot be begun anew.
    """

    def __init__(self, connection: "BaseDatabaseWrapper", watch: Watch, seconds: float, tries: int) -> None:
        self.connection, self.watch, self.seconds, self.tries = connection, watch, seconds, tries
        self.stands = False
        self.last = ""

    def __call__(self, execute: "Callable[..., Any]", sql: Any, params: Any, many: bool, context: Any) -> Any:
        """Send a statement of the migration."""
        self.last = text = str(sql)

        def send() -> Any:
            return execute(sql, params, many, context)

        if not CHANGE.search(text) or GENTLE.search(text):
            return self._watched(send, text)
        cursor = context["cursor"].cursor
        if self.connection.vendor == "mysql":
            return self._on_mysql(cursor, send, text)
        if self.connection.in_atomic_block:
            return self._within(cursor, send, text)
        if not ALONE.match(text):
            return self._watched(send, text)

        def alone() -> Any:
            with transaction.atomic(using=self.connection.alias):
                return self._within(cursor, send, text)

        return self._again(alone, self.tries)

    def pause(self, attempt: int) -> None:
        """Let others get their turn."""
        time.sleep(min(attempt, self.seconds))

    def _watched(self, send: "Callable[[], Any]", text: str) -> Any:
        with self.watch.running(session_of(self.connection), text):
            found = send()
        self.stands = self.stands or not (self.connection.in_atomic_block or READS.match(text))
        return found

    def _within(self, cursor: Any, send: "Callable[[], Any]", text: str) -> Any:
        """Send it within PostgreSQL's transaction; other statements wait as the site has it."""
        cursor.execute(
            "SELECT setting::integer, pg_catalog.pg_backend_pid() FROM pg_catalog.pg_settings"
            " WHERE name = 'lock_timeout'"
        )
        was, session = cursor.fetchone()
        wait = round(self.seconds * 1000)
        cursor.execute(f"SET LOCAL lock_timeout = {min(was, wait) if was else wait}")
        with self.watch.running(session, text):
            found = send()
        cursor.execute(f"SET LOCAL lock_timeout = {was}")
        return found

    def _on_mysql(self, cursor: Any, send: "Callable[[], Any]", text: str) -> Any:
        """Send it again and again: each change of a table stands by itself, and one that got no lock did nothing."""
        cursor.execute("SELECT @@SESSION.lock_wait_timeout, CONNECTION_ID()")
        was, session = cursor.fetchone()
        cursor.execute(f"SET SESSION lock_wait_timeout = {min(int(was), max(1, round(self.seconds)))}")

        def once() -> Any:
            with self.watch.running(session, text):
                return send()

        # To leave a migration half done is worse than to wait.
        single = ";" not in text.strip().rstrip(";")
        found = self._again(once, (self.tries * 10 if self.stands else self.tries) if single else 1)
        cursor.execute(f"SET SESSION lock_wait_timeout = {was}")
        return found

    def _again(self, send: "Callable[[], Any]", tries: int) -> Any:
        attempt = 0
        while True:
            attempt += 1
            try:
                found = send()
            except DatabaseError as error:
                if self.watch.ending or attempt >= tries or not is_locked(error):
                    raise
                self.pause(attempt)
            else:
                self.stands = True
                return found


def give_up(patience: Patience) -> None:
    """Say who is in the way, and end."""
    holders = patience.watch.holders
    told = "; ".join(holders.values()) or "nobody whom this account may see"
    ends = "; ".join(patience.watch.queries["end"].format(one) for one in holders if one)
    if patience.stands:
        say("what came before in this migration stands")
    if ends:
        say(f"to end them: {ends}")
    say(f"gave up: {short(patience.last)} stayed locked by others: {told}")
    sys.exit(GAVE_UP)


def attempts(patience: Patience, words: "list[str]") -> None:
    """Migrate; begin anew where a lock was not to be had and nothing of it stands."""
    attempt = 0
    while True:
        attempt += 1
        try:
            call_command(*words, skip_checks=False, **({"verbosity": 0} if attempt > 1 else {}))
        except DatabaseError as error:
            if patience.watch.ending:
                sys.exit(ENDED)
            if not is_locked(error):
                raise
            if patience.stands or attempt >= patience.tries or patience.connection.vendor == "mysql":
                give_up(patience)
            say(f"it got no lock, and everything of this migration is taken back; attempt {attempt + 1} follows")
            patience.pause(attempt)
        else:
            return


def main(given: "dict[str, Any]") -> None:
    """Migrate as *words* say."""
    connection = connections[given["database"]]
    queries = given["queries"].get(connection.vendor)
    if queries is None:
        call_command(*given["words"], skip_checks=False)
        return
    watch = Watch(given["database"], queries, min(1.0, given["seconds"] / 3))
    patience = Patience(connection, watch, given["seconds"], given["tries"])
    with watch.watching(), connection.execute_wrapper(patience):
        try:
            attempts(patience, given["words"])
        except Exception as error:
            met = connection.vendor == "mysql" and isinstance(error, DatabaseError) and set(error.args[:1]) & set(MET)
            if not (patience.stands or met):
                raise
            traceback.print_exc()
            say(f"{'failed' if patience.stands else 'met'}: {type(error).__name__}: {short(str(error))}")
            sys.exit(HALF)
