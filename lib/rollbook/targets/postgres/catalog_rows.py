"""Rows of the catalogs that tell how a table is made."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from ...postgres.definition import Addition, Reference
from ...postgres.names import Name, quote

if TYPE_CHECKING:
    from .session import Connection

_TABLES: Final = """
    SELECT c.oid::bigint, n.nspname, c.relname, pg_catalog.pg_get_userbyid(c.relowner), c.relkind = 'p',
        CASE c.relkind WHEN 'p' THEN pg_catalog.pg_get_partkeydef(c.oid) END, c.relispartition,
        pg_catalog.pg_get_expr(c.relpartbound, c.oid),
        (SELECT inhparent::regclass::text FROM pg_catalog.pg_inherits WHERE inhrelid = c.oid LIMIT 1),
        c.relpersistence::text, pg_catalog.array_to_string(c.reloptions, ', '), c.relrowsecurity, c.relforcerowsecurity,
        pg_catalog.obj_description(c.oid, 'pg_class')
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_catalog.pg_class r ON c.relispartition AND r.oid = pg_catalog.pg_partition_root(c.oid)
    LEFT JOIN pg_catalog.pg_namespace rn ON rn.oid = r.relnamespace
    WHERE c.relkind IN ('r', 'p') AND (coalesce(rn.nspname, n.nspname), coalesce(r.relname, c.relname))
        IN (SELECT * FROM unnest(%s::text[], %s::text[]))
    ORDER BY (SELECT count(*) FROM pg_catalog.pg_partition_ancestors(c.oid)), 2, 3"""

_COLUMNS: Final = """
    SELECT a.attname, concat(format('%%I %%s', a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod)),
            CASE WHEN a.attcollation <> t.typcollation THEN ' COLLATE ' || a.attcollation::regcollation::text END),
        pg_catalog.pg_get_expr(d.adbin, d.adrelid), a.attgenerated <> '', a.attnotnull, a.attidentity::text,
        (SELECT format('SEQUENCE NAME %%s START %%s INCREMENT %%s MINVALUE %%s MAXVALUE %%s CACHE %%s%%s',
                s.seqrelid::regclass, seqstart, seqincrement, seqmin, seqmax, seqcache,
                CASE WHEN seqcycle THEN ' CYCLE' ELSE '' END)
         FROM pg_catalog.pg_depend p JOIN pg_catalog.pg_sequence s ON s.seqrelid = p.objid
         WHERE p.classid = 'pg_catalog.pg_class'::regclass AND p.refobjid = a.attrelid AND p.refobjsubid = a.attnum
           AND p.deptype = 'i'),
        pg_catalog.col_description(a.attrelid, a.attnum),
        d.adbin IS NOT NULL AND pg_catalog.pg_get_expr(d.adbin, d.adrelid) ~ '\\('
    FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"""

_SEQUENCES: Final = """
    SELECT n.nspname, c.relname, a.attname,
        format('AS %%s START %%s INCREMENT %%s MINVALUE %%s MAXVALUE %%s CACHE %%s%%s',
               pg_catalog.format_type(s.seqtypid, NULL), seqstart, seqincrement, seqmin, seqmax, seqcache,
               CASE WHEN seqcycle THEN ' CYCLE' ELSE '' END), d.deptype::text
    FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_class c ON c.oid = d.objid AND c.relkind = 'S'
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace JOIN pg_catalog.pg_sequence s ON s.seqrelid = c.oid
    JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
    WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.refobjid = %s AND d.deptype IN ('a', 'i')"""

_CONSTRAINTS: Final = """
    SELECT o.conname, o.contype::text, pg_catalog.pg_get_constraintdef(o.oid),
        ARRAY(SELECT a.attname::text FROM unnest(o.conkey) WITH ORDINALITY k(n, at)
              JOIN pg_catalog.pg_attribute a ON a.attrelid = o.conrelid AND a.attnum = k.n ORDER BY k.at),
        fn.nspname, f.relname,
        ARRAY(SELECT a.attname::text FROM unnest(o.confkey) WITH ORDINALITY k(n, at)
              JOIN pg_catalog.pg_attribute a ON a.attrelid = o.confrelid AND a.attnum = k.n ORDER BY k.at),
        NOT EXISTS (SELECT FROM unnest(o.conkey) k(n) JOIN pg_catalog.pg_attribute a
                    ON a.attrelid = o.conrelid AND a.attnum = k.n WHERE a.attnotnull)
    FROM pg_catalog.pg_constraint o LEFT JOIN pg_catalog.pg_class f ON f.oid = o.confrelid
    LEFT JOIN pg_catalog.pg_namespace fn ON fn.oid = f.relnamespace
    WHERE o.conrelid = %s AND o.conparentid = 0 AND o.contype IN ('c', 'f', 'p', 'u', 'x')
    ORDER BY array_position(ARRAY['p', 'u', 'x', 'c', 'f'], o.contype::text), o.conname"""

_INDEXES: Final = """
    SELECT c.relname, pg_catalog.pg_get_indexdef(i.indexrelid),
        ARRAY(SELECT a.attname::text FROM pg_catalog.pg_depend d
              JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
              WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = i.indexrelid AND d.refobjsubid > 0)
    FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
    WHERE i.indrelid = %s AND NOT EXISTS (SELECT FROM pg_catalog.pg_inherits WHERE inhrelid = i.indexrelid)
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint WHERE conindid = i.indexrelid AND contype IN ('p', 'u', 'x'))
    ORDER BY 1"""

_EXTRAS: Final = """
    WITH of_index AS (  -- those that are made by their names, and not with the table that this is a part of
        SELECT i.* FROM pg_catalog.pg_index i WHERE indrelid = %(oid)s
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_inherits WHERE inhrelid = indexrelid)
    ), granted AS (
        SELECT format('%%s', c.oid::regclass) AS what, '' AS columns, c.relacl AS acl, c.relowner
        FROM pg_catalog.pg_class c WHERE c.oid = %(oid)s
        UNION ALL SELECT format('%%s', c.oid::regclass), format(' (%%I)', a.attname), a.attacl, c.relowner
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped
        WHERE c.oid = %(oid)s
        UNION ALL SELECT format('SEQUENCE %%s', c.oid::regclass), '', c.relacl, c.relowner
        FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_class c ON c.oid = d.objid AND c.relkind = 'S'
        WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.refobjid = %(oid)s AND d.deptype IN ('a', 'i')
    ), told AS (
        SELECT 'CONSTRAINT' AS kind, conname AS name, description FROM pg_catalog.pg_constraint o
        JOIN pg_catalog.pg_description d ON d.objoid = o.oid AND d.classoid = 'pg_catalog.pg_constraint'::regclass
        WHERE conrelid = %(oid)s AND conparentid = 0 AND contype <> 'f'
        UNION ALL SELECT 'TRIGGER', tgname, description FROM pg_catalog.pg_trigger t
        JOIN pg_catalog.pg_description d ON d.objoid = t.oid AND d.classoid = 'pg_catalog.pg_trigger'::regclass
        WHERE tgrelid = %(oid)s AND NOT tgisinternal
        UNION ALL SELECT 'POLICY', polname, description FROM pg_catalog.pg_policy p
        JOIN pg_catalog.pg_description d ON d.objoid = p.oid AND d.classoid = 'pg_catalog.pg_policy'::regclass
        WHERE polrelid = %(oid)s
    ), made(at, statement) AS (
        SELECT 1, pg_catalog.pg_get_triggerdef(t.oid) FROM pg_catalog.pg_trigger t
        WHERE t.tgrelid = %(oid)s AND NOT t.tgisinternal
        UNION ALL SELECT 2, format('ALTER TABLE %%s %%s TRIGGER %%I', %(oid)s::oid::regclass,
            CASE tgenabled WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE REPLICA' ELSE 'ENABLE ALWAYS' END, tgname)
        FROM pg_catalog.pg_trigger WHERE tgrelid = %(oid)s AND NOT tgisinternal AND tgenabled <> 'O'
        UNION ALL SELECT 3, format('CREATE POLICY %%I ON %%s AS %%s FOR %%s TO %%s%%s%%s', polname, polrelid::regclass,
            CASE WHEN polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
            CASE polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE'
                ELSE 'ALL' END,
            (SELECT string_agg(CASE role WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_catalog.pg_get_userbyid(role)) END,
                               ', ') FROM unnest(polroles) role),
            ' USING (' || pg_catalog.pg_get_expr(polqual, polrelid) || ')',
            ' WITH CHECK (' || pg_catalog.pg_get_expr(polwithcheck, polrelid) || ')')
        FROM pg_catalog.pg_policy WHERE polrelid = %(oid)s
        UNION ALL SELECT 4, pg_catalog.pg_get_ruledef(oid) FROM pg_catalog.pg_rewrite
        WHERE ev_class = %(oid)s AND rulename <> '_RETURN'
        UNION ALL SELECT 5, pg_catalog.pg_get_statisticsobjdef(oid) FROM pg_catalog.pg_statistic_ext
        WHERE stxrelid = %(oid)s
        UNION ALL SELECT 6, format('ALTER STATISTICS %%s.%%I OWNER TO %%I', stxnamespace::regnamespace, stxname,
            CASE stxowner WHEN relowner THEN %(owner)s ELSE pg_catalog.pg_get_userbyid(stxowner) END)
        FROM pg_catalog.pg_statistic_ext JOIN pg_catalog.pg_class c ON c.oid = stxrelid WHERE stxrelid = %(oid)s
        UNION ALL SELECT 6, format('COMMENT ON COLUMN %%s.%%I IS %%L', %(oid)s::oid::regclass, a.attname, description)
        FROM pg_catalog.pg_description JOIN pg_catalog.pg_attribute a ON a.attrelid = objoid AND a.attnum = objsubid
        WHERE objoid = %(oid)s AND objsubid > 0 AND classoid = 'pg_catalog.pg_class'::regclass
        UNION ALL SELECT 6, format('COMMENT ON %%s %%I ON %%s IS %%L', kind, name, %(oid)s::oid::regclass, description)
        FROM told
        UNION ALL SELECT 6, format('COMMENT ON INDEX %%s IS %%L', indexrelid::regclass, description) FROM of_index
        JOIN pg_catalog.pg_description ON objoid = indexrelid AND classoid = 'pg_catalog.pg_class'::regclass
        UNION ALL SELECT 7, format('ALTER TABLE %%s CLUSTER ON %%I', indrelid::regclass, c.relname)
        FROM of_index JOIN pg_catalog.pg_class c ON c.oid = indexrelid WHERE indisclustered
        UNION ALL SELECT 7, format('ALTER TABLE %%s REPLICA IDENTITY %%s', oid::regclass,
            CASE relreplident WHEN 'f' THEN 'FULL' WHEN 'n' THEN 'NOTHING' ELSE
                (SELECT format('USING INDEX %%I', c.relname) FROM of_index
                 JOIN pg_catalog.pg_class c ON c.oid = indexrelid WHERE indisreplident) END)
        FROM pg_catalog.pg_class WHERE oid = %(oid)s AND relreplident <> 'd'
        UNION ALL SELECT 7, format('ALTER TABLE %%s ALTER COLUMN %%I SET STATISTICS %%s', attrelid::regclass, attname,
            attstattarget)
        FROM pg_catalog.pg_attribute
        WHERE attrelid = %(oid)s AND attnum > 0 AND NOT attisdropped AND coalesce(attstattarget, -1) >= 0
        UNION ALL SELECT 7, format('ALTER TABLE %%s ALTER COLUMN %%I SET STORAGE %%s', attrelid::regclass, attname,
            CASE attstorage WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END)
        FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = atttypid
        WHERE attrelid = %(oid)s AND attnum > 0 AND NOT attisdropped AND attstorage <> typstorage
        UNION ALL SELECT 8, format('GRANT %%s%%s ON %%s TO %%s%%s', privilege_type, columns, what,
            CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_catalog.pg_get_userbyid(grantee)) END,
            CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
        FROM granted CROSS JOIN LATERAL pg_catalog.aclexplode(acl) WHERE grantee <> relowner
    ) SELECT statement FROM made WHERE statement IS NOT NULL ORDER BY at, statement"""


class Head(NamedTuple):
    """A row of tables."""

    oid: int
    schema: str
    name: str
    owner: str
    partitioned: bool
    partition_key: str | None
    is_partition: bool
    bound: str | None
    parent: str | None
    persistence: str
    options: str | None
    secured: bool
    forced: bool
    comment: str | None

    @property
    def title(self) -> Name:
        """Its name with its schema."""
        return Name(self.schema, self.name)


class Column(NamedTuple):
    """A row of columns; *typed* is its name with its type, *computed* says that its default calls something."""

    name: str
    typed: str
    default: str | None
    generated: bool
    required: bool
    identity: str
    sequence: str | None
    comment: str | None
    computed: bool

    def line(self) -> str:
        """Write it as CREATE TABLE has it."""
        parts = [self.typed]
        if self.identity:
            how = "ALWAYS" if self.identity == "a" else "BY DEFAULT"
            parts.append(f"GENERATED {how} AS IDENTITY ({self.sequence})")
        elif self.generated:
            parts.append(f"GENERATED ALWAYS AS ({self.default}) STORED")
        elif self.default is not None:
            parts.append(f"DEFAULT {self.default}")
        return " ".join([*parts, "NOT NULL"] if self.required else parts)


class Constraint(NamedTuple):
    """A row of constraints."""

    name: str
    kind: str
    definition: str
    columns: Sequence[str]
    parent_schema: str | None
    parent: str | None
    parent_columns: Sequence[str]
    nullable: bool

    def addition(self, table: Name) -> Addition:
        """Give what makes it on *table*."""
        statement = f"ALTER TABLE {table.sql} ADD CONSTRAINT {quote(self.name)} {self.definition}"
        return Addition(table, self.name, statement)

    def reference(self, child: Name) -> Reference:
        """Give it as the foreign key that it is."""
        return Reference(
            name=self.name,
            child=child,
            columns=tuple(self.columns),
            parent=Name(self.parent_schema or "", self.parent or ""),
            parent_columns=tuple(self.parent_columns),
            statement=self.addition(child).statement,
            nullable=self.nullable,
        )


class Index(NamedTuple):
    """A row of indexes, without those of constraints; *columns* are those that it depends on."""

    name: str
    statement: str
    columns: Sequence[str]


class TableSequence(NamedTuple):
    """A row of sequences that fill a *column*; *dependency* is `a` where it is owned, `i` where it is an identity's."""

    schema: str
    name: str
    column: str
    options: str
    dependency: str

    @property
    def title(self) -> Name:
        """Its name with its schema."""
        return Name(self.schema, self.name)

    @property
    def owned(self) -> bool:
        """Tell whether it is made by itself, and not by its column."""
        return self.dependency == "a"


def read_heads(connection: "Connection", names: Collection[Name]) -> list[Head]:
    """Give the rows of the tables, each partition behind what it is a part of."""
    given = [name.schema for name in names], [name.name for name in names]
    return [Head(*row) for row in connection.execute(_TABLES, given)]


def own_heads(connection: "Connection", name: Name) -> list[Head]:
    """Give the row of the table itself, without those of its partitions; none where it is not there."""
    return [head for head in read_heads(connection, [name]) if head.title == name]


def columns_of(connection: "Connection", head: Head) -> list[Column]:
    """Give its columns in their order."""
    return [Column(*row) for row in connection.execute(_COLUMNS, (head.oid,))]


def constraints_of(connection: "Connection", head: Head) -> list[Constraint]:
    """Give its constraints, keys first and foreign keys last."""
    return [Constraint(*row) for row in connection.execute(_CONSTRAINTS, (head.oid,))]


def indexes_of(connection: "Connection", head: Head) -> list[Index]:
    """Give its indexes that no constraint brings."""
    return [Index(*row) for row in connection.execute(_INDEXES, (head.oid,))]


def sequences_of(connection: "Connection", head: Head) -> list[TableSequence]:
    """Give the sequences that fill its columns."""
    return [TableSequence(*row) for row in connection.execute(_SEQUENCES, (head.oid,))]


def extras_of(connection: "Connection", head: Head) -> list[str]:
    """Give what makes its triggers, policies, rules and statistics, its comments, settings and grants."""
    return [row[0] for row in connection.execute(_EXTRAS, {"oid": head.oid, "owner": head.owner})]
