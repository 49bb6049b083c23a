"""The peers: the same commands run by other tools, each as its own documentation says."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from rounds import Contender, python
from workspace import CACHE

PEERS = CACHE / "peers"

IMPORTS = "import invoke, yaml, jinja2"

_BASH = "for ((i = 0; i < $1; i++)); do /usr/bin/true; done"

# What any journal that keeps the same promise must cost: two fsynced records a command.
_FLOOR = """
import json, os, subprocess, sys
file = os.open("floor.jsonl", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
for number in range(int(sys.argv[1])):
    for sort in ("started", "finished"):
        os.write(file, json.dumps({"n": number, "type": sort, "more": "." * 250}).encode() + b"\\n")
        os.fdatasync(file)
        if sort == "started":
            subprocess.run(["/usr/bin/true"], stdin=subprocess.DEVNULL, capture_output=True, check=True)
"""

_INVOKE = """
import sys
from invoke import Context
context = Context()
for _ in range(int(sys.argv[1])):
    context.run("/usr/bin/true", hide=True)
"""

_PYINFRA = """
import os
from pyinfra.operations import server
for number in range(int(os.environ["STEPS"])):
    server.shell(name=f"step {number}", commands=["/usr/bin/true"])
"""


def bash(count: int) -> Contender:
    """Fork the commands from a loop of bash."""
    return Contender(("bash", "--norc", "-c", _BASH, "bash", str(count)))


def floor(count: int) -> Contender:
    """Run the commands from Python with two fsynced records each, and nothing else."""
    return Contender(python("-c", _FLOOR, str(count)))


def bare_invoke(count: int) -> Contender:
    """Run the commands with invoke as it is."""
    return Contender(python("-c", _INVOKE, str(count)))


def imports(command: bool = False) -> Contender:
    """Import what Rollbook stands on; with *command* run one command after that."""
    rest = "; import subprocess; subprocess.run(['/usr/bin/true'])" if command else ""
    return Contender(python("-c", IMPORTS + rest))


def ansible(folder: Path, count: int) -> Contender | None:
    """Run the commands as tasks of a playbook; None where ansible-core is not installed."""
    program = _program("ansible-playbook")
    if program is None:
        return None
    tasks = "".join("    - command: /usr/bin/true\n      changed_when: false\n" for _ in range(count))
    path = folder / f"ansible-{count}.yml"
    path.write_text(f"- hosts: localhost\n  connection: local\n  gather_facts: false\n  tasks:\n{tasks}")
    argv = (program, "-i", "localhost,", "-e", f"ansible_python_interpreter={sys.executable}", str(path))
    return Contender(argv, environment={"ANSIBLE_PIPELINING": "1", "ANSIBLE_NOCOLOR": "1"})


def pyinfra(folder: Path, count: int) -> Contender | None:
    """Run the commands as operations; None where pyinfra is not installed."""
    program = _program("pyinfra")
    if program is None:
        return None
    (folder / "pyinfra_steps.py").write_text(_PYINFRA)
    return Contender((program, "-y", "@local", "pyinfra_steps.py"), environment={"STEPS": str(count)})


def installed() -> Iterator[str]:
    """Name the peers that have an environment of their own, with their versions."""
    for package in ("ansible-core", "pyinfra"):
        found = sorted(PEERS.glob(f"lib/python*/site-packages/{package.replace('-', '_')}-*.dist-info"))
        if found:
            yield f"{package} {found[-1].name.removesuffix('.dist-info').rpartition('-')[2]}"
        else:
            yield f"no {package} (`python benchmarks/run.py peers` installs it apart)"


def install() -> None:
    """Install ansible-core and pyinfra in an environment of their own."""
    subprocess.run(python("-m", "venv", str(PEERS)), check=True)
    subprocess.run((str(PEERS / "bin/pip"), "install", "-q", "ansible-core", "pyinfra"), check=True)


def _program(name: str) -> str | None:
    path = PEERS / "bin" / name
    return str(path) if path.exists() else None
