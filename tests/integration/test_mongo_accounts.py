"""Laws of MongoDB accounts: what each may do is known before anything is written."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pymongo
import pytest

from rollbook.demo.errors import DemoError
from rollbook.demo.mongod import REPLICA_SET, find_mongod, start_mongod
from rollbook.demo.process import spawn, stop
from rollbook.demo.sample import Sample, build_sample
from rollbook.journal import utc_now

from .desk import Desk, tell

pytestmark = pytest.mark.server

DATABASE = "edxapp"
PASSWORDS = {"reader": "nur→lesen", "writer": "auch/schreiben@", "nobody": "gar nichts"}
ROLES = {"reader": ["read"], "writer": ["readWrite"], "nobody": []}


@dataclass(frozen=True, slots=True)
class Guarded:
    """A mongod that asks for accounts, with a sample that was built before it did."""

    port: int
    sample: Sample

    def url(self, user: str | None = None, password: str | None = None) -> str:
        """Give the address with an account of the database."""
        given = "" if user is None else f"{user}:{quote(password or PASSWORDS[user], safe='')}@"
        return f"mongodb://{given}127.0.0.1:{self.port}/{DATABASE}?replicaSet={REPLICA_SET}"

    def everything(self) -> dict[str, Any]:
        """Read every document of the database."""
        with pymongo.MongoClient[dict[str, Any]](self.url("reader")) as client:
            database = client.get_database(DATABASE)
            return {name: sorted(map(repr, database[name].find())) for name in sorted(database.list_collection_names())}


@pytest.fixture
def guarded(request: pytest.FixtureRequest, sqlite_url: str, tmp_path: Path) -> Iterator[Guarded]:
    """Start a mongod, build a sample and accounts, and start it again with --auth."""
    request.getfixturevalue("mongo_url")  # which skips, or fails, where there is no mongod
    try:
        program = find_mongod()
    except DemoError as error:  # the server was given by ROLLBOOK_DEMO_MONGO_URL
        pytest.skip(f"no mongod of the test's own: {error.message}")
    folder = tmp_path / "guarded"
    server = start_mongod(folder, program)
    port = pymongo.uri_parser.parse_uri(server.url)["nodelist"][0][1]
    sample = build_sample(sqlite_url, server.url, DATABASE, now=utc_now(), blocks=60)
    with pymongo.MongoClient[dict[str, Any]](server.url) as client:
        for user, password in PASSWORDS.items():
            client.get_database(DATABASE).command("createUser", user, pwd=password, roles=ROLES[user])
    server.stop()
    key = tmp_path / "key"
    key.write_text("k" * 64)
    key.chmod(0o600)
    argv = [str(program.path), "--dbpath", str(folder), "--bind_ip", "127.0.0.1", "--port", str(port)]
    argv += ["--nounixsocket", "--replSet", REPLICA_SET, "--auth", "--keyFile", str(key), "--quiet"]
    argv += ["--wiredTigerCacheSizeGB", "0.25", "--oplogSize", "64"]
    process = spawn(argv, log=tmp_path / "log", environment=program.environment())
    found = Guarded(port, sample)
    try:
        with pymongo.MongoClient[dict[str, Any]](found.url("reader"), serverSelectionTimeoutMS=60_000) as client:
            client.get_database(DATABASE).list_collection_names()  # waits for the primary
        yield found
    finally:
        stop(process)


def desk_of(guarded: Guarded, folder: Path, url: str) -> Desk:
    return Desk(folder, replace(guarded.sample, mongo_url=url))


def test_an_account_that_only_reads(guarded: Guarded, tmp_path: Path) -> None:
    """It plans, with set name and marker known; a run is refused before the first write, naming the role it lacks."""
    desk = desk_of(guarded, tmp_path / "desk", guarded.url("reader"))
    before = guarded.everything()
    inventory = desk.folder / "inventory" / "site.yml"
    marker = "{collection: modulestore.active_versions, filter: {}}"
    expect = "{set_name: rollbook, marker: present}"
    (desk.folder / "inventory" / "marked.yml").write_text(
        inventory.read_text()
        .replace("environment: site", "environment: marked")
        .replace("selection_timeout: 1", f"selection_timeout: 1\n    marker: {marker}\n    expect: {expect}")
    )

    planned = desk.type("plan", *desk.naming())
    told = desk.type("doctor", "--env", "marked")
    run = desk.type(*desk.restoring())

    assert planned.returncode == 0, tell(planned)
    assert "set_name is rollbook, as expected" in told.stdout
    assert "marker is present, as expected" in told.stdout
    assert run.returncode == 4, tell(run)
    assert "may not write in edxapp" in run.stdout + run.stderr
    assert "readWrite" in run.stdout + run.stderr
    assert guarded.everything() == before


def test_an_account_that_reads_and_one_that_writes(guarded: Guarded, tmp_path: Path) -> None:
    """With `readWrite`, and with `read` for the probes where the inventory names it, a restore is carried out."""
    desk = desk_of(guarded, tmp_path / "desk", guarded.url("writer"))
    before = guarded.everything()

    run = desk.type(*desk.restoring())

    assert run.returncode == 0, tell(run)
    assert guarded.everything() != before


def test_accounts_that_are_refused(guarded: Guarded, tmp_path: Path) -> None:
    """A wrong password, no account and one without a right are told apart, with no password in any of it."""
    wrong = "völlig falsch"
    cases = {
        guarded.url("writer", wrong): "the account was refused",
        guarded.url(): "the server asks for an account, and none is named",
        guarded.url("nobody"): "the account lacks a right",
    }
    for number, (url, says) in enumerate(cases.items()):
        desk = desk_of(guarded, tmp_path / f"desk{number}", url)
        planned = desk.type("plan", *desk.naming())
        everything = " ".join((planned.stdout + planned.stderr).split())
        assert planned.returncode not in (0, 70), tell(planned)
        assert says in everything
        for secret in (wrong, quote(wrong), *PASSWORDS.values()):
            assert secret not in everything


def test_no_account_is_no_right_to_write(guarded: Guarded, tmp_path: Path) -> None:
    """A server with --auth answers `hello` to anybody; that is not taken for a right to write."""
    desk = desk_of(guarded, tmp_path / "desk", guarded.url())

    told = desk.type("doctor", "--env", "site")

    assert "the server asks for an account, and none is named" in " ".join(told.stdout.split())
    assert told.returncode != 0
