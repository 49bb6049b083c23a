"""Snapshots that are sealed for a recipient: nothing of them is on disk in clear, and only the right key opens them."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from rollbook.errors import RefusedError, TargetError
from rollbook.targets import Redactor, SecretStore, TargetPool
from rollbook.targets.base import TargetSpec

from .conftest import BACKUP, LIVE, Taken
from .snapshots import load, save, use

pytestmark = pytest.mark.server
SITE = """
    CREATE TABLE posts (id integer PRIMARY KEY, body text);
    INSERT INTO posts SELECT i, 'a very private text ' || i FROM generate_series(1, 5000) i;
"""


@dataclass(frozen=True, slots=True)
class Key:
    """Whom to seal for, and what opens it."""

    recipient: str
    identity: str


def _needed(program: str) -> None:
    if shutil.which(program) is None:
        if os.environ.get("ROLLBOOK_REQUIRE_SERVERS") == "1":
            pytest.fail(f"{program} is required", pytrace=False)
        pytest.skip(f"there is no {program} on this machine")


@pytest.fixture(params=["age", "gpg"])
def key(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Key]:
    """Make a throw-away key."""
    _needed(request.param)
    if request.param == "age":
        made = subprocess.run(["age-keygen"], capture_output=True, text=True, check=True).stdout
        yield Key(re.findall(r"public key: (\S+)", made)[0], made.splitlines()[-1])
        return
    home = tmp_path_factory.mktemp("gnupg")
    home.chmod(0o700)
    monkeypatch.setenv("GNUPGHOME", str(home))
    asked = ["--pinentry-mode", "loopback", "--passphrase", "a throw-away phrase", "--quick-gen-key", "ops@example.org"]
    subprocess.run(["gpg", "--batch", "--quiet", *asked], check=True, capture_output=True)
    yield Key("ops@example.org", "a throw-away phrase")
    # A test may have gone to another home; each has its agent.
    for place in {str(home), os.environ["GNUPGHOME"]}:
        subprocess.run(["gpgconf", "--homedir", place, "--kill", "all"], check=True)


@pytest.fixture
def sealing(taken: Taken, key: Key) -> Iterator[Taken]:
    """Give the databases, of a pool that knows the secrets env:KEY and env:OTHER."""
    redactor = Redactor()
    specs = {"local": TargetSpec("local", "local"), "db": TargetSpec("db", "postgres", {"url": f"{taken.url}{LIVE}"})}
    secrets = {"KEY": key.identity, "OTHER": "AGE-SECRET-KEY-NO-SUCH-THING"}
    found = Taken(taken.url, TargetPool(specs, SecretStore(secrets, redactor), redactor), taken.folder)
    found.both(SITE)
    yield found
    found.pool.close()


def test_it_is_sealed_and_opened_again(sealing: Taken, key: Key, tmp_path: Path) -> None:
    """What comes back is what was saved, and no file but the manifest can be read without the key."""
    path = save(sealing, tmp_path, tables=["posts"], encrypt_to=key.recipient)
    sealing.execute("DROP TABLE posts")

    database = load(sealing, path, unlock={"secret": "env:KEY"})
    sealing.carry_out(*sealing.plan(sealing.recover(source=database)).ops)

    assert sealing.rows("TABLE posts ORDER BY id") == sealing.rows("TABLE posts ORDER BY id", BACKUP)
    ending = ".age" if key.recipient.startswith("age1") else ".gpg"
    files = [file for file in Path(path).rglob("*") if file.is_file()]
    assert all(file.name.endswith(ending) for file in files if file.name != "manifest.json")
    sealing.drop(database)


def test_the_wrong_key_opens_nothing(sealing: Taken, key: Key, tmp_path: Path) -> None:
    """The error is the program's own, and the key is in it nowhere."""
    path = save(sealing, tmp_path, tables=["posts"], encrypt_to=key.recipient)
    subprocess.run(["gpgconf", "--kill", "gpg-agent"], check=True)

    with pytest.raises(TargetError, match="could not be opened") as raised:
        load(sealing, path, unlock={"secret": "env:OTHER"})

    assert key.identity not in str(raised.value)
    assert "NO-SUCH-THING" not in str(raised.value)


def test_without_a_key_its_files_are_compared(
    sealing: Taken, key: Key, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A check needs no key to find a damaged file, also where gpg has none by itself; loading does."""
    path = save(sealing, tmp_path, tables=["posts"], encrypt_to=key.recipient)
    (tmp_path / "nobody").mkdir(0o700)
    monkeypatch.setenv("GNUPGHOME", str(tmp_path / "nobody"))
    check = use("sql.snapshot_check", snapshot=path)

    whole = check.probe(sealing.read)
    with pytest.raises(RefusedError, match=r"is sealed for a key of (age|gpg)"):
        load(sealing, path)
    file = next((Path(path) / "rows").iterdir())
    file.write_bytes(file.read_bytes() + b"!")
    damaged = check.probe(sealing.read)

    assert (whole.problems, whole.opened, whole.rows) == ((), False, 5000)
    assert "bytes, and" in check.refusal(damaged)
    with pytest.raises(RefusedError, match="is not loaded"):
        load(sealing, path)


def test_a_recipient_that_is_none_is_an_error(sealing: Taken, key: Key, tmp_path: Path) -> None:
    """Nothing is left under the snapshot's name."""
    nobody = "age1nobody" if key.recipient.startswith("age1") else "nobody@example.org"

    with pytest.raises(TargetError, match=f"could not be sealed for {nobody}"):
        save(sealing, tmp_path, tables=["posts"], encrypt_to=nobody)

    assert [one.name for one in tmp_path.iterdir() if not one.name.startswith(".")] == []


def test_a_snapshot_that_fails_leaves_nothing(taken: Taken, tmp_path: Path) -> None:
    """Half of it would hold people's data where nobody looks for it, perhaps on a full disk."""
    _needed("gpg")
    taken.both(SITE)

    with pytest.raises(TargetError, match="could not be sealed"):
        save(taken, tmp_path / "kept", tables=["posts"], encrypt_to="nobody@example.org")

    assert list((tmp_path / "kept").iterdir()) == []
