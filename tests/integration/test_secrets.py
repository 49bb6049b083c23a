"""A ledger's password is in nobody's file and in nobody's terminal."""

import base64
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import sqlalchemy as sa

from rollbook.demo.process import free_port
from rollbook.demo.sample import Sample

from .desk import Desk, tell

pytestmark = pytest.mark.server

PASSWORD = "Tr0ub4dor&3 s/@:%25"


@pytest.fixture
def account(mariadb_url: str) -> Iterator[sa.URL]:
    """Make an account with a password that has to be escaped in a URL."""
    engine = sa.create_engine(mariadb_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as admin:
        admin.execute(sa.text("CREATE USER restorer@'%' IDENTIFIED BY :password"), {"password": PASSWORD})
        admin.exec_driver_sql("GRANT SELECT, INSERT, UPDATE ON *.* TO restorer@'%%'")
        yield sa.make_url(mariadb_url).set(username="restorer", password=PASSWORD)
        admin.exec_driver_sql("DROP USER restorer@'%%'")
    engine.dispose()


def forms() -> tuple[bytes, ...]:
    """Give the password as it might slip out."""
    raw = PASSWORD.encode()
    return (raw, quote(PASSWORD, safe="").encode(), base64.b64encode(raw), PASSWORD.encode("unicode_escape"))


def assert_kept(desk: Desk, *texts: str) -> None:
    """The password stands in no file below `.rollbook` and in none of *texts*."""
    files = [path for path in (desk.folder / ".rollbook").rglob("*") if path.is_file()]
    assert files
    contents = {str(path): path.read_bytes() for path in files}
    contents |= {f"text {number}": text.encode() for number, text in enumerate(texts)}
    assert not [name for name, content in contents.items() if any(form in content for form in forms())]


def url_of(account: sa.URL) -> str:
    """Write the address out, with the password."""
    return account.render_as_string(hide_password=False)


@pytest.mark.parametrize("ledger_url", ["mariadb"], indirect=True)
def test_after_runs(sample: Sample, account: sa.URL, tmp_path: Path) -> None:
    """After a plan, a run, a report and an undo, also where the platform's own command prints it, nothing holds it."""
    desk = Desk(tmp_path / "desk", sample, url_of(account.set(database=sa.make_url(sample.sql_url).database)))
    program = desk.folder / "edx-platform" / "manage.py"
    program.write_text(program.read_text().replace("case", 'echo "connecting to $ROLLBOOK_TEST_LEDGER_URL"\ncase', 1))

    (desk.folder / ".rollbook").mkdir()
    done = [
        desk.type("plan", *desk.naming(), "--out", ".rollbook/plan.json"),
        desk.type(*desk.restoring()),
        desk.type("report", "last", "--format", "json"),
        desk.type("undo", "last", "--yes"),
    ]

    assert [one.returncode for one in done] == [0, 0, 0, 0], "\n".join(map(tell, done))
    assert "connecting to" in done[1].stdout
    assert_kept(desk, *(one.stdout + one.stderr for one in done))


@pytest.mark.parametrize("ledger_url", ["mariadb"], indirect=True)
def test_in_errors(sample: Sample, account: sa.URL, tmp_path: Path) -> None:
    """Neither a server that is down, nor one that refuses the account, nor a traceback tells it."""
    name = sa.make_url(sample.sql_url).database
    desk = Desk(tmp_path / "desk", sample, url_of(account.set(database=name)))
    assert desk.without("look").type(*desk.without("look").restoring()).returncode == 3
    wrong = {
        "down": url_of(account.set(database=name, port=free_port())),
        "refused": url_of(account.set(database=name, username="nobody_else")),
        "no database": url_of(account.set(database="not_there")),
    }

    texts = []
    for address in wrong.values():
        elsewhere = Desk(desk.folder, sample, address)
        for words in (("resume", "last", "--yes"), ("plan", *elsewhere.naming(), "--debug")):
            done = elsewhere.type(*words)
            assert done.returncode != 0, tell(done)
            texts.append(done.stdout + done.stderr)

    assert_kept(desk, *texts)
