"""A run is gone on with, and taken back, on the systems that it was carried out on."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from servers import SshServer, start_sshd

from rollbook.errors import PreflightError, RefusedError, UndoRefused
from rollbook.planner import plan_undo
from rollbook.run import Run
from rollbook.targets.base import TargetSpec

from .workshop import Workshop

pytestmark = pytest.mark.server
SAID = """\
targets: {box: {kind: ssh, optional: true}}
steps:
  - id: say
    name: Say it.
    target: box
    shell.run: {command: "echo said >> LOG"}
    undo: {steps: [{id: unsay, name: Unsay it., target: box, shell.run: {command: "echo unsaid >> LOG"}}]}
  - id: fails
    name: Fail.
    target: box
    shell.run: {command: "test -e MENDED"}
    undo: {leave: nothing}
"""


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory, sshd: SshServer) -> Iterator[SshServer]:
    """Start another host than the one of all tests."""
    server = start_sshd(tmp_path_factory.mktemp("other"))
    yield server
    server.stop()


def place(server: SshServer, **expect: str) -> TargetSpec:
    """Give the target `box` on a host."""
    settings = {"host": server.host, "port": server.port, "user": server.user, "key": str(server.key)}
    return TargetSpec("box", "ssh", {**settings, "known_hosts": [str(server.known_hosts)]}, expect=expect)


@pytest.fixture
def failed(workshop: Workshop, sshd: SshServer) -> Run:
    """Give a run that said something on a host, and failed."""
    workshop.targets = {"box": place(sshd)}
    text = SAID.replace("LOG", str(workshop.folder / "log")).replace("MENDED", str(workshop.folder / "mended"))
    workshop.write("r", text)
    run = workshop.run("r")
    assert run.status == "failed"
    return run


def test_nothing_goes_on_or_back_on_another_host(workshop: Workshop, failed: Run, other: SshServer) -> None:
    """An inventory that names another system by now: both are named, and nothing is done there."""
    workshop.targets = {"box": place(other)}
    (workshop.folder / "mended").touch()

    with pytest.raises(PreflightError, match="box: it leads to another system than the run was begun on: its host_key"):
        workshop.resume()
    with pytest.raises(RefusedError, match="Nothing was taken back:\n  - box: it leads to another system"):
        workshop.undo(failed)

    assert workshop.said() == ["said"]


def test_the_end_of_what_is_given_up_is_done_on_no_other_host(
    workshop: Workshop, sshd: SshServer, other: SshServer
) -> None:
    """Who gives a run up goes without a host that is gone, and not with another one in its place."""
    log = workshop.folder / "log"
    workshop.targets = {"box": place(sshd)}
    end = f"{{id: end, name: End it., target: box, shell.run: {{command: 'echo end >> {log}'}}}}"
    gate = "{id: gate, name: Wait., shell.run: {command: test -e gate}}"
    asks = "{id: q, name: Ask., target: box, shell.run: {command: 'false'}}"
    workshop.write("r", f"targets: {{box: ssh}}\nsteps:\n  - {asks}\nfinally:\n  - {gate}\n  - {end}\n")
    run = workshop.run("r")
    workshop.targets = {"box": place(other)}

    with pytest.raises(RefusedError, match="Nothing was done:\n  - box: it leads to another system"):
        workshop.engine(run).abandon("why")
    workshop.targets = {"box": place(sshd)}
    failed = workshop.engine(run).abandon("why")
    workshop.targets = {"box": place(other)}
    (workshop.folder / "gate").touch()
    with pytest.raises(RefusedError, match="Nothing was done:\n  - box: it leads to another system"):
        workshop.engine(failed).resume()

    assert (failed.status, workshop.said()) == ("failed", ["end"])


def test_a_host_that_was_replaced_on_purpose_is_gone_on_with(workshop: Workshop, failed: Run, other: SshServer) -> None:
    """Whoever says in the inventory that it is expected to be that one is believed; so is the undo of the undo."""
    workshop.targets = {"box": place(other)}
    key = workshop.planner("r").pool.reader("box").identity()["host_key"]
    workshop.targets = {"box": place(other, host_key=key)}
    (workshop.folder / "mended").touch()

    assert workshop.resume().status == "succeeded"
    undo = workshop.undo(failed)
    assert (undo.status, workshop.undo(undo).status) == ("undone", "undone")
    assert undo.plan.identities["box"]["host_key"] == key
    assert workshop.said() == ["said", "unsaid", "said"]


def test_a_host_with_keys_of_two_types_is_one_host(workshop: Workshop, failed: Run) -> None:
    """A colleague's known_hosts may have its other key; whether that is of this host, ssh has made sure of."""
    known = {"box": {"host_key": "SHA256:another", "key_type": "ssh-rsa"}}

    assert plan_undo(replace(failed, plan=replace(failed.plan, identities=known)), workshop.planner("r"), workshop.runs)


@pytest.mark.parametrize("detach", [False, True])
def test_a_command_over_ssh_that_outlived_its_run_is_waited_for(
    workshop: Workshop,
    sshd: SshServer,
    detach: bool,
) -> None:
    """After a kill it goes on over there: nothing is taken back, and no second one started, before it has ended."""
    log = workshop.folder / "log"
    command = f'"echo begun >> {log}; sleep 4; echo ended >> {log}"'
    step = f"target: box, detach: {str(detach).lower()}, shell.run: {{command: {command}, effect: idempotent}}"
    own = (
        f"undo: {{steps: [{{id: unsay, name: Unsay it., target: box, shell.run: {{command: echo unsaid >> {log}}}}}]}}"
    )
    workshop.targets = {"box": place(sshd)}
    workshop.write("o", f"targets: {{box: {{kind: ssh}}}}\nsteps:\n  - {{id: say, name: Say it., {step}, {own}}}\n")
    (workshop.folder / "inventory").mkdir()
    there = {"kind": "ssh", **workshop.targets["box"].settings}
    inventory = {"environment": "bench", "targets": {"box": there}}
    (workshop.folder / "inventory" / "bench.yml").write_text(json.dumps(inventory))
    argv = [sys.executable, "-c", "from rollbook.cli.program import main; main()", "run-runbook", "o", "--yes"]
    with subprocess.Popen([*argv, "--env", "bench"], cwd=workshop.folder, stdout=subprocess.DEVNULL) as process:
        while not log.exists():
            time.sleep(0.02)
        process.kill()
    run = workshop.runs.all()[-1].read()

    with pytest.raises(RefusedError, match=r"The command of say still runs on box: process \d+"):
        workshop.undo(run)
    resumed = workshop.resume()

    assert resumed.status == ("succeeded" if detach else "waiting")
    assert workshop.said() == (["begun", "ended"] if detach else ["begun"])
    if not detach:
        assert any("its command still runs on box" in event.text for event in resumed.events)


def test_what_needs_a_target_that_is_gone_is_not_taken_back_by_skipping_it(workshop: Workshop, failed: Run) -> None:
    """What the run did there stands, so an undo that is told as done would be false."""
    workshop.targets = {}

    with pytest.raises(UndoRefused, match=r"say \(Say it\.\): the environment has no target box any more"):
        plan_undo(failed, workshop.planner("r"), workshop.runs)


def test_names_that_change_by_themselves_tell_of_no_other_system(workshop: Workshop, tmp_path: Path) -> None:
    """A container that was started anew has another host name, and is gone on with."""
    workshop.targets = {"pod": TargetSpec("pod", "command", {"prefix": ["env", "A=1"]})}
    workshop.write("c", SAID.replace("box", "pod").replace("ssh", "command").replace("LOG", f"{tmp_path}/log"))
    run = workshop.run("c")
    known = {name: {**who, "hostname": "a1b2c3"} for name, who in run.plan.identities.items()}
    assert known

    assert plan_undo(replace(run, plan=replace(run.plan, identities=known)), workshop.planner("c"), workshop.runs).steps
