"""Pending migrations run on a copy of the schema, on real servers and with a real site; live is not touched."""

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from rollbook.errors import CommandFailed, ConflictError, RefusedError, TargetError
from rollbook.ops import Op, OpResult
from rollbook.targets import Redactor, SecretStore, TargetPool
from rollbook.targets.base import TargetSpec
from rollbook.testing import LAWS, Case, FakeWorld, Law, law_id

from ..conftest import Machine, use
from ..django.evolving import Evolving, environment_of
from ..django.shapes import model, text

pytestmark = pytest.mark.server

RUN = "20260101T000000.000Z-abcdef"
COMMAND = [sys.executable, "manage.py", "migrate", "--no-input"]
AFTER = """\
migrations.DeleteModel("Basket"),
migrations.RemoveField("item", "note"),
migrations.AlterField("item", "name", models.CharField(max_length=20)),
migrations.RenameField("item", "size", "length"),
migrations.RenameModel("Shelf", "Rack"),
"""
SECRETLY = "def work(apps, schema_editor):\n    schema_editor.execute('ALTER TABLE shop_item DROP COLUMN size')\n"


@dataclass(frozen=True)
class Shop:
    """A site, its database, and the machine whose target `db` that is."""

    site: Evolving
    url: str
    folder: Path

    @property
    def machine(self) -> Machine:
        return self.site.machine

    def action(self, **arguments: Any) -> Any:
        environment = {name: value for name, value in self.site.environment.items() if name != "SITE_NAME"}
        given = {
            "command": COMMAND,
            "directory": str(self.site.folder),
            "environment": environment,
            "variables": {"SITE_NAME": "database"},
            "path": str(self.folder / "shadow.json"),
            "run": RUN,
        }
        return use("sql.shadow_diff", **{**given, **arguments})

    def diff(self, **arguments: Any) -> Mapping[str, Any]:
        return self.machine.outputs(self.action(**arguments))

    def databases(self) -> set[str]:
        engine = sa.create_engine(self.url)
        try:
            return set(sa.inspect(engine).get_schema_names()) if "mysql" in self.url else self._postgres(engine)
        finally:
            engine.dispose()

    @staticmethod
    def _postgres(engine: sa.Engine) -> set[str]:
        with engine.connect() as session:
            return {str(row[0]) for row in session.exec_driver_sql("SELECT datname FROM pg_database")}

    def execute(self, *statements: str) -> None:
        engine = sa.create_engine(self.url, isolation_level="AUTOCOMMIT")
        with engine.connect() as session:
            for statement in statements:
                session.exec_driver_sql(statement)
        engine.dispose()

    def tables(self) -> set[str]:
        engine = sa.create_engine(self.url)
        try:
            return set(sa.inspect(engine).get_table_names())
        finally:
            engine.dispose()


@pytest.fixture(params=["mariadb", "postgres"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shop]:
    """Give a site with a table, a column and some names that are to go."""
    url = request.getfixturevalue(f"{request.param}_url")
    kind = {"mariadb": "sql", "postgres": "postgres"}[request.param]
    redactor = Redactor()
    specs = {"local": TargetSpec("local", "local"), "db": TargetSpec("db", kind, {"url": url})}
    pool = TargetPool(specs, SecretStore({}, redactor), redactor)
    site = Evolving(tmp_path / "site", environment_of(url), Machine(pool))
    site.write("shop")
    fields = (text("name"), text("note", 9, ", null=True"), '("size", models.IntegerField(null=True))')
    baskets = model("Basket", '("items", models.ManyToManyField("shop.Item"))')
    site.migration("shop", "0001_initial", model("Item", *fields) + baskets + model("Shelf"))
    site.migrate("-v", "0")
    yield Shop(site, url, tmp_path / "found")
    pool.close()


def test_the_two_ways_agree(shop: Shop) -> None:
    """What Django's operations say and what the catalogs show is the same; live is as it was, and the copy is gone."""
    shop.site.migration("shop", "0002_after", AFTER)
    pending = shop.site.pending()
    before = shop.databases(), shop.tables()
    given = {name: pending[name] for name in ("tables", "columns", "narrowing", "renamed")}

    outputs = shop.diff(**given)

    assert outputs["disagreements"] == []
    assert outputs["tables"] == ["shop_basket", "shop_basket_items", "shop_shelf"]
    assert outputs["columns"] == ["shop_item.note", "shop_item.size"]
    assert outputs["narrowed"] == ["shop_item.name"]
    assert outputs["made"] == ["shop_item.length", "shop_rack"]
    assert outputs["migrations"] == ["shop.0002_after"]
    assert (shop.databases(), shop.tables()) == before
    found = Path(outputs["path"])
    assert json.loads(found.read_text())["tables"] == outputs["tables"]
    assert found.stat().st_mode & 0o777 == 0o600
    action = shop.action(**given)
    assert action.ops(*([action.probe(shop.machine.read)] * 2)) == ()


def test_what_code_does_behind_the_operations_is_seen(shop: Shop) -> None:
    """A column that Python drops, and one that only the operations drop, are told as what the two disagree on."""
    shop.site.migration("shop", "0002_work", "migrations.RunPython(work, atomic=False),", code=SECRETLY)
    outputs = shop.diff(tables=["shop_shelf"])

    assert outputs["agree"] is False
    assert outputs["disagreements"] == [
        "shop_item.size goes, and the operations do not say so",
        "shop_shelf stays, and the operations say that it goes",
    ]
    action = shop.action()
    details = action.details(shop.machine.plan(action))
    assert "DISAGREES: shop_item.size goes, and the operations do not say so" in details


def test_code_that_is_led_elsewhere_runs_nothing(shop: Shop) -> None:
    """Where the settings do not take the address from the variables, live would be migrated: nothing is run."""
    shop.site.migration("shop", "0002_after", AFTER)
    before = shop.databases(), shop.tables()

    with pytest.raises(TargetError, match=r"and not to the copy .*nothing was run") as caught:
        shop.diff(variables={"OTHER_NAME": "database"}, environment=dict(shop.site.environment))

    assert "variables:" in caught.value.advice
    assert (shop.databases(), shop.tables()) == before
    assert shop.site.pending()["pending"] == ["shop.0002_after"]


def test_migrations_that_fail_leave_nothing(shop: Shop) -> None:
    """A migration that fails on the copy is told with what it said, and the copy is gone."""
    shop.site.migration("shop", "0002_bad", 'migrations.RunSQL("ALTER TABLE nowhere ADD x int"),')
    before = shop.databases()

    with pytest.raises(CommandFailed, match="exit code 1; the copy") as caught:
        shop.diff()

    assert "nowhere" in caught.value.tail
    assert shop.databases() == before


def test_what_a_killed_attempt_left_is_dropped(shop: Shop) -> None:
    """A copy that bears the run's id is made again; a database with another's mark is left alone."""
    name = shop.action().probe(shop.machine.read).scratch
    quoted = f"`{name}`" if "mysql" in shop.url else f'"{name}"'
    shop.execute(f"CREATE DATABASE {quoted}")
    before = shop.databases()

    outputs = shop.diff()

    assert outputs["agree"] is True
    assert shop.databases() == before - {name}
    shop.execute(f"CREATE DATABASE {quoted}")
    if "mysql" in shop.url:
        shop.execute(f"CREATE TABLE {quoted}._rollbook (x int) COMMENT 'of somebody else'")
    else:
        shop.execute(f"COMMENT ON DATABASE {quoted} IS 'of somebody else'")
    (shop.folder / "shadow.json").unlink()
    with pytest.raises((ConflictError, RefusedError), match="did not make"):
        shop.diff()
    assert name in shop.databases()
    shop.execute(f"DROP DATABASE {quoted}")


def test_the_plan_shows_what_will_be_sent(shop: Shop) -> None:
    """Statements and commands are in the plan, and the address of the database is not."""
    (op,) = shop.machine.plan(shop.action()).ops

    shown = "\n".join(op.render())
    assert "CREATE DATABASE" in shown
    assert "DROP DATABASE" in shown
    assert "manage.py migrate --no-input" in shown
    assert "must print" in shown


@pytest.mark.parametrize("arguments", [{"command": []}, {"command": ["make", "schema"]}, {"path": ""}])
def test_arguments_that_cannot_work_are_refused(arguments: dict[str, Any]) -> None:
    """Without a command, a way to ask and a file there is nothing to do."""
    given = {"command": COMMAND, "path": "/tmp/x.json"}

    with pytest.raises(Exception, match="expected"):
        use("sql.shadow_diff", **{**given, **arguments})


class RealWorld(FakeWorld):
    """The laws' world: a real database and a file."""

    def __init__(self, shop: Shop) -> None:
        super().__init__()
        self.shop = shop
        self.read = shop.machine.read  # type: ignore[assignment]  # has what the laws use

    def carry_out(self, *ops: Op) -> tuple[OpResult, ...]:
        """Carry *ops* out on the real server."""
        return tuple(op.carry_out(self.shop.machine.pool, self.execution) for op in ops)

    def contents(self) -> object:
        """Give what the laws compare."""
        return self.shop.tables(), sorted(path.read_text() for path in self.shop.folder.glob("*.json"))


@pytest.mark.parametrize("shop", ["postgres"], indirect=True)
@pytest.mark.parametrize("law", LAWS, ids=law_id)
@pytest.mark.parametrize("kind", ["sql.shadow_diff"])
def test_laws(kind: str, law: Law, shop: Shop) -> None:
    """The kind keeps each law."""
    given = shop.action()
    arguments = {
        "command": COMMAND,
        "directory": given.directory,
        "environment": dict(given.environment),
        "variables": {"SITE_NAME": "database"},
        "path": given.path,
    }

    def world() -> FakeWorld:
        Path(given.path).unlink(missing_ok=True)
        return RealWorld(shop)

    law(Case("on a real server", kind, arguments, world))
