"""Where a command works: the runbooks and environments it finds, and what a planner needs of them."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import field
from typing import Final, Literal

from ..dataclass import dataclass
from ..errors import UsageError
from ..inventory import Inventory
from ..library import Library, runbook_from_sources
from ..plan import Plan
from ..planner import Planner
from ..planner.environment import all_targets, environments, named_environments
from ..runbook import Runbook, convert_inputs
from ..runs import Runs, operator
from ..targets import Redactor, SecretStore, TargetPool
from ..values import Plain
from .boundary import Site, sites
from .command import Started

DEMO: Final = "demo"


@dataclass(frozen=True, slots=True)
class Wanted:
    """
    What the command line says about a plan; *chosen* says why this environment, where nobody named it.

    *sort* is runbook or playbook where only one of them is meant.
    """

    runbook: str
    environment: str
    chosen: str = ""
    inputs: Mapping[str, Plain] = field(default_factory=dict)
    answers: Mapping[str, str] = field(default_factory=dict)
    until: str = ""
    sort: Literal["", "runbook", "playbook"] = ""


@dataclass(frozen=True, slots=True)
class Workplace:
    """A runbook or playbook in an environment with its planner; targets are closed when its context ends."""

    runbook: Runbook
    inventory: Inventory
    planner: Planner

    @property
    def sites(self) -> Mapping[str, Site]:
        """The site's states that the runbook declares."""
        return sites(self.runbook)


def choose_environment(library: Library) -> tuple[str, str]:
    """
    Choose an environment where nobody named one, and say why it is this one.

    Raises `UsageError` when it cannot be told. A protected one is never chosen for the operator.
    """
    own = Library(stock=False).environments()
    if len(own) == 1 and not library.inventory(own[0]).protected:
        return own[0], "the only one here"
    if DEMO in (own or library.environments()):
        return DEMO, "no --env was given"
    listed = ", ".join(own) or "none yet"
    raise UsageError(
        f"Which environment? There is {listed}.",
        advice="Name it: --env NAME." if own else "Put one into inventory/NAME.yml; `init DIR` shows how.",
    )


@contextmanager
def open_workplace(wanted: Wanted, library: Library) -> Iterator[Workplace]:
    """Open what a new plan needs. Raises `NotFoundError`, `SourceError`, `SchemaError` or `UsageError`."""
    read = {"runbook": library.runbook, "playbook": library.playbook, "": library.book}[wanted.sort]
    runbook = read(wanted.runbook)
    inputs = convert_inputs(runbook, wanted.inputs)
    inventories = _inventories(runbook, wanted.environment, inputs, library)
    with _open(runbook, inventories, inputs, wanted.answers, wanted.until) as place:
        yield place


@contextmanager
def reopen_workplace(plan: Plan, library: Library, *, answers: Mapping[str, str] | None = None) -> Iterator[Workplace]:
    """Open what a run needs that was begun with *plan*: the runbook as it was then, the environment as it is now."""
    runbook = runbook_from_sources(plan.sources)
    inputs = convert_inputs(runbook, dict(plan.inputs or {}))
    inventories = _inventories(runbook, plan.environment, inputs, library)
    with _open(runbook, inventories, inputs, {**plan.answers, **(answers or {})}, plan.until) as place:
        yield place


def _inventories(
    runbook: Runbook, environment: str, inputs: Mapping[str, Plain], library: Library
) -> tuple[Inventory, ...]:
    """Read the environment that a run is for, and those that the stages of a playbook name."""
    names = dict.fromkeys((environment, *named_environments(runbook, inputs)))
    return tuple(library.inventory(name) for name in names)


@contextmanager
def _open(
    runbook: Runbook,
    inventories: tuple[Inventory, ...],
    inputs: Mapping[str, Plain],
    answers: Mapping[str, str],
    until: str,
) -> Iterator[Workplace]:
    redactor = Redactor()
    Started.redact = redactor.text
    # Whoever finds a lock held on a server sees there by whom.
    label = f"rollbook {operator()}"
    inventory, *others = inventories
    specs = all_targets(environments(inventory, others))
    pool = TargetPool(specs, SecretStore(os.environ, redactor), redactor, label=label)
    try:
        planner = Planner(
            runbook,
            inventory,
            pool,
            inputs=inputs,
            answers=answers,
            operator=operator(),
            estimates=Runs().estimates(runbook.name),
            until=until,
            others=others,
        )
        yield Workplace(runbook, inventory, planner)
    finally:
        pool.close()
