"""Reads what tables a database has and what holds between them, from its own catalogs."""

from collections.abc import Iterable, Mapping
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from ...postgres.catalog import Catalog, Check, Column, ForeignKey, Sequence, Table, Trigger, Unique
from ...postgres.names import Name

if TYPE_CHECKING:
    from .session import Connection

_OURS: Final = """
    n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'rollbook')
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e
                    WHERE e.classid = 'pg_catalog.pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')"""

_TABLES: Final = f"""
    SELECT c.oid::bigint, n.nspname, c.relname, c.relkind = 'p', c.reltuples::bigint
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND {_OURS} ORDER BY 2, 3"""

_COLUMNS: Final = """
    SELECT a.attrelid::bigint, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod),
           a.attnotnull OR t.typnotnull,
           CASE WHEN a.attgenerated = '' THEN coalesce(pg_catalog.pg_get_expr(d.adbin, d.adrelid), t.typdefault) END,
           a.attidentity::text, a.attgenerated <> '', t.typtype::text, coalesce(l.collisdeterministic, true)
    FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    LEFT JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation
    WHERE a.attrelid = ANY(%s) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attrelid, a.attnum"""

_UNIQUES: Final = """
    SELECT i.indrelid::bigint, c.relname,
           ARRAY(SELECT coalesce(a.attname, '') FROM unnest(i.indkey) WITH ORDINALITY k(n, at)
                 LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.n AND k.n > 0
                 WHERE k.at <= i.indnkeyatts ORDER BY k.at),
           ARRAY(SELECT pg_catalog.pg_get_indexdef(i.indexrelid, k, false) FROM generate_series(1, i.indnkeyatts) k),
           pg_catalog.pg_get_expr(i.indpred, i.indrelid), i.indisprimary,
           coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false), i.indisexclusion
    FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
    WHERE i.indrelid = ANY(%s) AND (i.indisunique OR i.indisexclusion) AND i.indislive ORDER BY i.indrelid, c.relname"""

_CHECKS: Final = """
    SELECT conrelid::bigint, conname, pg_catalog.pg_get_expr(conbin, conrelid) FROM pg_catalog.pg_constraint
    WHERE conrelid = ANY(%s) AND contype = 'c' AND convalidated ORDER BY conrelid, conname"""

_FOREIGN_KEYS: Final = """
    SELECT o.conname, o.conrelid::bigint,
           ARRAY(SELECT a.attname FROM unnest(o.conkey) WITH ORDINALITY k(n, at)
                 JOIN pg_catalog.pg_attribute a ON a.attrelid = o.conrelid AND a.attnum = k.n ORDER BY k.at),
           o.confrelid::bigint,
           ARRAY(SELECT a.attname FROM unnest(o.confkey) WITH ORDINALITY k(n, at)
                 JOIN pg_catalog.pg_attribute a ON a.attrelid = o.confrelid AND a.attnum = k.n ORDER BY k.at),
           o.confdeltype::text, o.confupdtype::text, o.confmatchtype = 'f', o.condeferrable, o.condeferred,
           o.convalidated, pg_catalog.pg_get_constraintdef(o.oid),
           pg_catalog.obj_description(o.oid, 'pg_constraint')
    FROM pg_catalog.pg_constraint o
    WHERE o.contype = 'f' AND o.conparentid = 0 AND o.conrelid = ANY(%s) AND o.confrelid = ANY(%s)
    ORDER BY o.conrelid, o.conname"""

_TRIGGERS: Final = f"""
    SELECT n.nspname, c.relname, t.tgname, t.tgenabled::text, 'TRIGGER'
    FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE NOT t.tgisinternal AND {_OURS}
    UNION ALL
    SELECT n.nspname, c.relname, r.rulename, r.ev_enabled::text, 'RULE'
    FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_class c ON c.oid = r.ev_class
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND {_OURS} ORDER BY 1, 2, 3"""

_SEQUENCES: Final = f"""
    SELECT n.nspname, c.relname, s.seqincrement,
           ARRAY(SELECT DISTINCT ARRAY[un.nspname, u.relname, a.attname]::text[]
                 FROM (SELECT refobjid AS rel, refobjsubid AS at FROM pg_catalog.pg_depend
                       WHERE classid = 'pg_catalog.pg_class'::regclass AND objid = c.oid AND deptype IN ('a', 'i')
                         AND refclassid = 'pg_catalog.pg_class'::regclass AND refobjsubid > 0
                       UNION SELECT d.adrelid, d.adnum FROM pg_catalog.pg_depend p
                       JOIN pg_catalog.pg_attrdef d ON d.oid = p.objid
                       WHERE p.classid = 'pg_catalog.pg_attrdef'::regclass AND p.refobjid = c.oid
                         AND p.refclassid = 'pg_catalog.pg_class'::regclass) used
                 JOIN pg_catalog.pg_class u ON u.oid = used.rel
                 JOIN pg_catalog.pg_namespace un ON un.oid = u.relnamespace
                 JOIN pg_catalog.pg_attribute a ON a.attrelid = used.rel AND a.attnum = used.at)
    FROM pg_catalog.pg_sequence s JOIN pg_catalog.pg_class c ON c.oid = s.seqrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE {_OURS} ORDER BY 1, 2"""

Row = tuple[object, ...]


def read_catalog(connection: "Connection") -> Catalog:
    """
    Read the catalog as the connection's transaction sees it.

    A connection opened for reading gives one consistent snapshot; *sequences* are outside of snapshots in any case.
    """
    tables = _tables(connection)
    names = {table.oid: table.name for table in tables}
    return Catalog(
        version=connection.info.server_version,
        tables={table.name: table for table in tables},
        foreign_keys=_foreign_keys(connection, names),
        triggers=tuple(
            Trigger(Name(schema, relation), name, enabled, sort)
            for schema, relation, name, enabled, sort in connection.execute(_TRIGGERS)
        ),
        sequences=_sequences(connection),
    )


def _tables(connection: "Connection") -> tuple[Table, ...]:
    heads = connection.execute(_TABLES).fetchall()
    oids = [head[0] for head in heads]
    columns = _grouped(connection.execute(_COLUMNS, (oids,)))
    uniques = _grouped(connection.execute(_UNIQUES, (oids,)))
    checks = _grouped(connection.execute(_CHECKS, (oids,)))
    return tuple(
        Table(
            name=Name(schema, name),
            oid=oid,
            partitioned=partitioned,
            rows=rows,
            columns=tuple(Column(*one) for one in columns.get(oid, ())),  # type: ignore[arg-type]  # as selected
            uniques=tuple(_unique(*one[:-1]) for one in uniques.get(oid, ()) if not one[-1]),  # type: ignore[arg-type]  # as selected
            checks=tuple(Check(*one) for one in checks.get(oid, ())),  # type: ignore[arg-type]  # as selected
            excludes=any(one[-1] for one in uniques.get(oid, ())),
        )
        for oid, schema, name, partitioned, rows in heads
    )


def _unique(
    name: str, columns: list[str], expressions: list[str], predicate: str | None, primary: bool, nulls_equal: bool
) -> Unique:
    named = tuple(columns) if all(columns) else ()
    return Unique(name, named, tuple(expressions), predicate, primary, not nulls_equal)


def _grouped(rows: Iterable[Row]) -> Mapping[object, list[Row]]:
    return {key: [row[1:] for row in group] for key, group in groupby(rows, key=itemgetter(0))}


def _foreign_keys(connection: "Connection", names: Mapping[int, Name]) -> tuple[ForeignKey, ...]:
    oids = list(names)
    found = [
        ForeignKey(name, names[child], tuple(columns), names[parent], tuple(parent_columns), *rest)
        for name, child, columns, parent, parent_columns, *rest in connection.execute(_FOREIGN_KEYS, (oids, oids))
    ]
    return tuple(sorted(found, key=lambda key: (key.child, key.name)))


def _sequences(connection: "Connection") -> tuple[Sequence, ...]:
    found = connection.execute(_SEQUENCES).fetchall()
    if not found:
        return ()
    states = connection.execute(
        " UNION ALL ".join(
            f"SELECT {at}, last_value, is_called FROM {Name(schema, name).sql}"
            for at, (schema, name, *_) in enumerate(found)
        )
    ).fetchall()
    marks = {at: (last, called) for at, last, called in states}
    return tuple(
        Sequence(
            Name(schema, name),
            marks[at][0] + (step if marks[at][1] else 0),
            step,
            tuple(sorted((Name(one[0], one[1]), one[2]) for one in users)),
        )
        for at, (schema, name, step, users) in enumerate(found)
    )
