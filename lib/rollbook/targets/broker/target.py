"""A broker as a target: reads what waits, and carries out the writes of `queues`."""

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import urlsplit

from ...beside import make_folder, written_beside
from ...errors import TargetError
from ...ops import Execution, Op, OpResult, WrittenFile
from ...queues import (
    Message,
    QueueExport,
    QueueForget,
    QueueReturn,
    QueueSettle,
    QueueTake,
    is_wanted,
    read_messages,
)
from ..base import BrokerReader, TargetSpec
from ..probe import BaseProbe
from ..settings import BrokerSettings
from ..surroundings import BaseTarget, Surroundings
from ..tunnel import Tunnels
from .folder import FolderTransport
from .redis import RedisTransport
from .transport import Transport

if TYPE_CHECKING:
    from redis import Redis

_PORT = 6379


class BrokerTarget(BaseTarget[BrokerSettings]):
    """The queues of a Redis, or of a folder as kombu's filesystem transport keeps them."""

    kind_name: ClassVar[str] = "broker"

    def __init__(self, spec: TargetSpec, settings: BrokerSettings, surroundings: Surroundings) -> None:
        super().__init__(spec, settings, surroundings)
        self._tunnels = Tunnels(self.name, surroundings.others)
        self.transport = self._chosen()
        self._reader = BrokerProbe(self)

    def reader(self) -> "BrokerProbe":
        """Give the side that only reads."""
        return self._reader

    def _chosen(self) -> Transport:
        if self.settings.folder is not None:
            return FolderTransport(self.name, self.settings.folder)
        steps = tuple(f"{self.settings.separator}{step}" for step in sorted({*self.settings.priorities} - {0}))
        return RedisTransport(self.name, self.settings.prefix, ("", *steps), self._connected)

    def _connected(self) -> "Redis":
        try:
            from redis import Redis
        except ImportError as error:
            raise TargetError(
                f"{self.name}: the package redis is not installed", advice="pip install 'rollbook[broker]'"
            ) from error
        settings = self.settings
        url = self.secrets.resolve(settings.url or "")
        password = None if settings.password is None else self.secrets.value(settings.password)
        parts = urlsplit(url)
        if parts.scheme not in ("redis", "rediss", "unix"):
            raise TargetError(
                f"{self.name}: {self.safe(parts.scheme or url)!r} is no broker that can be read",
                advice="Give url: redis://… or rediss://…, or folder: for kombu's filesystem transport.",
            )
        more: dict[str, str | int] = {} if password is None else {"password": password}
        if settings.via is not None:
            near, port = self._tunnels.reach(settings.via, parts.hostname or "localhost", parts.port or _PORT)
            url = parts._replace(netloc=f"{parts.netloc.rpartition('@')[0]}@{near}:{port}".removeprefix("@")).geturl()
        timeout = settings.connect_timeout
        return Redis.from_url(url, socket_connect_timeout=timeout, socket_timeout=settings.timeout, **more)

    def execute(self, op: Op, execution: Execution) -> OpResult:  # noqa: ARG002  # each is one short exchange
        """Carry out one of the writes of a queue."""
        match op:
            case QueueTake():
                self.transport.take(op.queue, op.hold)
            case QueueExport():
                return OpResult(files=(self._export(op),))
            case QueueSettle():
                held = self.transport.held(op.queue, op.hold)
                self.transport.settle(op.queue, op.hold, list(_unwanted(held, op.tasks)))
            case QueueReturn():
                with Path(op.path).open("rb") as file:
                    self.transport.give_back(op.queue, op.hold, read_messages(file))
            case QueueForget():
                self.transport.forget(op.queue, op.hold)
            case _:
                raise self.misplaced(op)
        return OpResult()

    def _export(self, op: QueueExport) -> WrittenFile:
        from hashlib import sha256

        digest, size, path = sha256(), 0, Path(op.path)
        make_folder(path.parent)
        with written_beside(path) as file:
            for message in self.transport.held(op.queue, op.hold):
                if is_wanted(message, op.tasks):
                    line = message.written()
                    digest.update(line)
                    size += len(line)
                    file.write(line)
        return WrittenFile(op.path, size, digest.hexdigest())

    def close(self) -> None:
        """Close connections."""
        self.transport.close()
        self._tunnels.close()


def _unwanted(messages: Iterator[Message], tasks: tuple[str, ...]) -> Iterator[Message]:
    return (message for message in messages if not is_wanted(message, tasks))


class BrokerProbe(BaseProbe, BrokerReader):
    """The reading side of a broker."""

    kinds: ClassVar[tuple[str, ...]] = ("broker",)

    def __init__(self, target: BrokerTarget) -> None:
        super().__init__(target)
        self._transport = target.transport

    def identity(self) -> Mapping[str, str]:
        """Say which broker it is."""
        return self._transport.identity()

    def length(self, queue: str) -> int:
        """Count what waits."""
        return self._transport.length(queue)

    def reserved(self, queue: str) -> int | None:
        """Count what workers hold; None where the transport does not tell."""
        return self._transport.reserved(queue)

    def tasks(self, queue: str, *, most: int, hold: str = "") -> Mapping[str, int]:
        """Count the first *most* waiting messages, or those of a hold, by the name of their task."""
        messages = self._transport.held(queue, hold) if hold else self._transport.messages(queue)
        return dict(Counter(message.task for message in islice(messages, most)))

    def is_held(self, queue: str, hold: str) -> bool:
        """Tell whether a hold of that name is there."""
        return self._transport.is_held(queue, hold)

    def is_returned(self, queue: str, hold: str) -> bool:
        """Tell whether the messages of a hold were put back."""
        return self._transport.is_returned(queue, hold)
