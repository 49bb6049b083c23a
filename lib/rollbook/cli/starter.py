"""The files that `init` puts into an operator's own repository."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ..errors import RefusedError
from .starter_inventory import INVENTORY

_TASKS: Final = '''"""The tasks that `invoke` finds here: the same commands as `rollbook`."""

from rollbook.cli import namespace as namespace
'''

_HELLO: Final = """\
runbook: hello
title: Write a greeting and look at it
owner: operations
summary: A first runbook, to copy from. It reads, asks, writes one file, checks it, and can be undone.

inputs:
  who: {type: text, default: world, help: whom to greet}
  file: {type: path, default: hello.txt, help: where the greeting goes}

targets:
  local: local

lock: "greeting {{ inputs.file }}"

steps:
  - phase: Look around
    steps:
      - id: machine
        name: See which machine this is
        shell.run: {command: [uname, -n], effect: read, plan: true}

      - id: sure
        name: Ask before anything is written
        human.confirm:
          text: "Write a greeting on {{ steps.machine.outputs.stdout | trim }}?"
          default: true

  - phase: Write
    steps:
      - id: greeting
        name: Write the greeting
        file.present:
          path: "{{ inputs.file }}"
          content: "Hello, {{ inputs.who }}.\\n"

        verify:
          - id: look
            name: See that it greets whom it should
            wait.for: {command: [grep, -F, "Hello, {{ inputs.who }}.", "{{ inputs.file }}"], timeout: 5s}
"""

_WELCOME: Final = """\
playbook: welcome
title: Greet where a greeting is wanted
owner: operations
summary: A first playbook, to copy from. It decides, by reading and asking only, and then orders runbooks.

inputs:
  who: {type: text, default: world, help: whom to greet}

decide:
  - id: wanted
    name: Ask whether a greeting is wanted
    human.choose:
      text: "Is a greeting wanted?"
      from: [wanted, unwanted]
      default: wanted

stages:
  # `environments: [stage, prod]` carries a stage out in each, one after the other; `gate:` asks before each.
  - name: Write the greeting
    runbook: hello
    when: steps.wanted.outputs.value == 'wanted'
    inputs: {who: "{{ inputs.who }}"}
"""

_IGNORE: Final = """\
# Runs: journals, outputs and reports. They may hold what commands printed.
.rollbook/
__pycache__/
"""

_README: Final = """\
# Runbooks

    invoke list-runbooks
    invoke plan hello                 # reads everything, writes nothing
    invoke run-runbook hello          # shows the plan, asks, carries it out
    invoke run-playbook welcome       # decides first which runbooks are carried out
    invoke undo last                  # takes back what it changed
    invoke report last                # the incident report

`invoke --list` names all commands; `invoke --help COMMAND` explains one. `rollbook` takes the same words.

- `runbooks/` one reviewed procedure a file. `invoke lint` checks them, `invoke show NAME` prints one as a checklist
  for the day when nothing else works.
- `playbooks/` one scenario a file: what is read and asked, and which runbooks follow, in which environments.
- `inventory/` one environment a file. `invoke doctor --env here` looks whether its targets can be used.
- `.rollbook/` what was done: keep it, do not commit it.
"""

FILES: Final[Mapping[str, str]] = {
    "tasks.py": _TASKS,
    "runbooks/hello.yml": _HELLO,
    "playbooks/welcome.yml": _WELCOME,
    "inventory/here.yml": INVENTORY,
    ".gitignore": _IGNORE,
    "README.md": _README,
}


def start_repository(folder: Path) -> tuple[Path, ...]:
    """Write the files into *folder*, which may exist. Raises `RefusedError` when one is there or cannot be written."""
    there = [name for name in FILES if (folder / name).exists()]
    if there:
        raise RefusedError(
            f"{folder} holds {', '.join(there)} already; nothing was written.",
            advice="Name another folder; what people wrote is never overwritten.",
        )
    try:
        for name, text in FILES.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RefusedError(
            f"{error.filename or folder} cannot be written: {error.strerror}.",
            advice="Name a folder that you may write, on a disk with room.",
        ) from error
    return tuple(folder / name for name in FILES)
