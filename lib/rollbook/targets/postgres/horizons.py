"""Reads where in a database's history a snapshot stands, keeps that, and says whether two are of one history."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Literal

from ...dataclass import dataclass
from ...postgres.catalog import Table
from ...postgres.horizon import Horizon, Place, Since, contradiction, refusal
from ...schema import build, encode
from .session import is_there

if TYPE_CHECKING:
    from .session import Connection

Of = Literal["backup", "restored"]
"""Whose snapshot: that of the dump, or of what was restored while nobody had written to it."""

_FIRST: Final = 13  # the major from which on snapshots are told in 64 bits
_WITNESSES: Final = 24
_MAY: Final = """
    SELECT NOT pg_catalog.pg_is_in_recovery()
       AND pg_catalog.has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE')"""
_WHERE: Final = """
    SELECT (SELECT system_identifier::text FROM pg_catalog.pg_control_system()),
           ('x' || left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 8))::bit(32)::integer,
           (SELECT oid::bigint FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()),
           pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())::text::bigint,
           pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::text::bigint"""
# Foreign tables and other ways to store rows know nothing of transactions: a table with such a part has no place.
_PLACES: Final = """
    WITH RECURSIVE part (root, oid) AS (
        SELECT c.oid, c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
          AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'rollbook')
        UNION ALL SELECT p.root, i.inhrelid FROM part p
        JOIN pg_catalog.pg_class c ON c.oid = p.oid AND c.relkind = 'p'
        JOIN pg_catalog.pg_inherits i ON i.inhparent = p.oid)
    SELECT n.nspname, r.relname, found.columns
    FROM (SELECT root, jsonb_object_agg(attname, place) AS columns, bool_and(stored) AS stored
          FROM (SELECT p.root, a.attname, bool_and(l.relkind = 'r' AND m.amname = 'heap') AS stored,
                       CASE count(*) WHEN 1 THEN min(one) ELSE md5(string_agg(one, ' ' ORDER BY one)) END AS place
                FROM part p JOIN pg_catalog.pg_class l ON l.oid = p.oid AND l.relkind <> 'p'
                LEFT JOIN pg_catalog.pg_am m ON m.oid = l.relam
                JOIN pg_catalog.pg_attribute a ON a.attrelid = l.oid AND a.attnum > 0 AND NOT a.attisdropped
                CROSS JOIN LATERAL concat_ws('.', l.oid, a.attnum, a.atttypid, a.atttypmod) AS one
                GROUP BY 1, 2) AS columns
          GROUP BY root) AS found
    JOIN pg_catalog.pg_class r ON r.oid = found.root JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
    WHERE found.stored ORDER BY 1, 2"""
_ASIDE: Final = "rollbook_set_aside"
_MADE: Final = """
    CREATE SCHEMA IF NOT EXISTS rollbook;
    CREATE TABLE IF NOT EXISTS rollbook.horizons (name text PRIMARY KEY, told jsonb NOT NULL)"""


def read_horizon(connection: "Connection") -> Horizon | None:
    """
    Read where the connection's snapshot stands, which must be one that it keeps.

    None on a standby, before PostgreSQL 13, and where the account may not read which cluster it is.
    """
    if connection.info.server_version // 10_000 < _FIRST or connection.execute(_MAY).fetchone() != (True,):
        return None
    system, timeline, database, xid, after = connection.execute(_WHERE).fetchone() or ("", 0, 0, 0, 0)
    places = tuple(Place(*row) for row in connection.execute(_PLACES))
    return Horizon(system, timeline, database, xid, after, places)


def leave_witness(connection: "Connection") -> Mapping[str, bool]:
    """End some transactions that write nothing, one way or the other by lot; gives how each ended."""
    found = {}
    for _ in range(_WITNESSES):
        ((xid,),) = connection.execute("SELECT pg_catalog.pg_current_xact_id()::text").fetchall()
        found[str(xid)] = committed = bool(secrets.randbits(1))
        if committed:
            connection.commit()
        else:
            connection.rollback()
    return found


def keep_horizon(connection: "Connection", of: Of, told: Horizon | None) -> None:
    """Keep it in the ledger's schema, in the place of the one before, of which None is left."""
    _keep(connection, of, told)


def keep_pass(restored: "Connection", table: Table, told: Horizon | None) -> None:
    """Keep where live stood when a pass read this *table* of it, under which the restored database has it."""
    place = tuple(one for one in told.places if (one.schema, one.name) == table.name) if told is not None else ()
    _keep(restored, _pass_over(table), None if told is None else replace(told, places=place))


def _keep(connection: "Connection", name: str, told: Horizon | None) -> None:
    connection.execute(_MADE)
    connection.execute("DELETE FROM rollbook.horizons WHERE name = %s", (name,))
    if told is not None:
        connection.execute("INSERT INTO rollbook.horizons VALUES (%s, %s::jsonb)", (name, json.dumps(encode(told))))


def _pass_over(table: Table) -> str:
    return f"pass over {table.oid}"


def set_aside(connection: "Connection") -> None:
    """
    Give the ledger's schema another name while programs of others work in the database.

    To an account of its name it would be the first place to look for tables, and to make them.
    """
    connection.execute(f"ALTER SCHEMA rollbook RENAME TO {_ASIDE}".encode())


def take_back(connection: "Connection") -> None:
    """Give the ledger's schema its name again."""
    connection.execute(f"ALTER SCHEMA {_ASIDE} RENAME TO rollbook".encode())


@dataclass(frozen=True, slots=True)
class Known:
    """How two snapshots lie to each other; *why* they tell nothing, where they do not."""

    since: Since | None
    why: str = ""


def since_restored(base: "Connection") -> Known:
    """Say what is known of a restored database since it was: it is kept in the database itself."""
    return _known(_kept(base, "restored"), read_horizon(base))


def since_backup(restored: "Connection", live: "Connection", now: Horizon | None) -> Known:
    """Say what is known of *live*, which stands at *now*, since the backup that the other database is of."""
    return since_horizon(_kept(restored, "backup"), live, now)


def since_horizon(then: Horizon | None, live: "Connection", now: Horizon | None) -> Known:
    """Say what is known of *live* since a horizon that was kept outside of its cluster."""
    known = _known(then, now)
    if known.since is None:
        return known
    why = contradiction(known.since.then, _ends(live, known.since))
    return Known(None, why) if why else known


def since_pass(restored: "Connection", table: Table, now: Horizon | None) -> Known:
    """
    Say what is known of live, which stands at *now*, since the last pass over a table.

    That needs no witness: the cluster that kept the note is live's own, so whatever sets live back to before the pass
    takes the note as well.
    """
    return _known(_kept(restored, _pass_over(table)), now)


def _known(then: Horizon | None, now: Horizon | None) -> Known:
    if then is None:
        return Known(None, "there is no note of its snapshot")
    if now is None:
        return Known(None, "the server does not tell where in its history it stands")
    why = refusal(then, now)
    return Known(None, why) if why else Known(Since(then, now))


def _kept(connection: "Connection", name: str) -> Horizon | None:
    if not is_there(connection, "rollbook.horizons"):
        return None
    row = connection.execute("SELECT told FROM rollbook.horizons WHERE name = %s", (name,)).fetchone()
    return None if row is None else build(Horizon, row[0])


def _ends(connection: "Connection", since: Since) -> Mapping[str, bool | None]:
    """Read how the witness's transactions ended; those that have not begun are left out, for to ask is an error."""
    asked = [xid for xid in since.then.witness if xid.isdecimal() and int(xid) < since.now.next]
    query = "SELECT x, pg_catalog.pg_xact_status(x::xid8) FROM unnest(%s::text[]) x"
    return {xid: None if end is None else end == "committed" for xid, end in connection.execute(query, (asked,))}
