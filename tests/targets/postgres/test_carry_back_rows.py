"""The law of the way back for rows that nothing tells apart: they are counted, and what users wrote since is carried."""

from collections import Counter
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import pytest
from carry_horizons import note_backup, note_restored
from databases import script
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from rollbook.postgres.conflict import KEEP_LIVE, Policy
from rollbook.postgres.rules import rules_with
from rollbook.targets.postgres import rows_back, stood_rows
from rollbook.targets.postgres.apart import note_apart
from rollbook.targets.postgres.carry import Errand, Sources, carry, finish
from rollbook.targets.postgres.carry_back import Since, carry_back
from rollbook.targets.postgres.exporting import Exports
from rollbook.targets.postgres.ledger import read_conflicts
from rollbook.targets.postgres.session import connect
from rollbook.targets.postgres.stood import keep_stood

pytestmark = pytest.mark.server
KEEP_BACKUP = Policy("keep_backup", {})
SCHEMA = "CREATE TABLE log (a boolean, b text, gone text)"
MIGRATED = "ALTER TABLE log DROP gone"
WRITTEN = frozenset({"public.log"})
Rows = Counter[tuple[Any, ...]]


def value(rng: Random, column: str) -> str:
    return rng.choice(("true", "NULL")) if column == "a" else rng.choice(("'x'", "E'y\\ty'", "E'\\\\\\\\N'", "NULL"))


def deed(rng: Random) -> str:
    """Give something that a user or a migration does to a row, or to one of several that are alike."""
    a, b = value(rng, "a"), value(rng, "b")
    where = f"ctid = (SELECT ctid FROM log WHERE (a, b) IS NOT DISTINCT FROM ({a}, {b}) ORDER BY ctid LIMIT 1)"
    match rng.choice(("insert", "insert", "update", "delete")):
        case "insert":
            return f"INSERT INTO log (a, b) VALUES ({a}, {b})"
        case "update":
            return f"UPDATE log SET b = {value(rng, 'b')} WHERE {where}"
    return f"DELETE FROM log WHERE {where}"


def deeds(rng: Random, most: int) -> str:
    found = ";\n".join(deed(rng) for _ in range(rng.randint(0, most)))
    note(found)
    return found or "SELECT 1"


def read(url: str) -> Rows:
    return Counter(script(url, "SELECT a::text, b FROM log"))


def expected(kept: Rows, stood: Rows, now: Rows) -> Rows:
    """Count what is to be in the kept database: what it has, and what came and went since in the other."""
    rows = {row: kept[row] + now[row] - stood[row] for row in (kept | stood | now)}
    return Counter({row: times for row, times in rows.items() if times > 0})


def swapped(incoming: str, live: str, *, known: bool = True) -> Since:
    """Do what a swap, or a way back, does to what the passes wrote down."""
    with closing(connect(incoming)) as ours, closing(connect(live)) as theirs:
        theirs.autocommit = True
        assert not known or keep_stood(ours, theirs)
    finish(incoming)
    ((xid,),) = script(incoming, "SELECT pg_current_xact_id()::text::bigint")
    return Since(xid, WRITTEN, WRITTEN)


def conflicts(url: str) -> list[tuple[str, str]]:
    with closing(connect(url)) as connection:
        return sorted({(one.kind, one.settled) for one in read_conflicts(connection)})


def made(trio: Any, rng: Random, *, based: bool) -> Sources:
    """Make the three databases as they are when a deploy went wrong and users went on."""
    trio.clear()
    backup, migration = deeds(rng, 12), deeds(rng, 5)
    for url in (trio.live, trio.base, trio.restored):
        script(url, f"{SCHEMA}; {backup}")
    script(trio.live, deeds(rng, 4))
    for url in (trio.live, trio.base):
        script(url, f"{MIGRATED}; {migration}")
    script(trio.live, deeds(rng, 8))
    return Sources(trio.live, trio.restored, trio.base if based else None)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(rng=st.randoms(use_true_random=False), based=st.booleans(), again=st.booleans())
def test_rows_without_a_key_are_counted_back(trio: Any, rng: Random, based: bool, again: bool) -> None:
    """Run, write, undo, perhaps twice, write, undo that: there are as many of every row as is computed separately."""
    sources = made(trio, rng, based=based)
    note_apart(sources, rules_with({}))
    carry(sources, final=False)
    carry(sources, final=True)
    moment, kept, stood = swapped(trio.restored, trio.live), read(trio.live), read(trio.restored)
    script(trio.restored, deeds(rng, 8))

    carry_back(trio.restored, trio.live, moment, KEEP_LIVE)
    if again:  # cut off after it was committed, and written to meanwhile
        script(trio.restored, deeds(rng, 3))
        carry_back(trio.restored, trio.live, moment, KEEP_LIVE)

    assert read(trio.live) == expected(kept, stood, read(trio.restored))
    moment = swapped(trio.live, trio.restored)
    kept, stood = read(trio.restored), read(trio.live)
    script(trio.live, deeds(rng, 8))
    carry_back(trio.live, trio.restored, moment, KEEP_LIVE)
    assert read(trio.restored) == expected(kept, stood, read(trio.live))
    finish(trio.restored)


@pytest.mark.parametrize(("policy", "rows"), [(KEEP_LIVE, "adn"), (KEEP_BACKUP, "abdn")])
def test_where_nothing_was_kept_rows_that_went_are_undecided(trio: Any, policy: Policy, rows: str) -> None:
    """A row of the kept database alone may have been left out by the rollback, or deleted since: nobody knows."""
    trio.clear()
    script(trio.live, f"{SCHEMA}; INSERT INTO log (b) VALUES ('a'), ('b'), ('d')")
    script(trio.restored, f"{SCHEMA}; INSERT INTO log (b) VALUES ('a'), ('b'), ('d')")
    moment = swapped(trio.restored, trio.live, known=False)
    script(trio.restored, "INSERT INTO log (b) VALUES ('n'); DELETE FROM log WHERE b = 'b'")

    for _ in range(2):  # may be done again
        carry_back(trio.restored, trio.live, moment, policy)

    assert "".join(sorted(row[1] for row in read(trio.live).elements())) == rows


def test_where_nothing_went_new_rows_are_all(trio: Any) -> None:
    """Without a delete since, what stood is there still: rows of the kept database alone stay, without a question."""
    trio.clear()
    script(trio.live, f"{SCHEMA}; INSERT INTO log (b) VALUES ('mine'), ('both')")
    script(trio.restored, f"{SCHEMA}; INSERT INTO log (b) VALUES ('both')")
    moment = Since(swapped(trio.restored, trio.live, known=False).xid, WRITTEN, frozenset())
    script(trio.restored, "INSERT INTO log (b) VALUES ('new'), ('both')")

    carry_back(trio.restored, trio.live, moment, Policy("stop", {}))

    assert sorted(row[1] for row in read(trio.live).elements()) == ["both", "both", "mine", "new"]
    assert conflicts(trio.live) == []


def test_of_a_table_with_too_many_rows_apart_new_rows_go_to_a_file(
    trio: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither noting that, nor the way back, hinders the tables that come after it; however many rows differ."""
    for module in (stood_rows, rows_back):
        monkeypatch.setattr(module, "MOST", 100)
    trio.clear()
    more = "CREATE TABLE next (id integer PRIMARY KEY, b text); INSERT INTO next SELECT g, 'x' FROM generate_series(1, 9) g"
    rows = "INSERT INTO log (b) SELECT repeat('x', 200) || g FROM generate_series(1, 30000) g"
    for url in (trio.live, trio.base, trio.restored):
        script(url, f"{SCHEMA}; {rows}; {more}; CREATE TABLE other (b text)")
    note_backup(trio.live, trio.restored)
    note_restored(trio.base)
    for url in (trio.live, trio.base):
        script(url, "UPDATE log SET b = b || '!'; UPDATE next SET b = 'm' WHERE id = 3")
    sources = Sources(trio.live, trio.restored, trio.base)
    note_apart(sources, rules_with({}))
    carry(sources, final=True)
    moment = swapped(trio.restored, trio.live)
    moment = Since(moment.xid, frozenset({"public.log", "public.next", "public.other"}), WRITTEN)
    script(trio.restored, "INSERT INTO log (b) VALUES ('new'); UPDATE next SET b = 'u' WHERE id = 4")
    script(trio.restored, "INSERT INTO other VALUES ('o')")

    carry_back(trio.restored, trio.live, moment, KEEP_LIVE, Errand(exports=Exports(tmp_path)))

    assert script(trio.live, "SELECT count(*) FROM log WHERE b LIKE '%!'") == [(30000,)]
    assert (tmp_path / "since-log.csv").read_text().splitlines() == ["a,b,gone", ",new,"]
    assert script(trio.live, "SELECT id, b FROM next WHERE b <> 'x' ORDER BY id") == [(3, "m"), (4, "u")]
    assert script(trio.live, "SELECT b FROM other") == [("o",)]


def test_cells_that_only_a_row_that_went_had_are_exported(trio: Any, tmp_path: Path) -> None:
    """A row that users changed is another row: what the kept database alone has of it goes to a file."""
    trio.clear()
    script(trio.live, "CREATE TABLE log (a boolean, b text, later text); INSERT INTO log VALUES (true, 'x', 'mine')")
    script(trio.restored, f"{SCHEMA}; INSERT INTO log VALUES (true, 'x', 'g')")
    sources = Sources(trio.live, trio.restored, None)
    note_apart(sources, rules_with({}))
    carry(sources, final=True)
    moment = swapped(trio.restored, trio.live)
    script(trio.restored, "UPDATE log SET b = 'y', gone = 'h'")

    carry_back(trio.restored, trio.live, moment, KEEP_LIVE, Errand(exports=Exports(tmp_path)))

    assert script(trio.live, "SELECT b, later FROM log") == [("y", None)]
    assert (tmp_path / "went-log.csv").read_text().splitlines() == ["a,b,later", "t,x,mine"]
    assert (tmp_path / "since-log-columns.csv").read_text().splitlines() == ["a,b,gone", "t,y,h"]
