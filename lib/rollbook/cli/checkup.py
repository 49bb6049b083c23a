"""What `doctor` finds: every target of an environment, checked as before a run."""

import os
from collections.abc import Iterator

from ..errors import RollbookError
from ..inventory import Inventory
from ..report.wording import json_text, visible
from ..targets import Redactor, SecretStore, TargetPool
from ..targets.base import Finding
from .screen import Screen
from .words import count

_MARKS = {"ok": ("OK", "green"), "warning": ("warning", "yellow"), "missing": ("missing", "red")}


def checkup(inventory: Inventory) -> tuple[Finding, ...]:
    """Look at every target; writes nothing."""
    redactor = Redactor()
    pool = TargetPool(inventory.targets, SecretStore(os.environ, redactor), redactor)
    try:
        found = tuple(finding for name in pool.names for finding in _target(name, pool, inventory))
        return (*found, *(_told(label) for label in redactor.open))
    finally:
        pool.close()


def _told(label: str) -> Finding:
    return Finding(
        "local",
        "secrecy",
        "warning",
        f"the {label.strip('‹›')} is, or is part of, a name that stands in the open, so it is not hidden",
        "Set another one, at least where anybody but you can reach it.",
    )


def _target(name: str, pool: TargetPool, inventory: Inventory) -> Iterator[Finding]:
    try:
        target = pool.target(name)
        findings = target.check()
        yield from findings
        if any(finding.severity == "missing" for finding in findings):
            return
        identity = target.reader().identity()
    except RollbookError as error:
        yield Finding(name, "reachable", "missing", error.message, error.advice)
        return
    expected = inventory.targets[name].expect
    for key, value in expected.items():
        if identity.get(key) != value:
            message = f"this is another system: {key} is {identity.get(key, 'not told')}, expected {value}"
            yield Finding(name, "identity", "missing", message, "Correct the address, or `expect:` once you are sure.")
    if inventory.protected and identity and not expected and target.kind != "local":
        told = ", ".join(f"{key} {value}" for key, value in identity.items())
        advice = "Add `expect:` with it, so that another system at this address is refused."
        yield Finding(name, "identity", "warning", f"nothing is expected of it; it says {told}", advice)


def finding_lines(
    inventory: Inventory, findings: tuple[Finding, ...], screen: Screen, *, why: str = ""
) -> Iterator[str]:
    """Yield the findings under their targets, and a last line that counts them."""
    title = f"{inventory.environment}{' (protected)' if inventory.protected else ''}{f': {why}' if why else ''}"
    yield screen.paint(visible(f"Environment {title}"), "bold")
    seen = ""
    for finding in findings:
        if finding.target != seen:
            seen = finding.target
            spec = inventory.targets.get(seen)
            yield ""
            yield screen.paint(visible(f"{seen}{f' ({spec.kind})' if spec else ''}"), "bold")
        word, style = ("unreachable", "red") if _unreachable(finding) else _MARKS[finding.severity]
        lead, rest = f"  {screen.paint(f'{word:<11}', style)} ", " " * 14
        text = finding.message if _unreachable(finding) else f"{finding.subject}: {finding.message}"
        yield from screen.wrap(visible(text), first=lead, rest=rest)
        if finding.advice:
            yield from screen.wrap(visible(finding.advice), first=rest, rest=rest)
    away = sum(map(_unreachable, findings))
    missing = sum(finding.severity == "missing" for finding in findings) - away
    warnings = sum(finding.severity == "warning" for finding in findings)
    yield ""
    targets = count(len(inventory.targets), "target")
    unreachable = f"{away} unreachable, " if away else ""
    yield f"{targets}: {unreachable}{missing or 'nothing'} missing, {count(warnings, 'warning')}."


def _unreachable(finding: Finding) -> bool:
    return finding.subject == "reachable" and finding.severity == "missing"


def findings_json(environment: str, findings: tuple[Finding, ...]) -> str:
    """Give the findings as JSON."""
    rows = [
        {
            "target": finding.target,
            "subject": finding.subject,
            "severity": finding.severity,
            "message": finding.message,
            "advice": finding.advice,
        }
        for finding in findings
    ]
    return json_text({"environment": environment, "findings": rows})
