"""The guards of a horizon, one by one."""

import json
from dataclasses import replace

import pytest

from rollbook.postgres.horizon import Horizon, Place, Since, contradiction, refusal
from rollbook.postgres.manifest import Manifest, read_manifest
from rollbook.postgres.names import Name
from rollbook.postgres.properties import Properties

PLACE = Place("public", "t", {"id": "7.1.20.-1", "a": "7.2.25.-1"})
THEN = Horizon("4711", 1, 16384, 700, 705, (PLACE,)).sealed({"705": True, "706": False})
NOW = Horizon("4711", 1, 16384, 900, 905, (PLACE,))
ENDED = {"705": True, "706": False}


@pytest.mark.parametrize(
    ("now", "why"),
    [
        (NOW, ""),
        (replace(NOW, xid=700, next=705), ""),
        (replace(NOW, system="4712"), "another cluster"),
        (replace(NOW, timeline=2), "failed over"),
        (replace(NOW, database=16385), "another database"),
        (replace(NOW, xid=600, next=601), "older"),
        (replace(NOW, next=700 + 2**30), "a thousand million"),
        (replace(NOW, next=700 + 2**30 - 1), ""),
    ],
)
def test_a_horizon_holds_in_one_history_of_one_database(now: Horizon, why: str) -> None:
    """Whatever else it is read in, is refused with the reason."""
    found = refusal(THEN, now)

    assert (why in found) if why else not found


@pytest.mark.parametrize(
    ("then", "ended", "why"),
    [
        (THEN, ENDED, ""),
        (THEN, {"705": True, "706": True}, "otherwise"),
        (THEN, {"705": None, "706": False}, "forgotten"),
        (THEN, {"705": True}, "forgotten"),
        (replace(THEN, witness={}), ENDED, "not as it was written"),
        (THEN.sealed({}), {}, "nothing tells"),
        (replace(THEN, xid=701), ENDED, "not as it was written"),
        (replace(THEN, places=(replace(PLACE, name="u"),)), ENDED, "not as it was written"),
    ],
)
def test_a_witness_that_ended_otherwise_or_a_byte_that_flipped_refuses_it(
    then: Horizon, ended: dict[str, bool | None], why: str
) -> None:
    """What was sealed must be whole, and every transaction of the witness must have ended as was noted."""
    found = contradiction(then, ended)

    assert (why in found) if why else not found


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ({"id": "7.1.20.-1", "a": "7.2.25.-1", "more": "7.3.25.-1"}, ""),
        ({"id": "8.1.20.-1", "a": "8.2.25.-1"}, "a, id"),
        ({"id": "7.1.20.-1", "a": "7.3.25.-1"}, ": a"),
        ({"id": "7.1.20.-1", "a": "7.2.1043.44"}, ": a"),
        ({"id": "7.1.20.-1"}, ": a"),
        (None, "not there"),
    ],
)
def test_a_table_tells_it_where_every_column_lies_as_it_did(columns: dict[str, str] | None, why: str) -> None:
    """Another table, number or type of a column that both sides have refuses it; columns beside these do not."""
    places = () if columns is None else (Place("public", "t", columns),)

    found = Since(THEN, replace(NOW, places=places)).refusal(Name("public", "t"), ("id", "a"))

    assert (why in found) if why else not found


def test_a_manifest_of_before_has_no_horizon_and_one_of_now_keeps_it() -> None:
    """What is written is read again; a manifest without the field is as good as ever."""
    manifest = Manifest(
        "run", "db", 150000, "a", "b", "none", Properties("o", "UTF8", "C", "C"), (), (), {}, horizon=THEN
    )
    older = json.loads(manifest.text())
    del older["horizon"]

    assert read_manifest(manifest.text()).horizon == THEN
    assert read_manifest(json.dumps(older)).horizon is None
