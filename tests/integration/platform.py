"""The platform's `./manage.py`, answered in this process: starting Python anew for each command would take longest."""

import atexit
import shutil
import socketserver
import sys
import tempfile
import threading
from functools import cache
from pathlib import Path

from rollbook.demo import publish

_SCRIPT = """\
#!/bin/sh
case "$*" in *--help) echo "usage: manage.py $*"; exit ;; esac
exec {python} -SE {client} {socket} "$@" --ledger "${ledger}" --mongo "${mongo}" --database {database}
"""
_CLIENT = """\
import socket, sys
server = socket.socket(socket.AF_UNIX)
server.connect(sys.argv[1])
server.sendall("\\0".join(sys.argv[2:]).encode() + b"\\n")
status = int(server.makefile().read() or 1)
print(*sys.argv[2:5], "done" if status == 0 else "failed")
sys.exit(status)
"""


def write_manage(folder: Path, *, ledger: str, mongo: str, database: str) -> None:
    """Put a `manage.py` into *folder*; *ledger* and *mongo* name the variables that hold the addresses."""
    place = _answering()
    names = {"ledger": ledger, "mongo": mongo, "database": database}
    program = _SCRIPT.format(python=sys.executable, client=place / "client.py", socket=place / "socket", **names)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manage.py").write_text(program)
    (folder / "manage.py").chmod(0o755)


class _Answer(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        words = self.rfile.readline().decode().rstrip("\n").split("\0")
        self.wfile.write(str(publish.main(words)).encode())


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


@cache
def _answering() -> Path:
    """Answer commands until the tests end; gives the folder with the client and the socket."""
    folder = Path(tempfile.mkdtemp(prefix="rb-"))  # a socket's path must be short
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    (folder / "client.py").write_text(_CLIENT)
    server = _Server(str(folder / "socket"), _Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return folder
