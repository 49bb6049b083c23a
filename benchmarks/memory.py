"""The most memory that a run holds, against bare invoke running the same commands."""

from collections.abc import Iterator
from pathlib import Path

import peers
from rounds import measure
from table import Aim, table
from workspace import rollbook, write_runbook


def answer(folder: Path, *, quick: bool = False) -> Iterator[str | Aim]:
    """Yield the table and the aims."""
    rows, aims = [], []
    for count in (1000,) if quick else (1000, 10_000):
        name = write_runbook(folder, count)
        contenders = {
            "rollbook": rollbook(folder, "run-runbook", name, "--env", "bench", "--yes"),
            "invoke": peers.bare_invoke(count),
        }
        samples = measure(contenders, folder, 1, warm=False)
        mine, theirs = samples["rollbook"].peak_mib, samples["invoke"].peak_mib
        rows.append([f"{count} steps", f"{mine:.0f}", f"{theirs:.0f}", f"{mine / theirs:.2f}"])
        aims.append(Aim(f"memory of {count} steps against bare invoke", mine / theirs, 3.0))
    yield table(["peak MiB", "rollbook", "invoke", "ratio"], rows)
    yield from aims
