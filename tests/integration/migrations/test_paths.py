"""The other ways of getting a migration's rows back, typed as an operator types them, on one site that is made once."""

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
from .estate import APP, DROPPED, DROPS, FIRST, MADE, Estate, Place

pytestmark = pytest.mark.server

BOARD = "rb_paths"
STALE = "INSERT INTO django_content_type (id, app_label, model) VALUES (77, 'board', 'note')"
IRREVERSIBLE = """\
migrations.DeleteModel("Note"),
migrations.RunSQL("ALTER TABLE board_page DROP COLUMN motto", state_operations=[migrations.RemoveField("page", "motto")]),
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
        return self.estate.run("runbook", "recover-migration-data", "test", app=APP, to="0001", **inputs)

    def undo(self) -> None:
        code, said = self.estate.type("undo", self.estate.last().id, "--yes")
        assert code == 0, said

    def everything(self) -> object:
        """Give what must not change where something is refused."""
        return self.place.contents(), self.place.rows("SELECT app, name FROM django_migrations ORDER BY id")

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


@pytest.mark.timeout(300)
@pytest.mark.parametrize("way", ["plain SQL", "whole backup", "clone"])
def test_where_nobody_protected_another_copy_gives_the_rows_back(site: Site, way: str) -> None:
    """A file of others, a backup and a database beside live give every row back under its id; an undo takes them out."""
    before, clone = site.place.contents(), f"{BOARD}_clone"
    given = {"source": clone}
    if way == "plain SQL":
        given = {"backup": str(site.dump(to=site.estate.folder / "board.sql"))}
    elif way == "whole backup":
        site.protect(whole_backup="yes", still_used="refuse")
        given = {"backup": str(next((site.estate.folder / "backups").iterdir()))}
        shutil.rmtree(site.estate.folder / "snapshots")
    else:
        site.execute(f"DROP DATABASE IF EXISTS {clone}", f"CREATE DATABASE {clone} TEMPLATE {BOARD}")
    site.migrate()
    site.execute("DELETE FROM django_content_type WHERE id = 77", database=site.code.environment["SITE_NAME"])
    gone = site.place.contents()

    code, said = site.recover(**given)

    assert code == 0, said
    assert site.place.contents() == before
    told = site.place.rows("SELECT pg_get_serial_sequence('board_note', 'id'), nextval('board_note_id_seq')")
    assert told == [("public.board_note_id_seq", 51)]
    assert site.place.rows("SELECT model FROM django_content_type WHERE id = 77") == [("note",)]
    site.execute(f"DROP DATABASE IF EXISTS {clone}")
    if way == "plain SQL":  # it is restored once more, to compare with
        site.undo()
        assert site.place.contents() == gone


@pytest.mark.timeout(300)
def test_what_has_nothing_to_give_is_refused_before_anything_is_done(site: Site) -> None:
    """Each refusal says what is wrong, and the database is as it was: nothing is migrated back first."""
    site.protect()
    good, folder = site.snapshot(), site.estate.folder
    flipped, other, strange = folder / "flipped", folder / "other", folder / "strange"
    for copy in (flipped, other, strange):
        shutil.copytree(good, copy)
    rows = next(flipped.glob("rows/*2.gz"))
    content = bytearray(rows.read_bytes())
    content[len(content) // 2] ^= 1
    rows.write_bytes(content)
    told = (good / "manifest.json").read_text()
    (other / "manifest.json").write_text(told.replace('"environment": "test"', '"environment": "prod"').replace('"environment":"test"', '"environment":"prod"'))  # fmt: skip
    name = site.code.environment["SITE_NAME"]
    (strange / "manifest.json").write_text(told.replace(f'"{name}"', '"shop"'))
    site.migrate()
    after, empty = site.dump("-Fc", to=folder / "after.dump"), f"{BOARD}_empty"
    site.execute(f"DROP DATABASE IF EXISTS {empty}", f"CREATE DATABASE {empty}")
    cases: tuple[tuple[dict[str, str], str], ...] = (
        ({"source": "nowhere"}, "has no database nowhere"),
        ({"source": empty}, "has no board_note, board_page.motto, board_page.rank"),
        ({"backup": str(after)}, "has no board_note, board_page.motto, board_page.rank"),
        ({"snapshot": str(flipped)}, "rows/0002.gz"),
        ({"snapshot": str(other)}, "prod"),
        ({"snapshot": str(strange)}, "shop"),
        ({"backwards": "leave"}, "Nobody has migrated back: the database has board.0002_drop"),
        ({"source": BOARD, "snapshot": str(good)}, "Give one of"),
    )
    before = site.everything()

    for given, words in cases:
        code, said = site.recover(**given)

        assert code != 0, said
        assert words in " ".join(said.split()), said
        assert site.everything() == before

    site.execute(f"DROP DATABASE {empty}")


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
def test_what_django_cannot_reverse_is_only_noted(site: Site) -> None:
    """It is refused before anything is undone; with fake the tables come from the snapshot, and an undo notes it again."""
    before = site.place.contents()
    (site.code.folder / APP / "migrations" / f"{DROPS}.py").unlink()
    site.code.migration(APP, DROPS, IRREVERSIBLE)
    site.protect()
    site.migrate()
    gone = site.everything()
    code, said = site.recover()
    assert code == 4, said
    assert "cannot reverse: board.0002_drop: Raw SQL operation" in " ".join(said.split())
    assert site.everything() == gone

    code, said = site.recover(backwards="fake", snapshot=str(site.snapshot()))

    assert code == 0, said
    assert site.place.contents() == before
    site.undo()
    assert site.place.contents() == gone[0]  # type: ignore[index]  # a pair
    assert ("board", DROPS) in site.place.rows("SELECT app, name FROM django_migrations")


@pytest.mark.timeout(300)
def test_what_only_a_copy_loses_is_shown_agreed_to_and_saved(site: Site) -> None:
    """Code that drops a column where nobody looks is found out by the second opinion, and its values are saved."""
    before = site.place.contents()
    (site.code.folder / APP / "migrations" / f"{DROPS}.py").unlink()
    site.code.migration(APP, DROPS, "migrations.RunPython(forth, migrations.RunPython.noop)", code=SECRETLY)
    site.add("  shadow_variables: {SITE_NAME: database}\n")

    said = " ".join(site.protect(second_opinion="yes").split())

    assert "On a copy without rows it was otherwise: board_page.motto goes, and the operations do not say so" in said
    assert re.search("board_page.motto 20 of 20 rows have a value", said)
    site.migrate()
    code, told = site.recover(backwards="fake")
    assert code == 0, told
    assert site.place.contents() == before


@pytest.mark.timeout(300)
def test_a_sealed_copy_comes_back_out_of_the_store(site: Site, moto: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A snapshot that is on this machine no more is fetched, and opened with the right key alone."""
    if shutil.which("age") is None and os.environ.get("ROLLBOOK_REQUIRE_SERVERS") != "1":
        pytest.skip("there is no age on this machine")
    keys = [subprocess.run(["age-keygen"], capture_output=True, text=True, check=True).stdout for _ in range(2)]
    recipient = re.findall(r"public key: (\S+)", keys[0])[0]
    keyed = {"region_name": "us-east-1", "aws_access_key_id": "key", "aws_secret_access_key": S3_SECRET}
    boto3.client("s3", endpoint_url=moto, **keyed).create_bucket(Bucket="paths")
    site.add(f"  encrypt_to: {recipient}\n")
    site.add(
        f"  backups: {{kind: s3, bucket: paths, prefix: board/, endpoint_url: '{moto}', region: us-east-1, "
        "access_key: key, secret_key: {secret: 'env:S3_SECRET'}, addressing: path}\n"
    )
    for name, value in (
        ("S3_SECRET", S3_SECRET),
        ("RIGHT", keys[0].splitlines()[-1]),
        ("WRONG", keys[1].splitlines()[-1]),
    ):
        monkeypatch.setenv(name, value)
    before = site.place.contents()
    site.protect()
    stored = site.snapshot().name
    shutil.rmtree(site.estate.folder / "snapshots")
    site.migrate()
    gone = site.everything()
    for given, words in (({}, "unlock"), ({"unlock": "env:WRONG"}, "could not be opened")):
        code, said = site.recover(stored=stored, **given)
        assert code != 0, said
        assert words in " ".join(said.split()), said
        assert site.everything() == gone

    code, said = site.recover(stored=stored, unlock="env:RIGHT")

    assert code == 0, said
    assert site.place.contents() == before
    kept = subprocess.run(
        ["grep", "-rl", keys[0].splitlines()[-1], str(site.estate.folder)], capture_output=True, check=False
    )
    assert kept.stdout == b""
