"""
Keeps in the ledger what live's chunks of rows summed up to, so that the next pass looks only at those that moved.

What grows with the size of the database in a later pass is then one sum over live's tables; rows are read, merged and
looked up only in chunks in which live changed. All others are as the pass before left them. That holds for tables in
which no pass met a conflict, and whose conflicts, if any, no other table's rows took part in.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from ...dataclass import dataclass
from ...postgres.catalog import Catalog
from ...postgres.digest import Digest
from ...postgres.names import Name, equal
from ...postgres.passes import Differing
from ...postgres.staging import THERE, Stage
from ...schema import build, encode
from .differences import Side, Survey, survey_again
from .loading import load

if TYPE_CHECKING:
    from .session import Connection


@dataclass(frozen=True, slots=True)
class Again:
    """A table of which only some chunks are looked at; *kept* are the rows of the others that were carried before."""

    stage: Stage
    found: Survey
    kept: Differing


def save_survey(restored: "Connection", stage: Stage, way: str, found: Survey) -> None:
    """Note a survey, in the place of the one before; *way* says how the table was merged, and with what."""
    oid = stage.table.oid
    restored.execute("DELETE FROM rollbook.sums WHERE relation = %s", (oid,))
    lines = [b"%d\t%d\t%s\n" % (oid, chunk, part.replace(b"\t", b"\\t")) for chunk, part in found.sums.items()]
    load(restored, "rollbook.sums (relation, chunk, sum)", lines)
    restored.execute(
        "INSERT INTO rollbook.surveys (relation, digest, way) VALUES (%s, %s::jsonb, %s) ON CONFLICT (relation)"
        " DO UPDATE SET digest = excluded.digest, way = excluded.way",
        (oid, json.dumps(encode(found.digest)), way),
    )


def forget_survey(restored: "Connection", stage: Stage) -> None:
    """Forget the survey of a table, so that the next pass looks at all of it."""
    restored.execute("DELETE FROM rollbook.surveys WHERE relation = %s", (stage.table.oid,))


def look_again(restored: "Connection", stage: Stage, way: str, base: Side, live: Side) -> Again | None:
    """Compare live with what the pass before noted of it; None where all of the table is to be looked at."""
    oid = stage.table.oid
    query = "SELECT digest FROM rollbook.surveys WHERE relation = %s AND way = %s"
    noted = restored.execute(query, (oid, way)).fetchone()
    if noted is None or not _comparable(restored, stage, live):
        return None
    digest = build(Digest, noted[0])
    found = survey_again(digest, _sums(restored, oid), base, live)
    chunks = sorted({*found.chunks, *_removed(restored, stage, digest)})
    if len(chunks) * 2 > found.total:
        return None
    staged = replace(stage, chunk=digest.chunk)
    restored.execute(f"CREATE TEMP TABLE moved_{oid} (c bigint PRIMARY KEY)".encode())
    load(restored, f"{staged.moved} (c)", [b"%d\n" % chunk for chunk in chunks])
    return Again(staged, found._replace(chunks=chunks), _kept(restored, staged))


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
