"""Rules on what is done, and in which order: approvals, downtime, checks, ways back."""

from collections.abc import Iterator
from dataclasses import fields
from typing import Final

from ..action import Assertion, Fact, Question
from .rule import Found, InventoryFile, RunbookFile, Use

_AGREEING: Final = ("human.approve", "human.confirm")
_COMMANDS: Final = ("shell.run", "django.manage")


def _main(file: RunbookFile) -> Iterator[Use]:
    return (use for use in file.uses if not use.nested)


def _changes(use: Use) -> bool:
    """Tell whether a step may change something."""
    effect = use.step.effect or use.step.arguments.get("effect")
    reading = use.action is not None and issubclass(use.action, Fact | Assertion | Question)
    return use.action is not None and not reading and effect != "read"


def unapproved(file: RunbookFile) -> Found:
    """Find a step that cannot be taken back, and that nobody is asked about before."""
    asked = False
    for use in _main(file):
        asked = asked or use.step.kind in _AGREEING or use.step.approve is not None
        if use.step.undo is not None and use.step.undo.refuse and not asked:
            yield use.step.path, {"id": use.step.id}


def repeatable_unknown(file: RunbookFile) -> Found:
    """Find a command of which nobody can tell whether it is done."""
    for use in file.uses:
        told = {"creates", "unless", "effect"} & use.step.arguments.keys()
        if use.step.kind in _COMMANDS and not told and use.step.effect is None:
            yield (*use.step.path, use.step.kind), {}


def no_way_back(file: RunbookFile) -> Found:
    """Find a command that changes something without saying how an undo treats it."""
    for use in _main(file):
        if use.step.kind in _COMMANDS and _changes(use) and use.step.undo is None:
            yield (*use.step.path, use.step.kind), {"id": use.step.id}


def site_untold(file: RunbookFile) -> Found:
    """Find a maintenance mode that is turned on or off without saying how the site is then."""
    for use in _main(file):
        if use.step.kind == "service.maintenance" and not (use.step.site or use.step.downtime):
            yield (*use.step.path, use.step.kind), {"id": use.step.id}


def unkept_timeout(file: RunbookFile) -> Found:
    """Find a time limit on a step that sends nothing: it ends what is sent, and no look or question."""
    for use in file.uses:
        if use.step.timeout is None or use.action is None or not issubclass(use.action, Fact | Assertion | Question):
            continue
        own = next((one.name for one in fields(use.action) if one.name in ("timeout", "within")), "")
        instead = f"give it a limit of its own, as {own}: under {use.step.kind}:" if own else "take it away"
        does = "asks" if issubclass(use.action, Question) else "looks"
        yield (*use.step.path, "timeout"), {"kind": use.step.kind, "does": does, "instead": instead}


def open_downtime(file: RunbookFile) -> Found:
    """
    Find a downtime that begins and never ends, or ends and has not begun.

    A runbook may leave the site down on purpose, which `site:` of its last change says, and another let visitors in
    again, which it says with `site: up`.
    """
    changes = [use for use in _main(file) if _changes(use) and not use.step.kind.startswith("notify.")]
    on_purpose = bool(changes) and changes[-1].step.site in ("down", "read-only")
    begun: Use | None = None
    for use in _main(file):
        if use.step.downtime == "begins":
            begun = use
        elif use.step.downtime == "ends":
            if begun is None and use.step.site != "up":
                yield (*use.step.path, "downtime"), {"what": "ends here and has not begun"}
            begun = None
    if begun is not None and not on_purpose:
        yield (*begun.step.path, "downtime"), {"what": "begins here and never ends"}


def parallel_question(file: RunbookFile) -> Found:
    """Find a question that several members of a group would ask at once."""
    for use in file.uses:
        if use.action is not None and issubclass(use.action, Question):
            key = next((key for key in ("target", "serial", "max_failures") if getattr(use.step, key)), "")
            if key:
                yield (*use.step.path, key), {}


def unchecked(file: RunbookFile) -> Found:
    """Find a runbook whose last change is followed by no look at the result; telling people is no change."""
    last: Use | None = None
    for use in _main(file):
        if use.step.path[0] != "steps" or use.step.kind.startswith("notify."):
            continue
        if _changes(use) and not use.step.verify:
            last = use
        elif use.step.verify or (use.action is not None and issubclass(use.action, Assertion)):
            last = None
    if last is not None:
        yield last.step.path, {"id": last.step.id}


def no_lock(file: RunbookFile) -> Found:
    """Find a runbook that changes something and that two people may run at once."""
    if not file.runbook.lock and any(_changes(use) for use in _main(file)):
        yield (), {}


def unused_target(file: RunbookFile) -> Found:
    """Find a target that no step acts on."""
    from ..reading.actions import target_uses

    used = {use.step.target for use in file.uses}
    for use in file.uses:
        if use.action is None:
            return  # an included runbook may use any of them
        content = {use.step.kind: dict(use.step.arguments), "target": use.step.target}
        used |= {name for name, _, _ in target_uses(use.action, content, use.step.kind, ())}
    dynamic = any("{{" in str(use.step.target) or "{{" in str(use.step.arguments.get("target")) for use in file.uses)
    for name in file.runbook.targets:
        if name not in used and not dynamic:
            yield ("targets", name), {"name": name}


def unexpected(file: InventoryFile) -> Found:
    """Find a target of a protected environment that could be any system."""
    if not file.inventory.protected:
        return
    for name, spec in file.inventory.targets.items():
        if spec.kind not in ("local", "command") and not spec.expect:
            yield ("targets", name), {"name": name, "environment": file.inventory.environment}
