"""A Django migration that makes columns hold less, protected, and every value put back without a question, on both servers."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from servers import SqlServer

from .board import APP, DROPS, FIRST, PROTECT, RECOVER, Board, Desk, database

pytestmark = pytest.mark.server

MADE = """\
migrations.CreateModel("Fare", [
    ("id", models.AutoField(primary_key=True)),
    ("price", models.DecimalField(max_digits=12, decimal_places=4)),
    ("paid", models.DecimalField(max_digits=12, decimal_places=4, null=True)),
    ("at", models.DateTimeField()),
    ("size", models.FloatField()),
    ("name", models.CharField(max_length=40)),
    ("note", models.CharField(max_length=20, null=True)),
    ("rate", models.DecimalField(max_digits=12, decimal_places=4, null=True)),
    ("kind", models.IntegerField(null=True)),
]),
"""
NARROWS = """\
migrations.AlterField("fare", "price", models.DecimalField(max_digits=10, decimal_places=2)),
migrations.AlterField("fare", "paid", models.IntegerField(null=True)),
migrations.AlterField("fare", "at", models.DateField()),
migrations.AlterField("fare", "size", models.IntegerField()),
migrations.AlterField("fare", "name", models.CharField(max_length=9)),
migrations.AlterField("fare", "note", models.CharField(max_length=20, default="none")),
migrations.AlterField("fare", "rate", models.DecimalField(max_digits=10, decimal_places=2, default=7)),
migrations.AlterField("fare", "kind", models.IntegerField(default=3), preserve_default=False),
"""


def fare(at: int) -> str:
    """Give a row as SQL; where a column may be NULL, it is now and then."""
    paid = f"{at}.5" if at % 3 else "NULL"
    note, rate, kind = "'mine'" if at % 2 else "NULL", f"{at}.1234" if at % 5 else "NULL", at if at % 4 else "NULL"
    moment = f"'2026-01-{at:02} {at:02}:30:00.{at:06}'"
    return f"({at}, {at}.{at:04}, {paid}, {moment}, {at}.5, 'fare', {note}, {rate}, {kind})"


@pytest.fixture(params=["postgres_server", "mariadb_server"])
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    """Give a board of fares, before the migration, and who protects it."""
    server: SqlServer = request.getfixturevalue(request.param)
    with database(server.url, "rb_narrowed") as url, Board(tmp_path, url).opened() as board:
        board.code.write(APP)
        board.code.migration(APP, FIRST, MADE)
        board.code.migrate("-v", "0")
        fares = map(fare, range(1, 24))
        named = "id, price, paid, at, size, name, note, rate, kind"
        board.execute(f"INSERT INTO board_fare ({named}) VALUES {', '.join(fares)}")  # noqa: S608
        board.code.migration(APP, DROPS, NARROWS)
        yield Desk(tmp_path / "desk", board)


@pytest.mark.timeout(300)
def test_every_value_comes_back_but_those_that_people_wrote(desk: Desk) -> None:
    """
    Nobody is asked what rounding left, or what NULL became; what was written since stays and is told.

    The undo takes out what came.
    """
    board = desk.board
    before = board.rows("SELECT * FROM board_fare ORDER BY id")
    desk.does(*PROTECT)
    board.code.migrate("-v", "0", APP)
    board.execute("UPDATE board_fare SET price = 77.25, note = 'none' WHERE id = 5")
    narrowed = board.rows("SELECT * FROM board_fare ORDER BY id")

    desk.does(*RECOVER, "--answer=look=yes")

    after = board.rows("SELECT * FROM board_fare ORDER BY id")
    assert [row for row in after if row[0] != 5] == [row for row in before if row[0] != 5]
    assert [str(price) for (price,) in board.rows("SELECT price FROM board_fare WHERE id = 5")] == ["77.2500"]
    (kept,) = desk.folder.glob(".rollbook/runs/*/recovered/cells-kept*price*")
    assert "5.0005" in kept.read_text()
    assert board.rows("SELECT note FROM board_fare WHERE id = 5") == [("none",)]  # somebody wrote what NULL became
    desk.does("undo", "last", "--yes")
    assert board.rows("SELECT * FROM board_fare ORDER BY id") == narrowed
