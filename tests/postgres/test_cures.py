"""Weighing the two cures: which is proposed, what each writes and loses, and what its times stand on."""

from dataclasses import replace

import pytest

from rollbook.postgres.cures import Cure, Pace, Scene, Unlike, proposed, weigh
from rollbook.postgres.loss import TableLoss

MB = 10**6
GONE = TableLoss("posts", 4000, None)
STRIPPED = TableLoss("shows", 100, 110, 10, 3, 0, by="key", only_backup=("contact",))
SAME = TableLoss("tags", 50, 50, 0, 0, 0, by="key")
ADDED = TableLoss("late", None, 7)
WIDENED = TableLoss("users", 10, 12, 2, 0, 0, by="key", only_live=("nick",))
SCENE = Scene((GONE, STRIPPED, SAME), 100 * MB, 1000 * MB, None, Unlike(()), "", Pace())


def both(scene: Scene) -> tuple[Cure, Cure, str | None]:
    put_back, go_back = cures = weigh(scene)
    return put_back, go_back, proposed(scene, cures)[0]


@pytest.mark.parametrize(
    ("scene", "wanted"),
    [
        (SCENE, "put_back"),
        (replace(SCENE, unlike=Unlike(None)), "put_back"),
        (replace(SCENE, tables=(SAME, WIDENED)), "go_back"),
        (replace(SCENE, tables=(*SCENE.tables, ADDED)), "go_back"),
        (replace(SCENE, tables=(*SCENE.tables, WIDENED)), "go_back"),
        (replace(SCENE, unlike=Unlike(("constraint one_of_a_title",))), "go_back"),
        (replace(SCENE, unlike=Unlike(("constraint one_of_a_title",)), obstacles=("a slot",)), "put_back"),
        (replace(SCENE, tables=(GONE, replace(STRIPPED, by="row"))), "go_back"),
        (replace(SCENE, tables=(SAME,), obstacles=("a slot",)), None),
        (replace(SCENE, refused=("the backup is damaged",)), None),
    ],
)
def test_put_back_comes_first_where_the_deploy_only_took(scene: Scene, wanted: str | None) -> None:
    """Put back is proposed where it is possible and live has nothing that the backup lacks; else what is possible."""
    assert both(scene)[2] == wanted


def test_what_each_writes() -> None:
    """Put back writes what is gone, go back what users wrote since; rows that were only counted count as their difference."""
    counted = TableLoss("log", 20, 25, by="count")

    put_back, go_back, _ = both(replace(SCENE, tables=(*SCENE.tables, counted)))

    assert (put_back.rows, go_back.rows) == (4000 + 100, 13 + 5)
    assert put_back.brings == "1 table with 4000 rows (posts), 1 column (shows.contact)"


@pytest.mark.parametrize(("free", "hindered"), [(None, (0, 0)), (10_000 * MB, (0, 0)), (750 * MB, (0, 1)), (1, (1, 1))])
def test_room_is_what_each_takes(free: int | None, hindered: tuple[int, int]) -> None:
    """A restored backup is larger by the rows that live lacks; without room for it a cure is not possible."""
    scene = replace(SCENE, free=free)

    put_back, go_back, _ = both(scene)

    assert go_back.disk == 2 * 100 * MB * 4  # 4150 rows against 160, bounded
    assert put_back.disk == 4 * 100 * MB + 3 * 100 * MB
    assert (len(put_back.hindered), len(go_back.hindered)) == hindered


def test_earlier_runs_tell_more_than_rates() -> None:
    """What this server took before is the estimate, and is said to be; a downtime that was measured has services in it."""
    pace = Pace(3, {"postgres.backup": 10.0, "postgres.restore": 20.0, "postgres.base": 30.0, "sql.recover": 5.0}, 44.0)

    guessed, measured = weigh(replace(SCENE, made=8.0)), weigh(replace(SCENE, pace=pace))

    assert (measured[0].seconds, measured[1].down) == (35.0, 44.0)
    assert measured[1].stands_on == "3 earlier runs on this server"
    assert "the 8 s that the backup took" in guessed[0].stands_on
    assert "services comes on top" in guessed[1].stands_on
    assert weigh(SCENE)[0].stands_on == "the size, and rates of a small machine"
    assert guessed[0].down == measured[0].down == 0.0


def test_what_would_be_lost_is_told() -> None:
    """Put back leaves what the deploy did to rows that stay, go back what only live has; neither has what no backup has."""
    deleted = TableLoss("episodes", 20, 15, 0, 1, 5, by="key")
    scene = replace(SCENE, tables=(GONE, deleted, ADDED, WIDENED), span=" (2 h)")

    put_back, go_back, _ = both(scene)

    assert any("5 deleted and 1 changed" in loss for loss in put_back.loss)
    assert any("late, 7 rows" in loss for loss in go_back.loss)
    assert any("users.nick" in loss for loss in go_back.loss)
    for cure in (put_back, go_back):
        assert "what was written into posts between backup and deploy (2 h): no backup has it" in cure.loss
