"""What holds between two steps of a plan: how the site is, whether one may stop there, what the way back is."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final, Literal

from ..dataclass import dataclass
from ..plan import PlannedStep, plain_address
from ..run import StepStatus
from ..runbook import Runbook, Step
from .words import count

Site = Literal["up", "read-only", "down"]
_BY_DOWNTIME: Final[Mapping[str, Site]] = {"begins": "down", "ends": "up"}
_WORSE: Final[tuple[Site, ...]] = ("up", "read-only", "down")
_WAYS: Final = (
    ("resume or undo the run", "resume the run"),
    ("look at its target, or undo the run", "look at its target"),
)
"""What to do about a step cut off: while the run may go on, and after it; the second where no undo goes back."""


@dataclass(frozen=True, slots=True)
class Boundary:
    """
    The place after a step.

    Where a run has several environments, *site* is that of the one that is worst off, and *where* names it.
    *reversible* is how many changes an undo from there takes back, *refused_by* the address of the
    last step that it cannot pass. *begun* is that of a step in the middle of which the run is, or was
    cut off: *held* tells whether a process is at it now, *over* that nobody can go on with the run.
    """

    site: Site
    reversible: int
    refused_by: str = ""
    begun: str = ""
    held: bool = False
    where: str = ""
    over: bool = False

    @property
    def calm(self) -> bool:
        """Tell whether the run may rest there without anybody noticing."""
        return self.site == "up" and not self.begun

    def stopping(self) -> str:
        """Say whether one may stop here."""
        if self.begun and self.held:
            return f"step {self.begun} is under way"
        if self.begun:
            way = _WAYS[self.over][bool(self.refused_by and not self.reversible)]
            return f"step {self.begun} began and did not end: its writes may be half done; {way}"
        if self.calm:
            return "you may stop here"
        return f"stopping here leaves it {self.site}"

    def way_back(self) -> str:
        """Say what an undo from here does."""
        if self.reversible:
            back = f"undo takes back {count(self.reversible, 'change')}"
            return f"{back}, down to {self.refused_by}" if self.refused_by else back
        if self.refused_by:
            return f"undo cannot go back past {self.refused_by}"
        return f"undo looks at what {self.begun} did" if self.begun else "nothing to take back"

    def __str__(self) -> str:
        where = f" in {self.where}" if self.where else ""
        return f"site {self.site}{where}; {self.stopping()}; {self.way_back()}"


def sites(runbook: Runbook) -> Mapping[str, Site]:
    """
    Give the site's state that the runbook's steps declare, by address without loop items and members, in order.

    A step with `downtime:` and no `site:` declares it down where that begins, and up where it ends.
    """
    return dict(_sites(runbook, ""))


def _sites(runbook: Runbook, prefix: str) -> Iterator[tuple[str, Site]]:
    steps: Iterable[Step] = (*runbook.steps, *runbook.finally_)
    for step in steps:
        address = f"{prefix}{step.id}"
        if step.include in runbook.includes:
            yield from _sites(runbook.includes[step.include], f"{address}/")
        if site := step.site or _BY_DOWNTIME.get(step.downtime):
            yield address, site


def boundaries(
    steps: Iterable[PlannedStep],
    declared: Mapping[str, Site],
    passed: Iterable[str] = (),
    begins: Mapping[str, Site] | None = None,
) -> Mapping[str, Boundary]:
    """
    Give the boundary after each step, by its address; before the first the sites are as it *begins*, by environment.

    In an undo the site is, after each step, as it was before the one that is undone: as the last step before that
    declared which took part, for those that were *passed* changed nothing.
    """
    found: dict[str, Boundary] = {}
    here = before_first(begins or {})
    for step, there in _along(steps, declared, passed, begins or {}):
        if step.verdict != "skip":
            worst = _worst(there)
            here = replace(_after(here, step, there[worst]), where=worst if there[worst] != "up" else "")
        found[step.address] = here
    return found


def before_first(begins: Mapping[str, Site]) -> Boundary:
    """Give the boundary before the first step."""
    worst = _worst(begins) if begins else ""
    site = begins.get(worst, "up")
    return Boundary(site, 0, where=worst if site != "up" else "")


def sites_after(
    steps: Iterable[PlannedStep], declared: Mapping[str, Site], passed: Iterable[str], begins: Mapping[str, Site]
) -> Mapping[str, Site]:
    """Give how the sites are after all steps, by environment."""
    found = begins
    for _, there in _along(steps, declared, passed, begins):
        found = there
    return found


def _along(
    steps: Iterable[PlannedStep], declared: Mapping[str, Site], passed: Iterable[str], begins: Mapping[str, Site]
) -> Iterator[tuple[PlannedStep, Mapping[str, Site]]]:
    """Yield each step with how the sites are after it."""
    out, there = frozenset(map(plain_address, passed)), dict(begins)
    for step in steps:
        if step.verdict != "skip":
            there[step.environment] = _site_after(there.get(step.environment, "up"), step, declared, out)
        yield step, there


def _worst(there: Mapping[str, Site]) -> str:
    return max(there, key=lambda name: _WORSE.index(there[name]))


def _site_after(site: Site, step: PlannedStep, declared: Mapping[str, Site], passed: frozenset[str]) -> Site:
    """Give the state of the site in the step's environment."""
    site = _BY_DOWNTIME.get(step.downtime, site)
    address = plain_address(step.address)
    undone = address.removeprefix("undo/")
    if address == undone or undone not in declared:
        return declared.get(address, site)
    before = list(declared)[: list(declared).index(undone)]
    return next((declared[one] for one in reversed(before) if passed.isdisjoint(_above(one))), "up")


def _above(address: str) -> Iterator[str]:
    """Yield the address, and those of the includes that it is in."""
    parts = address.split("/")
    yield from ("/".join(parts[:end]) for end in range(len(parts), 0, -1))


def _after(here: Boundary, step: PlannedStep, site: Site) -> Boundary:
    if not step.writes or step.verdict == "unknown":
        return Boundary(site, here.reversible, here.refused_by)
    if step.undo == "refuse":
        return Boundary(site, 0, step.address)
    return Boundary(site, here.reversible + (step.changes and step.undo == "reverse"), here.refused_by)


def as_happened(step: PlannedStep, status: StepStatus) -> PlannedStep:
    """Give a step as planned, but as one that does nothing where it was passed over or found nothing to change."""
    match status:
        case "skipped":
            return replace(step, verdict="skip")
        case "ok":
            return replace(step, verdict="noop") if step.writes else step
        case "changed" | "recovered" if step.verdict == "unknown":
            return replace(step, verdict="update")
    return step
