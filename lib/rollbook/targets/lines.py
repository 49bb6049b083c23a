"""The output of a running program by lines, read as fast as it is wanted: memory holds a few chunks of it."""

import threading
from collections.abc import Callable, Iterator
from queue import Queue
from typing import Final

from ..errors import CommandFailed, RollbookError
from .process import Launch, Sink

_CHUNKS: Final = 32
_TAIL: Final = 4096

Launcher = Callable[[Launch, Sink, Callable[[], bool]], int]


class _Pipe:
    """Takes output in one thread and gives it to another, which may stop wanting it."""

    def __init__(self) -> None:
        self.chunks: Queue[bytes | None] = Queue(_CHUNKS)
        self.errors = b""
        self.exited = 0
        self.failure: RollbookError | None = None
        self.closed = threading.Event()

    def stdout(self, chunk: bytes) -> None:
        """Hand a chunk on; waits while enough of them wait."""
        self.chunks.put(bytes(chunk))

    def stderr(self, chunk: bytes) -> None:
        """Keep the end of it, for an error."""
        self.errors = (self.errors + bytes(chunk))[-_TAIL:]

    def run(self, launcher: Launcher, launch: Launch) -> None:
        """Run the program to its end, then say so."""
        try:
            self.exited = launcher(launch, self, self.closed.is_set)
        except RollbookError as error:
            self.failure = error
        self.chunks.put(None)

    def close(self) -> None:
        """Want no more: the program is ended, and what it still says is dropped."""
        self.closed.set()
        while self.chunks.get() is not None:
            pass


def stream_lines(launcher: Launcher, launch: Launch, name: str, safe: Callable[[str], str]) -> Iterator[bytes]:
    """
    Run a program and yield its output by lines, with their ends; closing the iterator ends the program.

    *safe* takes secrets out of what it complains of. Raises `CommandFailed` after the last line when it ended with
    another exit code than 0, and what *launcher* raises.
    """
    pipe = _Pipe()
    thread = threading.Thread(target=pipe.run, args=(launcher, launch), daemon=True)
    thread.start()
    try:
        yield from _lines(pipe.chunks)
    except GeneratorExit:
        pipe.close()
        raise
    finally:
        thread.join()
    if pipe.failure is not None:
        raise pipe.failure
    if pipe.exited:
        tail = safe(pipe.errors.decode(errors="replace")).strip()
        raise CommandFailed(
            f"{launch.argv[0]} on {name} ended with exit code {pipe.exited}: {tail[-600:] or 'it said nothing'}",
            exited=pipe.exited,
            tail=tail,
            advice="Run it there by hand to see more.",
        )


def _lines(chunks: "Queue[bytes | None]") -> Iterator[bytes]:
    begun: list[bytes] = []  # pieces of a line whose end has not come: one row may have a gigabyte
    while (chunk := chunks.get()) is not None:
        first, *others = chunk.split(b"\n")
        begun.append(first)
        if others:
            yield b"".join((*begun, b"\n"))
            yield from (line + b"\n" for line in others[:-1])
            begun = [others[-1]]
    if any(begun):
        yield b"".join(begun)
