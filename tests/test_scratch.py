"""What a run that is not over keeps beside live databases is told, until it is dropped or the run is over."""

from report.accounts import Story, plan_of, step

from rollbook.cli.ending import ending_lines
from rollbook.cli.screen import Screen
from rollbook.report import report_of
from rollbook.scratch import Scratch, halves_of, scratch_of

PLAN = plan_of(
    (
        step("load", kind="sql.snapshot_load", verdict="create"),
        step("other", kind="sql.snapshot_load", verdict="create", environment="stage"),
        step("recover", kind="sql.recover", verdict="create"),
        step("drop", kind="sql.drop_scratch", verdict="delete", arguments={"database": "forum_rbsnap_1"}),
    )
)
LOADED = {"outputs": {"database": "forum_rbsnap_1", "role": "scratch"}}


def begun() -> Story:
    story = Story(PLAN).step("load", 1.0, "changed", **LOADED)
    return story.step("other", 1.0, "changed", **LOADED)


def test_what_is_kept_is_told_until_it_is_dropped() -> None:
    """One of the same name in another environment is another; the report says when they go."""
    goes = "goes when the run is resumed to its end, or undone"
    here, there = (Scratch("forum_rbsnap_1", *one, goes) for one in (("load", "prod"), ("other", "stage")))

    loaded, dropped = begun().run(), begun().step("recover", 1.0).step("drop", 1.0, "changed").run()

    assert scratch_of(loaded) == (here, there)
    assert scratch_of(dropped) == (there,)
    told = " ".join(one.text for one in report_of(loaded).summary)
    assert "forum_rbsnap_1, which step load made beside the live database of prod, is still there" in told


def test_what_a_run_kept_that_is_over_is_told_only_where_it_was_given_up() -> None:
    """What a run that succeeded kept, it was to keep; after one that was given up, only an undo takes it away."""
    given_up = scratch_of(begun().finish("abandoned"))

    assert [one.goes for one in given_up] == ["goes when the run is undone"] * 2
    assert scratch_of(begun().finish("succeeded")) == ()


def test_what_an_undo_took_away_is_gone() -> None:
    """The step that made it, taken back, leaves nothing."""
    back = Story(PLAN).step("load", 1.0, "changed", after={"exists": False}, **LOADED)

    assert scratch_of(back.run()) == ()


def test_half_a_fetched_backup_that_nobody_will_resume_is_told() -> None:
    """A fetch that was cut off leaves what it had fetched, beside the place that the backup was to have."""
    plan = plan_of((step("fetch", kind="backup.download", verdict="create"),))
    ops = [{"op": f"backup.{name}", "folder": "/b", "name": "2026/shop"} for name in ("download", "download_dump")]

    given_up = Story(plan).begin("fetch", ops=ops).finish("abandoned")

    assert halves_of(given_up) == (("/b/2026/.shop.partial", "fetch"),) * 2


def test_half_a_backup_that_nobody_will_resume_is_told() -> None:
    """Once a run was given up in the middle of a backup, its end names the folder; a backup that ended left none."""
    plan = plan_of((step("dump", kind="postgres.backup", verdict="create"),))
    dump = {"op": "postgres.snapshot_dump", "folder": "/var/backups", "name": "forum_1"}
    cut_off = Story(plan).begin("dump", ops=[dump])

    going, given_up = cut_off.run(), cut_off.finish("abandoned")
    whole = Story(plan).step("dump", 1.0, "changed", ops=[dump]).finish("abandoned")

    assert (halves_of(going), halves_of(whole)) == ((), ())
    assert halves_of(given_up) == (("/var/backups/.forum_1.partial", "dump"),)
    assert any(
        "/var/backups/.forum_1.partial may still be there" in line for line in ending_lines(given_up, {}, Screen(), {})
    )
