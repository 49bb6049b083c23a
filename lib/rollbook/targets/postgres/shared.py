"""Lets queries in several databases of a server share one session for each database, for as long as a look takes."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

    from .session import Connection

T = TypeVar("T")


class _Held:
    """What one thread holds open."""

    def __init__(self) -> None:
        self.ending = ExitStack()
        self.connections: dict[str, Connection] = {}
        self.engines: dict[str, Engine] = {}


class Shared:
    """
    Opens sessions of other databases, each closed at once, or at the end of what holds them together.

    A session that stays open would keep its database from being renamed or dropped. Threads share nothing.
    """

    def __init__(self, connect: "Callable[[str], Connection]", engine: "Callable[[str], Engine]") -> None:
        self._connect = connect
        self._engine = engine
        self._threads = threading.local()

    @contextmanager
    def together(self) -> Iterator[None]:
        """Hold open what is opened inside, also by calls of this further in."""
        if self._held is not None:
            yield
            return
        held = self._threads.held = _Held()
        try:
            with held.ending:
                yield
        finally:
            self._threads.held = None

    @contextmanager
    def connection(self, database: str) -> "Iterator[Connection]":
        """Give a connection; it is in no transaction, and in none afterwards, so each use sees what is there then."""
        held = self._held
        if held is None:
            with closing(self._connect(database)) as opened:
                yield opened
            return
        found = held.connections.get(database)
        if found is None:
            found = held.connections[database] = held.ending.enter_context(closing(self._connect(database)))
        try:
            yield found
            found.rollback()
        except BaseException:
            del held.connections[database]
            found.close()
            raise

    @contextmanager
    def engine(self, database: str) -> "Iterator[Engine]":
        """Give an engine."""
        held = self._held
        if held is None:
            engine = self._engine(database)
            try:
                yield engine
            finally:
                engine.dispose()
            return
        if database not in held.engines:
            held.engines[database] = self._engine(database)
            held.ending.callback(held.engines[database].dispose)
        yield held.engines[database]

    @property
    def _held(self) -> "_Held | None":
        return getattr(self._threads, "held", None)
