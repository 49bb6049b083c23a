"""The list of those whom lost rows concern, on a real server: who is on it, and who can read it."""

import csv
import json
import stat
from pathlib import Path
from typing import Any

import pytest

from rollbook.errors import TargetError
from rollbook.postgres.passes import Exported
from rollbook.schema import encode

from ..conftest import Machine, use
from .shops import Shop

pytestmark = pytest.mark.server

SITE = """
    CREATE TABLE member (id bigint PRIMARY KEY, mail text);
    INSERT INTO member SELECT g, 'm' || g || '@mail.example' FROM generate_series(1, 9) g;
    INSERT INTO member VALUES (20, NULL);
    CREATE TABLE post (id bigint PRIMARY KEY, author bigint REFERENCES member, text text);
    INSERT INTO post SELECT g, 1 + g % 3, 'text' FROM generate_series(1, 12) g;
    CREATE TABLE rating (post bigint, by integer, PRIMARY KEY (post, by));
    INSERT INTO rating VALUES (1, 7), (2, 7), (2, 8);
    CREATE TABLE tag (name text PRIMARY KEY)"""
USERS = {"table": "member", "key": "id", "email": "mail", "refers": {"rating": ["by"], "draft": ["member"]}}


@pytest.fixture
def site(shop: Shop) -> Shop:
    """Give a shop with members."""
    shop.run(SITE)
    return shop


def conflicts(folder: Path, *rows: tuple[str, str, dict[str, str | None] | None, dict[str, str | None] | None]) -> Any:
    """Write a file of conflicts as a pass does: table, key, live's side, the backup's."""
    return written(
        folder,
        "conflicts",
        [
            {
                "table": table,
                "key": json.dumps([key]),
                "kind": "edited_by_both",
                "about": "",
                "settled": "live",
                "live": "" if live is None else json.dumps(live),
                "backup": "" if backup is None else json.dumps(backup),
            }
            for table, key, live, backup in rows
        ],
    )


def written(folder: Path, what: str, rows: list[dict[str, str]]) -> Any:
    path = folder / f"{what.replace(' ', '-')}.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return encode(Exported(what, str(path), len(rows), path.stat().st_size, ""))


def listed(site: Shop, folder: Path, **given: Any) -> tuple[dict[str, list[str]], dict[str, Any]]:
    """Carry the kind out; gives the file's lines by address, and its outputs."""
    machine = Machine(site.pool)
    action = use("postgres.affected_users", users=USERS, path=str(folder / "list" / "users.csv"), **given)
    change = machine.plan(action)
    results = machine.carry_out(*change.ops)
    outputs = action.outputs(action.probe(machine.read), results)
    with (folder / "list" / "users.csv").open(newline="") as lines:
        head, *rows = csv.reader(lines)
    assert head == ["email", "user", "conflicts", "left_out", "taken", "tables"]
    return {row[0]: row[1:] for row in rows}, dict(outputs)


def test_both_sides_of_a_conflict_are_concerned(site: Shop, tmp_path: Path) -> None:
    """Whom the row names on either side is listed once, with how many rows; the user's own row names the user."""
    file = conflicts(
        tmp_path,
        ("post", "1", {"id": "1", "author": "2"}, {"id": "1", "author": "3"}),
        ("post", "2", None, {"id": "2", "author": "3"}),
        ("member", "5", {"id": "5", "mail": "m5"}, {"id": "5", "mail": "x"}),
        ("post", "3", {"id": "3", "author": None}, None),
    )

    rows, outputs = listed(site, tmp_path, exported=[file])

    assert rows == {
        "m2@mail.example": ["2", "1", "0", "0", "post"],
        "m3@mail.example": ["3", "2", "0", "0", "post"],
        "m5@mail.example": ["5", "1", "0", "0", "member"],
    }
    assert (outputs["users"], outputs["gone"], outputs["without_email"], outputs["untold"]) == (3, 0, 0, [])


def test_rows_and_cells_without_a_place_concern_their_users(site: Shop, tmp_path: Path) -> None:
    """Of cells the live row tells whose they are, by a key of several columns too; of whole rows, the file itself."""
    cells = written(
        tmp_path,
        "cells without a column",
        [
            {"table": "post", "key": json.dumps(["4"]), "cells": json.dumps({"mood": "glad"})},
            {"table": "rating", "key": json.dumps(["2", "8"]), "cells": json.dumps({"stars": "5"})},
            {"table": "post", "key": json.dumps(["999"]), "cells": json.dumps({"mood": "glad"})},
        ],
    )
    rows_of = written(tmp_path, "rows of draft", [{"id": "1", "member": "6"}, {"id": "2", "member": "6"}])

    rows, _ = listed(site, tmp_path, exported=[cells, rows_of])

    assert rows == {
        "m2@mail.example": ["2", "0", "1", "0", "post"],
        "m6@mail.example": ["6", "0", "2", "0", "draft"],
        "m8@mail.example": ["8", "0", "1", "0", "rating"],
    }


def test_rows_of_a_table_that_only_the_deploy_had_concern_their_users(site: Shop, tmp_path: Path) -> None:
    """No database has the table any more: what its file says of its foreign keys tells whose a row is."""
    rows = [{"id": "1", "who": "4", "draft": "8"}, {"id": "2", "who": "5", "draft": "9"}]
    file = {**written(tmp_path, "rows of draft", rows), "refers": {"who": ["member", "id"], "draft": ["draft", "id"]}}

    found, outputs = listed(site, tmp_path, exported=[file])

    assert found == {
        "m4@mail.example": ["4", "0", "1", "0", "draft"],
        "m5@mail.example": ["5", "0", "1", "0", "draft"],
    }
    assert outputs["untold"] == []


def test_everybody_with_rows_in_a_taken_table_is_concerned(site: Shop, tmp_path: Path) -> None:
    """Foreign keys tell, and what is said where there are none; a table of which neither tells is named."""
    rows, outputs = listed(site, tmp_path, tables=["post", "rating", "tag", "never"])

    assert {email: row[3] for email, row in rows.items()} == {
        "m1@mail.example": "4",
        "m2@mail.example": "4",
        "m3@mail.example": "4",
        "m7@mail.example": "2",
        "m8@mail.example": "1",
    }
    assert outputs["untold"] == ["never", "tag"]


def test_who_cannot_be_written_to_is_counted(site: Shop, tmp_path: Path) -> None:
    """Members without an address, and those who left, are in no line and in the counts."""
    file = conflicts(tmp_path, ("post", "1", {"author": "20"}, {"author": "777"}), ("post", "2", {"author": "1"}, None))

    rows, outputs = listed(site, tmp_path, exported=[file])

    assert (list(rows), outputs["without_email"], outputs["gone"]) == (["m1@mail.example"], 1, 1)


def test_whatever_an_address_holds_each_counts_once(site: Shop, tmp_path: Path) -> None:
    """Also one with the end of a line in it."""
    site.run("UPDATE member SET mail = E'm1@mail.example\n(home)' WHERE id = 1")

    found, outputs = listed(site, tmp_path, tables=["post"])

    assert (len(found), outputs["users"]) == (3, 3)


def test_the_list_is_for_its_owner_and_no_address_is_told(site: Shop, tmp_path: Path) -> None:
    """The file is of mode 0600; neither the plan's ops nor the outputs have an address."""
    machine = Machine(site.pool)
    action = use("postgres.affected_users", users=USERS, path=str(tmp_path / "users.csv"), tables=["post"])
    change = machine.plan(action)

    results = machine.carry_out(*change.ops)

    outputs = action.outputs(action.probe(machine.read), results)
    told = json.dumps([encode(change.ops[0]), change.ops[0].render(), dict(outputs)])
    assert "@" not in told
    assert stat.S_IMODE((tmp_path / "users.csv").stat().st_mode) == 0o600
    assert machine.plan(action).ops == ()


@pytest.mark.parametrize(
    ("changed", "told"), [({"table": "members"}, "no table members"), ({"email": "email"}, "no column email of member")]
)
def test_a_table_or_column_that_is_not_there_is_told(
    site: Shop, tmp_path: Path, changed: dict[str, str], told: str
) -> None:
    """What the inventory says wrongly of users is told by its name, and nothing is written."""
    machine = Machine(site.pool)
    action = use("postgres.affected_users", users={**USERS, **changed}, path=str(tmp_path / "users.csv"))

    with pytest.raises(TargetError, match=told):
        machine.carry_out(*machine.plan(action).ops)

    assert not (tmp_path / "users.csv").exists()
