"""Ctrl-C and SIGHUP ask to stop at the next safe place; Ctrl-C after that, and SIGTERM, end what runs now."""

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
        # A terminal that hung up ends nothing by itself: the step that runs is carried to its end. It may tell so
        # twice, for a shell does as well, and after a Ctrl-C.
        if number == signal.SIGTERM or (number == signal.SIGINT and session.stop.is_set()):
            session.kill.set()
        session.stopped_by = f"stopped by {name}"
        session.stop.set()

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    heard = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]  # nohup has its way
    before = {number: signal.signal(number, ask_to_stop) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        session.stop.clear()
