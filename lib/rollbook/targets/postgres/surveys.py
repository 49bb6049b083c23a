"""
Keeps in the ledger how live's chunks of rows stood, so that the next pass looks only at those that moved.

What grows with the size of the database in a later pass is then one read of live's tables, by the transactions that
wrote the rows, or where these do not tell it one sum over them; rows are read, merged and looked up only in chunks in
which live changed. All others are as the pass before left them. That holds for tables in which no pass met a conflict,
and whose conflicts, if any, no other table's rows took part in.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from ...dataclass import dataclass
from ...postgres.catalog import Catalog
from ...postgres.digest import Digest
from ...postgres.horizon import Horizon
from ...postgres.names import Name, equal
from ...postgres.passes import Differing
from ...postgres.staging import THERE, Stage
from ...schema import build, encode
from .differences import Side, Survey, read_counts, survey_again, survey_moved
from .horizons import keep_pass, since_pass
from .loading import load
from .moved import moved_since
from .sums import rows_in

if TYPE_CHECKING:
    from .session import Connection


@dataclass(frozen=True, slots=True)
class Again:
    """A table of which only some chunks are looked at; *kept* are the rows of the others that were carried before."""

    stage: Stage
    found: Survey
    kept: Differing


def save_survey(restored: "Connection", stage: Stage, way: str, found: Survey, now: Horizon | None) -> None:
    """
    Note a survey, and where live stood, in the place of the one before.

    *way* says how the table was merged, and with what.
    """
    oid = stage.table.oid
    restored.execute("DELETE FROM rollbook.sums WHERE relation = %s", (oid,))
    lines = [b"%d\t%d\t%s\n" % (oid, chunk, part.replace(b"\t", b"\\t")) for chunk, part in found.sums.items()]
    load(restored, "rollbook.sums (relation, chunk, sum)", lines)
    restored.execute(
        "INSERT INTO rollbook.surveys (relation, digest, way) VALUES (%s, %s::jsonb, %s) ON CONFLICT (relation)"
        " DO UPDATE SET digest = excluded.digest, way = excluded.way",
        (oid, json.dumps(encode(found.digest)), way),
    )
    keep_pass(restored, stage.table, now)


def save_counts(restored: "Connection", stage: Stage, way: str, digest: Digest, live: Side, now: Horizon) -> None:
    """Note how many rows each of live's chunks has, and where live stood: enough to tell by transactions what moved."""
    counts = {chunk: b"%d" % rows for chunk, rows in read_counts(live, digest).items()}
    save_survey(restored, stage, way, Survey(digest, [], len(counts), counts), now)


def forget_survey(restored: "Connection", stage: Stage) -> None:
    """Forget the survey of a table, so that the next pass looks at all of it."""
    restored.execute("DELETE FROM rollbook.surveys WHERE relation = %s", (stage.table.oid,))


def look_again(
    restored: "Connection", stage: Stage, way: str, base: Side, live: Side, now: Horizon | None
) -> Again | None:
    """
    Compare live, which stands at *now*, with what a pass before noted of it; None where all of it is to be looked at.

    By transactions the note stays as it is, but for the chunks that moved since: the next pass looks at these whatever
    they have, for a row that came before this pass may go after it, and leave as many as there were.
    """
    oid = stage.table.oid
    query = "SELECT digest FROM rollbook.surveys WHERE relation = %s AND way = %s"
    noted = restored.execute(query, (oid, way)).fetchone()
    if noted is None or not _comparable(restored, stage, live):
        return None
    digest = build(Digest, noted[0])
    found = _look(restored, stage, digest, base, live, now)
    if found is None:
        return None
    chunks = sorted({*found.chunks, *_removed(restored, stage, digest)})
    if len(chunks) * 2 > found.total:
        return None
    if found.sums:
        save_survey(restored, stage, way, found, now)
    else:
        _look_next(restored, oid, found.chunks)
    staged = replace(stage, chunk=digest.chunk)
    restored.execute(f"CREATE TEMP TABLE moved_{oid} (c bigint PRIMARY KEY)".encode())
    load(restored, f"{staged.moved} (c)", [b"%d\n" % chunk for chunk in chunks])
    return Again(staged, found._replace(chunks=chunks), _kept(restored, staged))


def _look_next(restored: "Connection", oid: int, chunks: Collection[int]) -> None:
    restored.execute("DELETE FROM rollbook.sums WHERE relation = %s AND chunk = ANY (%s)", (oid, list(chunks)))
    load(restored, "rollbook.sums (relation, chunk, sum)", [b"%d\t%d\t-1\n" % (oid, chunk) for chunk in chunks])


def _look(
    restored: "Connection", stage: Stage, digest: Digest, base: Side, live: Side, now: Horizon | None
) -> Survey | None:
    before = _sums(restored, stage.table.oid)
    since = since_pass(restored, stage.table, now).since
    if since is not None and not since.refusal(live.table.name, digest.columns):
        moved = moved_since(since, digest, {chunk: rows_in(part) for chunk, part in before.items()}, live)
        return None if moved is None else survey_moved(digest, moved, before.keys(), base)
    counted = any(b"\t" not in part for part in before.values())
    return None if counted else survey_again(digest, before, base, live)


def troubled(restored: "Connection", catalog: Catalog) -> frozenset[Name]:
    """Name the tables of which the next pass must look at every row: those with conflicts, and their parents."""
    query = "SELECT DISTINCT namespace, relation FROM rollbook.{} "
    found = {
        Name(*row) for table in ("conflicts", "exported") for row in restored.execute(query.format(table).encode())
    }
    return frozenset(found | {key.parent for key in catalog.foreign_keys if key.child in found})


def _comparable(restored: "Connection", stage: Stage, live: Side) -> bool:
    """Say whether a key falls into the same chunk on both sides."""
    majors = {one.info.server_version // 10_000 for one in (restored, live.connection)}
    return len(majors) == 1 and all(stage.table.column(name).type == live.table.column(name).type for name in stage.key)


def _sums(restored: "Connection", oid: int) -> Mapping[int, bytes]:
    rows = restored.execute("SELECT chunk, sum FROM rollbook.sums WHERE relation = %s", (oid,))
    return {chunk: part.encode() for chunk, part in rows}


def _removed(restored: "Connection", stage: Stage, digest: Digest) -> Iterable[int]:
    """Give the chunks of rows that were taken away: whoever pointed at them must be able to find them staged."""
    there = f"SELECT FROM {stage.table.relation} x WHERE {equal(stage.key, 'x', 't')}"
    query = f"SELECT DISTINCT {digest.chunk} FROM {stage.pristine} t WHERE t.{THERE} AND NOT EXISTS ({there})"
    return [chunk for (chunk,) in restored.execute(query.encode())]


def _kept(restored: "Connection", stage: Stage) -> Differing:
    query = (
        f"SELECT count(*) FILTER (WHERE NOT t.{THERE}), count(*) FILTER (WHERE t.{THERE})"
        f" FROM {stage.pristine} t WHERE NOT {stage.in_moved()}"
    )
    inserted, updated = restored.execute(query.encode()).fetchone() or (0, 0)
    new = f"SELECT count(*) FROM {stage.table.relation} t WHERE {stage.carried_new('t')} AND NOT {stage.in_moved()}"
    (more,) = restored.execute(new.encode()).fetchone() or (0,)
    return Differing(inserted + more, updated)
