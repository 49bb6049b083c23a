"""The two cures, weighed on a real server: what was taken, what was added, rights, and what earlier runs took."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from servers import SqlServer, _program

from rollbook.action import Change
from rollbook.journal import Journal

from ..conftest import Machine, use
from .shops import Shop, opened

pytestmark = pytest.mark.server


@dataclass(frozen=True, slots=True)
class Harmed:
    """A shop with a backup, to be harmed."""

    shop: Shop
    folder: Path

    @property
    def backup(self) -> str:
        return str(self.folder / "shop.dump")

    def since(self, *statements: str) -> None:
        self.shop.run(*statements)

    def weigh(self, **more: object) -> tuple[Any, dict[str, Any], str]:
        """Give the kind's state, its outputs, and what the plan shows."""
        read = Machine(self.shop.pool).read
        loss = use("postgres.data_loss", backup=self.backup)
        tables = loss.outputs(loss.probe(read), ())["tables"]
        given = {"backup": self.backup, "tables": tables, "runs": str(self.folder / "runs"), **more}
        cures = use("postgres.cures", **given)
        state = cures.probe(read)
        return state, cures.outputs(state, ()), "\n".join(cures.details(Change(state, state)))


@pytest.fixture
def harmed(postgres_server: SqlServer, tmp_path: Path) -> Iterator[Harmed]:
    """Give a shop of a superuser's, with a backup from before the harm."""
    with opened(postgres_server, superuser=True) as shop:
        made = Harmed(shop, tmp_path)
        subprocess.run([_program("pg_dump"), "-Fc", "-d", shop.at(), f"--file={made.backup}"], check=True)
        yield made


def test_what_was_only_taken_is_put_back(harmed: Harmed) -> None:
    """Where the deploy dropped a table and a column, put back is proposed, with the rows that it brings."""
    harmed.since('DROP TABLE "of ""others"."odd table"', "ALTER TABLE person DROP COLUMN weight CASCADE")

    state, given, told = harmed.weigh()

    put_back, go_back = state.cures
    assert given["proposed"] == "put_back", told
    assert (put_back.possible, go_back.possible, put_back.rows, put_back.down) == (True, True, 71 + 500, 0.0)
    assert put_back.free is not None
    assert put_back.free > go_back.disk > 0
    assert "PROPOSED: put back" in told
    assert "put back could lose views that the deploy dropped: VIEW public glad" in told
    assert [one["cure"] for one in given["cures"]] == ["put back (proposed)", "go back"]


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("ALTER TABLE person ADD CONSTRAINT one_of_a_name UNIQUE (name)", "constraint one_of_a_name"),
        ("CREATE INDEX late ON person (seen)", "index late"),
        ("CREATE VIEW sad AS SELECT * FROM person WHERE mood = 'sad'", "view sad"),
        ("CREATE TABLE late (id integer PRIMARY KEY)", "late"),
        ("ALTER TABLE person ADD COLUMN nick text", "person.nick"),
    ],
)
def test_what_the_deploy_added_speaks_for_going_back(harmed: Harmed, statement: str, told: str) -> None:
    """A schema that has more than the backup's would not be as before by putting back; it is named."""
    harmed.since('DROP TABLE "of ""others"."odd table"', statement)

    state, _, _ = harmed.weigh()

    assert state.proposed == "go_back"
    assert told in state.why


def test_a_changed_type_speaks_for_going_back(harmed: Harmed) -> None:
    """A backup with a manifest tells of columns whose type is another one."""
    desk = Machine(harmed.shop.pool)
    backup = use("postgres.backup", folder=str(harmed.folder), run="20260101T000000Z-abc")
    path = desk.apply(backup).before.path
    harmed.since('DROP TABLE "of ""others"."odd table"', "ALTER TABLE event ALTER COLUMN what TYPE varchar(99)")

    state, _, told = harmed.weigh(backup=path)

    assert state.proposed == "go_back"
    assert "event.what from text to character varying(99)" in state.why
    assert "that the backup took" in told


def test_an_account_without_rights_is_told_what_to_have_granted(shop: Shop, tmp_path: Path) -> None:
    """What an account may not do stands in the way, with the statement that grants it; the plan goes on."""
    made = Harmed(shop, tmp_path)
    subprocess.run([_program("pg_dump"), "-Fc", "-d", shop.at(), f"--file={made.backup}"], check=True)
    made.since('DROP TABLE "of ""others"."odd table"', "CREATE INDEX late ON person (seen)")

    state, given, told = made.weigh()

    assert given["possible"] == {"put_back": True, "go_back": False}
    assert state.proposed == "put_back"
    assert f'NOT POSSIBLE: may end other accounts\' sessions: GRANT pg_signal_backend TO "{shop.role}";' in told


def test_a_backup_that_does_not_fit_makes_neither_possible(harmed: Harmed) -> None:
    """A damaged backup does not stop whoever decides: it is told why neither is possible."""
    harmed.since('DROP TABLE "of ""others"."odd table"')
    loss = use("postgres.data_loss", backup=harmed.backup)
    tables = loss.outputs(loss.probe(Machine(harmed.shop.pool).read), ())["tables"]
    other = harmed.folder / "other.dump"
    other.write_bytes(b"PGDMP and nothing else")
    cures = use("postgres.cures", backup=str(other), tables=tables)

    state = cures.probe(Machine(harmed.shop.pool).read)

    assert state.proposed == ""
    assert all(str(other) in " ".join(one.hindered) for one in state.cures), state.cures


def test_earlier_runs_with_this_database_are_what_times_stand_on(harmed: Harmed) -> None:
    """Journals of runs with another database, and of undos, tell nothing; those with this one are taken."""
    harmed.since('DROP TABLE "of ""others"."odd table"')
    here = dict(harmed.shop.pool.reader("db").identity())
    steps = [{"address": "back/restore", "kind": "postgres.restore"}]
    for number, more in enumerate(({}, {}, {"undo_of": "x"}, {"identities": {"db": {"database": "other"}}})):
        path = harmed.folder / "runs" / f"2026010{number}T000000.000Z-abcdef" / "journal.jsonl"
        with Journal(path) as journal:
            plan = {"runbook": "x", "steps": steps, "identities": {"prod:db": here}, **more}
            journal.append("run_started", plan=plan)
            journal.append("step_started", step="back/restore")
            journal.append("step_finished", step="back/restore", status="changed")

    _, _, told = harmed.weigh()

    assert "estimated from 2 earlier runs on this server" in told
