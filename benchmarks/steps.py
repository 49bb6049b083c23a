"""What a local step costs: `true`, journalled, as a whole process, against bash, invoke, ansible-core and pyinfra."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import peers
from rounds import Contender, Sample, measure
from table import Aim, seconds, table
from workspace import rollbook, write_runbook

_ROUNDS = {1: 7, 100: 2, 1000: 3, 10_000: 1}
_QUICK = {1: 3, 100: 2, 1000: 1}
_ANSIBLE_MOST = 100  # its thousandth step comes after five minutes
_SLOW_MOST = 1000


@dataclass(slots=True)
class Measured:
    """The samples by number of steps and contender."""

    samples: dict[int, dict[str, Sample]] = field(default_factory=dict)

    def ratio(self, count: int, peer: str) -> float:
        """Compare wall times."""
        here = self.samples[count]
        return here["rollbook"].seconds / here[peer].seconds

    def per_step(self, count: int) -> float:
        """Give what one more step costs, start-up left out."""
        return (self.samples[count]["rollbook"].seconds - self.samples[1]["rollbook"].seconds) / (count - 1)


def contenders(folder: Path, count: int) -> dict[str, Contender]:
    """Give those who run *count* steps in reasonable time."""
    runbook = write_runbook(folder, count)
    found: dict[str, Contender | None] = {
        "rollbook": rollbook(folder, "run-runbook", runbook, "--env", "bench", "--yes"),
        "bash": peers.bash(count),
        "floor": peers.floor(count),
    }
    if count == 1:
        found["imports"] = peers.imports(command=True)
    if count <= _SLOW_MOST:
        found["invoke"] = peers.bare_invoke(count)
        found["pyinfra"] = peers.pyinfra(folder, count)
    if count <= _ANSIBLE_MOST:
        found["ansible"] = peers.ansible(folder, count)
    return {name: one for name, one in found.items() if one is not None}


def measured(folder: Path, *, quick: bool = False) -> Measured:
    """Time everyone at each number of steps."""
    result = Measured()
    for count, rounds in (_QUICK if quick else _ROUNDS).items():
        result.samples[count] = measure(contenders(folder, count), folder, rounds, warm=count == 1)
    return result


def answer(folder: Path, *, quick: bool = False) -> Iterator[str | Aim]:
    """Yield the table and the aims."""
    result = measured(folder, quick=quick)
    names = ("rollbook", "bash", "floor", "imports", "invoke", "pyinfra", "ansible")
    rows = [
        [name, *(_cell(result, count, name) for count in result.samples)]
        for name in names
        if any(name in samples for samples in result.samples.values())
    ]
    yield table(["wall seconds (rollbook against it)", *(f"{count} steps" for count in result.samples)], rows)
    rows = [[name, *(_work(result, count, name) for count in result.samples)] for name in ("rollbook", "bash", "floor")]
    yield table(["CPU seconds", *(f"{count} steps" for count in result.samples)], rows)
    yield "floor: Python's subprocess with two fsynced records a command; imports: the imports alone, and the command."
    yield Aim("one step as a whole process, against the imports and the command", result.ratio(1, "imports"), 1.5)
    yield Aim("1000 steps against bash's forks of the same", result.ratio(1000, "bash"), 2.5)
    if 10_000 in result.samples:
        yield Aim("a step's cost at 10,000 against 1000", result.per_step(10_000) / result.per_step(1000), 1.2)
    else:
        yield Aim("a step's cost at 1000 against 100", result.per_step(1000) / result.per_step(100), 1.2)


def _cell(result: Measured, count: int, name: str) -> str:
    sample = result.samples[count].get(name)
    if sample is None:
        return "–"
    if name == "rollbook":
        return seconds(sample.seconds)
    return f"{seconds(sample.seconds)} ({result.ratio(count, name):.2f})"


def _work(result: Measured, count: int, name: str) -> str:
    return seconds(result.samples[count][name].cpu)
