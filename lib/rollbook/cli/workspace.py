"""Where a command works: the runbooks and environments it finds, and what a planner needs of them."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import field
from typing import Final

from ..dataclass import dataclass
from ..errors import UsageError
from ..inventory import Inventory
from ..library import Library, runbook_from_sources
from ..plan import Plan
from ..planner import Planner
from ..runbook import Runbook, convert_inputs
from ..runs import Runs, operator
from ..targets import Redactor, SecretStore, TargetPool
from ..values import Plain
from .boundary import Site, sites
from .command import Started

DEMO: Final = "demo"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line says about a plan; *chosen* says why this environment, where nobody named it."""

    runbook: str
    environment: str
    chosen: str = ""
    inputs: Mapping[str, Plain] = field(default_factory=dict)
    answers: Mapping[str, str] = field(default_factory=dict)
    until: str = ""


@dataclass(frozen=True, slots=True)
class Workplace:
    """A runbook in an environment with its planner; targets are closed when its context ends."""

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
    runbook = library.runbook(wanted.runbook)
    inventory = library.inventory(wanted.environment)
    inputs = convert_inputs(runbook, wanted.inputs)
    with _open(runbook, inventory, inputs, wanted.answers, wanted.until) as place:
        yield place


@contextmanager
def reopen_workplace(plan: Plan, library: Library, *, answers: Mapping[str, str] | None = None) -> Iterator[Workplace]:
    """Open what a run needs that was begun with *plan*: the runbook as it was then, the environment as it is now."""
    runbook = runbook_from_sources(plan.sources)
    inventory = library.inventory(plan.environment)
    inputs = convert_inputs(runbook, dict(plan.inputs or {}))
    with _open(runbook, inventory, inputs, {**plan.answers, **(answers or {})}, plan.until) as place:
        yield place


@contextmanager
def _open(
    runbook: Runbook,
    inventory: Inventory,
    inputs: Mapping[str, Plain],
    answers: Mapping[str, str],
    until: str,
) -> Iterator[Workplace]:
    redactor = Redactor()
    Started.redact = redactor.text
    # Whoever finds a lock held on a server sees there by whom.
    label = f"rollbook {operator()}"
    pool = TargetPool(inventory.targets, SecretStore(os.environ, redactor), redactor, label=label)
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
        )
        yield Workplace(runbook, inventory, planner)
    finally:
        pool.close()
