"""One mongod on loopback, as a replica set of itself, for as long as the demo runs."""

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import pymongo
from pymongo.errors import OperationFailure, PyMongoError

from rollbook.demo.errors import DemoError
from rollbook.demo.process import free_port, spawn, stop
from rollbook.demo.wheels import MongodProgram, find_mongod

from ..dataclass import dataclass

REPLICA_SET = "rollbook"

_PATIENCE = 60.0  # seconds until a started mongod must be primary
_ILLEGAL_INSTRUCTION = -4
_ALREADY_INITIALIZED = 23
_NOT_YET_INITIALIZED = 94


@dataclass(frozen=True, slots=True)
class MongoServer:
    """A MongoDB that answers at *url*; *process* is None for one that somebody else runs."""

    url: str
    process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Tell the process id of a server that the demo started itself."""
        return None if self.process is None else self.process.pid

    def stop(self) -> None:
        """Shut the server down cleanly if it was started here; may be called twice."""
        if self.process is not None:
            stop(self.process)


def open_mongo(folder: Path, environment: Mapping[str, str] = os.environ) -> MongoServer:
    """Take the server of $ROLLBOOK_DEMO_MONGO_URL if it is set, else start one with its files in *folder*."""
    given = environment.get("ROLLBOOK_DEMO_MONGO_URL")
    if not given:
        return start_mongod(folder, find_mongod(environment))
    try:
        with pymongo.MongoClient[dict[str, object]](given, serverSelectionTimeoutMS=5000) as client:
            client.admin.command("ping")
    except PyMongoError as error:
        raise DemoError(
            f"the MongoDB of ROLLBOOK_DEMO_MONGO_URL does not answer: {_without_password(error, given)}",
            advice="Start it, or unset ROLLBOOK_DEMO_MONGO_URL so that the demo starts one of its own.",
        ) from error
    return MongoServer(given)


def start_mongod(folder: Path, program: MongodProgram | None = None) -> MongoServer:
    """
    Start a mongod with its files in *folder* on a free port of 127.0.0.1, and wait until it takes writes.

    A folder may be used again, also after `kill -9`. Raises `DemoError` with the end of the server's log.
    """
    program = program or find_mongod()
    folder.mkdir(parents=True, exist_ok=True)
    port, log = free_port(), folder / "mongod.log"
    begins = log.stat().st_size if log.exists() else 0
    argv = [str(program.path), "--dbpath", str(folder), "--bind_ip", "127.0.0.1", "--port", str(port), "--nounixsocket"]
    argv += ["--replSet", REPLICA_SET, "--oplogSize", "64", "--wiredTigerCacheSizeGB", "0.25", "--quiet"]
    argv += ["--wiredTigerEngineConfigString", "log=(file_max=8MB)"]  # 100 MB journal files are for busier servers
    argv += ["--setParameter", "diagnosticDataCollectionEnabled=false", "--logpath", str(log), "--logappend"]
    process = spawn(argv, log=folder / "mongod.out", environment=program.environment())
    try:
        _wait_until_primary(process, port, folder, begins)
    except BaseException:
        stop(process)
        raise
    return MongoServer(f"mongodb://127.0.0.1:{port}/?replicaSet={REPLICA_SET}", process)


def _wait_until_primary(process: subprocess.Popen[bytes], port: int, folder: Path, begins: int) -> None:
    until = time.monotonic() + _PATIENCE
    url = f"mongodb://127.0.0.1:{port}/?directConnection=true"
    with pymongo.MongoClient[dict[str, object]](url, serverSelectionTimeoutMS=500) as client:
        member = {"_id": 0, "host": f"127.0.0.1:{port}"}
        while time.monotonic() < until:
            if process.poll() is not None:
                raise _ended(process.returncode, folder, begins)
            try:
                if _is_primary(client, member):
                    return
            except PyMongoError as error:
                if time.monotonic() + 1 > until:
                    raise DemoError(f"mongod in {folder} does not become primary: {error}") from error
            time.sleep(0.05)
    raise DemoError(
        f"mongod in {folder} did not become primary within {_PATIENCE:.0f} seconds.",
        advice=f"See {folder / 'mongod.log'}; if the folder is damaged, delete it and run again.",
    )


def _is_primary(client: pymongo.MongoClient[dict[str, object]], member: dict[str, object]) -> bool:
    """Look once, and push the set towards having this one member; called until true."""
    if client.admin.command("hello").get("isWritablePrimary"):
        return True
    try:
        config = client.admin.command("replSetGetConfig")["config"]
    except OperationFailure as error:
        if error.code == _NOT_YET_INITIALIZED:
            _initiate(client, member)
        return False
    if config["members"] != [member] and config["members"][0]["host"] != member["host"]:
        # The files are from an earlier start on another port, so the set knows itself under a name that is gone.
        forced = {"_id": REPLICA_SET, "version": config["version"] + 1, "members": [member]}
        client.admin.command("replSetReconfig", forced, force=True)
    return False


def _initiate(client: pymongo.MongoClient[dict[str, object]], member: dict[str, object]) -> None:
    try:
        client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": [member]})
    except OperationFailure as error:
        if error.code != _ALREADY_INITIALIZED:
            raise


def _ended(status: int, folder: Path, begins: int) -> DemoError:
    if status == _ILLEGAL_INSTRUCTION:
        return DemoError(
            "mongod ended at once: this processor lacks the AVX instructions that MongoDB 5 and newer need.",
            advice="Set ROLLBOOK_DEMO_MONGO_URL to a MongoDB on another machine.",
        )
    return DemoError(
        f"mongod in {folder} ended with status {status}: {_last_words(folder, begins)}",
        advice=f"If another mongod still uses {folder}, stop it; if the folder is damaged, delete it and run again.",
    )


def _last_words(folder: Path, begins: int) -> str:
    """Pick the errors out of the log (a JSON document a line) from byte *begins* on, else what went to the terminal."""
    found: list[str] = []
    for line in _lines(folder / "mongod.log", begins):
        with contextlib.suppress(ValueError, KeyError, TypeError):
            entry = json.loads(line)
            if entry["s"] in {"E", "F"}:
                found.append(f"{entry['msg']} {entry.get('attr', {}).get('error', '')}".strip())
    return "; ".join(found) or " ".join(_lines(folder / "mongod.out")[-3:])


def _lines(log: Path, begins: int = 0) -> list[str]:
    return log.read_bytes()[begins:].decode(errors="replace").splitlines() if log.exists() else []


def _without_password(error: Exception, url: str) -> str:
    """Quote the first part of *error*, without what stands between `://` and `@` in *url*."""
    secret = url.partition("://")[2].rpartition("@")[0]
    words = str(error).partition(" (configured timeouts")[0].partition(", Timeout:")[0]
    return words.replace(secret, "…") if secret else words
