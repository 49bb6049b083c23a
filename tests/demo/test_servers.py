"""The servers of the tests are what they say they are."""

import subprocess

import pytest
import sqlalchemy as sa
from servers import SshServer

pytestmark = pytest.mark.server


def test_sshd_runs_commands(sshd: SshServer) -> None:
    """The sshd lets this user in with the throw-away key, and its host key is known."""
    options = ["-F", "none", "-o", f"UserKnownHostsFile={sshd.known_hosts}", "-o", "StrictHostKeyChecking=yes"]
    login = ["-o", "BatchMode=yes", "-i", str(sshd.key), "-p", str(sshd.port), f"{sshd.user}@{sshd.host}"]

    done = subprocess.run(["ssh", *options, *login, "echo $SHLVL"], capture_output=True, text=True, check=True)

    assert int(done.stdout) >= 5


def test_ledgers_are_what_they_are_called(mariadb_url: str, postgres_url: str) -> None:
    """Each url leads to an empty database of its kind."""
    for url, name in ((mariadb_url, "MariaDB"), (postgres_url, "PostgreSQL")):
        engine = sa.create_engine(url)
        with engine.connect() as connection:
            assert name in connection.execute(sa.text("SELECT version()")).scalar_one()
        assert sa.inspect(engine).get_table_names() == []
        engine.dispose()
