"""How a table, or a column, that is gone is made again: the statements, as the server writes them of its old schema."""

from collections.abc import Collection, Iterator, Sequence

from ..dataclass import dataclass
from .catalog import Catalog, Column, Table, Trigger, common_key
from .comparing import sortable
from .names import listed, literal, quote
from .words import lines, names, options, words


def later_indexes(body: Sequence[str]) -> tuple[str, ...]:
    """Give the indexes that can be made once the rows are there: an AUTO_INCREMENT column needs its own before."""
    counted = {name for line in body if "AUTO_INCREMENT" in words(line) for name in names(line)[:1]}
    return tuple(line for line in body if line.startswith("KEY ") and not {*names(line)[1:]} & counted)


@dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key that is to come back; *actions* are its ON DELETE and ON UPDATE, as SQL."""

    name: str
    child: str
    columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...]
    actions: str
    nullable: bool  # every one of its columns may be NULL

    def __str__(self) -> str:
        return f"{self.child}.{self.name}"

    def statement(self, child: str = "", parent: str = "") -> str:
        """Give what makes it, on tables that have other names for the time being."""
        return (
            f"ALTER TABLE {quote(child or self.child)} ADD CONSTRAINT {quote(self.name)} FOREIGN KEY "
            f"({listed(self.columns)}) REFERENCES {quote(parent or self.parent)} ({listed(self.parent_columns)})"
            f"{self.actions}"
        )


@dataclass(frozen=True, slots=True)
class Made:
    """A trigger, and what makes it on the table that is put in for {}; *mode* is the sql_mode that it knows."""

    name: str
    mode: str
    statement: str


@dataclass(frozen=True, slots=True)
class Definition:
    """
    A table: its *body* is what stands within the parentheses of CREATE TABLE, without foreign keys.

    *columns* are those that rows are loaded into, by *key* in parts; without one, all at once.
    """

    name: str
    body: tuple[str, ...]
    options: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    references: tuple[Reference, ...]
    triggers: tuple[Made, ...]
    comment: str

    @property
    def indexes(self) -> tuple[str, ...]:
        """Give the indexes that can be made once its rows are there."""
        return later_indexes(self.body)

    def create(self, name: str, comment: str) -> str:
        """Give what makes it under a name, with a comment, without `indexes`: they are made faster afterwards."""
        first, *rest = self.options.split("\n")
        body = ",\n  ".join(line for line in self.body if line not in self.indexes)
        tail = "\n".join([f"{first} COMMENT={literal(comment)}", *rest])
        return f"CREATE TABLE {quote(name)} (\n  {body}\n) {tail}"

    def finish(self, name: str, comment: str) -> str:
        """Give what makes `indexes` under a name, and its comment."""
        parts = (*(f"ADD {one}" for one in self.indexes), f"COMMENT = {literal(comment)}")
        return f"ALTER TABLE {quote(name)} {', '.join(parts)}"


@dataclass(frozen=True, slots=True)
class Addition:
    """An index or a check that went with a column, by its *name*."""

    name: str
    definition: str

    @property
    def is_check(self) -> bool:
        """Say whether it is a check."""
        return self.definition.startswith("CONSTRAINT")

    @property
    def is_unique(self) -> bool:
        """Say whether it is a unique index."""
        return self.definition.startswith("UNIQUE")


@dataclass(frozen=True, slots=True)
class ColumnDefinition:
    """
    A column that is gone from a table which stays.

    *added* is what it is added with: without NOT NULL and without what is computed anew for each row; *definition*
    is what it is in the end. *key* tells rows apart.
    """

    table: str
    name: str
    added: str
    definition: str
    place: str
    default: bool  # whether it is added with one
    required: bool
    generated: bool
    key: tuple[str, ...]
    additions: tuple[Addition, ...] = ()
    references: tuple[Reference, ...] = ()

    def __str__(self) -> str:
        return f"{self.table}.{self.name}"

    def add(self, comment: str) -> str:
        """Give what adds it with a comment, which has to stand before its check."""
        given = words(self.added)
        upper = [word.upper() for word in given]
        at = upper.index("CHECK") if "CHECK" in upper else len(given)
        parts = (*given[:at], "COMMENT", literal(comment), *given[at:])
        return f"ADD COLUMN {quote(self.name)} {' '.join(parts)}{self.place}"


def references(
    catalog: Catalog, children: Collection[str], parents: Collection[str] | None = None
) -> Iterator[Reference]:
    """Give the foreign keys of *children*, those to *parents* where these are given."""
    for key in catalog.foreign_keys:
        if key.child in children and (parents is None or key.parent in parents):
            actions = _actions(catalog.tables[key.child], key.name)
            nullable = not any(catalog.tables[key.child].column(name).required for name in key.columns)
            yield Reference(key.name, key.child, key.columns, key.parent, key.parent_columns, actions, nullable)


def _actions(table: Table, name: str) -> str:
    """
    Give what a foreign key does, as the server writes it.

    What it calls RESTRICT elsewhere it leaves out here; written out, MariaDB would make NO ACTION of it.
    """
    for line in lines(table.create):
        given = words(line)
        if given[:1] == ("CONSTRAINT",) and given[1] == quote(name) and "REFERENCES" in given:
            return "".join(f" {word}" for word in given[given.index("REFERENCES") + 3 :])
    return ""


def define(catalog: Catalog, name: str) -> Definition:
    """Give how a table is made."""
    table = catalog.tables[name]
    body = tuple(line for line in lines(table.create) if " FOREIGN KEY " not in _bare(line))
    key = table.keys[0] if table.keys else ()
    return Definition(
        name=name,
        body=body,
        options=options(table.create),
        columns=tuple(one.name for one in table.written),
        key=key if sortable(table, key) else (),
        references=tuple(references(catalog, (name,))),
        triggers=tuple(_made(one) for one in catalog.triggers if one.table == name),
        comment=table.comment,
    )


def define_column(ours: Catalog, theirs: Catalog, table: str, name: str, coming: Collection[str]) -> ColumnDefinition:
    """Give how a column is made; *coming* are those of the table that come with it."""
    old, new = theirs.tables[table], ours.tables[table]
    column = old.column(name)
    before = [one.name for one in old.columns][: [one.name for one in old.columns].index(name)]
    known = next((one for one in reversed(before) if new.has(one) or one in coming), None)
    added, default = _added(column)
    key = common_key(old, new)
    return ColumnDefinition(
        table=table,
        name=name,
        added=added,
        definition=column.definition,
        place=f" AFTER {quote(known)}" if known else " FIRST",
        default=default,
        required=column.required and not column.generated,
        generated=column.generated,
        key=key,
        additions=tuple(_additions(old, name)),
        references=tuple(one for one in references(theirs, (table,)) if name in one.columns),
    )


def _added(column: Column) -> tuple[str, bool]:
    """Give what a column is added with, and whether that is a default."""
    given = _without_comment(words(column.definition))
    if column.generated:
        return " ".join(given), False
    upper = [word.upper() for word in given]
    kept = list(given)
    for at in reversed(range(len(given))):
        if upper[at] == "NOT" and upper[at + 1 : at + 2] == ["NULL"]:
            del kept[at : at + 2]
        elif upper[at] in ("AUTO_INCREMENT", "NULL") and upper[at - 1 : at] not in (["NOT"], ["DEFAULT"]):
            del kept[at]
        elif upper[at] == "ON" and upper[at + 1 : at + 2] == ["UPDATE"]:
            del kept[at : at + 3]
        elif upper[at] == "DEFAULT" and (upper[at + 1] == "NULL" or _computed(given[at + 1])):
            del kept[at : at + 2]
    default = column.default is not None and not _computed(column.default)
    # TIMESTAMP columns would fill themselves unless they say that they may be NULL.
    kept.insert(_nullable_at(kept), "NULL")
    return " ".join(kept), default


def _nullable_at(kept: list[str]) -> int:
    for at, word in enumerate(kept):
        if word.upper() in ("DEFAULT", "CHECK", "COMMENT", "INVISIBLE"):
            return at
    return len(kept)


def _computed(default: str) -> bool:
    return "(" in default and not default.startswith(("'", "b'", "x'", "_"))


def _without_comment(given: tuple[str, ...]) -> tuple[str, ...]:
    upper = [word.upper() for word in given]
    if "COMMENT" not in upper:
        return given
    at = upper.index("COMMENT")
    return given[:at] + given[at + 2 :]


def _additions(table: Table, name: str) -> Iterator[Addition]:
    for one in table.indexes:
        if name in one.columns or quote(name) in one.definition:
            yield Addition(one.name, one.definition)
    for line in lines(table.create):
        bare = _bare(line)
        if line.startswith("CONSTRAINT") and " CHECK " in bare and name in names(line)[1:]:
            yield Addition(names(line)[0], line)


def _bare(line: str) -> str:
    """Give a line without what stands in its parentheses."""
    return " ".join(word if not word.startswith("(") else "()" for word in words(line)) + " "


def _made(one: Trigger) -> Made:
    account, _, host = one.definer.rpartition("@")
    head = f"CREATE DEFINER={quote(account)}@{quote(host)} TRIGGER {quote(one.name)} {one.timing} {one.event} ON"
    return Made(one.name, one.sql_mode, f"{head} {{}} FOR EACH ROW {one.body}")
