"""Names of tables and columns out of parsed SQL, as the database has them."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlglot.expressions import Expr


def folded(identifier: "Expr", vendor: str) -> str:
    """Give a name as the server has it: PostgreSQL writes small what is not quoted."""
    name = str(identifier.name)
    quoted = bool(identifier.args.get("quoted"))
    return name.lower() if vendor == "postgresql" and not quoted else name


def table_name(table: "Expr", vendor: str) -> str:
    """Give a table's name, with its schema where that is not the usual one; empty where there is none."""
    from sqlglot import expressions as exp

    found = table.this if isinstance(table, exp.Schema) else table
    if isinstance(found, exp.Column):  # where the parser took it for one
        found = exp.Table(this=found.this, db=found.args.get("table"))
    if not isinstance(found, exp.Table) or not isinstance(found.this, exp.Identifier):
        return ""
    schema = found.args.get("db")
    name = folded(found.this, vendor)
    before = folded(schema, vendor) if schema is not None else ""
    return f"{before}.{name}" if before and not (before == "public" and vendor == "postgresql") else name


def column_name(column: "Expr", vendor: str) -> str:
    """Give a column's name."""
    from sqlglot import expressions as exp

    return folded(column if isinstance(column, exp.Identifier) else column.this, vendor)
