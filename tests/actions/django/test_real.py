"""A real site, migrated back and forth on real databases."""

from typing import Any

import pytest

from rollbook.action import Refuse
from rollbook.errors import CommandFailed, RefusedError, SchemaError, TargetError, UndoRefused

from ..conftest import use
from .conftest import Site

CHANNELS = ("0001_initial", "0002_post", "0003_post_score", "0004_tidy")


def words(change: Any) -> list[tuple[str, ...]]:
    return [op.argv[2:5] for op in change.ops]


def test_the_plan_lists_what_a_migrate_then_does(site: Site) -> None:
    """Each pending migration is a command in Django's order, and afterwards all of them are applied."""
    action = site.use("django.migrate")
    before = site.use("django.showmigrations").probe(site.machine.read)

    change = site.machine.apply(action)

    planned = [f"{app}.{name}" for _, app, name in words(change)]
    assert planned == list(before.pending)
    assert [line.split(":")[0].removeprefix("apply ") for line in action.details(change)] == planned
    assert site.applied()["channels"] == CHANNELS
    assert site.machine.plan(action).ops == ()
    assert "Create model Post" in str(action.details(change))


def test_going_back_takes_what_leans_on_it(site: Site) -> None:
    """Backwards to zero, the migrations of other apps that need it are unapplied too; an undo applies them again."""
    site.migrate("channels", "0003")
    site.migrate("podcasts")
    action = site.use("django.migrate", app="channels", to="zero")
    before = site.applied()

    change = site.machine.apply(action)
    found = site.applied()
    site.machine.undo(action, change)

    assert len(words(change)) == 4
    assert ("migrate", "podcasts", "zero") in words(change)
    assert (found["channels"], found["podcasts"]) == ((), ())
    assert site.applied() == before


def test_a_migrate_that_is_cut_off_goes_on(site: Site) -> None:
    """After some of the commands the rest is what is left."""
    forth = site.use("django.migrate", app="channels", to="0003_post_score")
    change = site.machine.plan(forth)

    site.machine.carry_out(*change.ops[:2])
    rest = forth.ops(forth.probe(site.machine.read), change.after)
    site.machine.carry_out(*rest)

    assert rest == change.ops[2:]
    assert site.applied()["channels"] == CHANNELS[:3]


def test_a_way_back_that_django_cannot_go_is_refused_before_anything_is_done(migrated: Site) -> None:
    """An irreversible operation on the way refuses the plan, naming it, and everything stays applied."""
    with pytest.raises(RefusedError, match=r"channels\.0004_tidy: Raw SQL operation"):
        migrated.machine.plan(migrated.use("django.migrate", app="channels", to="0002"))

    assert migrated.applied()["channels"] == CHANNELS


def test_a_way_back_that_is_only_noted_changes_no_table(migrated: Site) -> None:
    """With fake Django takes for unapplied what it cannot reverse; the tables stay, and an undo notes it again."""
    action = migrated.use("django.migrate", app="channels", to="0002", fake=True)
    before = migrated.use("django.fits").probe(migrated.machine.read)

    change = migrated.machine.apply(action)
    found = migrated.applied()["channels"]
    migrated.machine.undo(action, change)

    assert found == CHANNELS[:2]
    assert all("--fake" in op.argv for op in change.ops)
    assert "no table is changed" in action.details(change)[0]
    assert migrated.applied()["channels"] == CHANNELS
    assert migrated.use("django.fits").probe(migrated.machine.read) == before


def test_an_undo_of_what_cannot_be_reversed_is_refused(site: Site) -> None:
    """A migration forwards that Django cannot take back refuses its undo."""
    site.migrate("channels", "0003")
    action = site.use("django.migrate", app="channels")

    change = site.machine.apply(action)

    decision = action.undo(change)
    assert isinstance(decision, Refuse)
    assert "0004_tidy" in decision.reason


def test_code_without_the_migration_does_not_go_back(site: Site) -> None:
    """What only the database knows is told, and code that does not have the way refuses to go it."""
    site.migrate("channels", "0003")
    for name in CHANNELS[2:]:
        (site.folder / "channels" / "migrations" / f"{name}.py").unlink()
    action = site.use("django.migrate", app="channels")
    here = action.probe(site.machine.read)

    found = site.use("django.showmigrations").probe(site.machine.read)
    with pytest.raises(UndoRefused, match=r"channels\.0003_post_score"):
        action.ops(here, type(here)({**here.applied, "channels": CHANNELS[:3]}, {}, ()))

    assert found.unknown == ("channels.0003_post_score",)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"app": "nothing"}, "no app 'nothing'"),
        ({"app": "channels", "to": "0009"}, "no one migration '0009'"),
        ({"app": "channels", "to": "000"}, "no one migration '000'"),
    ],
)
def test_a_target_that_is_not_there_is_told(site: Site, arguments: dict[str, str], message: str) -> None:
    """An unknown app, and a migration that is unknown or not the only one, are errors of the plan."""
    with pytest.raises(TargetError, match=message):
        site.machine.plan(site.use("django.migrate", **arguments))


def test_code_that_fits_the_schema_may_run(migrated: Site) -> None:
    """Where every table and column is there, nothing is refused; tables between two models are looked at too."""
    action = migrated.use("django.fits")

    found = action.probe(migrated.machine.read)

    assert action.refusal(found) is None
    assert found.models == 5


def test_code_that_cannot_run_on_the_schema_is_refused(migrated: Site) -> None:
    """Missing tables and columns are listed, though every migration is recorded; what has a default is in nobody's way."""
    migrated.sql("DROP TABLE podcasts_podcast_tags")
    migrated.sql("ALTER TABLE channels_post DROP COLUMN score")
    migrated.sql("ALTER TABLE channels_channel ADD COLUMN colour varchar(9)")
    migrated.sql("ALTER TABLE channels_channel ADD COLUMN size integer NOT NULL DEFAULT 3")
    action = migrated.use("django.fits")

    found = action.probe(migrated.machine.read)
    recorded = migrated.use("django.showmigrations").probe(migrated.machine.read)

    assert (found.tables, found.columns, found.required) == (("podcasts_podcast_tags",), ("channels_post.score",), ())
    assert recorded.pending == ()
    assert "missing column: channels_post.score" in str(action.refusal(found))
    allowed = migrated.use("django.fits", allow=["podcasts_*", "channels_post.score"])
    assert allowed.refusal(allowed.probe(migrated.machine.read)) is None


def test_a_column_that_the_code_does_not_fill_is_refused(migrated: Site) -> None:
    """Code from before a column was added cannot insert where the column has no default."""
    models = migrated.folder / "channels" / "models.py"
    models.write_text(models.read_text().replace("    text = models.TextField()\n", ""))
    action = migrated.use("django.fits")

    found = action.probe(migrated.machine.read)

    # The score was added with a default for the rows that were there, which Django takes away from the column again.
    assert (found.tables, found.columns, found.required) == ((), (), ("channels_post.text",))
    assert "does not know: channels_post.text" in str(action.refusal(found))


def test_a_check_that_finds_something_fails(site: Site) -> None:
    """A sound site passes, one whose code does not load fails with what Django says."""
    passed = site.use("django.check").probe(site.machine.read)
    (site.folder / "podcasts" / "models.py").write_text("import nothing_of_the_kind\n")
    failed = site.use("django.check").probe(site.machine.read)

    assert (passed.passed, "no issues" in passed.message) == (True, True)
    assert (failed.passed, "nothing_of_the_kind" in failed.message) == (False, True)


def test_a_site_that_does_not_start_is_told(site: Site) -> None:
    """Of a site that cannot be asked nothing is taken to be so."""
    with pytest.raises(CommandFailed, match="does not answer"):
        site.use("django.showmigrations", settings="forum.nothing").probe(site.machine.read)


def test_a_command_of_manage_py(migrated: Site) -> None:
    """A command runs in the site, with its output for later steps, and not again where a look says that it is done."""
    action = migrated.use(
        "django.manage", run=["count_channels", "--add", "news"], unless=["count_channels", "--at-least", "1"]
    )

    first = migrated.machine.outputs(action)
    again = migrated.machine.plan(action)

    assert first["stdout"] == "1 channels\n"
    assert (again.before.done, again.ops) == (True, ())


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        ("django.migrate", {"to": "0001"}, "app: is needed"),
        ("django.migrate", {"app": "--fake"}, "neither an app"),
        ("django.manage", {"run": []}, "a command of manage.py"),
        ("django.manage", {"run": ["--help"]}, "a command of manage.py"),
        ("django.manage", {"run": ["x"], "ok_codes": []}, "exit code"),
    ],
)
def test_misuse_is_refused(kind: str, arguments: dict[str, Any], message: str) -> None:
    """What makes no sense is refused before anything runs."""
    with pytest.raises(SchemaError, match=message):
        use(kind, **arguments)


def test_what_the_code_in_service_uses_is_told(site: Site) -> None:
    """Tables and columns of models are found, whatever the database has; others are not."""
    asked = {"tables": ["channels_post", "elsewhere"], "columns": ["channels_channel.name", "channels_channel.gone"]}

    outputs = site.machine.outputs(site.use("django.uses", **asked))

    assert (outputs["tables"], outputs["columns"]) == (["channels_post"], ["channels_channel.name"])
    assert outputs["used"] is True
    assert site.machine.outputs(site.use("django.uses", tables=["elsewhere"]))["used"] is False
