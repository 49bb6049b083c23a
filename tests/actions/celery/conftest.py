"""What tests of queues share: a broker of each kind, and Celery itself to write to it and to work."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from celery import Celery

from rollbook.targets import Redactor, SecretStore, TargetPool
from rollbook.targets.base import TargetSpec

from ..conftest import Machine

TRANSPORTS = ("redis", "folder")
_APP = """
import json, os, pathlib
from celery import Celery
app = Celery("app", broker=os.environ["BROKER"])
app.conf.broker_transport_options = json.loads(os.environ["OPTIONS"])
app.conf.worker_hijack_root_logger = False
@app.task(name="keep.note")
def note(text):
    with pathlib.Path("done").open("a") as file:
        file.write(f"{text}\\n")
"""


@dataclass
class Broker:
    """A broker: *settings* for the inventory, and an *app* that sends tasks to it."""

    name: str
    settings: Mapping[str, str]
    app: Celery
    folder: Path

    def send(self, *tasks: str, **options: Any) -> None:
        """Send tasks, each with its number as its argument."""
        for number, task in enumerate(tasks):
            time.sleep(0.003)  # kombu's files are in the order of their milliseconds
            self.app.send_task(task, args=(f"{task} {number}",), **options)

    def machine(self) -> Machine:
        """Give this machine, with the broker beside it."""
        specs = {"local": TargetSpec("local", "local"), "broker": TargetSpec("broker", "broker", self.settings)}
        redactor = Redactor()
        return Machine(TargetPool(specs, SecretStore({}, redactor), redactor))

    @contextmanager
    def working(self) -> Iterator[Path]:
        """Run a worker for `keep.note` meanwhile; give the file in which it notes what it did."""
        (self.folder / "app.py").write_text(_APP)
        options = json.dumps(self.app.conf.broker_transport_options or {})
        environment = {**os.environ, "BROKER": self.app.conf.broker_url, "OPTIONS": options}
        argv = [
            sys.executable,
            "-m",
            "celery",
            "-A",
            "app",
            "worker",
            "-P",
            "solo",
            "--without-mingle",
            "--without-gossip",
        ]
        with (self.folder / "worker.log").open("wb") as log:
            worker = subprocess.Popen(argv, cwd=self.folder, env=environment, stdout=log, stderr=log)
            try:
                yield self.folder / "done"
            finally:
                worker.kill()
                worker.wait()


def wait_until(holds: Any, seconds: float = 20.0) -> None:
    """Wait until something holds."""
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, "it never came true"
        time.sleep(0.05)


@pytest.fixture(params=TRANSPORTS)
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Broker]:
    """Give an empty broker of each kind."""
    if request.param == "redis":
        url: str = request.getfixturevalue("redis_url")
        app = Celery("tests", broker=url)
        made = Broker("redis", {"url": url}, app, tmp_path)
    else:
        waiting = tmp_path / "waiting"
        waiting.mkdir()
        app = Celery("tests", broker="filesystem://")
        places = {
            "data_folder_in": str(waiting),
            "data_folder_out": str(waiting),
            "control_folder": str(tmp_path / "c"),
        }
        app.conf.broker_transport_options = places
        made = Broker("folder", {"folder": str(waiting)}, app, tmp_path)
    yield made
    app.close()


@pytest.fixture
def desk(broker: Broker) -> Iterator[Machine]:
    """Give this machine, with the broker beside it."""
    made = broker.machine()
    yield made
    made.pool.close()
