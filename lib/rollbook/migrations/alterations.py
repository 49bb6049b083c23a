"""What ALTER TABLE does, told part by part."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from .deed import Deed
from .naming import column_name, table_name

if TYPE_CHECKING:
    from sqlglot.expressions import Expr

_KEPT: Final = ("CONSTRAINT", "FOREIGN KEY", "INDEX", "KEY", "CHECK", "PRIMARY KEY", "DEFAULT")


def altered(tree: "Expr", vendor: str, dialect: str) -> Iterator[Deed]:
    """Tell what an ALTER does; every part that is not known is told as unknown."""
    kind = str(tree.args.get("kind") or "").upper()
    if kind in ("INDEX", "VIEW"):
        return
    if kind != "TABLE":
        yield Deed("unknown", why=f"it alters a {kind.lower() or 'thing'}")
        return
    table = table_name(tree.this, vendor)
    actions = tree.args.get("actions") or []
    if not actions and not tree.args.get("options"):
        yield Deed("unknown", why="what it alters cannot be read")
    for action in actions:
        yield from _part(action, table, vendor, dialect)
        table = _later(action, table, vendor)


def _later(action: "Expr", table: str, vendor: str) -> str:
    from sqlglot import expressions as exp

    return table_name(action.this, vendor) if isinstance(action, exp.AlterRename) else table


def _part(action: "Expr", table: str, vendor: str, dialect: str) -> Iterator[Deed]:
    from sqlglot import expressions as exp

    match action:
        case exp.Drop():
            yield from _dropped(action, table, vendor)
        case exp.AlterColumn():
            yield from _column(action, table, vendor, dialect)
        case exp.ModifyColumn():
            yield from _modified(action, table, vendor, dialect)
        case exp.AlterRename():
            yield Deed("rename_table", table, to=table_name(action.this, vendor))
        case exp.RenameColumn():
            yield Deed("rename_column", table, column_name(action.this, vendor), column_name(action.args["to"], vendor))
        case exp.ColumnDef():
            yield Deed("add_column", table, column_name(action.this, vendor))
        case exp.AddConstraint() | exp.DropPrimaryKey() | exp.RenameIndex():
            return
        case _:
            yield Deed("unknown", table, why=f"a part of it is not known: {action.sql(dialect=dialect)[:60]}")


def _dropped(action: "Expr", table: str, vendor: str) -> Iterator[Deed]:
    kind = str(action.args.get("kind") or "").upper()
    if kind in _KEPT:
        return
    if kind != "COLUMN":
        yield Deed("unknown", table, why=f"it drops a {kind.lower() or 'thing'} of the table")
        return
    why = "with the views and constraints that need it" if action.args.get("cascade") else ""
    for one in action.args.get("tables") or ():
        yield Deed("drop_column", table, column_name(one, vendor), why=why)


def _column(action: "Expr", table: str, vendor: str, dialect: str) -> Iterator[Deed]:
    name, kind = column_name(action.this, vendor), action.args.get("dtype")
    if kind is not None:
        yield Deed("alter_column", table, name, new=kind.sql(dialect=dialect))
    if action.args.get("allow_null") is False:
        yield Deed("alter_column", table, name, null=False)


def _modified(action: "Expr", table: str, vendor: str, dialect: str) -> Iterator[Deed]:
    from sqlglot import expressions as exp

    new, was = action.this, action.args.get("rename_from")
    name = column_name(new.this, vendor)
    if was is not None and column_name(was, vendor) != name:
        yield Deed("rename_column", table, column_name(was, vendor), name)
    kept = [one.kind for one in new.args.get("constraints") or ()]
    required = any(isinstance(one, exp.NotNullColumnConstraint) and not one.args.get("allow_null") for one in kept)
    yield Deed("alter_column", table, name, new=new.args["kind"].sql(dialect=dialect), null=not required)
