"""Reads every object of a database with its definition, as the server itself writes it."""

from typing import TYPE_CHECKING, Final

from ...postgres.objects import Objects, Thing

if TYPE_CHECKING:
    from .session import Connection

# What belongs to an extension is told by the extension; what is the server's or Rollbook's own is left out.
_NAMESPACES: Final = """
    ns AS (SELECT oid, nspname, nspowner, nspacl FROM pg_catalog.pg_namespace
           WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'rollbook')),
    owned AS (SELECT classid, objid FROM pg_catalog.pg_depend WHERE deptype = 'e'),
    rel AS (SELECT c.*, format('%I.%I', n.nspname, c.relname) AS path
            FROM pg_catalog.pg_class c JOIN ns n ON n.oid = c.relnamespace
            WHERE ('pg_catalog.pg_class'::regclass, c.oid) NOT IN (SELECT classid, objid FROM owned))"""

_PARTS: Final = {
    "schema": "SELECT format('%I', nspname), pg_get_userbyid(nspowner) FROM ns",
    "privileges": """
        SELECT format('%I', nspname), sorted(nspacl) FROM ns WHERE nspacl IS NOT NULL
        UNION ALL SELECT path, sorted(relacl) FROM rel WHERE relacl IS NOT NULL
        UNION ALL SELECT format('%s.%I', r.path, a.attname), sorted(a.attacl) FROM pg_attribute a
            JOIN rel r ON r.oid = a.attrelid WHERE a.attacl IS NOT NULL AND NOT a.attisdropped
        UNION ALL SELECT p.oid::regprocedure::text, sorted(p.proacl) FROM pg_proc p JOIN ns ON ns.oid = p.pronamespace
            WHERE p.proacl IS NOT NULL AND ('pg_proc'::regclass, p.oid) NOT IN (SELECT classid, objid FROM owned)""",
    "default privileges": """
        SELECT format('%s in %s for %s', defaclobjtype, coalesce(n.nspname, 'every schema'),
                      pg_get_userbyid(defaclrole)), sorted(defaclacl)
        FROM pg_default_acl LEFT JOIN pg_namespace n ON n.oid = defaclnamespace""",
    "table": """
        SELECT path, concat_ws(' ', relkind, 'owner', pg_get_userbyid(relowner), relpersistence, reloptions::text,
            CASE WHEN relrowsecurity THEN 'row security' END, CASE WHEN relforcerowsecurity THEN 'forced' END,
            CASE relkind WHEN 'p' THEN pg_get_partkeydef(oid) END, pg_get_expr(relpartbound, oid),
            (SELECT string_agg(inhparent::regclass::text, ',' ORDER BY inhseqno) FROM pg_inherits WHERE inhrelid = oid))
        FROM rel WHERE relkind IN ('r', 'p', 'f')""",
    "column": """
        SELECT format('%s.%I', r.path, a.attname), concat_ws(' ', format_type(a.atttypid, a.atttypmod),
            CASE WHEN a.attnotnull THEN 'NOT NULL' END,
            CASE WHEN a.attcollation <> t.typcollation THEN 'COLLATE ' || a.attcollation::regcollation END,
            CASE a.attgenerated WHEN '' THEN 'DEFAULT ' ELSE 'GENERATED ' END || pg_get_expr(d.adbin, d.adrelid),
            CASE a.attidentity WHEN 'a' THEN 'IDENTITY ALWAYS' WHEN 'd' THEN 'IDENTITY' END)
        FROM pg_attribute a JOIN rel r ON r.oid = a.attrelid JOIN pg_type t ON t.oid = a.atttypid
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE r.relkind IN ('r', 'p', 'f', 'c') AND a.attnum > 0 AND NOT a.attisdropped""",
    "constraint": """
        SELECT format('%s.%I', coalesce(r.path, o.contypid::regtype::text), o.conname), pg_get_constraintdef(o.oid)
        FROM pg_constraint o JOIN ns ON ns.oid = o.connamespace LEFT JOIN rel r ON r.oid = o.conrelid
        WHERE o.contype IN ('c', 'f', 'p', 'u', 'x') AND (r.oid IS NOT NULL OR o.conrelid = 0)""",
    "index": """
        SELECT format('%I.%I', n.nspname, c.relname), pg_get_indexdef(i.indexrelid) ||
            CASE WHEN i.indisvalid THEN '' ELSE ' (invalid)' END
        FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN rel r ON r.oid = i.indrelid
        JOIN ns n ON n.oid = c.relnamespace""",
    "view": "SELECT path, concat(relkind, ' ', pg_get_userbyid(relowner), ' ', pg_get_viewdef(oid)) FROM rel "
    "WHERE relkind IN ('v', 'm')",
    "sequence": """
        SELECT r.path, concat_ws(' ', pg_get_userbyid(r.relowner), format_type(s.seqtypid, NULL), s.seqstart,
            s.seqincrement, s.seqmin, s.seqmax, s.seqcycle, s.seqcache,
            (SELECT format('of %s.%I', d.refobjid::regclass, a.attname) FROM pg_depend d JOIN pg_attribute a
             ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
             WHERE d.classid = 'pg_class'::regclass AND d.objid = r.oid AND d.deptype IN ('a', 'i')
               AND d.refobjsubid > 0 LIMIT 1))
        FROM pg_sequence s JOIN rel r ON r.oid = s.seqrelid""",
    "function": """
        SELECT p.oid::regprocedure::text, pg_get_userbyid(p.proowner) || ' ' ||
            CASE WHEN p.prokind = 'a' THEN 'aggregate' ELSE pg_get_functiondef(p.oid) END
        FROM pg_proc p JOIN ns ON ns.oid = p.pronamespace
        WHERE ('pg_proc'::regclass, p.oid) NOT IN (SELECT classid, objid FROM owned)""",
    "trigger": """
        SELECT format('%s.%I', r.path, t.tgname), pg_get_triggerdef(t.oid) || ' ' || t.tgenabled::text
        FROM pg_trigger t JOIN rel r ON r.oid = t.tgrelid WHERE NOT t.tgisinternal""",
    "rule": "SELECT format('%s.%I', r.path, w.rulename), pg_get_ruledef(w.oid) FROM pg_rewrite w "
    "JOIN rel r ON r.oid = w.ev_class WHERE w.rulename <> '_RETURN'",
    "policy": """
        SELECT format('%s.%I', r.path, p.polname), concat_ws(' ', p.polcmd, p.polpermissive,
            pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid), p.polroles::regrole[]::text)
        FROM pg_policy p JOIN rel r ON r.oid = p.polrelid""",
    "type": """
        SELECT format('%I.%I', n.nspname, t.typname), concat_ws(' ', t.typtype, pg_get_userbyid(t.typowner),
            CASE t.typtype WHEN 'e' THEN (SELECT string_agg(quote_literal(enumlabel), ',' ORDER BY enumsortorder)
                                          FROM pg_enum WHERE enumtypid = t.oid)
                 WHEN 'd' THEN concat_ws(' ', format_type(t.typbasetype, t.typtypmod), t.typdefault,
                                         CASE WHEN t.typnotnull THEN 'NOT NULL' END)
                 WHEN 'r' THEN (SELECT format_type(rngsubtype, NULL) FROM pg_range WHERE rngtypid = t.oid) END)
        FROM pg_type t JOIN ns n ON n.oid = t.typnamespace LEFT JOIN pg_class c ON c.oid = t.typrelid
        WHERE (t.typtype IN ('e', 'd', 'r') OR (t.typtype = 'c' AND c.relkind = 'c'))
          AND ('pg_type'::regclass, t.oid) NOT IN (SELECT classid, objid FROM owned)""",
    "extension": "SELECT format('%I', extname), extversion FROM pg_extension",
    "publication": "SELECT format('%I', pubname), concat_ws(' ', puballtables, pubinsert, pubupdate, pubdelete, "
    "(SELECT string_agg(prrelid::regclass::text, ',' ORDER BY 1) FROM pg_publication_rel WHERE prpubid = p.oid)) "
    "FROM pg_publication p",
    "event trigger": "SELECT format('%I', evtname), concat_ws(' ', evtevent, evtfoid::regprocedure, evtenabled) "
    "FROM pg_event_trigger",
    "comment": """
        SELECT pg_describe_object(classoid, objoid, objsubid), description FROM pg_description
        WHERE classoid IN ('pg_class'::regclass, 'pg_proc'::regclass, 'pg_type'::regclass, 'pg_constraint'::regclass)
          AND objoid IN (SELECT oid FROM rel
                         UNION ALL SELECT p.oid FROM pg_proc p JOIN ns ON ns.oid = p.pronamespace
                         UNION ALL SELECT t.oid FROM pg_type t JOIN ns ON ns.oid = t.typnamespace
                         UNION ALL SELECT o.oid FROM pg_constraint o JOIN ns ON ns.oid = o.connamespace)
          AND (classoid, objoid) NOT IN (SELECT classid, objid FROM owned)""",
    "large object": "SELECT oid::text, pg_get_userbyid(lomowner) FROM pg_largeobject_metadata",
}
_SORTED: Final = "(SELECT string_agg(item::text, ' ' ORDER BY item::text) FROM unnest({}) item)"


def read_objects(connection: "Connection") -> Objects:
    """Read the objects of the connection's database, in its transaction; under an empty search path names are whole."""
    found: dict[Thing, str] = {}
    for kind, part in _PARTS.items():
        query = f"WITH {_NAMESPACES} {_spelt(part)}"
        for name, definition in connection.execute(query.encode()):
            found[Thing(kind, name)] = definition or ""
    return found


def _spelt(part: str) -> str:
    """Write `sorted(list)` as SQL has it: privileges in one order, whatever the order of the grants was."""
    head, *rest = part.split("sorted(")
    return head + "".join(_SORTED.format(inner) + tail for inner, _, tail in (piece.partition(")") for piece in rest))
