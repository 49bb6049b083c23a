"""
Measures Rollbook side by side with its peers: `python benchmarks/run.py [QUESTION|all] [--quick]`.

Everything is told as a ratio within one run, for seconds tell of the machine. `peers` installs ansible-core and
pyinfra into an environment of their own.
"""

import argparse
import importlib
import os

import machine
import peers
from rounds import NotMeasuredError
from table import Aim
from workspace import workspace

# Memory comes before ssh: a child is charged with what this process held when it was started.
QUESTIONS = {"startup": "startup", "steps": "steps", "memory": "memory", "ssh": "remote", "backups": "backups"}
QUESTIONS |= {"carry": "carrying", "downtime": "downtime", "losses": "losses", "recover": "recovering"}
QUESTIONS |= {"snapshot": "snapshotting", "mariadb": "mariadb"}


def main() -> None:
    """Ask the questions that the command line names."""
    parser = argparse.ArgumentParser(description="Measure Rollbook against its peers.")
    parser.add_argument("question", nargs="?", default="all", choices=[*QUESTIONS, "all", "peers"])
    parser.add_argument("--quick", action="store_true", help="fewer rounds, no 10,000 steps, small databases")
    given = parser.parse_args()
    if given.question == "peers":
        peers.install()
        return
    with workspace() as folder:
        for line in (*machine.facts(folder), ", ".join(peers.installed())):
            print(line)
        for name in QUESTIONS if given.question == "all" else (given.question,):
            print(f"\n## {name}\n")
            try:
                for part in importlib.import_module(QUESTIONS[name]).answer(folder, quick=given.quick):
                    print(f"\n{part}" if not isinstance(part, Aim) else str(part), flush=True)
            except NotMeasuredError as error:
                print(f"not measured: {error}")
            print(f"\n(load {os.getloadavg()[0]:.1f})", flush=True)


if __name__ == "__main__":
    main()
