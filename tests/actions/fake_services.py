"""A fake host with services, in the words of supervisor and of systemd, or with three commands."""

from collections.abc import Callable, Mapping

from rollbook.targets.base import CommandResult
from rollbook.testing import FakeFile, FakeHost, FakeWorld

UP = 10_000  # seconds
TICKS = 100

Program = Callable[[FakeHost], CommandResult]


def _set(name: str, state: str, pid: int) -> Program:
    def act(host: FakeHost) -> CommandResult:
        host.files[f"/services/{name}"] = FakeFile(f"{state} {pid}".encode())
        return CommandResult(0, f"{name}: {state.lower()}\n")

    return act


def _read(host: FakeHost, name: str) -> tuple[str, str]:
    state, _, pid = host.files[f"/services/{name}"].content.decode().partition(" ")
    return state, pid


def _listing(host: FakeHost, names: list[str]) -> CommandResult:
    lines = []
    for name in names:
        state, pid = _read(host, name)
        lines.append(f"{name:30} {state:9} {f'pid {pid}, uptime 0:00:01' if state == 'RUNNING' else 'told so'}\n")
    return CommandResult(0 if all("RUNNING" in line for line in lines) else 3, "".join(lines))


def _stat(pid: int, started: float) -> str:
    return f"{pid} (a (b) c) S " + " ".join(["0"] * 18) + f" {int(started * TICKS)} 0\n"


def supervisor_world(states: Mapping[str, str]) -> FakeWorld:
    """Give a host whose programs have been running for long; what is started anew was started just now."""
    names = list(states)
    programs: dict[tuple[str, ...], CommandResult | Program] = {
        ("supervisorctl", "status"): lambda host: _listing(host, names)
    }
    for number, name in enumerate(names, 100):
        programs["supervisorctl", "status", name] = lambda host, name=name: _listing(host, [name])
        programs["supervisorctl", "stop", name] = _set(name, "STOPPED", 0)
        programs["supervisorctl", "start", name] = _set(name, "RUNNING", number + 100)
    pids = [100 + index for index in range(len(names))]
    for known in _subsets([*pids, *(pid + 100 for pid in pids)]):
        argv = ("cat", "/proc/uptime", *(f"/proc/{pid}/stat" for pid in known))
        text = "".join(_stat(pid, UP if pid >= 200 else 5) for pid in known)
        programs[argv] = CommandResult(0, f"{UP}.00 1.00\n{text}")
    files = {
        f"/services/{name}": f"{state} {100 + index}".encode() for index, (name, state) in enumerate(states.items())
    }
    return FakeWorld(FakeHost(files=files, programs=programs))


def _subsets(pids: list[int]) -> list[tuple[int, ...]]:
    found: list[tuple[int, ...]] = [()]
    for pid in pids:
        found += [(*some, pid) for some in found]
    import itertools

    return [order for some in found for order in itertools.permutations(some)]


def command_world(states: Mapping[str, str]) -> FakeWorld:
    """Give a host with services that have commands; `ctl` is their program."""
    programs: dict[tuple[str, ...], CommandResult | Program] = {}
    for name in states:
        programs["ctl", "status", name] = lambda host, name=name: CommandResult(
            0 if _read(host, name)[0] == "RUNNING" else 3, ""
        )
        programs["ctl", "stop", name] = _set(name, "STOPPED", 0)
        programs["ctl", "start", name] = _set(name, "RUNNING", 200)
    files = {f"/services/{name}": f"{state} 100".encode() for name, state in states.items()}
    return FakeWorld(FakeHost(files=files, programs=programs))
