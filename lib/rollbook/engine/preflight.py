"""What is looked at before the first write: targets, identities, room on the disk."""

import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from ..errors import PreflightError, RollbookError
from ..ops import Sql
from ..plan import Plan
from ..planner.planner import OUTWARD, Planner
from ..planner.secrecy import ADVICE, exposed, named_secrets
from ..planner.step import decode_op
from ..planner.systems import other_systems
from ..targets.base import Finding

_ROOM: Final = 50 * 1024 * 1024


def preflight(plan: Plan, planner: Planner, folder: Path) -> tuple[Finding, ...]:
    """Look at everything that *plan* will use, and the run's *folder*; writes nothing. `missing` forbids the run."""
    taking_part = (step for step in plan.steps if step.verdict != "skip")
    used = {name for step in taking_part for name in step.targets if name in planner.pool}
    # On another server than the one that is meant, the lock keeps nobody out.
    used.update(name for lock in planner.locks(plan) for name in lock.keepers)
    kinds = {step.kind for step in plan.steps}
    looked = (finding for name in sorted(used) for finding in _target(name, plan, planner))
    findings = [_weighed(one, planner) for one in looked if not one.kinds or kinds.intersection(one.kinds)]
    # All secrets are looked up by then, those too that a plan was made without.
    findings += (*_secrets(plan, planner), *_exposed(plan, planner))
    return (*findings, *_rights(plan, planner), *_disk(folder))


def require(findings: tuple[Finding, ...]) -> None:
    """Raise `PreflightError` naming everything that is missing."""
    missing = [finding for finding in findings if finding.severity == "missing"]
    if missing:
        lines = "\n".join(
            f"  - {finding.target}: {finding.message}" + (f"\n      {finding.advice}" if finding.advice else "")
            for finding in missing
        )
        raise PreflightError(f"Nothing was started; these are missing:\n{lines}")


def _weighed(finding: Finding, planner: Planner) -> Finding:
    spec = planner.specs.get(finding.target)
    outward = spec is not None and spec.kind in OUTWARD and finding.subject != "identity"  # another one is no mishap
    if outward and finding.severity == "missing":
        return replace(finding, severity="warning")
    return finding


def _target(name: str, plan: Plan, planner: Planner) -> Iterator[Finding]:
    try:
        found = planner.pool.target(name).check()
        yield from found
        if all(finding.severity != "missing" for finding in found):
            yield from other_systems(plan, (name,), planner)
    except RollbookError as error:
        yield Finding(name, "reachable", "missing", error.message, error.advice)


def _rights(plan: Plan, planner: Planner) -> Iterator[Finding]:
    """Ask of the statements that are planned already whether they may be sent."""
    for step in plan.steps:
        for content in step.ops:
            if isinstance(content, Mapping) and content.get("op") == Sql.op and content["target"] in planner.pool:
                op = decode_op(content)
                try:
                    yield from planner.pool.target(str(content["target"])).forbidden(op)
                except RollbookError as error:
                    yield Finding(str(content["target"]), "write rights", "missing", error.message, error.advice)


def warnings(findings: Iterable[Finding]) -> tuple[str, ...]:
    """Give those that forbid nothing and are worth knowing, a sentence each."""
    return tuple(f"{each.target}: {each.message}" for each in findings if each.severity == "warning")


def _secrets(plan: Plan, planner: Planner) -> Iterator[Finding]:
    """Look every secret up that a step names; from then on their values are known to the redactor."""
    for secret in sorted(named_secrets(plan), key=str):
        try:
            planner.pool.look_up(secret)
        except RollbookError as error:
            yield Finding("local", f"secret {secret.reference}", "missing", error.message, error.advice)


def _exposed(plan: Plan, planner: Planner) -> Iterator[Finding]:
    for each in exposed(plan, planner.pool.redactor):
        yield Finding("local", "secrecy", "missing", f"{each}, which no journal may", ADVICE)


def _disk(folder: Path) -> Iterator[Finding]:
    free = shutil.disk_usage(folder).free
    if free < _ROOM:
        yield Finding(
            "local",
            "disk",
            "missing",
            f"{free // 2**20} MiB are free in {folder}; the journal and outputs need at least {_ROOM // 2**20}",
            "Make room, or start the run from a folder on another disk.",
        )
