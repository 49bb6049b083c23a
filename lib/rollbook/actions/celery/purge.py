"""`celery.purge`: messages taken out of a queue, kept in a file."""

from collections.abc import Mapping
from dataclasses import field, replace
from typing import ClassVar, Final

from ...action import Action, Change, Readers, Ref, Reverse, Subject, Undo, Verdict, evidence
from ...dataclass import dataclass
from ...ops import FileRemove, Op
from ...queues import QueueExport, QueueForget, QueueReturn, QueueSettle, QueueTake, check_queue, is_wanted_task
from ...targets.base import BrokerReader, HostReader
from ...values import RUN_ID, Plain

_LOOKED_AT: Final = 100_000
_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class PurgeState:
    """
    Whether the messages are in a hold, in the file, or put back; *waiting* and *reserved* are counts of just now.

    *tasks* are the names and counts of what would be taken out.
    """

    held: bool
    exported: bool
    returned: bool
    waiting: int = evidence(default=0)
    reserved: int | None = evidence(default=None)
    tasks: Mapping[str, int] | None = evidence(default=None)


@dataclass(frozen=True, slots=True)
class CeleryPurge(Action[PurgeState]):
    """
    Take messages out of a queue, all or those of some `tasks`, after they are written to a file.

    They are first moved at once into a hold, out of every worker's reach, so that none is lost or run meanwhile;
    those of other tasks go back in their order. The undo puts the messages back as the next ones. Messages that a
    worker has already are not touched: stop the workers first, and mind that Redis gives these back to the queue
    when a worker died.
    """

    kind: ClassVar[str] = "celery.purge"
    example: ClassVar[Mapping[str, Plain]] = {
        "queue": "celery",
        "tasks": ["channels.tasks.*"],
        "folder": "{{ run.folder }}/queues",
    }
    by_hand: ClassVar[str] = """
With Redis, workers stopped: `redis-cli --raw LRANGE <queue> 0 -1` into a file, then `redis-cli RENAME <queue>
<queue>.taken`. Other brokers: `celery -A APP purge -Q <queue>`, which keeps nothing.
"""

    queue: str
    folder: str = field(metadata={"help": "a folder on this machine, for the file"})
    tasks: tuple[str, ...] = field(default=(), metadata={"help": "names of tasks, which may hold *; all unless given"})
    target: Ref[BrokerReader] = Ref("broker")
    local: Ref[HostReader] = field(default=Ref("local"), metadata={"help": "this machine"})
    hold: str = field(default=str(RUN_ID), metadata={"help": "the name under which messages are held"})

    def __post_init__(self) -> None:
        check_queue(self.queue)
        check_queue(self.hold.replace(str(RUN_ID), "run"))
        if not all(self.tasks):
            raise ValueError("tasks: expected names, none of them empty")

    def subjects(self) -> frozenset[Subject]:
        """Name the queue."""
        return frozenset({Subject(self.target.name, "queue", self.queue)})

    @property
    def _path(self) -> str:
        return f"{self.folder.rstrip('/')}/{self.queue}.jsonl"

    def probe(self, read: Readers) -> PurgeState:
        """Look what waits, and how far a purge of this run came."""
        broker, queue = read[self.target], self.queue
        held = broker.is_held(queue, self.hold)
        tasks = broker.tasks(queue, most=_LOOKED_AT, hold=self.hold if held else "")
        return PurgeState(
            held=held,
            exported=read[self.local].stat(self._path) is not None,
            returned=broker.is_returned(queue, self.hold),
            waiting=broker.length(queue),
            reserved=broker.reserved(queue),
            tasks={task: count for task, count in tasks.items() if is_wanted_task(task, self.tasks)},
        )

    def desired(self, before: PurgeState) -> PurgeState:
        """Want them in the file; nothing where nothing waits."""
        if not before.tasks and not before.held:
            return before
        return replace(before, held=False, exported=True)

    def ops(self, old: PurgeState, new: PurgeState) -> tuple[Op, ...]:
        """Take, export, settle; in an undo put back, remove the file, forget."""
        name, local, queue, hold = self.target.name, self.local.name, self.queue, self.hold
        if new.exported:
            ops: list[Op] = [] if old.exported or old.held else [QueueTake(name, queue, hold)]
            ops += [] if old.exported else [QueueExport(name, queue, hold, self._path, self.tasks)]
            ops += [QueueSettle(name, queue, hold, self.tasks)] if old.held or not old.exported else []
            return tuple(ops)
        ops = [QueueReturn(name, queue, hold, self._path)] if old.exported and not old.returned else []
        ops += [FileRemove(local, self._path)] if old.exported else []
        ops += [QueueForget(name, queue, hold)] if old.exported or old.returned else []
        return tuple(ops)

    def undo(self, change: Change[PurgeState]) -> Undo[PurgeState]:
        """Put them back."""
        goal = replace(change.before, held=False, exported=False, returned=False)
        return Reverse(goal, f"the messages go back into {self.queue}, as the next ones, from {self._path}")

    def verdict(self, change: Change[PurgeState]) -> Verdict:
        """Sort it: messages go."""
        return "delete" if change.ops else "noop"

    def details(self, change: Change[PurgeState]) -> tuple[str, ...]:
        """Tell which tasks would go."""
        found = change.before
        if not change.ops and found.exported and found.tasks:
            return (f"taken out before, into {self._path}; {sum(found.tasks.values())} came since and stay",)
        held = f", {found.reserved} with workers, which are not touched" if found.reserved else ""
        tasks = sorted((found.tasks or {}).items(), key=lambda pair: (-pair[1], pair[0]))
        more = [f"    … and {len(tasks) - _SHOWN} more tasks"] if len(tasks) > _SHOWN else []
        lines = [f"    {count} {task}" for task, count in tasks[:_SHOWN]]
        return (f"{self.queue}: {found.waiting} waiting{held}; taken out:", *lines, *more) if lines else ()
