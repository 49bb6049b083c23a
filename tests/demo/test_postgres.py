"""A PostgreSQL is had with and without an installed one, and says what it lacks."""

import shutil
from pathlib import Path

import psycopg
import pytest

from rollbook.demo import postgres_programs
from rollbook.demo.errors import DemoError
from rollbook.demo.postgres import PostgresFolder
from rollbook.demo.postgres_programs import CHOICE, find_postgres

PROGRAMS = ("initdb", "postgres", "pg_dump", "pg_restore", "psql")


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """Make a folder that looks like an installation."""
    folder = tmp_path / "installed" / "bin"
    folder.mkdir(parents=True)
    for name in PROGRAMS:
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    return folder


def test_the_chosen_programs_come_first(installed: Path) -> None:
    """The folder that the user names is taken, whatever else there is."""
    assert find_postgres({"PATH": "/usr/bin", CHOICE: str(installed)}) == installed


def test_a_choice_that_lacks_a_program_is_told(installed: Path) -> None:
    """The error names the variable and what is missing."""
    (installed / "pg_dump").unlink()

    with pytest.raises(DemoError, match=rf"{CHOICE}.*no pg_dump"):
        find_postgres({"PATH": "", CHOICE: str(installed)})


def test_a_link_on_path_leads_to_the_others(installed: Path, tmp_path: Path) -> None:
    """Where only one program is linked into PATH, its folder is taken."""
    (tmp_path / "postgres").symlink_to(installed / "postgres")

    assert find_postgres({"PATH": str(tmp_path)}) == installed


def test_machines_without_any_are_told_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no wheel runs, the error says what to install and which variable helps."""
    monkeypatch.setattr(postgres_programs, "_installed", lambda _: iter(()))
    monkeypatch.setattr(postgres_programs.platform, "machine", lambda: "riscv64")

    with pytest.raises(DemoError, match="apt-get install postgresql") as caught:
        find_postgres({"PATH": "", "ROLLBOOK_CACHE": str(tmp_path)})

    assert CHOICE in str(caught.value)


@pytest.mark.server
def test_the_downloaded_one_keeps_its_rows(server_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an installed PostgreSQL the wheel's runs, as root or not, and a folder may be used again."""
    monkeypatch.setattr(postgres_programs, "_installed", lambda _: iter(()))
    folder = server_folder / "downloaded"
    folder.mkdir(mode=0o700)
    cluster = PostgresFolder(folder / "postgres", find_postgres({"ROLLBOOK_CACHE": str(folder / "cache")}))
    cluster.create()
    server = cluster.start()
    with psycopg.connect(server.superuser_url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS n")
    server.stop()

    again = PostgresFolder(folder / "postgres", cluster.programs).start()

    with psycopg.connect(again.superuser_url) as connection:
        assert connection.execute("SELECT n FROM kept").fetchone() == (1,)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(again.url("postgres", "not-it", "postgres"))
    again.stop()
    if (folder / "postgres").is_symlink():
        shutil.rmtree((folder / "postgres").readlink())
