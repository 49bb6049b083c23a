"""The locks that a run needs: what each is a name in, and which server holds it for all machines."""

from collections.abc import Iterable
from typing import Final

from ..plan import Plan, PlannedLock
from ..runbook import Runbook
from .environment import Environment
from .readers import Pool

ONE_MACHINE: Final = "this machine only"
_SQL: Final = ("sql", "postgres")


def planned_lock(name: str, runbook: Runbook, environment: Environment) -> PlannedLock:
    """Plan the lock of *runbook* in *environment*: a name in its first SQL target, whose server holds it."""
    bound = ((target, environment.inventory.targets.get(target)) for target in runbook.targets)
    keepers = tuple(environment.qualified(target) for target, spec in bound if spec is not None and spec.kind in _SQL)
    return PlannedLock(name, keepers, environment.inventory.environment)


def lock_subject(lock: PlannedLock, pool: Pool) -> str:
    """
    Say what the lock's name is a name in: the first of its SQL databases, or else the environment.

    Two folders that work on one database exclude each other; two demos with one each do not.
    """
    if not lock.keepers:
        return lock.environment
    identity = pool.reader(lock.keepers[0]).identity()
    return " ".join(f"{key}={identity[key]}" for key in sorted(identity))


def lock_target(lock: PlannedLock, pool: Pool) -> str:
    """Name the SQL target whose server holds the lock, for all machines; empty where there is none."""
    return next((name for name in lock.keepers if pool.target(name).lock("rollbook") is not None), "")


def lock_scope(lock: PlannedLock, pool: Pool) -> str:
    """Say whom the lock keeps out."""
    name = lock_target(lock, pool)
    return f"all machines that use {name}" if name else ONE_MACHINE


def locks_of(plan: Plan, own: PlannedLock) -> tuple[PlannedLock, ...]:
    """Give every lock that *plan* needs once: its runbook's *own*, and those of what it is made of."""
    return once((*([own] if plan.lock else []), *plan.locks))


def once(locks: Iterable[PlannedLock]) -> tuple[PlannedLock, ...]:
    """Leave out of *locks* those that are one with an earlier one."""
    first: dict[tuple[str, tuple[str, ...]], PlannedLock] = {}
    for lock in locks:
        first.setdefault((lock.name, lock.keepers[:1] or (lock.environment,)), lock)
    return tuple(first.values())
