"""What a step over ssh costs on one kept connection, against fabric tuned as far as its settings go."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from rounds import Contender, measure, python
from table import Aim, seconds, table
from workspace import ENVIRONMENT, rollbook, write_runbook

if TYPE_CHECKING:
    from tests.servers import SshServer

_STEPS = 100

# One connection, small packets at once, no thread for stdin, a look every half millisecond.
_FABRIC = """
import socket, sys
from fabric import Connection
from fabric.runners import Remote
from paramiko import RejectPolicy

class Quick(Remote):
    input_sleep = 0.0005

host, port, user, key, known, count = sys.argv[1:]
connection = Connection(host, port=int(port), user=user, connect_kwargs={
    "key_filename": key, "look_for_keys": False, "allow_agent": False})
connection.client.load_host_keys(known)
connection.client.set_missing_host_key_policy(RejectPolicy())
connection.config.runners.remote = Quick
connection.open()
connection.transport.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
for _ in range(int(count)):
    connection.run("/usr/bin/true", hide=True, in_stream=False)
connection.close()
"""

_DEFAULT = _FABRIC.replace("connection.config.runners.remote = Quick\n", "").replace(
    "connection.transport.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)\n", ""
).replace(", in_stream=False", "")  # fmt: skip


def answer(folder: Path, *, quick: bool = False) -> Iterator[str | Aim]:
    """Yield the table and the aim; a line that says why where no sshd can be had."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from tests.servers import Unavailable, start_sshd

    place = folder / "sshd"
    place.mkdir()
    try:
        server = start_sshd(place)
    except Unavailable as error:
        yield f"skipped: {error}"
        return
    try:
        yield from _answer(folder, server, 2 if quick else 5)
    finally:
        server.stop()


def _answer(folder: Path, server: "SshServer", rounds: int) -> Iterator[str | Aim]:
    address = (server.host, str(server.port), server.user, str(server.key), str(server.known_hosts))
    (folder / "inventory" / f"{ENVIRONMENT}.yml").write_text(
        f"environment: {ENVIRONMENT}\ntargets:\n  host:\n    kind: ssh\n    host: {server.host}\n"
        f"    port: {server.port}\n    user: {server.user}\n    key: {server.key}\n"
        f"    known_hosts: [{server.known_hosts}]\n"
    )
    contenders = {}
    for count in (1, _STEPS):
        name = write_runbook(folder, count, "host")
        contenders[f"rollbook, {count}"] = rollbook(folder, "run-runbook", name, "--env", ENVIRONMENT, "--yes")
        contenders[f"tuned fabric, {count}"] = Contender(python("-c", _FABRIC, *address, str(count)))
    contenders[f"fabric as it is, {_STEPS}"] = Contender(python("-c", _DEFAULT, *address, str(_STEPS)))
    samples = {name: sample.seconds for name, sample in measure(contenders, folder, rounds).items()}
    tuned = samples[f"tuned fabric, {_STEPS}"]
    yield table(
        ["steps over ssh, whole process", "wall seconds", "against tuned fabric, 100"],
        [[name, seconds(one), f"{one / tuned:.2f}"] for name, one in samples.items()],
    )
    yield Aim(f"{_STEPS} steps over ssh against tuned fabric", samples[f"rollbook, {_STEPS}"] / tuned, 1.5)
