"""Tables of a site that lie in other schemas of PostgreSQL are known by the same names wherever they are asked for."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from rollbook.targets import Redactor, SecretStore, TargetPool
from rollbook.targets.base import TargetSpec

from ..conftest import Machine, use
from .conftest import PYTHON
from .evolving import Evolving, environment_of
from .shapes import model

pytestmark = pytest.mark.server

_MODELS = """
from django.db import models

class Near(models.Model):
    it = models.IntegerField(default=3)
    class Meta:
        app_label = "app"
        db_table = "near"

class Far(models.Model):
    it = models.IntegerField(default=3)
    class Meta:
        app_label = "app"
        db_table = 'Far off"."Led ger'
"""
_FAR = 'Far off"."Led ger'
_FIELD = '("it", models.IntegerField(default=3))'


@pytest.fixture
def site(postgres_url: str, tmp_path: Path) -> Iterator[Evolving]:
    """Give a site whose tables are in a schema of their own, but for one that names another."""
    engine = sa.create_engine(postgres_url)
    with engine.begin() as session:
        name = engine.url.database
        session.exec_driver_sql('CREATE SCHEMA site; CREATE SCHEMA "Far off"')
        session.exec_driver_sql(f'ALTER DATABASE "{name}" SET search_path = site')
    engine.dispose()
    redactor = Redactor()
    specs = {"local": TargetSpec("local", "local"), "db": TargetSpec("db", "postgres", {"url": postgres_url})}
    pool = TargetPool(specs, SecretStore({}, redactor), redactor)
    found = Evolving(tmp_path / "site", environment_of(postgres_url), Machine(pool), PYTHON)
    found.write("app")
    far = model("Far", _FIELD, options=f"'db_table': {_FAR!r}")
    near = model("Near", _FIELD, options="'db_table': 'near'")
    found.migration("app", "0001_initial", far + near)
    found.migration("app", "0002_gone", 'migrations.DeleteModel("Far"),\nmigrations.RemoveField("near", "it"),')
    (found.folder / "app" / "models.py").write_text(_MODELS)
    found.migrate("contenttypes", "-v", "0")
    found.migrate("app", "0001", "-v", "0")
    with engine.begin() as session:
        session.exec_driver_sql(
            'INSERT INTO "Far off"."Led ger" (it) VALUES (1), (2); INSERT INTO near (it) VALUES (9)'
        )
    engine.dispose()
    yield found
    pool.close()


def test_what_goes_is_named_counted_and_saved_with_its_schema(site: Evolving, tmp_path: Path) -> None:
    """What Django names without a schema is found where the site's search path leads, and one that is named as it says."""
    found = site.pending(server="db")
    given = {name: found[name] for name in ("tables", "columns")}
    halves = site.machine.outputs(site.use("django.half_applied"))
    used = site.machine.outputs(site.use("django.uses", **given))
    risk = site.machine.outputs(use("sql.at_risk", **given, defaults=found["defaults"]))
    saved = site.machine.apply(
        use("sql.snapshot", **given, into=str(tmp_path / "saved"), run="20260101T000000.000Z-aaaaaa")
    )

    assert given == {"tables": ["Far off.Led ger"], "columns": ["site.near.it"]}
    assert halves["half_applied"] == []
    assert (used["tables"], used["columns"]) == (given["tables"], given["columns"])
    assert (risk["tables"], risk["columns"], risk["missing"]) == ({"Far off.Led ger": 2}, {"site.near.it": 1}, [])
    assert {one.name for one in saved.before.choice.tables if not one.beside} == {"Far off.Led ger", "site.near"}


def test_sql_means_the_tables_of_the_search_path(site: Evolving) -> None:
    """What SQL names without a schema is what the site's own session finds by that; what it names with one is that."""
    (site.folder / "app" / "migrations" / "0002_gone.py").unlink()
    sql = 'ALTER TABLE near RENAME COLUMN it TO that; DROP TABLE near; DELETE FROM "Far off"."Led ger"'
    site.migration("app", "0002_sql", f"migrations.RunSQL({sql!r}),")

    found = site.pending(server="db")
    site.migrate("app", "-v", "0")
    gone = site.pending(app="app", after="0001", server="db")

    assert (found["tables"], found["emptied"]) == (["site.near"], ["Far off.Led ger"])
    assert found["renamed"] == {"site.near.it": "site.near.that"}
    assert gone["lost"] == ["Far off.Led ger", "site.near"]


def test_code_fits_tables_in_other_schemas(site: Evolving) -> None:
    """A table in a schema that is named is looked at as any other: that it is there, and what it demands."""
    action = site.use("django.fits")
    fits = action.probe(site.machine.read)
    engine = sa.create_engine(_url(site))
    with engine.begin() as session:
        session.exec_driver_sql(
            'ALTER TABLE "Far off"."Led ger" DROP COLUMN it, ADD COLUMN must int NOT NULL DEFAULT 1'
        )
        session.exec_driver_sql('ALTER TABLE "Far off"."Led ger" ALTER COLUMN must DROP DEFAULT')
    lacks = action.probe(site.machine.read)
    with engine.begin() as session:
        session.exec_driver_sql('DROP TABLE "Far off"."Led ger"')
    engine.dispose()
    gone = action.probe(site.machine.read)

    assert (fits.tables, fits.columns, fits.required) == ((), (), ())
    assert (lacks.columns, lacks.required) == (('Far off"."Led ger.it',), ('Far off"."Led ger.must',))
    assert gone.tables == ('Far off"."Led ger',)


def test_a_half_in_another_schema_is_seen(site: Evolving) -> None:
    """A table that is gone from another schema while the migration is pending shows that it began."""
    engine = sa.create_engine(_url(site))
    with engine.begin() as session:
        session.exec_driver_sql('DROP TABLE "Far off"."Led ger"')
    engine.dispose()

    found = site.machine.outputs(site.use("django.half_applied"))

    assert found["half_applied"] == ["app.0002_gone"]
    assert "done: DeleteModel Far off.Led ger" in found["text"]


def _url(site: Evolving) -> str:
    given = site.environment
    return f"postgresql+psycopg://{given['SITE_USER']}@{given['SITE_HOST']}:{given['SITE_PORT']}/{given['SITE_NAME']}"
