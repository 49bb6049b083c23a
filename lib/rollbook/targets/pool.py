"""The targets of one environment, opened when first used."""

from collections.abc import Iterable, Iterator, Mapping
from threading import RLock
from typing import Final

from ..errors import NotFoundError, RollbookError, SchemaError
from ..ops import Execution, Op, OpResult
from ..values import Secret
from .base import Reader, Target, TargetSpec
from .hosts import HostTarget
from .kinds import settings_type, target_class
from .redaction import Redactor
from .secrets import SecretStore
from .surroundings import BaseTarget, Surroundings, secrets_in

_NAMES: Final = ("host", "user", "database", "maintenance", "directory", "bucket", "prefix", "via", "jump", "on")


class TargetPool:
    """
    Gives targets and readers by name, one object each; nothing connects before it is used.

    May be used by several threads. *label* is how servers see the connections (`rollbook <run>`).
    """

    def __init__(
        self, specs: Mapping[str, TargetSpec], secrets: SecretStore, redactor: Redactor, *, label: str = "rollbook"
    ) -> None:
        self._specs = dict(specs)
        self._redactor = redactor
        self._surroundings = Surroundings(secrets, redactor, self, label)
        self._open: dict[str, Target] = {}
        self._lock = RLock()
        redactor.leave(name for spec in specs.values() for name in _open_names(spec))
        # A command may print a database's password before anything has connected with it.
        secrets.prime(self.secrets_of(specs))

    @property
    def redactor(self) -> Redactor:
        """What takes this environment's secrets out of texts."""
        return self._redactor

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all targets, sorted."""
        return tuple(sorted(self._specs))

    def __contains__(self, name: object) -> bool:
        return name in self._specs

    def spec(self, name: str) -> TargetSpec:
        """Give a target's entry; raises `NotFoundError` naming those there are."""
        found = self._specs.get(name)
        if found is None:
            raise NotFoundError(
                f"this environment has no target named {name!r}",
                advice=f"It has: {', '.join(self.names) or 'none'}. Add it to the inventory, or correct the name.",
            )
        return found

    def target(self, name: str) -> Target:
        """Give a target, able to write; raises `NotFoundError`, or `SchemaError` for settings that do not fit."""
        with self._lock:
            found = self._open.get(name)
            if found is None:
                found = self._open[name] = self._make(self.spec(name))
            return found

    def reader(self, name: str) -> Reader:
        """Give the side of a target that only reads."""
        return self.target(name).reader()

    def execute(self, op: Op, execution: Execution) -> OpResult:
        """Hand *op* to the target that it names; errors come out without secrets."""
        try:
            return self.target(op.target).execute(op, execution)
        except RollbookError as error:
            redact(error, self._redactor)
            raise

    def shown(self, op: Op) -> tuple[str, ...]:
        """Give what is sent for *op*, with the prefix or host that it goes through; connects to nothing."""
        target = self.target(op.target) if op.target in self else None
        return target.shown(op) if isinstance(target, BaseTarget) else op.render()

    def running(self, target: str, mark: str) -> tuple[int, ...]:
        """Name the processes of the step with this *mark* that are still alive on *target*, where they can be seen."""
        found = self.target(target)
        return found.running(mark) if isinstance(found, HostTarget) else ()

    def look_up(self, secret: Secret) -> None:
        """Look a secret up, so that its value is hidden from now on. Raises `SecretError`."""
        self._surroundings.secrets.value(secret)

    def prime(self, secrets: Iterable[Secret]) -> None:
        """Hide the values of those of *secrets* that are cheap to look up from now on, as far as they are there."""
        self._surroundings.secrets.prime(secrets)

    def secrets_of(self, names: Iterable[str]) -> tuple[Secret, ...]:
        """Give the secrets by which the targets of these names are reached; those that there are not have none."""
        specs = [self._specs[name] for name in names if name in self._specs]
        return tuple(secret for spec in specs for part in (spec.settings, spec.reader) for secret in secrets_in(part))

    def close(self) -> None:
        """Close everything that was opened; may be called twice."""
        with self._lock:
            opened = tuple(self._open.values())
            self._open.clear()
        for target in reversed(opened):
            target.close()

    def _make(self, spec: TargetSpec) -> Target:
        from ..schema import build

        made = target_class(spec.kind)
        try:
            settings = build(settings_type(spec.kind), spec.settings)
        except SchemaError as error:
            problems = [f"target {spec.name!r}: {problem}" for problem in error.problems]
            raise SchemaError(problems, advice=error.advice) from None
        return made(spec, settings, self._surroundings)


def _open_names(spec: TargetSpec) -> Iterator[str]:
    """Yield what an inventory names in the open: none of these settings may be a secret."""
    yield from (spec.name, spec.kind)
    for settings in (spec.settings, spec.reader or {}):
        yield from (name for key in _NAMES if isinstance(name := settings.get(key), str))


def redact(error: RollbookError, redactor: Redactor) -> None:
    """Take secrets out of an error's texts, in place."""
    if redactor.empty:
        return
    error.message = redactor.text(error.message)
    error.advice = redactor.text(error.advice)
    error.args = tuple(redactor.plain(list(error.args)))
    tail = getattr(error, "tail", None)
    if isinstance(tail, str):
        error.tail = redactor.text(tail)  # type: ignore[attr-defined]  # of those errors that carry one
