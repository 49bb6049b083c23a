"""The folder in which everything runs: generated runbooks, the peers' own files, journals."""

import json
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from rounds import Contender

CACHE = Path.home() / ".cache/rollbook/benchmarks"
ENVIRONMENT = "bench"


@contextmanager
def workspace() -> Iterator[Path]:
    """Give a new folder on a real disk, for journals are fsynced; gone afterwards."""
    CACHE.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=CACHE))
    (folder / "runbooks").mkdir()
    (folder / "inventory").mkdir()
    (folder / "inventory" / f"{ENVIRONMENT}.yml").write_text(f"environment: {ENVIRONMENT}\n")
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def write_runbook(folder: Path, count: int, target: str = "") -> str:
    """Write a runbook of *count* steps that each run `true`, and give its name."""
    name = f"{target or 'local'}-{count}"
    lines = [f"runbook: {name}", "title: Run true", "owner: benchmarks", "summary: Measures what a step costs."]
    if target:
        lines.append(f"targets: {{{target}: ssh}}")
    lines.append("steps:")
    # Short, for a runbook may not be larger than a megabyte.
    more = f", target: {target}" if target else ""
    lines += [
        f"- {{id: s{number}, name: Run, shell.run: {{command: [/usr/bin/true]}}, effect: idempotent{more}}}"
        for number in range(count)
    ]
    (folder / "runbooks" / f"{name}.yml").write_text("\n".join(lines) + "\n")
    return name


def write_steps(folder: Path, name: str, *steps: Mapping[str, object], **targets: str) -> tuple[str, str, str, str]:
    """Write a runbook of these steps with *targets* by their kinds, and give the words that run it."""
    content = {
        "runbook": name,
        "title": name,
        "owner": "benchmarks",
        "summary": "Measured.",
        "targets": targets,
        "steps": [{"id": f"s{number}", "name": f"Step {number}", **step} for number, step in enumerate(steps, 1)],
    }
    (folder / "runbooks" / f"{name}.yml").write_text(json.dumps(content))
    return (name, "--env", ENVIRONMENT, "--yes")


def write_databases(folder: Path, kind: str = "postgres", /, **urls: str) -> None:
    """Let the inventory name databases, targets of this *kind*, by their addresses."""
    targets = {name: {"kind": kind, "url": url} for name, url in urls.items()}
    inventory = {"environment": ENVIRONMENT, "targets": targets}
    (folder / "inventory" / f"{ENVIRONMENT}.yml").write_text(json.dumps(inventory))


def rollbook(folder: Path, *arguments: str) -> Contender:
    """Give the `rollbook` command beside this interpreter, each time in a folder without earlier runs."""
    program = Path(sys.executable).parent / "rollbook"
    return Contender((str(program), *arguments), lambda: forget_runs(folder))


def forget_runs(folder: Path) -> None:
    """Take away the runs of earlier rounds, for estimates are made from them."""
    shutil.rmtree(folder / ".rollbook", ignore_errors=True)
