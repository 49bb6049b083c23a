"""What a migration destroys is saved before, and comes back after, in one environment and in several."""

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from actions.conftest import Machine
from actions.django.evolving import Evolving, environment_of
from servers import SqlServer, _program

from rollbook.targets import Redactor, SecretStore, TargetPool
from rollbook.targets.base import TargetSpec

from .board import database
from .estate import APP, DROPPED, DROPS, FIRST, MADE, TOKEN, TOKENED, Estate, Place, pages

pytestmark = pytest.mark.server

NAMES = ("test", "stage", "prod")
BROKEN = "stage"


@pytest.fixture(params=["postgres"])
def estate(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Estate]:
    """Make three environments of one project, migrated to the point before, with rows; the page of one will break."""
    server: SqlServer = request.getfixturevalue(f"{request.param}_server")
    made, redactor = Estate(tmp_path), Redactor()
    pool = TargetPool({"local": TargetSpec("local", "local")}, SecretStore({}, redactor), redactor)
    code = Evolving(tmp_path / "code", {}, Machine(pool))
    code.write(APP)
    code.migration(APP, FIRST, MADE)
    with pages(made, NAMES, BROKEN), ExitStack() as databases:
        for name in NAMES:
            place = Place(name, databases.enter_context(database(server.url, f"rb_estate_{name}")))
            here = Evolving(code.folder, environment_of(place.url), code.machine)
            here.migrate("-v", "0")
            place.fill()
            made.add(place, code)
        code.migration(APP, DROPS, DROPPED)
        yield made
    pool.close()


def test_what_is_protected_comes_back(estate: Estate) -> None:
    """Rows with their ids, and cells of columns, are as before, and the report says so."""
    place = estate.places["test"]
    before = place.contents()
    code, said = estate.run("runbook", "protect-migration", "test", app=APP)
    assert code == 0, said
    assert re.search("board_note +50 rows", said)
    here = Evolving(estate.folder / "code", environment_of(place.url), Machine(None))  # type: ignore[arg-type]  # it only migrates
    here.migrate(APP, "-v", "0")
    assert place.contents()["board_note"] is None

    code, said = estate.run("runbook", "recover-migration-data", "test", app=APP, to="0001")

    assert code == 0, said
    assert place.contents() == before
    report = next((estate.folder / ".rollbook" / "runs" / estate.last().id).glob("report.md")).read_text()
    assert "| `board_note` | – | 50 | 50 | 50 | 50 |" in report
    assert "50 rows or values of board_note were destroyed, and are back." in report
    assert place.scratch() == []


def test_what_is_written_while_the_code_is_deployed_comes_back(estate: Estate) -> None:
    """Users go on in the old code until the new one is there: what they write by then is saved right before it migrates."""
    place, path = estate.places["test"], estate.folder / "inventory" / "test.yml"
    late = "INSERT INTO board_note (id, text) VALUES (99, 'late'); DELETE FROM board_note WHERE id = 50;"
    late += " UPDATE board_page SET motto = 'late' WHERE id = 7"
    (estate.folder / "late.sh").write_text(f'{_program("psql")} -qX {place.url.replace("+psycopg", "")} -c "{late}"')
    writing = json.dumps(["sh", str(estate.folder / "late.sh")])
    path.write_text(re.sub(r"(?m)^vars:$", f"vars:\n  code_command: {writing}", path.read_text()))

    code, said = estate.run("runbook", "migrate-destructively", "test", app=APP, watch_for="1s")
    assert code == 0, said
    assert place.contents()["board_note"] is None
    code, said = estate.run("runbook", "recover-migration-data", "test", app=APP, to="0001")

    assert code == 0, said
    found = place.contents()
    assert found["board_note"] is not None
    assert {50, 99} & {row[0] for row in place.rows("SELECT id FROM board_note")} == {99}
    assert place.rows("SELECT motto FROM board_page WHERE id = 7") == [("late",)]


@pytest.mark.parametrize("estate", ["postgres", "mariadb"], indirect=True)
def test_what_was_written_before_an_undo_comes_again(estate: Estate) -> None:
    """An undo that has tables dropped saves what is in them by then; its undo, and any later recovery, put back all that was."""
    place = estate.places["test"]
    before = place.contents()
    code, said = estate.run("runbook", "protect-migration", "test", app=APP)
    assert code == 0, said
    here = Evolving(estate.folder / "code", environment_of(place.url), Machine(None))  # type: ignore[arg-type]  # it only migrates
    here.migrate(APP, "-v", "0")
    code, said = estate.run("runbook", "recover-migration-data", "test", app=APP, to="0001")
    assert code == 0, said
    assert place.contents() == before
    place.execute("INSERT INTO board_note (id, text) VALUES (77, 'written since')")
    written = place.contents()
    place.execute("DELETE FROM board_note WHERE id = 50")

    for again in (("undo", "last"), ("run-runbook", "recover-migration-data", "--env=test", f"--set=app={APP}", "--set=to=0001")):  # fmt: skip
        code, said = estate.type("undo", "last", "--yes")
        assert code == 0, said
        assert place.contents()["board_note"] is None
        kept = sorted(estate.folder.glob("snapshots/before-undo/*/manifest.json"))[-1]
        assert {one["table"]: one["rows"] for one in json.loads(kept.read_text())["tables"]}["board_note"] >= 50
        code, said = estate.type(*again, "--yes")
        assert code == 0, said
        assert place.contents() == written
        assert place.scratch() == []


def test_where_nothing_is_destroyed_nothing_is_done(estate: Estate) -> None:
    """It is said, and no snapshot is made."""
    here = Evolving(estate.folder / "code", environment_of(estate.places["test"].url), Machine(None))  # type: ignore[arg-type]  # it only migrates
    here.migrate(APP, "-v", "0")

    code, said = estate.type("run-runbook", "protect-migration", "--env=test", f"--set=app={APP}", "--dry-run")

    assert code == 0, said
    assert re.search("pending migrations of .*: none", said)
    assert not (estate.folder / "snapshots").exists()


def test_one_table_comes_first_and_one_environment_will_do(estate: Estate) -> None:
    """The plan tells of every environment before anything is done; with only: no other one is touched."""
    code, said = estate.type(
        "plan", "destructive-migration", "--env=test", f"--set=app={APP}", f"--set=migration={DROPS}", "--set=back_to=0001",
        f"--set=environments={','.join(NAMES)}",
    )  # fmt: skip
    assert code == 0, said
    table = [line for line in said.splitlines() if "pending" in line and "board_note" in line and "nothing yet" in line]
    assert len(table) >= len(NAMES)

    code, said = estate.run(
        "playbook",
        "destructive-migration",
        "prod",
        app=APP,
        migration=DROPS,
        back_to="0001",
        only="prod",
        watch_for="1s",
    )

    assert code == 0, said
    assert [estate.places[name].contents()["board_note"] is None for name in NAMES] == [False, False, True]
    code, said = estate.type("undo", estate.last().id, "--yes")
    assert code == 4, said
    assert "make what it dropped again, and EMPTY" in " ".join(said.split())
    assert estate.places["prod"].contents()["board_note"] is None


def with_tokens(estate: Estate) -> str:
    """Have a column more, which may not be NULL and whose default code makes, and drop that too; gives the migration."""
    (estate.folder / "code" / APP / "migrations" / f"{DROPS}.py").unlink()
    code = Evolving(estate.folder / "code", {}, Machine(None))  # type: ignore[arg-type]  # it only migrates
    code.migration(APP, "0002_token", TOKENED, code=TOKEN)
    for place in estate.places.values():
        Evolving(code.folder, environment_of(place.url), code.machine).migrate("-v", "0")
        place.execute("UPDATE board_page SET token = concat('t', id)")
    code.migration(APP, "0003_drop", f'{DROPPED}migrations.RemoveField("page", "token"),')
    return "0003_drop"


@pytest.mark.parametrize("estate", ["postgres", pytest.param("mariadb", marks=pytest.mark.torture)], indirect=True)
def test_where_it_goes_wrong_every_environment_gets_its_rows_back(estate: Estate) -> None:
    """No further environment is begun; those that had the migration go back, with every row, and cells nothing tells of."""
    drops = with_tokens(estate)
    before = {name: place.contents() for name, place in estate.places.items()}

    code, said = estate.run(
        "playbook", "destructive-migration", "test", app=APP, migration=drops, back_to="0002",
        environments=",".join(NAMES), watch_for="1s", left="board_page.token=made",
    )  # fmt: skip

    ends = {step.address: step.status for step in estate.last().steps}
    assert ends["rollout@test/migrate"] == "changed", said
    assert ends["rollout@stage/migrate"] == "changed", said
    assert ends["rollout@prod"] == "skipped", said
    assert {name: place.contents() for name, place in estate.places.items()} == before, said
    assert ends["recover@prod/recover"] == "skipped"
    assert code == 0, said
    report = (estate.folder / ".rollbook" / "runs" / estate.last().id / "report.md").read_text()
    for name in ("test", "stage"):
        assert f"| {name} | `board_note` | 50 | 50 | 50 | 50 | 50 |" in report


DYING = f"""\
{DROPPED}
migrations.AlterField("page", "title", models.CharField(max_length=30, unique=True)),
migrations.AddField("page", "mark", models.IntegerField(null=True)),
"""


@pytest.mark.parametrize("estate", ["mariadb"], indirect=True)
def test_what_a_migration_took_that_died_half_way_comes_back(estate: Estate) -> None:
    """It is recognised in the environment where it died, both ways out are shown, and after the way back all is as before."""
    place = estate.places["test"]
    (estate.folder / "code" / APP / "migrations" / f"{DROPS}.py").unlink()
    Evolving(estate.folder / "code", {}, Machine(None)).migration(APP, DROPS, DYING)  # type: ignore[arg-type]  # it only writes
    place.execute("UPDATE board_page SET title = 'twice' WHERE id < 3")
    before = place.contents()

    code, said = estate.run(
        "playbook", "destructive-migration", "test", app=APP, migration=DROPS, back_to="0001", only="test"
    )
    playbook = estate.last()
    half = next(step for step in playbook.steps if step.address == "recover@test/settle/halves")
    assert code == 3, said
    assert "board 0002_drop did not come to its end, and what came before in it STANDS: IntegrityError" in said
    assert "Send these" not in said
    code, refused = estate.run("runbook", "protect-migration", "test", app=APP)
    assert code == 1, refused
    assert "died half way: what it dropped by then is gone" in " ".join(refused.split())
    code, refused = estate.run("runbook", "recover-migration-data", "test", app=APP, to="0001")
    assert code == 1, refused
    assert "died half way. `run-runbook settle-half-migration` shows how far it came" in " ".join(refused.split())

    code, sent = estate.type("resume", playbook.id, "--answer=recover@test/settle/way=backwards", "--yes")
    early, told = estate.type("resume", playbook.id, "--answer=recover@test/settle/by_hand=done", "--yes")
    assert isinstance(half.outputs, dict)
    for statement in half.outputs["backwards"][f"{APP}.{DROPS}"]:
        assert " ".join(statement.split()) in " ".join(sent.split())
        if not statement.startswith("--"):
            place.execute(statement)
    ended, said = estate.type("resume", playbook.id, "--yes")

    assert (code, early, ended) == (3, 1, 0), said
    assert "still half way: board.0002_drop" in told
    assert place.contents() == before
