"""A playbook over two environments whose databases are real ones."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from rollbook.errors import LockHeld, PreflightError
from rollbook.inventory import Inventory
from rollbook.targets.base import TargetSpec

from .workshop import Workshop, nobody

pytestmark = pytest.mark.server

WHO = """
targets: {db: postgres}
lock: forum
steps:
  - id: look
    name: Ask the database which one it is.
    postgres.query: {query: SELECT name FROM who}
  - id: put
    name: Write it down.
    file.present: {path: "{{ env.name }}.txt", content: "{{ steps.look.outputs.first.name }}"}
"""
STAGES = "stages: [{name: Ask each, id: ask, runbook: who, environments: [stage, prod]}]\n"


def _database(url: str, name: str) -> None:
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE who (name text)"))
        connection.execute(sa.text("INSERT INTO who VALUES (:name)"), {"name": name})
    engine.dispose()


@pytest.fixture
def second_url(postgres_url: str) -> Iterator[str]:
    """Give another database of the same server."""
    admin = sa.create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    name = f"{sa.make_url(postgres_url).database}_two"
    with admin.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    yield str(sa.make_url(postgres_url).set(database=name).render_as_string(hide_password=False))
    with admin.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture
def both(workshop: Workshop, postgres_url: str, second_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workshop]:
    """Give a workshop with two environments, each with a database of its own."""
    monkeypatch.setattr("rollbook.engine.locks.FOLDER", workshop.folder / "locks")
    for name, url in (("stage", postgres_url), ("prod", second_url)):
        _database(url, name)
        plain = sa.make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        local = TargetSpec("local", "local")
        specs = {"local": local, "db": TargetSpec("db", "postgres", {"url": plain})}
        workshop.others = (*workshop.others, Inventory(name, specs))
    workshop.write("who", WHO)
    workshop.write_playbook("everyone", STAGES)
    yield workshop
    for pool in workshop.pools:
        pool.close()


def test_each_stage_reads_its_own_database(both: Workshop) -> None:
    """Targets of one name in two environments are two targets: each is identified, and read by its own stage."""
    run = both.run("everyone")

    assert run.status == "succeeded"
    assert [(both.folder / f"{name}.txt").read_text() for name in ("stage", "prod")] == ["stage", "prod"]
    assert run.plan.identities.keys() == {"stage:db", "prod:db"}


def test_the_lock_of_each_stage_is_held_on_its_server(both: Workshop) -> None:
    """Whoever holds the runbook's lock in one of the databases, from whatever machine, keeps the playbook out."""
    plan = both.planner("everyone").plan()
    assert [(lock.keepers, lock.scope) for lock in plan.locks] == [
        (("stage:db",), "all machines that use stage:db"),
        (("prod:db",), "all machines that use prod:db"),
    ]
    elsewhere = both.planner("everyone").pool.target("prod:db").lock("forum")
    assert elsewhere is not None

    with elsewhere, pytest.raises(LockHeld):
        both.run("everyone")

    assert both.run("everyone", nobody()).status == "succeeded"


def test_what_a_target_must_be_holds_in_every_environment(both: Workshop) -> None:
    """An `expect:` of a stage's environment that does not hold stops the run before its first write."""
    stage, prod = both.others
    wrong = TargetSpec("db", "postgres", prod.targets["db"].settings, expect={"system_identifier": "1"})
    both.others = (stage, Inventory("prod", {**prod.targets, "db": wrong}))

    with pytest.raises(PreflightError, match="prod:db: system_identifier should be 1"):
        both.run("everyone")

    assert not list(both.folder.glob("*.txt"))
