"""Services: those of a real supervisor, of a real systemd, and any with commands of their own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from engine.workshop import Workshop, nobody, through_a_crash

from rollbook.action import Leave
from rollbook.demo.process import spawn, stop
from rollbook.errors import CommandFailed, SchemaError, TargetError, Unreachable
from rollbook.testing import Case, FakeFile, FakeWorld, Law, law_id, laws_of
from rollbook.testing.crash import crashing
from rollbook.values import Plain

from .conftest import Machine, use
from .fake_services import command_world, supervisor_world

STATE = "service.state"
SUPERVISED: dict[str, Plain] = {"manager": "supervisor", "services": ["web", "c*"]}
TRIPLE: dict[str, Plain] = {
    "services": ["a", "b"],
    "commands": {verb: ["ctl", verb, "{service}"] for verb in ("start", "stop", "status")},
}
SINCE = "2024-05-01T11:59:50Z"  # before the fakes' clock begins


def _supervised(name: str, wanted: str, web: str, cron: str, **more: Plain) -> Case:
    arguments = {**SUPERVISED, "wanted": wanted, **more}
    return Case(
        f"{STATE}: {name}", STATE, arguments, partial(supervisor_world, {"cron": cron, "other": "RUNNING", "web": web})
    )


MODE = "service.maintenance"
FLAG: dict[str, Plain] = {"flag": "/srv/flag", "content": "back soon\n"}
MODES: dict[str, Plain] = {
    "commands": {
        verb: ["ctl", {"enter": "start", "leave": "stop"}.get(verb, verb), "a"] for verb in ("enter", "leave", "status")
    }
}


def _mode(name: str, service: str, there: bytes | None = None, **arguments: Plain) -> Case:
    def world() -> FakeWorld:
        made = command_world({"a": service})
        if there is not None:
            made.targets["local"].files["/srv/flag"] = FakeFile(there)  # type: ignore[attr-defined]  # it is a host
        return made

    return Case(f"{MODE}: {name}", MODE, arguments, world)


MAINTENANCE = [
    _mode("flag on", "STOPPED", **FLAG, active=True),
    _mode("flag on already", "STOPPED", b"mine", **FLAG, active=True),
    _mode("flag off", "STOPPED", b"mine", **FLAG, active=False),
    _mode("flag off already", "STOPPED", **FLAG, active=False),
    _mode("command on", "STOPPED", **MODES, active=True),
    _mode("command off", "RUNNING", **MODES, active=False),
    _mode("both on", "STOPPED", **FLAG, **MODES, active=True),
    _mode("both off", "RUNNING", b"back soon\n", **FLAG, **MODES, active=False),
    _mode("half on", "RUNNING", **FLAG, **MODES, active=True),
]
CASES = [
    _supervised("stop both", "stopped", "RUNNING", "RUNNING"),
    _supervised("stop the one that runs", "stopped", "FATAL", "RUNNING"),
    _supervised("stopped already", "stopped", "EXITED", "STOPPED"),
    _supervised("stop one that is tried again", "stopped", "BACKOFF", "STOPPED"),
    _supervised("start both", "started", "FATAL", "STOPPED"),
    _supervised("started already", "started", "RUNNING", "RUNNING"),
    _supervised("restart both", "restarted", "RUNNING", "RUNNING", since=SINCE),
    _supervised("restart one, start the other", "restarted", "STOPPED", "RUNNING", since=SINCE),
    Case("service.state: stop by commands", STATE, {**TRIPLE, "wanted": "stopped"}, partial(command_world, {"a": "RUNNING", "b": "RUNNING"})),
    Case("service.state: start by commands", STATE, {**TRIPLE, "wanted": "started"}, partial(command_world, {"a": "STOPPED", "b": "RUNNING"})),
    *MAINTENANCE,
]  # fmt: skip


@pytest.mark.parametrize(("case", "law"), laws_of(CASES), ids=law_id)
def test_laws(case: Case, law: Law) -> None:
    """A kind keeps each law."""
    law(case)


def test_what_is_stopped_first_is_started_last() -> None:
    """The list is the order of stopping; an undo goes the other way."""
    world = supervisor_world({"a": "RUNNING", "b": "RUNNING", "c": "RUNNING"})
    action = use(STATE, manager="supervisor", services=["c", "a", "b"], wanted="stopped")
    before = action.probe(world.read)
    after = action.desired(before)

    stops, starts = action.ops(before, after), action.ops(after, before)

    assert [op.argv[-1] for op in stops] == ["c", "a", "b"]
    assert [op.argv[-1] for op in starts] == ["b", "a", "c"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"services": [], "manager": "systemd"}, "names of services"),
        ({"services": ["-x"], "manager": "systemd"}, "names of services"),
        ({"services": ["a"]}, "either manager"),
        ({"services": ["a"], "manager": "systemd", "commands": TRIPLE["commands"]}, "either manager"),
        ({"services": ["a"], "manager": "systemd", "config": "/x"}, "supervisor"),
        ({"services": ["a"], "manager": "supervisor", "user": True}, "systemd"),
        ({"services": ["a*"], "commands": TRIPLE["commands"]}, "pattern"),
        ({"services": ["a"], "commands": TRIPLE["commands"], "wanted": "restarted"}, "pid"),
        ({"services": ["a"], "commands": {"start": [], "stop": ["x"], "status": ["x"]}}, "start"),
    ],
)
def test_misuse_is_refused(arguments: dict[str, Any], message: str) -> None:
    """What could not work is refused before anything runs."""
    with pytest.raises(SchemaError, match=message):
        use(STATE, **{"wanted": "stopped", **arguments})


SUPERVISORD = """
[unix_http_server]
file={folder}/s
[supervisord]
logfile={folder}/log
pidfile={folder}/pid
nodaemon=true
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://{folder}/s
[program:web]
command=sleep 1000
startsecs=1
[program:celery]
command=sleep 1000
numprocs=2
process_name=%(program_name)s_%(process_num)02d
startsecs=0
[program:idle]
command=sleep 1000
autostart=false
startsecs=0
[program:bad]
command=false
autostart=false
startretries=1
[program:looping]
command=false
startretries=1000
"""


@pytest.fixture
def supervisor(server_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """Start a supervisord, and give what makes an action on it; `supervisorctl` is found on PATH."""
    folder = server_folder / f"supervisor{time.monotonic_ns()}"
    folder.mkdir()
    config = folder / "conf"
    config.write_text(SUPERVISORD.format(folder=folder))
    programs = Path(sys.executable).parent
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    process = spawn([str(programs / "supervisord"), "-c", str(config)], log=folder / "out")

    def make(**arguments: Any) -> Any:
        return use(STATE, **{"manager": "supervisor", "config": str(config), **arguments})

    _until(lambda: (folder / "s").exists())
    yield make
    stop(process)


def _until(holds: Callable[[], bool]) -> None:
    limit = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < limit
        time.sleep(0.05)


def test_an_undo_starts_exactly_what_supervisor_ran(machine: Machine, supervisor: Callable[..., Any]) -> None:
    """What was stopped is started again, once it runs; what did not run stays as it was; a pattern fits several."""
    action = supervisor(services=["web", "celery:*", "idle"], wanted="stopped")

    change = machine.apply(action)
    stopped = action.probe(machine.read).running
    machine.undo(action, change)

    assert change.before.running == ("celery:celery_00", "celery:celery_01", "web")
    assert stopped == ()
    assert action.probe(machine.read).running == change.before.running


def test_an_undo_sets_going_what_did_not_come_up_then(machine: Machine, supervisor: Callable[..., Any]) -> None:
    """What was tried again and again comes last and fails nothing, so that all others run; before, it did not run."""
    supervisor(services=["web"], wanted="started").probe(machine.read)  # until it has started
    action, look = (
        supervisor(services=["web", "looping"], wanted=wanted, patience="2s") for wanted in ("stopped", "started")
    )
    change = machine.apply(action)
    stopped = look.probe(machine.read)

    machine.undo(action, change)

    back = action.probe_for(machine.read, action.undo(change).goal)
    again = action.undo(type(change)(change.after, back, ())).goal
    assert action.probe_for(machine.read, again).moving == ()  # how far it came since is nobody's doing
    assert [op.argv[-1] for op in action.ops(action.probe_for(machine.read, again), again)] == ["web", "looping"]
    assert action.undo(type(change)(back, again, ())).goal.tried == ("looping",)
    assert (change.before.running, change.before.moving) == (("web",), ("looping",))
    assert (stopped.running, stopped.moving) == ((), ())
    found = look.probe(machine.read)
    assert (found.running, found.moving) == (("web",), ("looping",))


def test_a_program_that_does_not_come_up_fails_the_start(machine: Machine, supervisor: Callable[..., Any]) -> None:
    """An exit at once is not taken for a start, whatever supervisorctl's exit code is; its end is told."""
    action = supervisor(services=["bad"], wanted="started")

    with pytest.raises(CommandFailed, match="FATAL"):
        machine.apply(action)

    found = action.probe(machine.read)
    assert (found.running, found.moving) == ((), ())
    assert "Exited too quickly" in found.seen["bad"]


def test_a_restart_is_told_by_when_its_process_was_started(machine: Machine, supervisor: Callable[..., Any]) -> None:
    """Before it a service is stale, after it no more, and cut off between stop and start the start is what is left."""
    supervisor(services=["web"], wanted="started").probe(machine.read)  # until it has started
    action = supervisor(services=["web", "celery*"], wanted="restarted", since=_now())
    change = machine.plan(action)

    machine.carry_out(*change.ops[:1])
    rest = action.ops(action.probe(machine.read), change.after)
    machine.carry_out(*rest)

    assert set(change.before.stale) == {"web", "celery:celery_00", "celery:celery_01"}
    assert len(change.ops) == 6
    assert rest == change.ops[1:]
    found = action.probe(machine.read)
    assert (found.running, found.stale) == (change.after.running, ())
    assert isinstance(action.undo(change), Leave)


def test_a_pattern_without_a_service_is_told(machine: Machine, supervisor: Callable[..., Any]) -> None:
    """A name that nothing fits is an error that names what there is."""
    with pytest.raises(TargetError, match=r"no program 'nginx\*'") as caught:
        machine.plan(supervisor(services=["nginx*"], wanted="stopped"))

    assert "web" in caught.value.advice


def test_a_supervisor_that_does_not_answer_is_told(machine: Machine, supervisor: Callable[..., Any]) -> None:
    """Without a supervisord nothing is taken for stopped."""
    with pytest.raises(Unreachable, match="tells of no program"):
        machine.plan(supervisor(services=["web"], wanted="stopped", config="/nowhere.conf"))


def _now() -> str:
    return datetime.now(UTC).isoformat()


CTL = """#!/bin/sh
pid=$(cat "$2.pid" 2>/dev/null)
case $1 in
  start) setsid sh -c 'sleep 0.5; echo $$ >"$0.pid"; exec sleep 1000' "$2" >/dev/null 2>&1 & ;;
  stop) kill "$pid"; (sleep 0.5; rm "$2.pid") >/dev/null 2>&1 & ;;
  status) [ -n "$pid" ] || exit 3 ;;
  pid) echo "$pid" ;;
esac
"""


@pytest.fixture
def commands(tmp_path: Path) -> Iterator[dict[str, Any]]:
    """Give commands of a service that take effect only after they have ended."""
    (tmp_path / "ctl").write_text(CTL)
    (tmp_path / "ctl").chmod(0o755)
    service = str(tmp_path / "app")
    verbs = ("start", "stop", "status", "pid")
    yield {"services": [service], "commands": {verb: [str(tmp_path / "ctl"), verb, "{service}"] for verb in verbs}}
    for file in tmp_path.glob("*.pid"):
        os.kill(int(file.read_text()), signal.SIGKILL)


def test_commands_are_waited_for(machine: Machine, commands: dict[str, Any]) -> None:
    """A command that returns before its work is done is waited for, forth and back, and a restart is a new process."""
    start, halt = (use(STATE, **commands, wanted=wanted) for wanted in ("started", "stopped"))

    begun = machine.apply(start)
    since = _now()
    again = use(STATE, **commands, wanted="restarted", since=since)
    change = machine.apply(again)
    fresh = again.probe(machine.read)
    stopped = machine.apply(halt)
    machine.undo(halt, stopped)

    assert begun.before.running == ()
    assert (list(change.before.stale), list(fresh.stale)) == (commands["services"], [])
    assert list(halt.probe(machine.read).running) == commands["services"]


def test_a_service_that_never_comes_up_is_given_up(machine: Machine, commands: dict[str, Any]) -> None:
    """What does not come about within the patience fails."""
    commands["commands"]["start"] = ["true"]
    action = use(STATE, **commands, wanted="started", patience="500ms")

    with pytest.raises(CommandFailed, match="not come about"):
        machine.apply(action)


def test_a_status_that_makes_no_sense_is_told(machine: Machine, commands: dict[str, Any]) -> None:
    """An exit code that is neither running nor stopped is not taken for either."""
    commands["commands"]["status"] = ["sh", "-c", "exit 4"]

    with pytest.raises(TargetError, match="exits 4"):
        machine.plan(use(STATE, **commands, wanted="stopped"))


UNIT = "[Service]\nExecStart={command}\n{more}"


@pytest.fixture
def units(systemd: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """Give what makes an action on an account's systemd with four units, of which `front` requires `web`."""
    folder = systemd / "config" / "systemd" / "user"
    (folder / "web.service").write_text(UNIT.format(command="/bin/sleep 1000", more=""))
    front = f"[Unit]\nRequires=web.service\nAfter=web.service\n{UNIT.format(command='/bin/sleep 1000', more='')}"
    (folder / "front.service").write_text(front)
    (folder / "worker@.service").write_text(UNIT.format(command="/bin/sleep 1000", more=""))
    (folder / "bad.service").write_text(UNIT.format(command="/bin/false", more="Type=oneshot\n"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(systemd))
    subprocess.run(["systemctl", "--user", "daemon-reload"], check=True)
    subprocess.run(["systemctl", "--user", "start", "front", "worker@1", "worker@2"], check=True)
    time.sleep(0.05)  # so that they are older than a step, by a clock of hundredths

    def make(**arguments: Any) -> Any:
        return use(STATE, **{"manager": "systemd", "user": True, **arguments})

    yield make
    subprocess.run(["systemctl", "--user", "stop", "front", "web", "worker@*", "bad"], check=True)


@pytest.mark.server
def test_an_undo_starts_exactly_what_systemd_ran(machine: Machine, units: Callable[..., Any]) -> None:
    """Units by name and by pattern are stopped, and those that ran are started again."""
    action = units(services=["front", "web", "worker@*", "bad"], wanted="stopped")

    change = machine.apply(action)
    stopped = action.probe(machine.read).running
    machine.undo(action, change)

    assert change.before.running == ("front.service", "web.service", "worker@1.service", "worker@2.service")
    assert stopped == ()
    assert action.probe(machine.read).running == change.before.running


@pytest.mark.server
def test_a_restart_keeps_what_requires_the_unit(machine: Machine, units: Callable[..., Any]) -> None:
    """After a restart a unit is no more stale, and a unit that requires it runs again too."""
    action = units(services=["web"], wanted="restarted", since=_now())

    change = machine.apply(action)

    assert (change.before.stale, action.probe(machine.read).stale) == (("web.service",), ())
    assert units(services=["front"], wanted="started").probe(machine.read).running == ("front.service",)


@pytest.mark.server
def test_a_unit_that_fails_is_told(machine: Machine, units: Callable[..., Any]) -> None:
    """A unit that does not start fails the step; one that does not exist is no stopped one."""
    with pytest.raises(CommandFailed):
        machine.apply(units(services=["bad"], wanted="started"))
    with pytest.raises(TargetError, match=r"no unit 'nope\.service'"):
        machine.plan(units(services=["nope"], wanted="stopped"))

    assert "exit-code" in units(services=["bad"], wanted="stopped").probe(machine.read).seen["bad.service"]


RESTART = """
steps:
  - id: again
    name: Restart it
    service.state: {services: [FOLDER/app], wanted: restarted, commands: {start: [FOLDER/ctl, start, "{service}"],
      stop: [FOLDER/ctl, stop, "{service}"], status: [FOLDER/ctl, status, "{service}"], pid: [FOLDER/ctl, pid, "{service}"]}}
"""
QUICK = """#!/bin/sh
case $1 in
  start) echo start >>"$2.log"; setsid sleep 1000 >/dev/null 2>&1 & echo $! >"$2.pid" ;;
  stop) echo stop >>"$2.log"; kill $(cat "$2.pid"); rm "$2.pid" ;;
  status) [ -e "$2.pid" ] || exit 3 ;;
  pid) cat "$2.pid" ;;
esac
"""
PLACES = 28


def _restarting(folder: Path) -> Workshop:
    workshop = Workshop(folder)
    workshop.write("restart", RESTART.replace("FOLDER", str(folder)))
    (folder / "ctl").write_text(QUICK)
    (folder / "ctl").chmod(0o755)
    subprocess.run([folder / "ctl", "start", folder / "app"], check=True)
    time.sleep(0.05)  # so that the kernel, which counts hundredths, knows it to be older than the step
    return workshop


@pytest.mark.parametrize("at", range(1, PLACES + 1))
def test_a_restart_that_is_cut_off_is_ended_once(tmp_path: Path, at: int) -> None:
    """Wherever a run dies, a resume stops what ran before once and starts it once, and asks nobody."""
    workshop = _restarting(tmp_path)

    run = through_a_crash(workshop, "restart", at, nobody())

    os.kill(int((tmp_path / "app.pid").read_text()), signal.SIGKILL)
    assert run.status == "succeeded"
    assert (tmp_path / "app.log").read_text().split() == ["start", "stop", "start"]


def test_every_place_is_cut_at(tmp_path: Path) -> None:
    """The cuts above reach the last place of an undisturbed run."""
    workshop = _restarting(tmp_path)

    with crashing(PLACES + 1) as points:
        workshop.run("restart", nobody())

    os.kill(int((tmp_path / "app.pid").read_text()), signal.SIGKILL)
    assert points.passed == PLACES


def test_a_mode_is_given_back(machine: Machine, tmp_path: Path) -> None:
    """The flag goes up before the command and comes down after it, and an undo gives back what was found."""
    flag, log, on = tmp_path / "flag", tmp_path / "log", tmp_path / "on"
    tell = f"ls {flag} >>{log} 2>&1"
    commands = {
        "enter": ["sh", "-c", f"{tell}; touch {on}"],
        "leave": ["sh", "-c", f"{tell}; rm {on}"],
        "status": ["test", "-e", str(on)],
    }
    action = use(MODE, active=True, flag=str(flag), content="back soon\n", commands=commands)

    change = machine.apply(action)
    there = flag.read_text(), on.exists()
    machine.undo(action, change)

    assert there == ("back soon\n", True)
    assert (flag.exists(), on.exists()) == (False, False)
    assert log.read_text().splitlines() == [str(flag)] * 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "a flag"),
        ({"flag": "/srv/"}, "path of a file"),
        ({"commands": {"enter": ["x"], "leave": [], "status": ["x"]}}, "leave"),
    ],
)
def test_a_mode_that_nothing_shows_is_refused(arguments: dict[str, Any], message: str) -> None:
    """Without a flag or commands there is no mode to turn on."""
    with pytest.raises(SchemaError, match=message):
        use(MODE, active=True, **arguments)


PARTS = """
steps:
  - id: halt
    name: Stop both
    service.state: {services: [FOLDER/app, FOLDER/other], wanted: stopped, commands: &c {start: [FOLDER/ctl, start, "{service}"],
      stop: [FOLDER/ctl, stop, "{service}"], status: [FOLDER/ctl, status, "{service}"]}}
  - id: first
    name: Start the first again
    service.state: {services: [FOLDER/app], wanted: started, commands: COMMANDS}
  - id: rest
    name: Start both again
    service.state: {services: [FOLDER/app, FOLDER/other], wanted: started, commands: COMMANDS}
  - id: end
    name: Stop the first
    service.state: {services: [FOLDER/app], wanted: stopped, commands: COMMANDS}
"""


def test_parts_of_a_list_are_planned_on_the_whole(tmp_path: Path) -> None:
    """What was stopped together is started in part as planned; what one step alone does not leave so is planned in its turn."""
    commands = ", ".join(f'{verb}: [FOLDER/ctl, {verb}, "{{service}}"]' for verb in ("start", "stop", "status"))
    workshop = _restarting(tmp_path)
    text = PARTS.replace("&c {", "{").replace("COMMANDS", f"{{{commands}}}").replace("FOLDER", str(tmp_path))
    workshop.write("parts", text)
    subprocess.run([tmp_path / "ctl", "start", tmp_path / "other"], check=True)

    plan = workshop.planner("parts").plan()
    run = workshop.run("parts", nobody())

    os.kill(int((tmp_path / "other.pid").read_text()), signal.SIGKILL)
    assert [step.verdict for step in plan.steps] == ["update", "update", "unknown", "unknown"]
    assert [len(step.ops) for step in plan.steps[:2]] == [2, 1]
    assert run.status == "succeeded"
    assert (tmp_path / "app.log").read_text().split() == ["start", "stop", "start", "stop"]
    assert (tmp_path / "other.log").read_text().split() == ["start", "stop", "start"]
