"""The account's password reaches PostgreSQL's programs where the server asks for it, and nothing else."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from servers import SshServer

from rollbook.errors import RollbookError
from rollbook.targets import Redactor, SecretStore, TargetPool
from rollbook.targets.base import TargetSpec

from ..conftest import Machine, use
from .shops import PASSWORD, RUN, Shop
from .test_restore import content

pytestmark = pytest.mark.server


@pytest.fixture
def locked(shop: Shop) -> Iterator[Shop]:
    """Have the server ask the shop's owner for the password."""
    path = Path(str(shop.rows("SHOW hba_file")[0][0]))
    before = path.read_text()
    path.write_text(f'host all "{shop.role}" 127.0.0.1/32 scram-sha-256\n{before}')
    shop.rows("SELECT pg_reload_conf(), pg_sleep(0.5)")
    yield shop
    path.write_text(before)
    shop.rows("SELECT pg_reload_conf(), pg_sleep(0.5)")


@pytest.mark.parametrize("host", ["local", "box"])
@pytest.mark.parametrize("kind", ["rollbook", "plain"])
def test_programs_log_in_with_the_password(locked: Shop, sshd: SshServer, tmp_path: Path, host: str, kind: str) -> None:
    """On this machine and over ssh, pg_dump, pg_restore and psql get it."""
    settings = {"host": sshd.host, "port": sshd.port, "user": sshd.user, "key": str(sshd.key)}
    desk = Machine(locked.also(TargetSpec("box", "ssh", {**settings, "known_hosts": [str(sshd.known_hosts)]})))
    wanted = content(locked, locked.name)

    (result,) = desk.carry_out(*desk.plan(use("postgres.backup", folder=str(tmp_path), run=RUN, runs_on=host)).ops)
    path = Path(result.outputs["path"])
    if kind == "plain":
        programs = desk.plan(use("postgres.backup", folder=str(tmp_path), run=RUN)).before.programs
        read = desk.read["local"].run(programs.argv("pg_restore", f"--file={tmp_path}/plain.sql", str(path / "dump")))
        assert read.exited == 0
        path = tmp_path / "plain.sql"
    change = desk.apply(use("postgres.restore", backup=str(path), run=RUN, runs_on=host))
    desk.pool.close()

    assert content(locked, change.after.database) == wanted
    assert PASSWORD.encode() not in bytes(desk.execution.output)


def test_a_wrong_password_is_told(locked: Shop, tmp_path: Path) -> None:
    """It fails while planning, and shows neither password."""
    redactor = Redactor()
    specs = {name: locked.pool.spec(name) for name in ("db", "local")}
    pool = TargetPool(specs, SecretStore({"DB_PASSWORD": "not the right one"}, redactor), redactor)

    with pytest.raises(RollbookError, match=r"the account was refused|does not answer") as caught:
        Machine(pool).plan(use("postgres.backup", folder=str(tmp_path)))
    pool.close()

    assert "not the right one" not in str(caught.value)
