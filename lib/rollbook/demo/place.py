"""The place where the demo happens: servers and sample in one folder, for as long as the process that opened it."""

import contextlib
import dataclasses
import datetime as dt
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import sqlalchemy as sa

from rollbook.demo.errors import DemoError
from rollbook.demo.keeping import Place, write_whole
from rollbook.demo.live import Sample
from rollbook.demo.mongod import MongoServer, open_mongo
from rollbook.demo.process import spawn, stop
from rollbook.demo.sample import build_sample

from ..dataclass import dataclass

DATABASE = "edxapp"
_PATIENCE = 30.0  # seconds until the site answers


@dataclass(slots=True)
class _Servers:
    mongo: MongoServer
    site: subprocess.Popen[bytes]
    site_url: str


class DemoPlace(Place[_Servers]):
    """
    A context in which mongod, the SQLite ledger and the site of the sample are up.

    The sample is built anew on entering, unless *keep* is set and it is there.
    """

    def __init__(self, folder: Path, *, keep: bool = False, environment: Mapping[str, str] = os.environ) -> None:
        self.folder = folder.absolute()
        super().__init__(self.folder)
        self._keep = keep
        self._environment = environment
        self._sample: Sample | None = None

    @property
    def sample(self) -> Sample:
        """The sample as it was built; its urls are those of the servers that run now."""
        if self._sample is None:
            raise DemoError("the demo's servers are not running.")
        return self._sample

    def environment(self) -> dict[str, str]:
        """Give the variables that the demo's inventory refers to."""
        return {
            "ROLLBOOK_DEMO_LEDGER_URL": self.sample.sql_url,
            "ROLLBOOK_DEMO_MONGO_URL": self.sample.mongo_url,
            "ROLLBOOK_DEMO_SITE_URL": self._running.site_url,
        }

    def _start(self, stack: contextlib.ExitStack) -> None:
        mongo = open_mongo(self.folder / "mongod", self._environment)
        stack.callback(mongo.stop)
        stack.callback(self._record.remove)
        self._record.write({"mongod": mongo.pid}, {"mongo": mongo.url})
        self._sample = self._ready_sample(mongo.url)
        self._write_platform()
        site = self._start_site(stack)
        site_url = _wait_for_site(site, self.folder)
        self._servers = _Servers(mongo, site, site_url)
        self._record.write({"mongod": mongo.pid, "site": site.pid}, {"mongo": mongo.url, "site": site_url})

    def _ready_sample(self, mongo_url: str) -> Sample:
        """Build the sample, or take the one that is there."""
        kept, ledger = self.folder / "sample.json", self.folder / "ledger.sqlite"
        sql_url = sa.URL.create("sqlite", database=str(ledger)).render_as_string()
        if self._keep and kept.exists() and ledger.exists():
            known = Sample.from_json(kept.read_text())
            return dataclasses.replace(known, sql_url=sql_url, mongo_url=mongo_url)
        kept.unlink(missing_ok=True)
        sample = build_sample(sql_url, mongo_url, DATABASE, now=dt.datetime.now(dt.UTC))
        write_whole(kept, sample.as_json())
        return sample

    def _start_site(self, stack: contextlib.ExitStack) -> subprocess.Popen[bytes]:
        port_file = self.folder / "site.port"
        port_file.unlink(missing_ok=True)
        argv = [sys.executable, "-m", "rollbook.demo.site", "--port-file", str(port_file), "--database", DATABASE]
        stores = {"ROLLBOOK_DEMO_LEDGER_URL": self.sample.sql_url, "ROLLBOOK_DEMO_MONGO_URL": self.sample.mongo_url}
        site = spawn(argv, log=self.folder / "site.log", environment={**self._environment, **stores})
        stack.callback(stop, site)
        return site

    def _write_platform(self) -> None:
        """Put a `manage.py` where the inventory's `cms` looks for one."""
        script = self.folder / "edx-platform" / "manage.py"
        script.parent.mkdir(exist_ok=True)
        write_whole(script, f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m rollbook.demo.publish "$@"\n')
        script.chmod(0o755)


def _wait_for_site(site: subprocess.Popen[bytes], folder: Path) -> str:
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until and site.poll() is None:
        with contextlib.suppress(FileNotFoundError):
            return f"http://127.0.0.1:{int((folder / 'site.port').read_text())}"
        time.sleep(0.03)
    tail = (folder / "site.log").read_text(errors="replace").splitlines()[-3:]
    raise DemoError("the demo's site did not come up:\n  " + "\n  ".join(tail), advice=f"See {folder / 'site.log'}.")
