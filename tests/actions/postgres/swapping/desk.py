"""An operator's working folder with a runbook that goes back to a restored database, and what may be typed there."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rollbook.run import Run
from rollbook.runs import Runs

from .conftest import Site

_URL = "ROLLBOOK_TEST_POSTGRES_URL"
_INVENTORY = f"""\
environment: site
targets:
  db: {{kind: postgres, url: {{secret: "env:{_URL}"}}}}
"""
_RUNBOOK = """\
runbook: go-back
title: Go back to the restored database
owner: tests
summary: Carries the users' rows, behind a fence at last, and swaps.
targets:
  db: {kind: postgres}DECLARED
lock: site
steps:
  - {id: first, name: Carry while users write, postgres.carry: {restored: RESTORED, base: BASE, folder: "{{ run.folder }}/carry"}}
  - {id: fence, name: Shut writers out, postgres.fence: {}}
  - id: final
    name: Carry what came since
    postgres.carry: {restored: RESTORED, base: BASE, folder: "{{ run.folder }}/carry", final: trueCARRYING}
  - {id: swap, name: Swap, postgres.swap: {incoming: RESTORED, folder: "{{ run.folder }}/swap"OTHERS}}
  - {id: open, name: Let writers in, postgres.fence: {up: false}}
"""


@dataclass(frozen=True, slots=True)
class GoingBack:
    """The folder, with an inventory that leads to the site; *targets* are lines of others, *others* arguments of swap, *carrying* of the final pass."""

    folder: Path
    site: Site
    targets: str = ""
    others: str = ""
    carrying: str = ""
    declared: tuple[str, ...] = ()
    environ: Mapping[str, str] = field(default_factory=dict)

    def write(self) -> None:
        _, restored, base = self.site.names
        text = _RUNBOOK.replace("RESTORED", restored).replace("BASE", base).replace("OTHERS", self.others)
        text = text.replace("CARRYING", self.carrying)
        text = text.replace("DECLARED", "".join(f"\n  {name}: {{}}" for name in self.declared))
        for name, content in (("inventory/site.yml", _INVENTORY + self.targets), ("runbooks/go-back.yml", text)):
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_text(content)

    @property
    def runs(self) -> Runs:
        return Runs(self.folder / ".rollbook")

    def last(self) -> Run:
        return self.runs.all()[-1].read()

    def start(self, *words: str, terminal: int | None = None) -> subprocess.Popen[bytes]:
        """Type a command, without a terminal unless the end of one is given."""
        return subprocess.Popen(
            [sys.executable, "-c", "from rollbook.cli.program import main; main()", *words],
            cwd=self.folder,
            env={**os.environ, _URL: self.site.url(), "NO_COLOR": "1", **self.environ},
            stdin=subprocess.DEVNULL if terminal is None else terminal,
            stdout=subprocess.PIPE if terminal is None else terminal,
            stderr=subprocess.STDOUT if terminal is None else terminal,
            start_new_session=terminal is not None,  # or it would be stopped for writing to a terminal of others
        )

    def type(self, *words: str) -> tuple[int, str]:
        """Type a command and wait; gives its exit code and what it said."""
        process = self.start(*words)
        said = process.communicate(timeout=120)[0].decode(errors="replace")
        return process.returncode, said

    def go(self) -> tuple[str, ...]:
        return ("run-runbook", "go-back", "--env", "site", "--yes")
