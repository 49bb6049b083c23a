"""The other ways of getting a migration's rows back, typed as an operator types them, on one site that is made once."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import boto3
import psycopg
import pytest
from actions.conftest import Machine
from actions.django.evolving import Evolving, environment_of
from servers import SqlServer, _program

from .board import database
from .estate import APP, DROPPED, DROPS, FIRST, MADE, TOKEN, TOKENED, Estate, Place

pytestmark = pytest.mark.server

BOARD = "rb_paths"
STALE = "INSERT INTO django_content_type (id, app_label, model) VALUES (77, 'board', 'note')"
IRREVERSIBLE = """\
migrations.DeleteModel("Note"),
migrations.RunPython(forth),
migrations.RemoveField("page", "rank"),
"""
SECRETLY = """
def forth(apps, editor):
    editor.execute("ALTER TABLE board_page DROP COLUMN motto")
"""
S3_SECRET = "a secret that is long enough"


@dataclass(frozen=True)
class Site:
    """An environment of its own, at the point before the migration, in an operator's folder."""

    estate: Estate
    code: Evolving
    server: str

    @property
    def place(self) -> Place:
        return self.estate.places["test"]

    def execute(self, *statements: str, database: str = "postgres") -> None:
        with psycopg.connect(f"{self.server}{database}".replace("+psycopg", ""), autocommit=True) as session:
            for statement in statements:
                session.execute(statement.encode())

    def migrate(self) -> None:
        """Destroy what there is to destroy."""
        self.code.migrate(APP, "-v", "0")

    def dump(self, *words: str, to: Path) -> Path:
        """Dump the database as others do."""
        url = self.place.url.replace("+psycopg", "")
        subprocess.run([_program("pg_dump"), *words, "-f", str(to), url], check=True)
        return to

    def protect(self, **inputs: str) -> str:
        code, said = self.estate.run("runbook", "protect-migration", "test", app=APP, **inputs)
        assert code == 0, said
        return said

    def recover(self, **inputs: str) -> tuple[int, str]:
        return self.estate.run("runbook", "recover-migration-data", "test", **{"app": APP, "to": "0001", **inputs})

    def rewrite(self, operations: str, name: str = DROPS, code: str = "") -> None:
        """Have another migration that destroys, or one before it."""
        (self.code.folder / APP / "migrations" / f"{DROPS}.py").unlink(missing_ok=True)
        self.code.migration(APP, name, operations, code=code)

    def undo(self) -> None:
        code, said = self.estate.type("undo", self.estate.last().id, "--yes")
        assert code == 0, said

    def everything(self) -> object:
        """Give what must not change where something is refused."""
        return self.place.contents(), self.place.rows("SELECT app, name FROM django_migrations ORDER BY id")

    def beside(self) -> list[object]:
        """Name the databases that runs made."""
        return [
            name for (name,) in self.place.rows("SELECT datname FROM pg_database WHERE datname LIKE '%\\_rb%\\_20%'")
        ]

    def snapshot(self) -> Path:
        (found,) = (self.estate.folder / "snapshots").iterdir()
        return found

    def add(self, text: str) -> None:
        """Write more into the inventory: variables, or targets at its end."""
        path = self.estate.folder / "inventory" / "test.yml"
        before, mark, after = path.read_text().partition("targets:\n")
        path.write_text(
            before + text + mark + after if not text.startswith("  backups") else before + mark + after + text
        )


@pytest.fixture(scope="module")
def made(postgres_server: SqlServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evolving]:
    """Make the site once, with rows; every test has a copy of it."""
    with database(postgres_server.url, BOARD) as url:
        code = Evolving(tmp_path_factory.mktemp("board"), environment_of(url), Machine(None))  # type: ignore[arg-type]  # it only migrates
        code.write(APP)
        code.migration(APP, FIRST, MADE)
        code.migrate("-v", "0")
        place = Place("made", url)
        place.fill()
        with psycopg.connect(url.replace("+psycopg", "")) as session:
            session.execute("SELECT setval('board_note_id_seq', 50)")
            session.execute(STALE.encode())
        yield code


@pytest.fixture
def site(made: Evolving, postgres_server: SqlServer, tmp_path: Path) -> Iterator[Site]:
    """Give a copy of the site, whose code has the migration that destroys."""
    name = f"{BOARD}_site"
    with database(postgres_server.url, name) as url:
        estate = Estate(tmp_path)
        estate.addresses["test"] = "http://127.0.0.1:1"
        code = Evolving(tmp_path / "code", environment_of(url), made.machine)
        shutil.copytree(made.folder, code.folder)
        found = Site(estate, code, postgres_server.url)
        found.execute(f"DROP DATABASE {name}", f"CREATE DATABASE {name} TEMPLATE {BOARD}")
        estate.add(Place("test", url), code)
        path = tmp_path / "inventory" / "test.yml"
        path.write_text(re.sub(r"  smoke_checks: .*\n", "", path.read_text()))
        found.add(f"  backup_folder: {tmp_path}/backups\n")
        code.migration(APP, DROPS, DROPPED)
        yield found
        # A run that was refused on the way keeps what it works with until it goes on, is undone or given up.
        found.execute(*(f'DROP DATABASE "{kept}"' for kept in found.beside()))


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Make two keys, the right one and a wrong one, as variables; a snapshot is sealed for the right one's recipient."""
    if shutil.which("age") is None and os.environ.get("ROLLBOOK_REQUIRE_SERVERS") != "1":
        pytest.skip("there is no age on this machine")
    right, wrong = [subprocess.run(["age-keygen"], capture_output=True, text=True, check=True).stdout for _ in range(2)]
    found = {"RIGHT": right.splitlines()[-1], "WRONG": wrong.splitlines()[-1], "S3_SECRET": S3_SECRET}
    for name, value in found.items():
        monkeypatch.setenv(name, value)
    return {**found, "recipient": re.findall(r"public key: (\S+)", right)[0]}


def in_store(site: Site, endpoint: str, recipient: str) -> None:
    """Have snapshots sealed for *recipient*, with a copy in a bucket."""
    keyed = {"region_name": "us-east-1", "aws_access_key_id": "key", "aws_secret_access_key": S3_SECRET}
    boto3.client("s3", endpoint_url=endpoint, **keyed).create_bucket(Bucket="paths")
    site.add(f"  encrypt_to: {recipient}\n")
    site.add(
        f"  backups: {{kind: s3, bucket: paths, prefix: board/, endpoint_url: '{endpoint}', region: us-east-1, "
        "access_key: key, secret_key: {secret: 'env:S3_SECRET'}, addressing: path}\n"
    )


def flip(path: Path) -> None:
    """Flip a bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.timeout(300)
def test_where_nobody_protected_a_file_of_others_gives_the_rows_back(site: Site) -> None:
    """Every row and content type is back under its id, where only an operator knows what the way back left: asked; undone."""
    site.rewrite(TOKENED, "0002_t", TOKEN)
    site.migrate()
    site.execute("UPDATE board_page SET token = 't' || id", database=site.code.environment["SITE_NAME"])
    site.rewrite(f'{DROPPED}migrations.RemoveField("page", "token"),', "0003_drop")
    before = site.place.contents()
    dumped = site.dump(to=site.estate.folder / "board.sql")
    site.migrate()
    site.execute("DELETE FROM django_content_type WHERE id = 77", database=site.code.environment["SITE_NAME"])
    gone = site.place.contents()

    code, asked = site.recover(backup=str(dumped), to="0002")
    (scratch,) = site.beside()
    report = (site.estate.folder / ".rollbook" / "runs" / site.estate.last().id / "report.md").read_text()
    ended, said = site.estate.type("resume", "last", "--answer=told=board_page.token=made", "--yes")

    assert code == 3, asked
    assert "SELECT DISTINCT token FROM board_page" in " ".join(asked.split())
    assert re.search(rf"kept +{scratch} \(made by restore\)", asked)
    assert f"{scratch}, which step restore made beside the live database of test, is still there" in report
    assert ended == 0, said
    assert site.beside() == []
    assert site.place.contents() == before
    told = site.place.rows("SELECT pg_get_serial_sequence('board_note', 'id'), nextval('board_note_id_seq')")
    assert told == [("public.board_note_id_seq", 51)]
    assert site.place.rows("SELECT model FROM django_content_type WHERE id = 77") == [("note",)]
    site.undo()  # it is restored once more, to compare with
    assert site.place.contents() == gone


@pytest.mark.timeout(300)
def test_what_is_stored_and_sealed_comes_back_and_what_has_nothing_to_give_is_refused(
    site: Site, moto: str, keys: dict[str, str]
) -> None:
    """Each refusal says why while the database is as it was; what is on this machine no more is fetched and opened."""
    folder, empty = site.estate.folder, f"{BOARD}_empty"
    in_store(site, moto, keys["recipient"])
    before = site.place.contents()
    site.protect(whole_backup="yes", still_used="refuse")
    (whole,) = (folder / "backups").iterdir()
    stored, flipped = site.snapshot().name, folder / "flipped"
    (folder / "snapshots").rename(folder / "away")
    shutil.copytree(folder / "away" / stored, flipped)
    flip(next(flipped.glob("rows/*2.gz*")))
    site.migrate()
    site.execute(f"DROP DATABASE IF EXISTS {empty}", f"CREATE DATABASE {empty}")
    gone = site.everything()
    cases: tuple[tuple[dict[str, str], str], ...] = (
        ({"source": empty}, "has no board_note, board_page.motto, board_page.rank"),
        ({"backup": str(whole), "only": "board_page.shape"}, "has no board_page.shape"),
        ({"snapshot": str(flipped), "unlock": "env:RIGHT"}, "rows/0002.gz"),
        ({"stored": stored, "unlock": "env:WRONG"}, "could not be opened"),
        ({"source": BOARD, "backwards": "leave"}, "Nobody has migrated back: the database has board.0002_drop"),
    )
    for given, words in cases:
        code, said = site.recover(**given)
        assert code != 0, said
        assert words in " ".join(said.split()), said
        assert site.everything() == gone

    code, said = site.recover(stored=stored, unlock="env:RIGHT")

    assert code == 0, said
    assert site.place.contents() == before
    told = subprocess.run(["grep", "-rl", keys["RIGHT"], str(folder)], capture_output=True, check=False)
    assert told.stdout == b""
    site.execute(f"DROP DATABASE {empty}")


@pytest.mark.timeout(300)
def test_only_what_goes_back_comes_back_and_what_was_written_since_is_saved(site: Site) -> None:
    """What a migration destroyed that stays applied stays away; what the way back takes is asked about, and kept."""
    first, second = 'migrations.RemoveField("page", "rank"),', 'migrations.DeleteModel("Note"),'
    site.rewrite(first, "0002_drop")
    site.code.migration(
        APP, "0003_more", second + 'migrations.AddField("page", "mark", models.IntegerField(default=1)),'
    )
    notes = site.place.contents()["board_note"]
    site.protect()
    site.migrate()
    site.execute("UPDATE board_page SET mark = 7 WHERE id < 4", database=site.code.environment["SITE_NAME"])
    gone = site.place.contents()

    code, asked = site.recover(to="0002")
    untouched = site.place.contents()
    ended, said = site.estate.type("resume", "last", "--answer=since_gone=yes", "--yes")
    (kept,) = site.estate.folder.glob(".rollbook/runs/*/written-since/*/manifest.json")

    assert (code, untouched) == (3, gone), asked
    assert "board_page.mark 20 of 20 rows have a value, 3 another than 1" in " ".join(asked.split())
    assert ended == 0, said
    assert site.place.contents()["board_note"] == notes
    assert site.place.rows("SELECT * FROM board_page WHERE id = 1") == [(1, "page 1", "motto 1")]
    assert json.loads(kept.read_text())["tables"][-1]["doomed"] == ["mark"]


@pytest.mark.timeout(300)
def test_snapshots_that_nobody_needs_are_purged_wherever_they_lie(site: Site) -> None:
    """One goes, and its run says so; one that a run loads which is not over stays."""
    site.protect()
    old, protected = site.snapshot(), site.estate.last().id
    _, told = site.estate.type("runs", "--purge=0d", "--yes")
    assert not old.exists(), told
    site.code.migration(APP, "0003_more", 'migrations.AddField("page", "mark", models.IntegerField(default=1)),')
    site.protect()
    site.migrate()
    site.execute("UPDATE board_page SET mark = 7", database=site.code.environment["SITE_NAME"])
    code, said = site.recover()
    assert code == 3, said

    _, told = site.estate.type("runs", "--purge=0d", "--yes")

    assert re.search(rf"{site.snapshot().name}  stays: run \S+ is not over", told)
    journal = site.estate.folder / ".rollbook" / "runs" / protected / "journal.jsonl"
    assert f"People's data of this run was deleted: {old.name}" in journal.read_text()


@pytest.mark.timeout(300)
def test_a_snapshot_from_before_another_migration_is_refused(site: Site) -> None:
    """One that lacks what the migrations that are taken back destroyed is refused while everything is as it is."""
    site.protect(to=DROPS)
    site.code.migration(APP, "0003_more", 'migrations.RemoveField("page", "title"),')
    site.migrate()
    gone = site.everything()

    code, said = site.recover()

    assert code == 4, said
    assert "has no board_page.title: it cannot give that back" in " ".join(said.split())
    assert site.everything() == gone


def test_where_nothing_is_to_be_taken_back_nothing_is_loaded(site: Site) -> None:
    """Before the migration, and after all of it came back, that is said; the database and its server stay as they are."""
    site.protect()
    before = site.everything()

    code, said = site.recover()

    assert code == 1, said
    assert "No migration of board after 0001 is applied in test: there is nothing to take back." in " ".join(
        said.split()
    )
    assert (site.everything(), site.beside()) == (before, [])


def test_a_site_that_does_not_answer_is_refused(site: Site) -> None:
    """A manage.py that is not there, and settings that do not load, are told as that; nothing is written."""
    before = site.everything()
    path = site.code.folder / "manage.py"
    text = path.read_text()
    for break_it, words in (
        (lambda: path.write_text(text.replace('"settings"', '"nowhere.settings"')), "Its settings do not load"),
        (path.unlink, "There is no manage.py"),
    ):
        break_it()

        code, said = site.estate.run("runbook", "protect-migration", "test", app=APP)

        assert code != 0, said
        assert words in " ".join(said.split()), said
        assert site.everything() == before
        assert not (site.estate.folder / "snapshots").exists()


@pytest.mark.timeout(300)
def test_what_nobody_says_is_seen_on_a_copy_and_what_django_cannot_reverse_is_only_noted(site: Site) -> None:
    """What only the second opinion sees is agreed to and saved; the way back is refused, and with fake all comes back."""
    before = site.place.contents()
    site.rewrite(IRREVERSIBLE, code=SECRETLY)
    site.add("  shadow_variables: {SITE_NAME: database}\n")
    said = " ".join(site.protect(second_opinion="yes").split())
    assert "On a copy without rows it was otherwise: board_page.motto goes, and the operations do not say so" in said
    assert re.search("board_page.motto 20 of 20 rows have a value", said)
    site.migrate()
    gone = site.everything()
    code, said = site.recover()
    assert code == 4, said
    assert "cannot reverse: board.0002_drop: " in " ".join(said.split())
    assert site.everything() == gone

    code, said = site.recover(backwards="fake", snapshot=str(site.snapshot()))

    assert code == 0, said
    assert site.place.contents() == before


@pytest.mark.timeout(300)
def test_what_was_renamed_besides_is_asked_about_where_the_way_back_is_only_noted(site: Site) -> None:
    """Noting it leaves a renamed column as it is: it waits before anything is written, and once renamed back all comes."""
    before = site.place.contents()
    site.rewrite('migrations.DeleteModel("Note"),\nmigrations.RenameField("page", "title", "head"),')
    site.protect()
    site.migrate()
    gone = site.everything()

    waits, said = site.recover(backwards="fake")
    assert waits == 3, said
    assert "board_page.title. Where the way back is only noted" in " ".join(said.split())
    assert site.everything() == gone
    site.place.execute("ALTER TABLE board_page RENAME head TO title")
    code, said = site.estate.type("resume", site.estate.last().id, "--answer=renamed=yes", "--yes")

    assert code == 0, said
    assert site.place.contents() == before


@pytest.mark.timeout(300)
@pytest.mark.parametrize("way", ["backup", "source"])
def test_where_nobody_saved_ones_own_backup_and_a_clone_give_the_rows_back(site: Site, way: str) -> None:
    """Every row and value is as before, the clone is not touched, and an undo takes out what came."""
    before, clone = site.place.contents(), Place("clone", site.place.url.removesuffix("_site"))
    given = BOARD
    if way == "backup":
        site.protect(whole_backup="yes")
        shutil.rmtree(site.estate.folder / "snapshots")
        (whole,) = (site.estate.folder / "backups").iterdir()
        given = str(whole)
    site.migrate()
    gone = site.place.contents()

    code, said = site.recover(**{way: given})
    recovered = site.place.contents()
    site.place.execute("INSERT INTO board_note (id, text) VALUES (77, 'written since')")
    site.undo()
    undone, saved = site.place.contents(), next(site.estate.folder.glob("snapshots/before-undo/*/manifest.json"))
    site.undo()

    assert code == 0, said
    assert recovered == before
    assert undone == gone
    assert {one["table"]: one["rows"] for one in json.loads(saved.read_text())["tables"]}["board_note"] == 51
    again = site.place.contents()
    assert again["board_note"] == [
        *(before["board_note"] or []),
        *([(77, None, "written since")] if way == "backup" else []),
    ]
    assert again["board_page"] == before["board_page"]
    assert clone.contents() == before
    assert site.beside() == []
