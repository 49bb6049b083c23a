"""A migration that died half way is recognised on a real MariaDB, and either way out brings the database in order."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from rollbook.errors import TargetError
from rollbook.migrations.deed import Deed
from rollbook.migrations.halves import find_halves
from rollbook.migrations.judging import Told
from rollbook.migrations.standing import Catalog, Ends, Late, Standing
from rollbook.targets import Redactor, SecretStore, TargetPool
from rollbook.targets.base import TargetSpec

from ..conftest import Machine
from .conftest import PYTHON
from .evolving import Evolving, environment_of
from .shapes import model, text

# The third operation fails: its unique index meets two rows that are alike.
FAILING = f"""\
{model("Fresh", text("name"), '("item", models.ForeignKey("shop.Item", models.CASCADE))').rstrip()}
migrations.RemoveField("item", "note"),
migrations.AlterField("item", "name", models.CharField(max_length=50, unique=True)),
migrations.AddField("item", "more", models.IntegerField(default=7)),
migrations.AddIndex("item", models.Index(fields=["more"], name="more_index")),
migrations.RunPython(tidy, tidy),
"""
CONDITIONAL = 'models.UniqueConstraint(fields=["note"], condition=models.Q(note="x"), name="once")'
CODE = "def tidy(apps, schema_editor):\n    pass\n"


class Shop:
    """The site and its database."""

    def __init__(self, site: Evolving, url: str) -> None:
        self.site, self.engine = site, sa.create_engine(url)

    def execute(self, *statements: str) -> None:
        with self.engine.begin() as session:
            for statement in statements:
                session.exec_driver_sql(statement)

    def found(self) -> Mapping[str, Any]:
        return self.site.machine.outputs(self.site.use("django.half_applied"))

    def details(self) -> str:
        action = self.site.use("django.half_applied")
        return "\n".join(action.details(self.site.machine.plan(action)))

    def catalog(self) -> dict[str, Any]:
        look = sa.inspect(self.engine)
        return {
            table: (
                sorted((str(one["name"]), str(one["type"]), bool(one["nullable"])) for one in look.get_columns(table)),
                sorted(sorted(one["column_names"]) for one in look.get_indexes(table)),
                sorted(one["constrained_columns"] for one in look.get_foreign_keys(table)),
            )
            for table in look.get_table_names()
        }


@pytest.fixture
def shop(request: pytest.FixtureRequest, tmp_path: Path, mariadb_url: str) -> Iterator[Shop]:
    """Give a site on MariaDB whose next migration will fail in its third operation."""
    redactor = Redactor()
    pool = TargetPool({"local": TargetSpec("local", "local")}, SecretStore({}, redactor), redactor)
    site = Evolving(tmp_path / "site", environment_of(mariadb_url), Machine(pool), PYTHON)
    site.write("shop")
    site.migration("shop", "0001_initial", model("Item", text("name", 50), text("note", 9, ", null=True")))
    site.migrate("-v", "0")
    found = Shop(site, mariadb_url)
    found.execute("INSERT INTO shop_item (name) VALUES ('twice'), ('twice')")
    site.migration("shop", "0002_failing", FAILING, code=CODE)
    yield found
    found.engine.dispose()
    pool.close()


@pytest.mark.server
def test_a_migration_that_has_not_begun_is_none(shop: Shop) -> None:
    """What is pending and left no trace is not half applied."""
    assert shop.found()["half_applied"] == []
    assert "none of 1 pending migrations has begun" in shop.details()


@pytest.mark.server
def test_a_constraint_that_was_never_made_is_no_trace(shop: Shop) -> None:
    """What the server cannot have, and Django left out without a word, does not look like half a migration."""
    (shop.site.folder / "shop" / "migrations" / "0002_failing.py").unlink()
    shop.site.migration("shop", "0002_once", f"migrations.AddConstraint('item', {CONDITIONAL}),")
    shop.site.migrate("-v", "0")
    shop.site.migration("shop", "0003_gone", "migrations.RemoveConstraint('item', 'once'),")

    assert shop.found()["half_applied"] == []


@pytest.mark.server
def test_a_column_that_is_invisible_is_there(shop: Shop) -> None:
    """A column that `SELECT *` does not give is not taken for one that the migration dropped."""
    shop.execute("ALTER TABLE shop_item MODIFY note varchar(9) NULL INVISIBLE")

    assert shop.found()["half_applied"] == []


@pytest.mark.server
def test_a_migration_that_died_is_recognised_and_its_point_told(shop: Shop) -> None:
    """What is done, what is left and what cannot be seen is told, and Django cannot go on by itself."""
    shop.site.migrate(fails=True)

    outputs = shop.found()

    assert outputs["half_applied"] == ["shop.0002_failing"]
    [half] = outputs["migrations"]
    assert half["done"] == ["CreateModel shop_fresh", "RemoveField shop_item.note"]
    assert half["unseen"] == ["AlterField"]
    assert half["left"] == ["AddField shop_item.more", "AddIndex shop_item.more_index", "RunPython"]
    assert "already exists" in shop.site.migrate(fails=True)
    assert "died half way" in shop.details()


@pytest.mark.server
def test_whoever_migrates_is_told_where_both_ways_are(shop: Shop) -> None:
    """The failure of a migration of which something stands says so, why it died, and what shows both ways out."""
    with pytest.raises(TargetError) as caught:
        shop.site.machine.apply(shop.site.use("django.migrate", app="shop"))

    assert re.search(
        "shop 0002_failing did not come to its end, .* STANDS: IntegrityError: .*Duplicate", str(caught.value)
    )
    assert "run-runbook settle-half-migration --set=app=shop" in caught.value.advice


@pytest.mark.server
def test_the_way_forwards_ends_where_the_migration_would_have(shop: Shop) -> None:
    """Once what was in its way is gone, the statements given finish it; a fake migration records it."""
    shop.site.migrate(fails=True)
    shop.execute("DELETE FROM shop_item WHERE id = 2")

    statements = shop.found()["forwards"]["shop.0002_failing"]
    shop.execute(*(one for one in statements if not one.startswith("--")))
    shop.site.migrate("--fake", "shop", "0002")

    after = shop.catalog()
    shop.site.migrate("shop", "0001", "-v", "0")
    shop.site.migrate("-v", "0")
    assert shop.catalog() == after
    assert shop.found()["half_applied"] == []


@pytest.mark.server
def test_the_way_backwards_ends_where_it_began(shop: Shop) -> None:
    """The reverse of what was done leaves the catalog as it was; that rows do not come back is said."""
    before = shop.catalog()
    shop.site.migrate(fails=True)

    statements = shop.found()["backwards"]["shop.0002_failing"]
    shop.execute(*(one for one in statements if not one.startswith("--")))

    assert shop.catalog() == before
    assert any("comes back empty" in one for one in statements)
    assert shop.found()["half_applied"] == []


@pytest.mark.server
def test_what_is_done_and_not_recorded_is_told(shop: Shop) -> None:
    """A migration whose every part is there only lacks its record."""
    shop.execute("DELETE FROM shop_item WHERE id = 2")
    shop.site.migrate("-v", "0")
    shop.execute("DELETE FROM django_migrations WHERE name = '0002_failing'")

    [half] = shop.found()["migrations"]

    assert (half["left"], half["partly"], half["puzzle"]) == ([], "", [])
    assert "is done and not recorded" in shop.details()


# The way back fails between its two columns.
BACK = """\
migrations.RemoveField("item", "note"),
migrations.RunSQL("SELECT 1", "ALTER TABLE nowhere ADD x integer"),
migrations.AddField("item", "more", models.IntegerField(default=7)),
"""


@pytest.mark.server
@pytest.mark.parametrize("way", ["forwards", "backwards"])
def test_a_way_back_that_died_is_recognised(shop: Shop, way: str) -> None:
    """What is taken back and what stands is told, and either way ends where the migration is whole, or was before."""
    (shop.site.folder / "shop" / "migrations" / "0002_failing.py").unlink()
    before = shop.catalog()
    shop.site.migration("shop", "0002_back", BACK)
    shop.site.migrate("-v", "0")
    after = shop.catalog()
    asked = {"app": "shop", "after": "0001"}
    assert shop.site.machine.outputs(shop.site.use("django.half_applied", **asked))["half_applied"] == []
    with pytest.raises(TargetError) as caught:
        shop.site.machine.apply(shop.site.use("django.migrate", app="shop", to="0001"))

    found = shop.site.machine.outputs(shop.site.use("django.half_applied", **asked))
    [half] = found["migrations"]
    statements = found[way]["shop.0002_back"]
    shop.execute(*(one for one in statements if not one.startswith("--")))

    assert "--set=app=shop --set=after=0001_initial" in caught.value.advice
    assert "shop.0002_back died on its way back" in found["text"]
    assert (half["done"], half["unseen"], half["left"]) == (
        ["RemoveField shop_item.note"],
        ["RunSQL"],
        ["AddField shop_item.more"],
    )
    assert shop.catalog() == (after if way == "forwards" else before)
    if way == "backwards":
        assert statements[-1] == "-- then: manage.py migrate --fake shop 0001"
        assert "taken back" in shop.site.machine.outputs(shop.site.use("django.half_applied", **asked))["text"]
        shop.site.migrate("--fake", "shop", "0001")
    assert shop.site.machine.outputs(shop.site.use("django.half_applied", **asked))["half_applied"] == []


# The way back makes both tables anew, and fails before it gives the column back.
ANEW = """\
migrations.RemoveField("item", "note"),
migrations.RunSQL("SELECT 1", "ALTER TABLE nowhere ADD x integer"),
migrations.RemoveField("item", "links"),
migrations.DeleteModel("gone"),
"""
GONE = """\
migrations.CreateModel("gone", [
    ("id", models.AutoField(primary_key=True)),
    ("code", models.CharField(max_length=9, unique=True)),
    ("kind", models.CharField(max_length=9, db_index=True)),
    ("up", models.ForeignKey("self", models.CASCADE, null=True)),
], options={"unique_together": {("kind", "up")}}),
migrations.AddField("item", "links", models.ManyToManyField("shop.gone", related_name="+")),
"""


@pytest.mark.server
def test_a_way_back_that_died_ends_with_what_django_runs_last(shop: Shop) -> None:
    """Foreign keys, unique constraints and indexes of tables made anew are in the statements; where missing, it says so."""
    (shop.site.folder / "shop" / "migrations" / "0002_failing.py").unlink()
    shop.site.migration("shop", "0002_gone", GONE)
    shop.site.migrate("-v", "0")
    before = shop.catalog()
    shop.site.migration("shop", "0003_anew", ANEW)
    shop.site.migrate("-v", "0")
    asked = {"app": "shop", "after": "0002"}
    with pytest.raises(TargetError):
        shop.site.machine.apply(shop.site.use("django.migrate", app="shop", to="0002"))

    with pytest.raises(TargetError) as again:
        shop.site.machine.apply(shop.site.use("django.migrate", app="shop", to="0002"))
    found = shop.site.machine.outputs(shop.site.use("django.half_applied", **asked))
    statements = [one for one in found["backwards"]["shop.0003_anew"] if not one.startswith("--")]
    late = [one["sql"] for one in found["ends"]["backwards"]]
    shop.execute(*(one for one in statements if one not in late))
    shop.site.migrate("--fake", "shop", "0002")
    after = shop.site.use("django.half_applied", **asked, ends=found["ends"]["backwards"], refuse=True)
    refused = after.refusal(shop.site.machine.plan(after).after)
    shop.execute(*late)

    assert "did nothing, for a part of it seems to be done already: OperationalError: (1050" in str(again.value)
    assert "settle-half-migration --set=app=shop --set=after=0002_gone` shows" in again.value.advice
    assert shop.catalog() == before
    assert len(late) == 6
    assert str(refused).startswith("missing of what comes last: 6 indexes or constraints")
    assert all(sql in str(refused) for sql in late)
    assert after.refusal(shop.site.machine.plan(after).after) is None


def _told(*deeds: Deed) -> Told:
    return Told("app", "0001", "Work", deeds)


TABLE = Standing({"x": False}, ())


@pytest.mark.parametrize(
    ("operations", "catalog", "done", "partly", "unseen", "left"),
    [
        # A column that goes, comes back and goes again stands the same after the first and the third.
        (
            [_told(Deed("drop_column", "a", "f")), _told(Deed("add_column", "a", "f")), _told(Deed("drop_column", "a", "f"))],
            {"a": TABLE},
            ("Work a.f",), "", ("Work a.f", "Work a.f"), (),
        ),
        # One operation, two tables, of which one is gone.
        ([_told(Deed("drop_table", "a_b"), Deed("drop_table", "a"))], {"a": TABLE}, (), "Work a_b, a", (), ()),
        # A table that was renamed, and then a column of it.
        (
            [_told(Deed("rename_table", "a", to="b")), _told(Deed("rename_column", "b", "x", "y"))],
            {"b": TABLE},
            ("Work a",), "", (), ("Work b.x",),
        ),
        (
            [_told(Deed("alter_column", "a", "x", was_null=True, null=False)), _told(Deed("add_column", "a", "z"))],
            {"a": TABLE},
            ("Work a.x",), "", (), ("Work a.z",),
        ),
    ],
)  # fmt: skip
def test_the_point_is_found(
    operations: list[Told], catalog: Catalog, done: Any, partly: str, unseen: Any, left: Any
) -> None:
    """The point at which the catalog stands parts what is done from what is left; what looks alike is unseen."""
    [half] = find_halves(operations, catalog)

    assert (half.done, half.partly, half.unseen, half.left) == (done, partly, unseen, left)


def test_what_cannot_be_seen_is_shown_on_the_way_back() -> None:
    """Nothing tells whether a change of a type was done: what takes it back is shown, and nobody sends it unlooked."""
    drop = Told("app", "0001", "Drop", (Deed("drop_column", "a", "y"),), backwards=("ALTER TABLE a ADD y int",))
    narrow = Told(
        "app", "0001", "Narrow", (Deed("alter_column", "a", "x"),), backwards=("ALTER TABLE a MODIFY x text",)
    )

    [half] = find_halves([drop, narrow], {"a": TABLE})
    [bare] = find_halves([drop, replace(narrow, backwards=())], {"a": TABLE})

    assert bare.backwards[0].endswith("take that back first; no statement of it can be written without that")
    seen, line, *rest = half.backwards
    assert seen == "-- of Narrow a.x it cannot be seen what was done: look, and take that back first, by"
    assert line == "--   ALTER TABLE a MODIFY x text"
    assert rest[0] == "ALTER TABLE a ADD y int"


def test_what_comes_last_is_told_by_table_and_name() -> None:
    """What is there is left out of a way by its own table's names only, and one of no known name is always told."""
    make = Told("app", "0001", "Make", (Deed("create_table", "b"),))
    add = Told("app", "0001", "Add", (Deed("add_column", "a", "y"),))
    late = (Late("KEY b_i", "b", "b_i"), Late("KEY x", "b", "x"), Late("KEY X on a", "a", "X"), Late("KEY i"))
    catalog = {"a": Standing({"x": False}, ("i", "x")), "b": Standing({}, ("b_i",))}

    [half] = find_halves([make, add], catalog, {"app.0001": Ends(late)})

    assert half.forwards[:-1] == ("KEY x", "KEY i")


def test_what_a_way_back_leaves_behind_is_looked_for_under_its_last_name() -> None:
    """A table that was renamed before it was dropped comes back, and is renamed: its keys are those of the old name."""
    rename = Told("app", "0001", "Rename", (Deed("rename_table", "a", to="b"),))
    drop = Told("app", "0001", "Drop", (Deed("drop_table", "b"),), behind=(Late("KEY i ON b", "b", "i"),))
    add = Told("app", "0001", "Add", (Deed("add_column", "c", "y"),))

    [half] = find_halves([rename, drop, add], {"c": TABLE})

    assert "KEY i ON b" in half.backwards
    assert half.ends.backwards == (Late("KEY i ON b", "a", "i"),)


def test_what_fits_no_point_is_a_puzzle() -> None:
    """A catalog that stands neither before nor at any point of a migration is told as such, without a way out."""
    operations = [_told(Deed("add_column", "a", "y"), Deed("add_column", "a", "z"))]

    [half] = find_halves(operations, {"a": Standing({"z": True}, ())})

    assert half.puzzle == ("a.z is there",)
    assert half.forwards == half.backwards == ()


def test_what_builds_on_a_pending_migration_is_not_judged() -> None:
    """A migration of tables that an earlier pending one makes cannot have begun."""
    first = Told("app", "0001", "Work", (Deed("create_table", "a"),))
    second = Told("app", "0002", "Work", (Deed("add_column", "a", "y"),))

    assert find_halves([first, second], {}) == ()
