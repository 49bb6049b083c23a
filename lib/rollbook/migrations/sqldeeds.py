"""What a parsed SQL statement does, told as deeds."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from .alterations import altered
from .deed import Deed
from .naming import column_name, table_name

if TYPE_CHECKING:
    from sqlglot.expressions import Expr

# Functions that users may call in a migration and that change no row. What others do nobody knows.
_FUNCTIONS: Final = frozenset(
    [
        "setval",
        "nextval",
        "currval",
        "lastval",
        "set_config",
        "pg_get_serial_sequence",
        "to_regclass",
        "gen_random_uuid",
        "uuid_generate_v4",
        "to_tsvector",
        "setweight",
        "jsonb_build_object",
        "json_build_object",
        "version",
        "last_insert_id",
        "current_setting",
    ]
)
# What sqlglot takes as a command without looking into it, and leaves tables, columns and rows as they are.
_COMMANDS: Final = re.compile(
    r"(CREATE (EXTENSION|COLLATION|STATISTICS|ROLE|USER)|ALTER (EXTENSION|SEQUENCE|INDEX|ROLE|USER)|"
    r"ALTER TYPE \S+ ADD VALUE|VACUUM|REINDEX|OPTIMIZE|REFRESH MATERIALIZED VIEW|LOCK TABLES?|UNLOCK TABLES|CLUSTER|"
    r"SAVEPOINT|RELEASE|CHECKPOINT|SHOW)\b",
    re.IGNORECASE,
)
_RENAME: Final = re.compile(r"RENAME TABLES? (?P<pairs>.+)", re.IGNORECASE | re.DOTALL)
_NOTHING: Final = ("Transaction", "Commit", "Comment", "Grant", "Revoke", "Analyze")
_ROWS: Final = ("Insert", "Update", "Delete", "Merge", "Select", "Union", "Intersect", "Except", "Subquery")
_HARMLESS_DROPS: Final = ("INDEX", "FUNCTION", "PROCEDURE", "TRIGGER", "POLICY", "VIEW", "CONSTRAINT", "COLLATION")
_HARMLESS_MAKES: Final = ("TABLE", "INDEX", "VIEW", "SCHEMA", "DATABASE", "SEQUENCE", "TYPE")
_SAFE_SETTINGS: Final = re.compile(
    r"SET (SESSION |LOCAL |@@)?(foreign_key_checks|unique_checks|lock_timeout|statement_timeout|lock_wait_timeout|"
    r"innodb_lock_wait_timeout|names|time zone|constraints|maintenance_work_mem|work_mem)\b",
    re.IGNORECASE,
)


def deeds_of(tree: "Expr", vendor: str, dialect: str) -> Iterator[Deed]:
    """Tell what a statement does: by its own kind, and by what is written within it."""
    kind = type(tree).__name__
    if kind in _NOTHING:
        return
    if kind in _TELLERS:
        yield from _TELLERS[kind](tree, vendor, dialect)
    elif kind not in _ROWS:
        yield Deed("unknown", why="it is no statement that is known")
    yield from _written(tree, vendor)


def _truncated(tree: "Expr", vendor: str, dialect: str) -> Iterator[Deed]:  # noqa: ARG001  # as the others
    cascade = tree.args.get("option") == "CASCADE"
    why = "and every table that refers to it" if cascade else ""
    for one in tree.expressions:
        yield Deed("delete_rows", table_name(one, vendor), why=why, open=cascade)


def _set(tree: "Expr", vendor: str, dialect: str) -> Iterator[Deed]:  # noqa: ARG001  # as the others
    if not _SAFE_SETTINGS.match(tree.sql(dialect=dialect)):
        yield Deed("unknown", why="it changes a setting, which may change what names mean")


def _written(tree: "Expr", vendor: str) -> Iterator[Deed]:
    """Tell which rows a statement, or a part of it, deletes or writes over, and which functions it calls."""
    from sqlglot import expressions as exp

    for node in tree.find_all(exp.Delete, exp.Update, exp.Insert, exp.Merge):
        match node:
            case exp.Delete():
                yield from _deleted(node, vendor)
            case exp.Update():
                yield from _updated(node, vendor)
            case exp.Insert():
                yield from _inserted(node, vendor)
            case exp.Merge():
                yield Deed("delete_rows", table_name(node.this, vendor), why="some rows, or it writes over them")
    for called in tree.find_all(exp.Anonymous):
        if str(called.name).lower() not in _FUNCTIONS:
            yield Deed("unknown", why=f"it calls {called.name}()")


def _deleted(node: "Expr", vendor: str) -> Iterator[Deed]:
    from sqlglot import expressions as exp

    # MySQL names the tables by the aliases that they have further on.
    called = {one.alias: one for one in node.find_all(exp.Table) if one.alias}
    why = "some rows" if node.args.get("where") or node.args.get("limit") else ""
    for one in node.args.get("tables") or [node.this]:
        yield Deed("delete_rows", table_name(called.get(one.name, one), vendor), why=why)


def _updated(node: "Expr", vendor: str) -> Iterator[Deed]:
    from sqlglot import expressions as exp

    own = table_name(node.this, vendor)
    joined = bool(node.this.args.get("joins")) if node.this is not None else False
    for one in node.expressions:
        columns = [one.this] if isinstance(one.this, exp.Column) else list(one.this.find_all(exp.Column))
        for column in columns:
            alias = column.table
            named = alias and alias not in (node.this.alias_or_name, node.this.name)
            if joined and (named or not alias):
                yield Deed("unknown", why="it updates several tables at once")
                return
            yield Deed("rewrite", own, column_name(column, vendor))


def _inserted(node: "Expr", vendor: str) -> Iterator[Deed]:
    conflict = node.args.get("conflict")
    if node.args.get("overwrite"):
        yield Deed("delete_rows", table_name(node.this, vendor))
    elif node.args.get("alternative") or (conflict is not None and "UPDATE" in conflict.sql().upper()):
        yield Deed("rewrite", table_name(node.this, vendor), why="rows with the same key")


def _dropped(tree: "Expr", vendor: str, dialect: str) -> Iterator[Deed]:  # noqa: ARG001  # as the others
    kind, cascade = str(tree.args.get("kind") or "").upper(), bool(tree.args.get("cascade"))
    if kind in _HARMLESS_DROPS or (kind == "TABLE" and tree.args.get("temporary")):
        return
    if kind == "TABLE":
        why = "with the views and foreign keys that lead to it" if cascade else ""
        for one in tree.args.get("tables") or ():
            yield Deed("drop_table", table_name(one, vendor), why=why)
    elif kind in ("SCHEMA", "DATABASE"):
        if cascade or vendor == "mysql" or kind == "DATABASE":
            names = ", ".join(one.db or one.name for one in tree.args.get("tables") or ())
            yield Deed("drop_table", why=f"everything in {names}", open=True)
    elif kind in ("TYPE", "DOMAIN", "EXTENSION") and not cascade:
        return
    else:
        yield Deed("unknown", why=f"it drops a {kind.lower() or 'thing'}, and what hangs on it")


def _created(tree: "Expr", vendor: str, dialect: str) -> Iterator[Deed]:  # noqa: ARG001  # as the others
    from sqlglot import expressions as exp

    kind = str(tree.args.get("kind") or "").upper()
    if kind not in _HARMLESS_MAKES:
        yield Deed("unknown", why=f"it makes a {kind.lower() or 'thing'}, whose code is not read")
    elif kind == "TABLE":
        made = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
        name = table_name(made, vendor)
        if tree.args.get("replace"):
            yield Deed("drop_table", name)
        elif not tree.args.get("exists"):
            yield Deed("create_table", name)


def _commanded(tree: "Expr", vendor: str, dialect: str) -> Iterator[Deed]:
    rest = tree.args.get("expression")
    text = " ".join(f"{tree.this} {getattr(rest, 'name', rest) or ''}".split())
    renames = _RENAME.fullmatch(text) if vendor == "mysql" else None
    if renames is not None:
        yield from _renamed(renames["pairs"], vendor, dialect)
    elif not _COMMANDS.match(text):
        yield Deed("unknown", why=f"it cannot be read: {text[:60]}")


def _renamed(pairs: str, vendor: str, dialect: str) -> Iterator[Deed]:
    from sqlglot import parse_one

    for pair in re.findall(r"(?:`[^`]*`|[^,`])+", pairs):
        parts = re.split(r"\s+TO\s+", pair.strip(), flags=re.IGNORECASE)
        if len(parts) != 2:
            yield Deed("unknown", why="it renames tables in a way that cannot be read")
            return
        yield from altered(parse_one(f"ALTER TABLE {parts[0]} RENAME TO {parts[1]}", dialect=dialect), vendor, dialect)


def _pragma(tree: "Expr", vendor: str, dialect: str) -> Iterator[Deed]:  # noqa: ARG001  # as the others
    if "foreign_keys" not in tree.sql(dialect=dialect).lower():
        yield Deed("unknown", why="it changes a setting")


_TELLERS: Final = {
    "Drop": _dropped,
    "Alter": altered,
    "Create": _created,
    "TruncateTable": _truncated,
    "Command": _commanded,
    "Set": _set,
    "Pragma": _pragma,
}
