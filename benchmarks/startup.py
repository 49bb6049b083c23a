"""What looking costs: lists, lint and a plan of a local runbook, against the imports that everything stands on."""

from collections.abc import Iterator
from pathlib import Path

import peers
from rounds import measure
from table import Aim, seconds, table
from workspace import rollbook

_RUNBOOK = """\
runbook: tidy
title: Tidy a folder
owner: benchmarks
summary: A runbook of usual size that touches this machine only.
inputs:
  folder: {type: text, default: leftovers, help: "the folder"}
steps:
  - id: note
    name: Leave a note
    file.present: {path: "{{ inputs.folder }}.txt", content: "Tidied for {{ inputs.folder }}"}
  - id: old
    name: Take the old one away
    file.absent: {path: "{{ inputs.folder }}.old"}
  - id: tell
    name: Tell what is there
    shell.run: {command: "ls {{ inputs.folder }}"}
    effect: idempotent
    when: inputs.folder != ''
  - id: look
    name: Look whether it is there
    assert.that: {that: "{{ inputs.folder != '' }}"}
"""
_AIM = 1.5


def answer(folder: Path, *, quick: bool = False) -> Iterator[str | Aim]:
    """Yield the table and the aims."""
    place = folder / "look"
    (place / "runbooks").mkdir(parents=True)
    (place / "inventory").mkdir()
    (place / "inventory/bench.yml").write_text("environment: bench\n")
    (place / "runbooks/tidy.yml").write_text(_RUNBOOK)
    commands = {
        "rollbook --list": ("--list",),
        "rollbook list-runbooks": ("list-runbooks",),
        "rollbook lint --file": ("lint", "--file", "runbooks/tidy.yml"),
        "rollbook plan": ("plan", "tidy", "--env", "bench"),
    }
    contenders = {name: rollbook(place, *arguments) for name, arguments in commands.items()}
    samples = measure({"imports": peers.imports(), **contenders}, place, 5 if quick else 15)
    least, work = samples["imports"].seconds, samples["imports"].cpu
    rows = [
        [name, seconds(one.seconds), f"{one.seconds / least:.2f}", seconds(one.cpu), f"{one.cpu / work:.2f}"]
        for name, one in samples.items()
    ]
    yield table(["whole process", "wall seconds", "against the imports", "CPU seconds", "against the imports"], rows)
    for name in commands:
        yield Aim(name, samples[name].seconds / least, _AIM)
