"""Reads how tables are made, from the catalogs of a database that still has them."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from ...postgres.definition import Addition, ColumnDefinition, Definition, Reference, TypeDefinition
from ...postgres.names import Name, literal, quote

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

_TYPES: Final = """
    SELECT n.nspname, t.typname, CASE t.typtype
        WHEN 'e' THEN format('CREATE TYPE %I.%I AS ENUM (%s)', n.nspname, t.typname,
            (SELECT string_agg(quote_literal(enumlabel), ', ' ORDER BY enumsortorder) FROM pg_catalog.pg_enum
             WHERE enumtypid = t.oid))
        ELSE concat(format('CREATE DOMAIN %I.%I AS %s', n.nspname, t.typname,
                pg_catalog.format_type(t.typbasetype, t.typtypmod)), ' DEFAULT ' || t.typdefault,
            CASE WHEN t.typnotnull THEN ' NOT NULL' END,
            (SELECT string_agg(format(' CONSTRAINT %I %s', conname, pg_catalog.pg_get_constraintdef(o.oid)), '')
             FROM pg_catalog.pg_constraint o WHERE contypid = t.oid AND contype = 'c')) END
    FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
    WHERE t.typtype IN ('e', 'd') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend WHERE classid = 'pg_catalog.pg_type'::regclass AND objid = t.oid
                      AND deptype = 'e')
    ORDER BY t.typtype DESC, 1, 2"""

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

_COMPUTED_FROM: Final = """
    SELECT DISTINCT f.attname::text FROM pg_catalog.pg_attrdef d
    JOIN pg_catalog.pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
    JOIN pg_catalog.pg_depend p ON p.classid = 'pg_catalog.pg_attrdef'::regclass AND p.objid = d.oid
    JOIN pg_catalog.pg_attribute f ON f.attrelid = p.refobjid AND f.attnum = p.refobjsubid
    WHERE d.adrelid = %s AND p.refclassid = 'pg_catalog.pg_class'::regclass AND p.refobjid = d.adrelid
      AND p.refobjsubid > 0 AND p.refobjsubid <> d.adnum AND a.attname::text = ANY (%s)"""

_EXTRAS: Final = """
    SELECT pg_catalog.pg_get_triggerdef(t.oid) FROM pg_catalog.pg_trigger t
    WHERE t.tgrelid = %(oid)s AND NOT t.tgisinternal
    UNION ALL SELECT format('COMMENT ON COLUMN %%s.%%I IS %%L', %(oid)s::oid::regclass, a.attname, description)
    FROM pg_catalog.pg_description JOIN pg_catalog.pg_attribute a ON a.attrelid = objoid AND a.attnum = objsubid
    WHERE objoid = %(oid)s AND objsubid > 0 AND classoid = 'pg_catalog.pg_class'::regclass
    UNION ALL SELECT format('GRANT %%s ON %%s TO %%s%%s', privilege_type, %(oid)s::oid::regclass,
        CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_catalog.pg_get_userbyid(grantee)) END,
        CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
    FROM pg_catalog.pg_class c CROSS JOIN LATERAL pg_catalog.aclexplode(c.relacl)
    WHERE c.oid = %(oid)s AND grantee <> c.relowner"""


class _Head(NamedTuple):
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
        return Name(self.schema, self.name)


class _Column(NamedTuple):
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


class _Constraint(NamedTuple):
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


def read_definitions(connection: "Connection", names: Collection[Name]) -> Iterator[Definition]:
    """Give how each of the tables is made; partitions come behind the table that they are parts of."""
    for head in _heads(connection, names):
        yield _definition(connection, head)


def read_types(connection: "Connection") -> tuple[TypeDefinition, ...]:
    """Give what makes each enum and each domain, the enums first: a domain may be one of them."""
    return tuple(TypeDefinition(Name(schema, name), made) for schema, name, made in connection.execute(_TYPES))


def _heads(connection: "Connection", names: Collection[Name]) -> list[_Head]:
    given = [name.schema for name in names], [name.name for name in names]
    return [_Head(*row) for row in connection.execute(_TABLES, given)]


def _columns(connection: "Connection", head: _Head) -> list[_Column]:
    return [_Column(*row) for row in connection.execute(_COLUMNS, (head.oid,))]


def _constraints(connection: "Connection", head: _Head) -> list[_Constraint]:
    return [_Constraint(*row) for row in connection.execute(_CONSTRAINTS, (head.oid,))]


def _definition(connection: "Connection", head: _Head) -> Definition:
    table, columns, constraints = head.title, _columns(connection, head), _constraints(connection, head)
    sequences = connection.execute(_SEQUENCES, (head.oid,)).fetchall()
    owned = [one for one in sequences if one[4] == "a"]
    own = [one for one in constraints if one.kind != "f"]
    extras = [row[0] for row in connection.execute(_EXTRAS, {"oid": head.oid})]
    indexes = [row[1] for row in connection.execute(_INDEXES, (head.oid,))]
    return Definition(
        name=table,
        columns=tuple(one.name for one in columns if not one.generated),
        before=_makings(head, columns, owned),
        after=(*(one.addition(table).statement for one in own), *indexes, *extras, *_security(head)),
        references=tuple(one.reference(table) for one in constraints if one.kind == "f"),
        sequences=tuple(Name(one[0], one[1]) for one in sequences),
        partitioned=head.partitioned,
        comment=head.comment,
    )


def _makings(head: _Head, columns: Sequence[_Column], owned: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Give what makes an empty table, with the sequences that it owns."""
    table = head.title
    return (
        *(f"CREATE SEQUENCE {Name(one[0], one[1]).sql} {one[3]}" for one in owned),
        _created(head, columns),
        f"ALTER TABLE {table.sql} OWNER TO {quote(head.owner)}",
        *(f"ALTER SEQUENCE {Name(one[0], one[1]).sql} OWNED BY {table.sql}.{quote(one[2])}" for one in owned),
    )


def _created(head: _Head, columns: Sequence[_Column]) -> str:
    unlogged = "UNLOGGED " if head.persistence == "u" else ""
    tail = f" PARTITION BY {head.partition_key}" if head.partitioned else ""
    tail += f" WITH ({head.options})" if head.options else ""
    made = f"CREATE {unlogged}TABLE {head.title.sql}"
    if head.is_partition:
        return f"{made} PARTITION OF {head.parent} {head.bound}{tail}"
    inherits = f" INHERITS ({head.parent})" if head.parent else ""
    return f"{made} ({', '.join(one.line() for one in columns)}){inherits}{tail}"


def _security(head: _Head) -> Iterator[str]:
    if head.secured:
        yield f"ALTER TABLE {head.title.sql} ENABLE ROW LEVEL SECURITY"
    if head.forced:
        yield f"ALTER TABLE {head.title.sql} FORCE ROW LEVEL SECURITY"


def read_columns(connection: "Connection", wanted: Mapping[Name, Collection[str]]) -> Iterator[ColumnDefinition]:
    """
    Give how single columns are made: at first without NOT NULL, so that it can be added while rows are there.

    A default that is computed anew for every row is left to be set afterwards: adding it would write every row.
    """
    for head in _heads(connection, wanted):
        constraints = _constraints(connection, head)
        indexes = [(str(row[0]), str(row[1]), row[2]) for row in connection.execute(_INDEXES, (head.oid,))]
        for column in _columns(connection, head):
            if column.name in wanted[head.title]:
                yield _column(head.title, column, constraints, indexes)


def _column(
    table: Name,
    column: _Column,
    constraints: Sequence[_Constraint],
    indexes: Sequence[tuple[str, str, Sequence[str]]],
) -> ColumnDefinition:
    plain = column.default if not column.generated else None
    add = f"ALTER TABLE {table.sql} ADD COLUMN {column.typed}"
    if column.generated:
        add += f" GENERATED ALWAYS AS ({column.default}) STORED"
    elif plain is not None and not column.computed:
        add += f" DEFAULT {plain}"
    concerned = [one for one in constraints if column.name in one.columns]
    return ColumnDefinition(
        table=table,
        name=column.name,
        add=add,
        comment=column.comment,
        default=None if column.computed else plain,
        later=plain if column.computed else None,
        required=column.required and not column.identity,
        generated=column.generated,
        additions=(
            *(one.addition(table) for one in concerned if one.kind != "f"),
            *(Addition(table, name, statement) for name, statement, columns in indexes if column.name in columns),
        ),
        references=tuple(one.reference(table) for one in concerned if one.kind == "f"),
    )


def read_companions(connection: "Connection", name: Name, columns: Collection[str]) -> tuple[str, ...]:
    """Give the other columns that constraints, indexes and computed cells of *columns* of a table are over."""
    found: list[str] = []
    for head in _own(connection, name):
        concerned = [one.columns for one in _constraints(connection, head)]
        concerned += [row[2] for row in connection.execute(_INDEXES, (head.oid,))]
        found += [one for over in concerned if {*over} & {*columns} for one in over]
        found += [row[0] for row in connection.execute(_COMPUTED_FROM, (head.oid, list(columns)))]
    return tuple(dict.fromkeys(one for one in found if one not in columns))


def read_part(connection: "Connection", name: Name, columns: Collection[str], doomed: Collection[str]) -> Definition:
    """
    Give how a table is made that has only *columns* of another: of which the *doomed* are just as they are there.

    With it come the constraints and indexes that are over these alone, and the foreign keys of the doomed ones.
    """
    (head,) = _own(connection, name)
    kept = [_plainly(one, doomed) for one in _columns(connection, head) if one.name in columns]
    constraints = [one for one in _constraints(connection, head) if {*one.columns} <= {*columns}]
    sequences = [one for one in connection.execute(_SEQUENCES, (head.oid,)) if one[2] in doomed]
    owned = [one for one in sequences if one[4] == "a"]
    indexes = [row[1] for row in connection.execute(_INDEXES, (head.oid,)) if row[2] and {*row[2]} <= {*columns}]
    comments = (
        f"COMMENT ON COLUMN {name.sql}.{quote(one.name)} IS {literal(one.comment)}" for one in kept if one.comment
    )
    extras = [row[0] for row in connection.execute(_EXTRAS, {"oid": head.oid})]
    return Definition(
        name=name,
        columns=tuple(one.name for one in kept if not one.generated),
        before=_makings(_alone(head), kept, owned),
        after=(
            *(one.addition(name).statement for one in constraints if one.kind != "f"),
            *indexes,
            *comments,
            *(one for one in extras if one.startswith("GRANT ")),
        ),
        references=tuple(one.reference(name) for one in constraints if one.kind == "f" and {*one.columns} & {*doomed}),
        sequences=tuple(Name(one[0], one[1]) for one in sequences),
    )


def read_outline(connection: "Connection", name: Name) -> tuple[str, dict[str, str]]:
    """Give a table's owner, and each of its columns as CREATE TABLE has it without whatever fills or holds it."""
    (head,) = _own(connection, name)
    return head.owner, {one.name: one.typed for one in _columns(connection, head)}


def _own(connection: "Connection", name: Name) -> list[_Head]:
    """Give the head of the table itself, without those of its partitions."""
    return [head for head in _heads(connection, [name]) if head.title == name]


def _plainly(column: _Column, doomed: Collection[str]) -> _Column:
    """Take from a column that is only there to hold others what fills it by itself."""
    if column.name in doomed:
        return column
    return column._replace(default=None, generated=False, identity="", sequence=None, computed=False)


def _alone(head: _Head) -> _Head:
    """Take a table out of what it is a part of, and its own parts away."""
    return head._replace(
        partitioned=False, partition_key=None, is_partition=False, bound=None, parent=None, options=None
    )


def read_references(connection: "Connection", parents: Collection[Name], children: Collection[Name]) -> list[Reference]:
    """Give the foreign keys by which *children* point at *parents*."""
    found = [
        one.reference(head.title)
        for head in _heads(connection, children)
        for one in _constraints(connection, head)
        if one.kind == "f"
    ]
    return [one for one in found if one.parent in parents]
