"""How long going back took on a server before, read from the journals of this machine."""

import json
from collections.abc import Generator, Iterable, Mapping
from contextlib import closing, suppress
from typing import Final

from ...errors import CommandFailed
from ...estimates import downtime, durations, median
from ...postgres.cures import Pace
from ...targets.base import HostReader
from ...values import Plain

_LOOKED_AT: Final = 40  # runs, the newest first
_ENOUGH: Final = 7
_KINDS: Final = frozenset(
    {"postgres.backup", "postgres.restore", "postgres.base", "postgres.carry", "postgres.swap", "sql.recover"}
)
_PLANNED: Final = b'"type":"replanned"'  # a playbook's stages are planned when they are reached

Taken = Mapping[str, float]


def read_pace(host: HostReader, runs: str, identity: Mapping[str, str]) -> Pace:
    """Read the newest runs below *runs* that worked with the database of this *identity*; undos tell nothing."""
    found: list[Taken] = []
    downs: list[float] = []
    for name in host.run(("ls", "-1r", "--", runs)).stdout.split()[:_LOOKED_AT]:
        # A journal that is cut off, or cleared away meanwhile, tells nothing.
        with suppress(CommandFailed, ValueError), closing(_lines(host, f"{runs}/{name}/journal.jsonl")) as lines:
            first = json.loads(next(lines, b"{}"))
            if not _is_of(first.get("plan", {}), identity):
                continue
            rest = tuple(lines)
            taken = _taken(_kinds(first, rest), durations(rest))
            down = downtime(rest)
            found += [taken] if taken else []
            downs += [down] if down is not None and "postgres.swap" in taken else []
        if len(found) == _ENOUGH:
            break
    return Pace(len(found), _medians(found), round(median(downs), 3) if downs else None)


def _lines(host: HostReader, path: str) -> Generator[bytes]:
    yield from host.lines(("cat", "--", path))


def _is_of(plan: Plain, identity: Mapping[str, str]) -> bool:
    return not plan.get("undo_of") and dict(identity) in plan.get("identities", {}).values()


def _kinds(first: Plain, rest: Iterable[bytes]) -> Mapping[str, str]:
    """Give the kinds of steps by address."""
    plans = (first, *(json.loads(line) for line in rest if _PLANNED in line[:120]))
    steps = (step for record in plans for step in record["plan"]["steps"])
    return {step["address"]: step["kind"] for step in steps if step["kind"] in _KINDS}


def _taken(kinds: Mapping[str, str], took: Taken) -> Taken:
    """Add up what the steps of each kind took in one run."""
    found: dict[str, float] = {}
    for address, kind in kinds.items():
        if address in took:
            found[kind] = found.get(kind, 0.0) + took[address]
    return found


def _medians(runs: Iterable[Taken]) -> Mapping[str, float]:
    seen: dict[str, list[float]] = {}
    for one in runs:
        for kind, seconds in one.items():
            seen.setdefault(kind, []).append(seconds)
    return {kind: round(median(seconds), 3) for kind, seconds in seen.items()}
