"""What pending migrations do is told by Django itself, in real sites on real servers."""

import fcntl
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from servers import SshServer

from rollbook.action import Reverse
from rollbook.demo.forum.environment import make_environment
from rollbook.errors import RefusedError, RollbookError, TargetError
from rollbook.targets import Redactor, SecretStore, TargetPool
from rollbook.targets.base import TargetSpec

from ..conftest import Machine
from .conftest import PYTHON
from .evolving import Evolving, environment_of
from .shapes import NEEDS, PERSON, SHAPES, Shape, model, text

# These hold what no server carries out, or what does otherwise than it says.
UNFIT = ("case_sql", "case_custom", "case_narrow")


def write_all(site: Evolving, shapes: Sequence[Shape]) -> None:
    """Write the project with these shapes, migrated to the point before."""
    site.write("people", *(shape.app for shape in shapes))
    site.migration("people", "0001_initial", PERSON)
    for shape in shapes:
        site.migration(shape.app, "0001_initial", shape.before, needs=NEEDS)
    site.migrate("-v", "0")
    for shape in shapes:
        for number, operations in enumerate(shape.after, 2):
            site.migration(shape.app, f"{number:04}_next", operations, code=shape.code)


def evolved(folder: Path, url: str, machine: Machine, python: str = PYTHON) -> Evolving:
    """Give the project with every shape, migrated to the point before."""
    site = Evolving(folder, environment_of(url), machine, python)
    write_all(site, SHAPES)
    return site


def found(outputs: Mapping[str, Any], app: str) -> tuple[Any, ...]:
    told = (one for one in outputs["operations"] if one["app"] == app)
    return tuple((one["effect"], tuple(one["tables"]), tuple(one["columns"])) for one in told)


def on(engine: str) -> tuple[Shape, ...]:
    """Give the shapes that an engine tells alike; SQLite writes most types in one way."""
    return tuple(shape for shape in SHAPES if engine in shape.only)


def told(shapes: tuple[Shape, ...]) -> dict[str, Any]:
    return {shape.app: shape.effects for shape in shapes}


@pytest.mark.server
@pytest.mark.parametrize("database", ["sqlite", "mariadb", "postgres"])
def test_every_shape_is_told_for_what_it_is(
    request: pytest.FixtureRequest, tmp_path: Path, machine_here: Machine, database: str
) -> None:
    """Each operation has its effect, with tables and columns as the database names them now."""
    url = request.getfixturevalue(f"{database}_url")
    site = evolved(tmp_path / "site", url, machine_here)

    outputs = site.pending()

    shapes = on(site.environment["SITE_ENGINE"])
    assert {shape.app: found(outputs, shape.app) for shape in shapes} == told(shapes)


@pytest.mark.parametrize("version", ["3.2", "4.2"])
def test_older_djangos_tell_the_same(
    request: pytest.FixtureRequest, tmp_path: Path, machine_here: Machine, sqlite_url: str, version: str
) -> None:
    """The scripts that are sent run on every Django from 3.2 on."""
    if version == "3.2" and sys.version_info >= (3, 12):
        pytest.skip("Django 3.2 does not run on this Python")
    folder = request.config.cache.mkdir(f"django-{version}")
    requirements = tmp_path / "requirements"
    requirements.write_text(f"Django~={version}.0\n")
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        make_environment(folder / "environment", requirements)
    site = evolved(tmp_path / "site", sqlite_url, machine_here, str(folder / "environment" / "bin" / "python"))

    outputs = site.pending()

    assert {shape.app: found(outputs, shape.app) for shape in on("sqlite3")} == told(on("sqlite3"))
    assert site.pending(app="people", after="zero")["pending"][0] == "people.0001_initial"
    assert len(machine_here.apply(site.use("django.migrate", app="people", to="zero")).ops) > 0
    assert "people.0001_initial" in site.pending(app="people")["pending"]


@pytest.fixture
def small(tmp_path: Path, machine_here: Machine, sqlite_url: str) -> Evolving:
    """Give a project with one app, a model of which is to go."""
    site = Evolving(tmp_path / "site", environment_of(sqlite_url), machine_here, PYTHON)
    site.write("shop")
    site.migration("shop", "0001_initial", model("Basket", text("owner")) + model("Item", text("name")))
    site.migrate("-v", "0")
    site.migration("shop", "0002_gone", 'migrations.DeleteModel("Basket"),')
    return site


def test_what_a_way_back_makes_again_is_told_to_be_empty(small: Evolving) -> None:
    """The plan of a migration that drops, and that of its reverse, say what comes back without what it held."""
    machine = small.machine
    forth = small.use("django.migrate", app="shop", to="0002")
    change = machine.plan(forth)

    decision = forth.undo(change)
    machine.carry_out(*change.ops)
    back = small.use("django.migrate", app="shop", to="0001")

    assert isinstance(decision, Reverse)
    assert "comes back EMPTY: Delete model Basket" in decision.reason
    assert any("comes back EMPTY" in line for line in back.details(machine.plan(back)))
    faked = small.use("django.migrate", app="shop", to="0001", fake=True)
    assert not any("EMPTY" in line for line in faked.details(machine.plan(faked)))


def test_outputs_name_what_is_doomed(small: Evolving) -> None:
    """Doomed tables and columns are lists of names, and the table that people agree to has each operation on a line."""
    path = small.migration(
        "shop",
        "0003_code",
        'migrations.RunPython(tidy),\nmigrations.RemoveField("item", "name"),',
        code="def tidy(apps, schema_editor):\n    pass\n",
    )

    outputs = small.pending()

    assert outputs["pending"] == ["shop.0002_gone", "shop.0003_code"]
    assert (outputs["tables"], outputs["columns"]) == (["shop_basket"], ["shop_item.name"])
    assert outputs["defaults"] == {"shop_item.name": ""}
    assert outputs["destructive"] is True
    [undetermined] = outputs["undetermined"]
    assert "tidy() runs" in undetermined
    assert f"{path}:3" in undetermined
    assert len(outputs["table"].splitlines()) == 3


@pytest.mark.server
@pytest.mark.parametrize(("database", "made_up"), [("mariadb", {"shop_price.cents": 0}), ("postgres", {})])
def test_what_a_way_back_leaves_in_columns_is_told(
    request: pytest.FixtureRequest, tmp_path: Path, machine_here: Machine, database: str, made_up: Mapping[str, Any]
) -> None:
    """A default, also an empty list, or no text; the database's own; of a number without, the zero of MariaDB."""
    site = Evolving(tmp_path / "site", environment_of(request.getfixturevalue(f"{database}_url")), machine_here, PYTHON)
    site.write("shop")
    fields = (
        text("name"),
        '("cents", models.IntegerField())',
        '("tags", models.JSONField(default=list))',
        '("at", models.DateField())',
        '("state", models.CharField(max_length=9, null=True, db_default="new"))',
        '("rank", models.IntegerField(default=1, db_default=models.Value(7)))',
        '("since", models.DateTimeField(db_default=Now()))',
        '("kind", models.JSONField(default="plain"))',
    )
    now = "from django.db.models.functions import Now"
    site.migration(
        "shop", "0001_initial", model("Price", *fields, '("rate", models.FloatField(default=1.5))'), code=now
    )
    site.migrate("-v", "0")
    names = ("name", "cents", "tags", "at", "state", "rank", "since", "kind", "rate")
    gone = (f'migrations.RemoveField("price", "{name}"),' for name in names)
    site.migration("shop", "0002_gone", "\n".join(gone))

    found = site.pending()["defaults"]

    own = {
        "shop_price.state": "new",
        "shop_price.rank": 7,
        "shop_price.kind": '"plain"',
    }  # Now() is another one for each row
    assert found == {"shop_price.name": "", "shop_price.tags": "[]", "shop_price.rate": 1.5, **own, **made_up}


def test_an_operation_is_found_by_its_line(small: Evolving) -> None:
    """The location of an operation is the line of the migration's file on which it stands."""
    [operation] = small.pending()["operations"]

    path, _, line = operation["location"].rpartition(":")
    assert "DeleteModel" in Path(path).read_text().splitlines()[int(line) - 1]


def test_nothing_pending_is_told(small: Evolving) -> None:
    """A database that has all migrations loses nothing."""
    small.migrate("-v", "0")

    outputs = small.pending()

    assert (outputs["pending"], outputs["operations"], outputs["destructive"], outputs["table"]) == ([], [], False, "")


def test_only_what_leads_to_the_target_is_told(small: Evolving) -> None:
    """With app and to, later migrations are left out; a target that lies behind is an error."""
    small.migration("shop", "0003_more", 'migrations.DeleteModel("Item"),')

    outputs = small.pending(app="shop", to="0002")

    assert outputs["tables"] == ["shop_basket"]
    small.migrate("shop", "0003", "-v", "0")
    with pytest.raises(TargetError, match="nothing of it is pending"):
        small.pending(app="shop", to="0002")


@pytest.mark.parametrize(
    ("after", "migrations", "tables"),
    [
        ("0001", ["shop.0002_gone", "shop.0003_renamed", "shop.0004_more"], ["shop_basket", "shop_item"]),
        ("0003", ["shop.0004_more"], ["shop_good"]),
        ("0004", [], []),
        ("zero", ["shop.0001_initial", "shop.0002_gone", "shop.0003_renamed", "shop.0004_more"], []),
    ],
)
def test_what_applied_migrations_took_is_told_afterwards(
    small: Evolving, after: str, migrations: list[str], tables: list[str]
) -> None:
    """With after, those that a way back takes back are told, with names as they were before the first of them."""
    small.migration("shop", "0003_renamed", 'migrations.RenameModel("Item", "Good"),')
    small.migration("shop", "0004_more", 'migrations.DeleteModel("Good"),')
    small.migrate("-v", "0")
    small.migration("shop", "0005_later", "")

    outputs = small.pending(app="shop", after=after)

    assert outputs["pending"] == migrations
    assert outputs["tables"] == tables


def test_what_a_way_back_takes_is_told(small: Evolving) -> None:
    """Tables and columns that applied migrations made, by the names they have now, with what nobody filled in."""
    small.migration("shop", "0003_made", model("Till", text("name")) + 'migrations.RenameModel("Till", "Desk"),')
    small.migration(
        "shop",
        "0004_more",
        'migrations.AddField("item", "mark", models.CharField(max_length=9, default="none")),\n'
        'migrations.RenameField("item", "mark", "sign"),\n'
        'migrations.AddField("desk", "inside", models.IntegerField(null=True)),\n'
        'migrations.AddField("item", "brief", models.IntegerField(null=True)),\n'
        'migrations.RemoveField("item", "brief"),\n'
        'migrations.RunSQL("CREATE TABLE loose (id integer); ALTER TABLE shop_item ADD COLUMN wild integer", ""),\n'
        'migrations.RunSQL("CREATE TABLE passing (id integer); DROP TABLE passing", ""),',
    )
    small.migrate("-v", "0")

    outputs = small.pending(app="shop", after="0002")

    assert outputs["made_tables"] == ["loose", "shop_desk"]
    assert outputs["made_columns"] == ["shop_item.sign", "shop_item.wild"]
    assert outputs["made_defaults"] == {"shop_item.sign": "none"}
    assert small.pending()["made_tables"] == []


def test_what_leans_on_a_migration_goes_back_with_it(small: Evolving) -> None:
    """Another app's migration that depends on one that goes is told as well; what is not applied is not."""
    small.write("shop", "stall")
    small.migration("stall", "0001_initial", model("Till", text("name")), needs='("shop", "0002_gone")')
    small.migration("stall", "0002_gone", 'migrations.DeleteModel("Till"),')
    small.migrate("-v", "0")
    small.migration("shop", "0003_more", 'migrations.DeleteModel("Item"),')

    outputs = small.pending(app="shop", after="0001")

    assert outputs["pending"] == ["shop.0002_gone", "stall.0001_initial", "stall.0002_gone"]
    assert outputs["tables"] == ["shop_basket"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"after": "0001"}, "after: names a migration of an app"),
        ({"app": "shop", "to": "0002", "after": "0001"}, "give one"),
    ],
)
def test_after_is_of_an_app_and_not_beside_to(small: Evolving, given: Mapping[str, str], words: str) -> None:
    """What cannot be meant is refused before anything is asked."""
    with pytest.raises(RollbookError, match=words):
        small.pending(**given)


def test_a_site_that_prints_much_answers_all_the_same(small: Evolving) -> None:
    """What settings print, with or without an end of line, does not hide the answer."""
    small.write("shop", more='print("{}\\n@@rollbook", end="")')

    assert small.pending()["tables"] == ["shop_basket"]


def test_models_that_the_database_does_not_hold_count_for_nothing(small: Evolving) -> None:
    """A router that keeps an app out of a database, an unmanaged model and a swapped one lose nothing there."""
    router = (
        "class Router:\n    def allow_migrate(self, db, app_label, **hints):\n        return app_label != 'shop'\n"
        "DATABASE_ROUTERS = [Router()]\nSHOP_PERSON = 'shop.Other'"
    )
    small.write("shop", "side", more=router)
    small.migration(
        "side",
        "0001_initial",
        model("Swapped", options='"swappable": "SHOP_PERSON"') + model("Foreign", options='"managed": False'),
    )
    small.migrate("-v", "0")
    small.migration("side", "0002_gone", 'migrations.DeleteModel("Foreign"),\nmigrations.DeleteModel("Swapped"),')
    small.migration("shop", "0003_sql", 'migrations.RunSQL("DROP TABLE shop_item"),')

    outputs = small.pending()

    assert (outputs["tables"], outputs["destructive"]) == ([], False)


def test_another_database_of_the_site_has_its_own_pending_migrations(small: Evolving, tmp_path: Path) -> None:
    """The alias decides which database is asked."""
    small.migrate("-v", "0")
    other = f"DATABASES['other'] = {{**DATABASES['default'], 'NAME': {str(tmp_path / 'other.sqlite3')!r}}}"
    small.write("shop", more=other)

    assert small.pending()["pending"] == []
    assert small.pending(database="other")["pending"][0] == "contenttypes.0001_initial"
    with pytest.raises(TargetError, match="third"):
        small.pending(database="third")


def test_files_of_sql_are_read_as_migrations_are(small: Evolving, tmp_path: Path) -> None:
    """A file on the target is read after the migrations, and alone where its dialect is given."""
    path = tmp_path / "tidy.sql"
    path.write_text("DELETE FROM shop_item WHERE name = 'x';\n-- DROP TABLE shop_item;\nDROP TABLE shop_basket;\n")

    outputs = small.pending(files=[str(path)])
    alone = small.pending(files=[str(path)], dialect="mysql")

    assert (outputs["tables"], outputs["emptied"]) == (["shop_basket"], ["shop_item"])
    assert (alone["tables"], alone["emptied"], alone["pending"]) == (["shop_basket"], ["shop_item"], [])
    with pytest.raises(TargetError, match="no file"):
        small.pending(files=["/nowhere.sql"])


@pytest.mark.parametrize(
    ("arguments", "message", "advice"),
    [
        ({"directory": "/tmp"}, "manage.py", "no manage.py in /tmp"),
        ({"python": "/nowhere/python"}, "does not answer", "no such program"),
        ({"settings": "wrong.settings"}, "No module named 'wrong'", "settings do not load"),
        ({"app": "nothing"}, "no app 'nothing'", "Correct the names"),
    ],
)
def test_a_site_that_does_not_start_is_told(
    small: Evolving, arguments: dict[str, str], message: str, advice: str
) -> None:
    """What is wrong is named, with what to correct."""
    with pytest.raises(TargetError, match=message) as caught:
        small.pending(**arguments)

    assert advice in caught.value.advice


@pytest.mark.server
def test_a_site_without_its_database_is_told(
    tmp_path: Path, machine_here: Machine, mariadb_url: str, postgres_url: str
) -> None:
    """A server that does not answer, or has no such database, is told in one line with what to do."""
    for url in (mariadb_url, postgres_url):
        environment = {**environment_of(url), "SITE_NAME": "not_there"}
        site = Evolving(tmp_path / environment["SITE_ENGINE"], environment, machine_here, PYTHON)
        site.write("shop")

        with pytest.raises(TargetError, match=r"does not reach its database: .*not_there") as caught:
            site.pending()

        assert "Is it up" in caught.value.advice


@pytest.mark.server
@pytest.mark.parametrize("database", ["mariadb", "postgres"])
def test_what_is_told_is_what_then_goes(
    request: pytest.FixtureRequest, tmp_path: Path, machine_here: Machine, database: str
) -> None:
    """Once they are applied, exactly the tables and columns are gone of which it was told."""
    url = request.getfixturevalue(f"{database}_url")
    site = Evolving(tmp_path / "site", environment_of(url), machine_here, PYTHON)
    write_all(site, [shape for shape in SHAPES if shape.app not in UNFIT])
    told = site.pending()
    engine = sa.create_engine(url)
    before = catalog(engine)

    site.migrate("-v", "0")

    after = catalog(engine)
    engine.dispose()
    renamed = set(told["renamed"])
    assert {name for name in before if "." not in name} - set(after) - renamed == set(told["tables"]) - renamed
    kept = {name for name in before if "." in name and name.partition(".")[0] in after}
    assert (
        kept - set(after) - renamed == {name for name in told["columns"] if name.partition(".")[0] in after} - renamed
    )


def catalog(engine: sa.Engine) -> list[str]:
    """Name every table, and every column as table.column."""
    look = sa.inspect(engine)
    tables = look.get_table_names()
    return [*tables, *(f"{table}.{column['name']}" for table in tables for column in look.get_columns(table))]


@pytest.mark.server
def test_a_site_behind_ssh_is_asked_as_one_here(tmp_path: Path, sqlite_url: str, sshd: SshServer) -> None:
    """The script reaches a site on another host whole."""
    redactor = Redactor()
    settings = {
        "host": sshd.host, "port": sshd.port, "user": sshd.user, "key": str(sshd.key),
        "known_hosts": [str(sshd.known_hosts)],
    }  # fmt: skip
    pool = TargetPool({"local": TargetSpec("local", "ssh", settings)}, SecretStore({}, redactor), redactor)
    site = Evolving(tmp_path / "site", environment_of(sqlite_url), Machine(pool), PYTHON)
    write_all(site, SHAPES[:1])

    assert found(site.pending(), "grades") == SHAPES[0].effects
    pool.close()


@pytest.mark.server
@pytest.mark.parametrize("database", ["postgres", "mariadb"])
def test_a_site_at_another_database_is_refused(request: pytest.FixtureRequest, tmp_path: Path, database: str) -> None:
    """What is pending elsewhere says nothing of the target, so it is not told as if it did."""
    url = request.getfixturevalue(f"{database}_url")
    kind = {"mariadb": "sql", "postgres": "postgres"}[database]
    elsewhere = str(sa.make_url(url).set(database={"mariadb": "mysql", "postgres": "postgres"}[database]))
    specs = {"local": TargetSpec("local", "local"), "db": TargetSpec("db", kind, {"url": url})}
    redactor = Redactor()
    pool = TargetPool(
        {**specs, "other": TargetSpec("other", kind, {"url": elsewhere})}, SecretStore({}, redactor), redactor
    )
    site = Evolving(tmp_path / "site", environment_of(url), Machine(pool), PYTHON)
    site.write("shop")
    site.migration("shop", "0001_initial", model("Basket", text("owner")))
    before = site.pending(server="db")
    site.migrate("-v", "0")
    site.migration("shop", "0002_gone", 'migrations.DeleteModel("Basket"),')

    found = site.pending(server="db")
    with pytest.raises(RefusedError, match="says nothing of this one"):
        site.pending(server="other")

    assert (before["tables"], found["tables"]) == ([], ["shop_basket"])
    pool.close()
