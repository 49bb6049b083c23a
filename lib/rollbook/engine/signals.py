"""Ctrl-C and SIGTERM: the first asks to stop at the next safe place, the second ends what runs now."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from .session import Session


@contextmanager
def stopping_on_signals(session: Session) -> Iterator[None]:
    """Take SIGINT, SIGTERM and SIGHUP over until the block ends; elsewhere than in the main thread do nothing."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ask_to_stop(number: int, _frame: FrameType | None) -> None:
        name = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
        if session.stop.is_set() or number != signal.SIGINT:
            session.kill.set()
        session.stopped_by = f"stopped by {name}"
        session.stop.set()

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, ask_to_stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        session.stop.clear()
