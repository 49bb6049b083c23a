"""Redis as Celery uses it: a list a queue and priority, and a hash of what workers hold."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from ...errors import TargetError, Unreachable
from ...parse import read_json
from ...queues import Message

if TYPE_CHECKING:
    from redis import Redis

# Where kombu may have put messages of a priority: its own separator, and the one that Celery's manual gives.
_ELSEWHERE: Final = tuple(f"{separator}{step}" for separator in ("\x06\x16", ":") for step in range(1, 10))
_BINDING: Final = "_kombu.binding."  # which the exchange of a queue has that is one in its own right
_CHUNK: Final = 1000
_UNACKED: Final = "unacked"
# What a hold has already is never written over.
_TAKE: Final = "if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('RENAMENX', KEYS[1], KEYS[2]) end"


class RedisTransport:
    """
    The lists of a Redis, one for each of *priorities*, the endings of a queue's name; *prefix* begins every key.

    *connect* is called when the first command is sent.
    """

    def __init__(self, name: str, prefix: str, priorities: tuple[str, ...], connect: "Callable[[], Redis]") -> None:
        self._name = name
        self._prefix = prefix
        self._priorities = priorities
        self._connect = connect
        self._open: Redis | None = None

    @contextmanager
    def _client(self) -> "Iterator[Redis]":
        from redis.exceptions import ConnectionError as Lost
        from redis.exceptions import RedisError
        from redis.exceptions import TimeoutError as Late

        try:
            if self._open is None:
                self._open = self._connect()
            yield self._open
        except (Lost, Late) as error:
            raise Unreachable(
                f"{self._name}: Redis does not answer: {error}", advice="Is it up, and url: right?"
            ) from error
        except RedisError as error:
            raise TargetError(
                f"{self._name}: Redis refused: {error}", advice="Look at the account's rights."
            ) from error

    def identity(self) -> Mapping[str, str]:
        """Give version and place."""
        with self._client() as client:
            known = client.info("server")
            settings = client.connection_pool.connection_kwargs
        place = f"{settings.get('host', settings.get('path', ''))}:{settings.get('port', '')}/{settings.get('db', 0)}"
        return {"redis_version": str(known["redis_version"]), "server": place}

    def length(self, queue: str) -> int:
        """Count the lists of a queue. Raises `TargetError` where it has others than those of the settings."""
        with self._client() as client:
            self._require_known(client, queue)
            return sum(int(client.llen(key)) for key in self._keys(queue))

    def _require_known(self, client: "Redis", queue: str) -> None:
        names = [f"{queue}{ending}" for ending in _ELSEWHERE if ending not in self._priorities]
        with client.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.exists(f"{self._prefix}{name}")
                pipe.exists(f"{self._prefix}{_BINDING}{name}")
            found = pipe.execute()
        strange = [name for name, there, own in zip(names, found[::2], found[1::2], strict=True) if there and not own]
        if strange:
            listed = ", ".join(map(repr, strange))
            raise TargetError(
                f"{self._name}: messages of {queue} wait in {listed} as well, which the inventory does not tell of.",
                advice="Give separator: and priorities: of the target as sep and priority_steps stand in Celery's "
                "broker_transport_options.",
            )

    def reserved(self, queue: str) -> int | None:
        """Count what workers hold; it comes back into the queue when they die."""
        count = 0
        with self._client() as client:
            for _, content in client.hscan_iter(f"{self._prefix}{_UNACKED}", count=_CHUNK):
                count += _routed_to(content) == queue
        return count

    def messages(self, queue: str) -> Iterator[Message]:
        """Read the lists of a queue."""
        return self._read(self._keys(queue), self._keys(queue))

    def is_held(self, queue: str, hold: str) -> bool:
        """Look for the hold's lists, or its mark where nothing waited."""
        with self._client() as client:
            return bool(client.exists(self._mark(queue, hold, "held"), *self._held_keys(queue, hold)))

    def held(self, queue: str, hold: str) -> Iterator[Message]:
        """Read the lists of a hold, under the names that they had."""
        return self._read(self._held_keys(queue, hold), self._keys(queue))

    def take(self, queue: str, hold: str) -> None:
        """Rename the lists, all at once."""
        with self._client() as client, client.pipeline(transaction=True) as pipe:
            for key, held in zip(self._keys(queue), self._held_keys(queue, hold), strict=True):
                pipe.eval(_TAKE, 2, key, held)
            pipe.set(self._mark(queue, hold, "held"), "1")
            pipe.execute()

    def settle(self, queue: str, hold: str, back: Iterable[Message]) -> None:
        """Push these back and drop the hold, all at once."""
        with self._client() as client, client.pipeline(transaction=True) as pipe:
            self._push(pipe, queue, back)
            pipe.delete(self._mark(queue, hold, "held"), *self._held_keys(queue, hold))
            pipe.execute()

    def give_back(self, queue: str, hold: str, messages: Iterable[Message]) -> None:
        """Push messages to the end that workers take from, with their mark, all at once."""
        with self._client() as client, client.pipeline(transaction=True) as pipe:
            self._push(pipe, queue, messages)
            pipe.set(self._mark(queue, hold, "returned"), "1")
            pipe.execute()

    def is_returned(self, queue: str, hold: str) -> bool:
        """Look for the mark."""
        with self._client() as client:
            return bool(client.exists(self._mark(queue, hold, "returned")))

    def forget(self, queue: str, hold: str) -> None:
        """Remove the mark."""
        with self._client() as client:
            client.delete(self._mark(queue, hold, "returned"))

    def close(self) -> None:
        """Close the connection."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def _push(self, pipe: "Redis", queue: str, messages: Iterable[Message]) -> None:
        keys = set(self._keys(queue))
        for message in messages:
            if message.place not in keys:
                raise TargetError(
                    f"{self._name}: {message.place!r} is no list of the queue {queue}; nothing was put back.",
                    advice="Is prefix: of the target still what it was? The messages are kept in the hold.",
                )
            pipe.rpush(message.place, message.text.encode("utf-8", "surrogateescape"))

    def _read(self, keys: tuple[str, ...], places: tuple[str, ...]) -> Iterator[Message]:
        for key, place in zip(keys, places, strict=True):
            start = 0
            while True:
                with self._client() as client:
                    found = client.lrange(key, start, start + _CHUNK - 1)
                yield from (Message(place, _text(one)) for one in found)
                if len(found) < _CHUNK:
                    break
                start += _CHUNK

    def _keys(self, queue: str) -> tuple[str, ...]:
        return tuple(f"{self._prefix}{queue}{priority}" for priority in self._priorities)

    def _held_keys(self, queue: str, hold: str) -> tuple[str, ...]:
        return tuple(f"{self._mark(queue, hold, 'list')}{priority}" for priority in self._priorities)

    def _mark(self, queue: str, hold: str, what: str) -> str:
        return f"{self._prefix}rollbook:{hold}:{queue}:{what}"


def _text(content: bytes | str) -> str:
    return content if isinstance(content, str) else content.decode("utf-8", "surrogateescape")


def _routed_to(content: bytes) -> str:
    try:
        _, _, key = read_json(content.decode("utf-8", "replace"))
    except (ValueError, TypeError):
        return ""
    return key if isinstance(key, str) else json.dumps(key)
