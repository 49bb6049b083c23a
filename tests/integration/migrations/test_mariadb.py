"""A destructive migration on MariaDB, typed as an operator types it: forth, back, and as if it had never been."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from servers import SqlServer

from .board import APP, GONE, MIGRATE, PROTECT, RECOVER, Board, Desk, database, page

pytestmark = pytest.mark.server


def test_what_a_migration_took_comes_back(mariadb_server: SqlServer, tmp_path: Path) -> None:
    """Every row, value, key and definition is as before, dump against dump; once more changes nothing; an undo takes it out."""
    with database(mariadb_server.url, "rb_forth") as url, Board(tmp_path, url).opened() as board, page() as address:
        board.build(3)
        desk, before, dump = Desk(tmp_path / "desk", board, address), board.contents(), board.dump()

        said = desk.does(*MIGRATE)
        migrated = board.contents()
        desk.does(*RECOVER)
        recovered, first = (board.contents(), board.dump()), desk.last()
        desk.does(*RECOVER, "--set=backwards=leave")
        again, second = board.contents(), desk.last()
        board.execute("INSERT INTO board_note (text) VALUES ('new')")
        (newest,) = board.rows("SELECT max(id), count(*) FROM board_note WHERE text = 'new'")
        board.execute("DELETE FROM board_note WHERE text = 'new'")
        desk.does("undo", second.id, "--yes")
        desk.does("undo", first.id, "--yes")

        assert re.search("board_note +40 rows", said)
        assert re.search(r"board_kept\.version +40 of 40 rows have a value", said)
        assert not {*GONE} & {*migrated}
        assert recovered == (before, dump)
        assert again == before
        assert {step.address: step.status for step in second.steps}["recover"] == "ok"
        assert newest[0] > max(row["id"] for row in before["board_note"]["rows"])
        assert board.contents() == migrated
        assert board.beside() == []


@pytest.fixture(params=["age", "gpg"])
def recipient(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """Make a throw-away key, which the variable KEY opens; gives whom to seal for."""
    if shutil.which(request.param) is None and os.environ.get("ROLLBOOK_REQUIRE_SERVERS") != "1":
        pytest.skip(f"there is no {request.param} on this machine")
    if request.param == "age":
        made = subprocess.run(["age-keygen"], capture_output=True, text=True, check=True).stdout
        monkeypatch.setenv("KEY", made.splitlines()[-1])
        yield re.findall(r"public key: (\S+)", made)[0]
        return
    home = tmp_path_factory.mktemp("gnupg")
    home.chmod(0o700)
    monkeypatch.setenv("GNUPGHOME", str(home))
    monkeypatch.setenv("KEY", "a throw-away phrase")
    asked = ["--pinentry-mode", "loopback", "--passphrase", "a throw-away phrase", "--quick-gen-key", "ops@example.org"]
    subprocess.run(["gpg", "--batch", "--quiet", *asked], check=True, capture_output=True)
    yield "ops@example.org"
    subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=True)


def test_what_was_sealed_comes_back(mariadb_server: SqlServer, tmp_path: Path, recipient: str) -> None:
    """Without the key nothing is begun, with it all is back, and an undo opens it again; a purge leaves what one may need."""
    with database(mariadb_server.url, "rb_sealed") as url, Board(tmp_path, url).opened() as board:
        board.build(3)
        desk, before = Desk(tmp_path / "desk", board), board.contents()
        path = desk.folder / "inventory" / "board.yml"
        path.write_text(path.read_text().replace("vars:\n", f"vars:\n  encrypt_to: {recipient}\n"))
        unlock = "--set=unlock=env:KEY"

        desk.does(*PROTECT)
        saved = [file for file in (desk.folder / "snapshots").rglob("*") if file.is_file()]
        board.code.migrate(APP, "-v", "0")
        migrated = board.contents()
        if "GNUPGHOME" in os.environ:  # its agent would still know the phrase
            subprocess.run(["gpgconf", "--kill", "gpg-agent"], check=True)
        code, refused = desk.type(*RECOVER)
        untouched = board.contents()
        board.execute("DELETE FROM people_person WHERE id = (SELECT max(id) FROM (SELECT id FROM people_person) p)")
        alone = board.contents()
        desk.does(*RECOVER, unlock, "--answer=look=all")
        recovered, run = board.contents(), desk.last()
        desk.does("undo", run.id, "--yes")
        purged = desk.does("runs", "--purge", "0d", "--yes")

        assert {file.suffix for file in saved if file.name != "manifest.json"} == {
            ".age" if recipient.startswith("age1") else ".gpg"
        }
        assert not any(b"board_enabledflag" in file.read_bytes() for file in saved if file.name != "manifest.json")
        assert (code, untouched) == (4, migrated), refused
        assert recovered["board_note"] == before["board_note"]
        assert board.contents() == alone
        assert board.beside() == []
        assert "needs it" in " ".join(purged.split())
        assert (desk.runs.find(run.id).path / "recovered").exists()
