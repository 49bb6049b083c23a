"""A demo's folder: held by one process, its servers recorded there, and none left behind by whatever ends it."""

import contextlib
import fcntl
import json
import os
import signal
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, TracebackType
from typing import Generic, Self, TypeVar

from rollbook.beside import make_folder
from rollbook.demo.errors import DemoError
from rollbook.demo.process import command_line, stop_stranger

Servers = TypeVar("Servers")


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Make the folder if need be, and keep a second demo out of it. Raises `DemoError`, naming who is there."""
    try:
        make_folder(folder)
        lock = (folder / "lock").open("a+")
    except OSError as error:
        raise DemoError(f"the demo's folder {folder} cannot be written: {error.strerror}.") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.seek(0)
            raise DemoError(
                f"another demo runs in {folder} (process {lock.read().strip() or 'unknown'}).",
                advice="Stop it with Ctrl-C first.",
            ) from error
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


class ServerRecord:
    """The file `servers.json` of a folder: which processes were started for it, and where they answer."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "servers.json"

    def end_stale(self) -> None:
        """End servers that a killed demo left behind: only those that were started for this very folder."""
        with contextlib.suppress(FileNotFoundError, ValueError):
            pids = json.loads(self.file.read_text()).get("pids", {}).values()
            for pid in pids:
                if isinstance(pid, int) and str(self.folder) in command_line(pid):
                    stop_stranger(pid)
        self.remove()

    def write(self, pids: Mapping[str, int | None], urls: Mapping[str, str]) -> None:
        """Say who runs, in place of what was said before."""
        write_whole(self.file, json.dumps({"pids": dict(pids), "urls": dict(urls)}, indent=2) + "\n")

    def remove(self) -> None:
        """Say that nobody runs."""
        self.file.unlink(missing_ok=True)


def write_whole(path: Path, text: str) -> None:
    """Write a file that is there whole or not at all."""
    new = path.with_suffix(".new")
    new.write_text(text)
    new.replace(path)


@contextmanager
def terminable() -> Iterator[None]:
    """Let SIGTERM and a closed terminal unwind the stack, where nobody else has plans for them."""
    taken: list[signal.Signals] = []
    if threading.current_thread() is threading.main_thread():
        for sign in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(sign) is signal.SIG_DFL:
                signal.signal(sign, _leave)
                taken.append(sign)
    try:
        yield
    finally:
        for sign in taken:
            if signal.getsignal(sign) is _leave:
                signal.signal(sign, signal.SIG_DFL)


def wait_for_ctrl_c() -> None:
    """
    Wait until a signal's handler raises; Ctrl-C just returns.

    It wakes now and then: a signal that comes just before a wait without end begins would be kept until the next one.
    """
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            time.sleep(0.5)


class Place(ABC, Generic[Servers]):
    """
    A context in which the servers of a demo are up in one folder, which is kept from other demos as long.

    What is in the folder stays when they stop. Enter it in the main thread: the servers end with that thread,
    whatever ends it.
    """

    def __init__(self, folder: Path) -> None:
        self._record = ServerRecord(folder)
        self._servers: Servers | None = None
        self._stack = contextlib.ExitStack()

    @abstractmethod
    def _start(self, stack: contextlib.ExitStack) -> None:
        """Start the servers, which *stack* stops, and set `_servers`."""

    @property
    def _running(self) -> Servers:
        if self._servers is None:
            raise DemoError("the demo's servers are not running.")
        return self._servers

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            stack.enter_context(terminable())
            stack.enter_context(hold(self._record.folder))
            self._record.end_stale()
            self._start(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._servers = None
        self._stack.__exit__(kind, error, trace)


def _leave(sign: int, _: FrameType | None) -> None:
    raise SystemExit(128 + sign)
