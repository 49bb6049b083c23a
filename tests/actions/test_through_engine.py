"""The core kinds in one runbook: planned, run, and undone by the engine, on this machine."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from engine.workshop import Workshop, nobody

from rollbook.targets.base import TargetSpec

STEPS = """
targets:
  hook: {}
steps:
  - id: named
    name: Name things
    value.set: {values: {count: 3, word: "x y"}}
  - id: which
    name: Choose one
    human.choose: {text: Which?, from: [{value: 1, label: one}, {value: 2, label: two}], default: 1}
  - id: page
    name: Write the page
    file.present: {path: "FOLDER/page", content: "run {{ run.id }} took {{ steps.which.outputs.value }}"}
  - id: command
    name: Run a command
    shell.run: {command: "echo {{ steps.named.outputs.word }} > FOLDER/log; echo 41"}
    parse: json
    fail_when: outputs.value != 41
    undo: {leave: a log is no harm}
  - id: host
    name: Read while planning
    shell.run: {command: [cat, "FOLDER/given"], effect: read, plan: true}
  - id: hold
    name: See that all is well
    assert.that:
      that: "{{ steps.command.outputs.value == 41 and steps.host.outputs.stdout == 'given' }}"
      message: It is not.
  - id: there
    name: Wait for the page
    wait.for: {file: "FOLDER/page", timeout: 5s}
  - id: answers
    name: See that the site answers
    http.check: {url: /, target: hook, status: 200}
  - id: tell
    name: Tell people
    notify.send: {target: hook, url: /in, text: "done {{ run.id }}"}
  - id: looked
    name: Have people look
    human.checklist: {items: [one, two]}
"""


class _Site(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    do_HEAD = do_GET  # noqa: N815  # its name there

    def do_POST(self) -> None:
        self.send_response(500)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name there
        """Stay quiet."""


@pytest.fixture
def workshop(tmp_path: Path) -> Iterator[Workshop]:
    """Give a folder with the runbook, and a site that takes no messages."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Site)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    spec = TargetSpec("hook", "http", {"base_url": f"http://127.0.0.1:{server.server_port}"})
    made = Workshop(tmp_path, targets={"hook": spec})
    (tmp_path / "given").write_text("given")
    (tmp_path / "page").write_text("old")
    made.write("all", STEPS.replace("FOLDER", str(tmp_path)))
    yield made
    server.shutdown()
    server.server_close()


def test_every_core_kind_runs_through_the_engine(workshop: Workshop, tmp_path: Path) -> None:
    """Values, answers and outputs flow from step to step; a message that fails is a warning; the page is undone."""
    run = workshop.run("all", nobody(answers={"which": "two", "looked": "all"}))
    outputs = {step.planned.id: step.outputs for step in run.steps}
    written = (tmp_path / "page").read_text()
    undone = workshop.undo(run)

    assert (run.status, undone.status) == ("succeeded", "undone")
    assert written.startswith("run 2")
    assert written.endswith(" took 2")
    assert (tmp_path / "log").read_text() == "x y\n"
    assert outputs["tell"]["sent"] is False
    assert "answered 500" in outputs["tell"]["warning"]
    assert (tmp_path / "page").read_text() == "old"
