"""A way back that the rows in a table leave no room for is refused exactly where Django's would fail."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from rollbook.errors import RefusedError

from ..conftest import Machine
from .conftest import PYTHON
from .evolving import Evolving, environment_of
from .shapes import model

_FIELDS = {
    "bare": "models.IntegerField()",
    "null": "models.IntegerField(null=True)",
    "given": "models.IntegerField(default=3)",
    "nothing": "models.CharField(max_length=9)",
    "blank": "models.CharField(max_length=9, blank=True)",
    "once": "models.CharField(max_length=9, unique=True, default='x')",
    "atonce": "models.CharField(max_length=9, unique=True, null=True)",
    "same": "models.CharField(max_length=9, unique=True, null=True, default='x')",
    "made": "models.DateTimeField(auto_now_add=True)",
    "points": "models.ForeignKey('contenttypes.ContentType', models.CASCADE)",
    "loose": "models.ForeignKey('contenttypes.ContentType', models.CASCADE, null=True)",
    "apart": "models.ManyToManyField('contenttypes.ContentType')",
}


def _refused(site: Evolving, app: str) -> bool:
    try:
        site.machine.plan(site.use("django.migrate", app=app, to="0001"))
    except RefusedError as error:
        return "Remove field" in str(error)
    return False


@pytest.mark.server
@pytest.mark.parametrize("database", ["postgres", "mariadb"])
@pytest.mark.parametrize("rows", [0, 1, 2])
def test_a_way_back_is_refused_where_the_rows_leave_no_room(
    request: pytest.FixtureRequest, tmp_path: Path, machine_here: Machine, database: str, rows: int
) -> None:
    """What must have a value and has none to give, and what must be unique and is not, is found before anything is undone."""
    url = request.getfixturevalue(f"{database}_url")
    site = Evolving(tmp_path / "site", environment_of(url), machine_here, PYTHON)
    site.write(*_FIELDS)
    needs = '("contenttypes", "0001_initial"),'
    for app, kind in _FIELDS.items():
        site.migration(app, "0001_initial", model("Item", f'("it", {kind})'), needs=needs)
        site.migration(app, "0002_gone", 'migrations.RemoveField("item", "it"),')
    site.migrate("-v", "0")
    engine = sa.create_engine(url)
    with engine.begin() as session:
        for app in _FIELDS:
            for number in range(1, rows + 1):
                session.execute(sa.table(f"{app}_item", sa.column("id")).insert(), [{"id": number}])
    engine.dispose()

    refused = {app for app in _FIELDS if _refused(site, app)}

    for app in _FIELDS:
        site.migrate(app, "0001", "-v", "0", fails=app in refused)
    assert bool(refused) == bool(rows)


_TOGETHER = {
    "pair": ("models.CharField(max_length=9, default='x')", 'unique_together", {("with", "it")}'),
    "empty": ("models.CharField(max_length=9, null=True)", 'unique_together", {("with", "it")}'),
    "bound": (
        "models.IntegerField(default=3)",
        'constraints", [models.UniqueConstraint(fields=["it", "with"], name="u")]',
    ),
    "part": (
        "models.IntegerField(default=3)",
        'constraints", [models.UniqueConstraint(fields=["it"], condition=models.Q(with__gt=5), name="u")]',
    ),
}


@pytest.mark.server
@pytest.mark.parametrize("database", ["postgres", "mariadb"])
@pytest.mark.parametrize("others", [(1, 2), (1, 1), (None, None)])
def test_a_way_back_is_refused_where_rows_would_be_alike(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    machine_here: Machine,
    database: str,
    others: tuple[int | None, int | None],
) -> None:
    """A field that was unique together with others comes back with one value: the rows must differ in the others."""
    url = request.getfixturevalue(f"{database}_url")
    site = Evolving(tmp_path / "site", environment_of(url), machine_here, PYTHON)
    site.write(*_TOGETHER)
    for app, (field, option) in _TOGETHER.items():
        fields = f'("with", models.IntegerField(null=True, db_column="Of with")), ("it", {field})'
        kind = "unique_together" if option.startswith("unique") else "constraints"
        made = option.split(", ", 1)[1].replace('name="u"', f'name="{app}_u"')
        gone = (
            'migrations.AlterUniqueTogether("item", set()),'
            if kind == "unique_together"
            else f'migrations.RemoveConstraint("item", "{app}_u"),'
        )
        once = f'migrations.AlterUniqueTogether("item", {made}),'
        if kind == "constraints":
            once = f'migrations.AddConstraint("item", {made.removeprefix("[").removesuffix("]")}),'
        site.migration(app, "0001_initial", model("Item", fields) + once)
        site.migration(app, "0002_gone", gone + '\nmigrations.RemoveField("item", "it"),')
    site.migrate("-v", "0")
    engine = sa.create_engine(url)
    with engine.begin() as session:
        for app in _TOGETHER:
            table = sa.table(f"{app}_item", sa.column("id"), sa.column("Of with"))
            for number, other in enumerate(others, 1):
                session.execute(table.insert(), [{"id": number, "Of with": other}])
    engine.dispose()

    refused = set()
    for app in _TOGETHER:
        try:
            site.machine.plan(site.use("django.migrate", app=app, to="0001"))
        except RefusedError as error:
            assert "would be alike" in str(error)
            refused.add(app)

    for app in _TOGETHER:
        site.migrate(app, "0001", "-v", "0", fails=app in refused)
    assert refused == ({"pair", "bound"} if others == (1, 1) else set())
