"""
What waits in a broker: messages as Celery writes them, and the writes that take some out and put them back.

What is taken lies in a hold first, out of every worker's reach and named by the run, so that no instant of a
purge loses a message: it is in the queue, in the hold or in a file.
"""

import base64
import binascii
import fnmatch
import json
from collections.abc import Iterable, Iterator
from typing import ClassVar, Final

from .dataclass import dataclass
from .ops import Op
from .parse import read_json

UNKNOWN_TASK: Final = "?"


@dataclass(frozen=True, slots=True)
class Message:
    """A waiting message: *place* is where the transport keeps it (a key of Redis, the name of a file)."""

    place: str
    text: str

    @property
    def task(self) -> str:
        """The task's name, or `?` for what Celery did not write."""
        return task_of(self.text)

    def written(self) -> bytes:
        """Give its line in a file."""
        return json.dumps({"place": self.place, "text": self.text}).encode() + b"\n"


def task_of(text: str) -> str:
    """Read the name of a message's task, in either of Celery's protocols."""
    try:
        content = read_json(text)
        headers = content.get("headers") or {}
        if isinstance(headers.get("task"), str):
            return str(headers["task"])
        body = content.get("body")
        encoding = (content.get("properties") or {}).get("body_encoding")
        inner = read_json(base64.b64decode(body).decode() if encoding == "base64" else body)
        return str(inner["task"]) if isinstance(inner, dict) else UNKNOWN_TASK
    except (ValueError, TypeError, AttributeError, LookupError, binascii.Error):
        return UNKNOWN_TASK


def is_wanted(message: Message, tasks: tuple[str, ...]) -> bool:
    """Tell whether a message is of one of *tasks*."""
    return is_wanted_task(message.task, tasks)


def is_wanted_task(task: str, tasks: tuple[str, ...]) -> bool:
    """Tell whether *task* is one of *tasks*, which may hold `*`; any is, where none are named."""
    return not tasks or any(fnmatch.fnmatchcase(task, pattern) for pattern in tasks)


def read_messages(lines: Iterable[bytes]) -> Iterator[Message]:
    """Read messages from a file's lines."""
    for line in lines:
        content = json.loads(line)
        yield Message(content["place"], content["text"])


def check_queue(name: str) -> None:
    """Raise ValueError where *name* cannot be that of a queue."""
    if not name or "/" in name or "\0" in name or name.startswith("."):
        raise ValueError("queue: expected the name of a queue")


@dataclass(frozen=True, slots=True)
class QueueTake(Op):
    """Put all that waits in a queue into a hold; new messages go on coming into the queue."""

    op: ClassVar[str] = "queue.take"
    target: str
    queue: str
    hold: str

    def render(self) -> tuple[str, ...]:
        """Name both."""
        return (f"take what waits in the queue {self.queue} out of the workers' reach, into the hold {self.hold}",)


@dataclass(frozen=True, slots=True)
class QueueExport(Op):
    """Write the messages of a hold that are of *tasks* to a file on this machine, mode 0600, whole or not at all."""

    op: ClassVar[str] = "queue.export"
    target: str
    queue: str
    hold: str
    path: str
    tasks: tuple[str, ...] = ()

    def render(self) -> tuple[str, ...]:
        """Name the tasks and the file."""
        return (f"write {_which(self.tasks)} of the hold to {self.path}",)


@dataclass(frozen=True, slots=True)
class QueueSettle(Op):
    """Put the messages of a hold that are not of *tasks* back to where they were, and drop the hold."""

    op: ClassVar[str] = "queue.settle"
    target: str
    queue: str
    hold: str
    tasks: tuple[str, ...] = ()

    def render(self) -> tuple[str, ...]:
        """Say what goes back."""
        back = f"put all but {_which(self.tasks)} back into {self.queue}, then " if self.tasks else ""
        return (f"{back}drop the hold {self.hold}",)


@dataclass(frozen=True, slots=True)
class QueueReturn(Op):
    """Put the messages of a file back, before those that wait; a mark is left with them, so that it is done once."""

    op: ClassVar[str] = "queue.return"
    target: str
    queue: str
    hold: str
    path: str

    def render(self) -> tuple[str, ...]:
        """Name the file."""
        return (f"put the messages of {self.path} back into the queue {self.queue}, as the next ones",)


@dataclass(frozen=True, slots=True)
class QueueForget(Op):
    """Remove the mark that messages were put back."""

    op: ClassVar[str] = "queue.forget"
    target: str
    queue: str
    hold: str

    def render(self) -> tuple[str, ...]:
        """Name it."""
        return (f"forget that the messages of {self.hold} were put back",)


def _which(tasks: tuple[str, ...]) -> str:
    return f"the messages of {', '.join(tasks)}" if tasks else "the messages"
