"""`celery.queue`: what waits in queues."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Final

from ...action import Change, Fact, Readers, Ref, Subject, evidence
from ...dataclass import dataclass
from ...ops import OpResult
from ...queues import check_queue
from ...targets.base import BrokerReader
from ...values import Plain

_LOOKED_AT: Final = 10_000


@dataclass(frozen=True, slots=True)
class QueueLengths:
    """
    What waits, by queue: how many messages, and of which tasks.

    *reserved* are messages that workers hold and have not ended; None where the broker does not tell.
    """

    lengths: Mapping[str, int] = evidence()
    tasks: Mapping[str, Mapping[str, int]] = evidence()
    reserved: Mapping[str, int | None] = evidence()


@dataclass(frozen=True, slots=True)
class CeleryQueue(Fact[QueueLengths]):
    """
    Count what waits in queues, by the name of the task.

    Messages of code that is taken back survive in the broker, and fail, or worse, once workers start again. Of the
    longest queues the newest ten thousand messages are looked into; nothing is taken out.
    """

    kind: ClassVar[str] = "celery.queue"
    example: ClassVar[Mapping[str, Plain]] = {"queues": ["celery", "search"], "target": "broker"}
    by_hand: ClassVar[str] = "With Redis: `redis-cli LLEN QUEUE` for each of `<queues>`, and `HLEN unacked`."

    queues: tuple[str, ...] = ("celery",)
    target: Ref[BrokerReader] = Ref("broker")

    def __post_init__(self) -> None:
        if not self.queues:
            raise ValueError("queues: expected at least one")
        for queue in self.queues:
            check_queue(queue)

    def subjects(self) -> frozenset[Subject]:
        """Name the queues."""
        return frozenset(Subject(self.target.name, "queue", queue) for queue in self.queues)

    def probe(self, read: Readers) -> QueueLengths:
        """Count."""
        broker = read[self.target]
        return QueueLengths(
            {queue: broker.length(queue) for queue in self.queues},
            {queue: broker.tasks(queue, most=_LOOKED_AT) for queue in self.queues},
            {queue: broker.reserved(queue) for queue in self.queues},
        )

    def outputs(self, after: QueueLengths, results: Sequence[OpResult]) -> Mapping[str, Plain]:  # noqa: ARG002  # no ops
        """Give the counts, all together and by queue."""
        return {
            "total": sum(after.lengths.values()),
            "lengths": dict(after.lengths),
            "tasks": {queue: dict(tasks) for queue, tasks in after.tasks.items()},
            "reserved": dict(after.reserved),
        }

    def details(self, change: Change[QueueLengths]) -> tuple[str, ...]:
        """Tell each queue, and the tasks in it, the most frequent first."""
        found, lines = change.after, []
        for queue, length in found.lengths.items():
            held = found.reserved[queue]
            more = f", {held} with workers" if held else ""
            lines.append(f"{queue}: {length} waiting{more}")
            tasks = sorted(found.tasks[queue].items(), key=lambda pair: (-pair[1], pair[0]))
            lines += [f"    {count} {task}" for task, count in tasks[:20]]
        return tuple(lines)
