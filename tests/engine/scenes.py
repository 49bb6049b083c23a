"""A playbook over three environments, and what it leaves behind."""

from collections.abc import Mapping
from pathlib import Path

from rollbook.inventory import Inventory
from rollbook.targets.base import TargetSpec

WORD = """
inputs: {word: text, file: path}
targets: {box: local}
lock: "file {{ inputs.file }}"
steps:
  - id: put
    name: Write it down.
    file.present: {path: "{{ inputs.file }}", content: "{{ inputs.word }} {{ vars.colour }}\\n", target: box}
  - id: count
    name: Count, once.
    shell.run:
      command: "echo {{ env.name }} >> count.txt; touch {{ inputs.file }}.done"
      creates: "{{ inputs.file }}.done"
      target: box
    undo: {leave: "a count stays"}
finally:
  - id: end
    name: Say how it ended.
    file.present: {path: "{{ inputs.file }}.end", content: "{{ run.status }}\\n", target: box}
"""
SCENE = """
targets: {box: local}
decide:
  - id: broken
    name: Say what is broken.
    human.choose: {text: "What?", from: [code, rows]}
  - id: found
    name: Keep it.
    value.set: {values: {what: "{{ steps.broken.outputs.value }}"}}
stages:
  - name: Write it where the run is for
    id: here
    runbook: word
    inputs: {word: one, file: here.txt}
  - name: Write it in both
    id: both
    runbook: word
    environments: [stage, prod]
    when: steps.found.outputs.what == 'code'
    gate: "Go on in {{ env.name }}?"
    inputs: {word: "{{ steps.found.outputs.what }}", file: "{{ env.name }}.txt"}
"""
ANSWERS = {"broken": "code", "both-gate": "yes"}
WANTED = {
    "here.txt": "one blue\n",
    "stage.txt": "code red\n",
    "prod.txt": "code green\n",
    "count.txt": "bench\nstage\nprod\n",
    **{f"{name}.txt.end": "succeeded\n" for name in ("here", "stage", "prod")},
}


def other(
    name: str, colour: str, *, protected: bool = False, targets: Mapping[str, TargetSpec] | None = None
) -> Inventory:
    """Give another environment, on this machine too."""
    specs = {"box": TargetSpec("box", "local")} if targets is None else targets
    return Inventory(name, {"local": TargetSpec("local", "local"), **specs}, {}, {"colour": colour}, protected)


def files(folder: Path) -> dict[str, str]:
    """Read the visible text files."""
    found = (path for path in folder.glob("*.txt*") if path.suffix != ".done" and not path.name.startswith("."))
    return {path.name: path.read_text() for path in found}
