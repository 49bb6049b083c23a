"""
One request and its answer, within one time limit for all of it.

A site can hold a request for ever without a single read being slow: by dripping its head, or chunks.
So the exchange runs in a thread of its own, and a limit or a stop shuts its connections down under it.
"""

import os
import socket
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from threading import Lock, Thread, local
from typing import TYPE_CHECKING, Final, TypeVar

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection

from ..values import Plain

if TYPE_CHECKING:
    from urllib3._base_connection import BaseHTTPConnection

T = TypeVar("T")
_LOOK: Final = 0.2


class _Exchange:
    """The connections of one exchange; none is opened or written to once it has ended."""

    def __init__(self) -> None:
        self._guard = Lock()
        self._handles: list[socket.socket] = []
        self._ended = False

    def watch(self, connection: socket.socket) -> None:
        # A handle of our own stays valid when TLS takes the connection over, or urllib3 closes its own.
        handle = socket.socket(fileno=os.dup(connection.fileno()))
        with self._guard:
            if not self._ended:
                self._handles.append(handle)
                return
        handle.close()
        connection.close()
        raise ConnectionAbortedError("the exchange has ended")

    def end(self, *, abort: bool) -> None:
        with self._guard:
            self._ended = True
            for handle in self._handles:
                if abort:
                    with suppress(OSError):
                        handle.shutdown(socket.SHUT_RDWR)
                handle.close()
            self._handles.clear()


class _Here(local):
    exchange: _Exchange | None = None


_here: Final = _Here()


def within(seconds: float, send: Callable[[], T], stopping: Callable[[], bool]) -> T | None:
    """
    Give what *send* gives or raises; None when it was ended, after *seconds* or because *stopping* said so.

    *send* uses connections of `make_pool`; once this returns it writes to none of them.
    """
    exchange, future, limit = _Exchange(), Future[T](), time.monotonic() + seconds

    def work() -> None:
        _here.exchange = exchange
        try:
            future.set_result(send())
        except BaseException as error:  # noqa: BLE001  # raised again by future.result()
            future.set_exception(error)

    worker = Thread(target=work, name="rollbook-http", daemon=True)
    worker.start()
    try:
        while worker.is_alive() and not future.done():
            left = limit - time.monotonic()
            if left <= 0 or stopping():
                return None
            worker.join(min(_LOOK, left))
        return future.result()
    finally:
        exchange.end(abort=not future.done())
        worker.join(_LOOK)


def make_pool(ca: str | None, assert_host: str | None = None) -> PoolManager:
    """Make connections for exchanges; *assert_host* names whose certificate is wanted, if not the host asked."""
    options: dict[str, Plain] = {"cert_reqs": "CERT_REQUIRED", "ca_certs": ca, "retries": False}
    if assert_host is not None:
        options |= {"assert_hostname": assert_host, "server_hostname": assert_host}
    pool = PoolManager(num_pools=4, maxsize=4, **options)
    pool.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
    return pool


def _watched(connection: socket.socket) -> socket.socket:
    if _here.exchange is not None:
        _here.exchange.watch(connection)
    return connection


class _Connection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _watched(super()._new_conn())


class _SecureConnection(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _watched(super()._new_conn())


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection

    def _get_conn(self, timeout: float | None = None) -> "BaseHTTPConnection":
        return _reused(super()._get_conn(timeout))


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection

    def _get_conn(self, timeout: float | None = None) -> "BaseHTTPConnection":
        return _reused(super()._get_conn(timeout))


def _reused(connection: "BaseHTTPConnection") -> "BaseHTTPConnection":
    if isinstance(connection, HTTPConnection) and connection.sock is not None:
        _watched(connection.sock)
    return connection
