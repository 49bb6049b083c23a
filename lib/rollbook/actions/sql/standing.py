"""Tables as they stand in a database: their columns, and about how many rows they have. PostgreSQL, MySQL, MariaDB."""

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from ...dataclass import dataclass
from ...errors import RefusedError
from ...mysql import names as mysql
from ...mysql.rights import Grants
from ...postgres import names as postgres
from ...targets.base import SqlReader

_POSTGRES: Final = """
    SELECT n.nspname AS schema, c.relname AS name,
      CASE n.nspname WHEN 'public' THEN c.relname ELSE n.nspname || '.' || c.relname END AS named,
      CAST(CASE WHEN c.reltuples < 0 THEN pg_catalog.pg_relation_size(c.oid) / 100 ELSE c.reltuples END AS bigint)
        AS rows,
      a.attname AS column, pg_catalog.format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS required,
      pg_catalog.pg_get_expr(d.adbin, d.adrelid) AS standard
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
    WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    ORDER BY n.nspname, c.relname, a.attnum"""
_MYSQL: Final = """
    SELECT t.table_name AS named, t.table_schema AS `schema`, t.table_name AS name, t.table_rows AS `rows`,
      c.column_name AS `column`, c.column_type AS type, c.is_nullable = 'NO' AS required, c.column_default AS standard
    FROM information_schema.tables t
    JOIN information_schema.columns c ON c.table_schema = t.table_schema AND c.table_name = t.table_name
    WHERE t.table_schema = DATABASE() AND t.table_type <> 'VIEW'
    ORDER BY t.table_name, c.ordinal_position"""


@dataclass(frozen=True, slots=True)
class Column:
    """A column; *standard* is its default as the catalog has it."""

    name: str
    type: str
    required: bool
    standard: str | None


@dataclass(frozen=True, slots=True)
class Table:
    """A table; *sql* is its name as SQL wants it, *rows* an estimate."""

    name: str
    sql: str
    rows: int
    columns: Mapping[str, Column]


def read_tables(server: SqlReader) -> Mapping[str, Table]:
    """Read the tables by their names: those of other schemas than the usual as `schema.table`."""
    if server.dialect == "sqlite":
        raise RefusedError(
            f"{server.name} is SQLite, and this reads PostgreSQL, MySQL and MariaDB.",
            advice="Copy the file before the migration: that is the whole database.",
        )
    is_mysql = server.dialect == "mysql"
    found: dict[str, Table] = {}
    columns: dict[str, dict[str, Column]] = {}
    for row in server.rows(_MYSQL if is_mysql else _POSTGRES):
        name = str(row["named"])
        given = columns.setdefault(name, {})
        given[str(row["column"])] = Column(
            str(row["column"]), str(row["type"]), bool(row["required"]), _text(row["standard"])
        )
        parts = (str(row["schema"]), str(row["name"]))
        sql = mysql.within(*parts) if is_mysql else postgres.Name(*parts).sql
        found[name] = Table(name, escaped(sql), int(row["rows"] or 0), given)
    return found


def require_sight(server: SqlReader, absent: Collection[str]) -> None:
    """Refuse to take for gone what the account may only not see: MySQL and MariaDB hide what it has no right to."""
    if not absent or server.dialect != "mysql":
        return
    (told,) = server.rows("SELECT CURRENT_USER() AS account, DATABASE() AS live")
    account, live = str(told["account"]), str(told["live"])
    lines = [str(line) for row in server.rows("SHOW GRANTS") for line in row.values()]
    if not Grants.read(account, lines).sees(live):
        raise RefusedError(
            f"{server.name} has no {', '.join(absent)} that {account} may see, which may not see all of {live}.",
            advice=f"GRANT SELECT ON {mysql.quote(live)}.* to it, and plan again.",
        )


def quoted(server: SqlReader, name: str) -> str:
    """Quote a column's name as the server wants it, within text that may have parameters."""
    return escaped(mysql.quote(name) if server.dialect == "mysql" else postgres.quote(name))


def escaped(sql: str) -> str:
    """Keep a colon in a name from being taken for a parameter."""
    return sql.replace(":", "\\:")


def split(column: str, tables: Iterable[str]) -> tuple[str, str]:
    """Part `table.column`, where names may have dots: the longest table that is there is meant."""
    owners = [name for name in tables if column.startswith(f"{name}.")]
    owner = max(owners, key=len, default=column.rpartition(".")[0])
    return owner, column[len(owner) + 1 :]


def _text(cell: object) -> str | None:
    return None if cell is None else cell.decode() if isinstance(cell, bytes) else str(cell)
