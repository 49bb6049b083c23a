"""What one part of a migration does to the database: the words in which Django's operations and SQL are both told."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Literal

from ..dataclass import dataclass
from ..values import Plain

DeedKind = Literal[
    "create_table",
    "drop_table",
    "rename_table",
    "add_column",
    "drop_column",
    "rename_column",
    "alter_column",
    "add_name",
    "drop_name",
    "delete_rows",
    "rewrite",
    "sql",
    "unknown",
]


@dataclass(frozen=True, slots=True)
class Deed:
    """
    One thing done to a table, as it is called at that point.

    *old* and *new* are types as the database writes them, empty where they are not known or stay; *null* says whether
    the column may be NULL afterwards, *computed* whether nobody writes into it. *default* is what a row has where
    nobody filled the column in, and what NULL becomes where it may not be NULL afterwards. *open* says that more may
    go with it than is named. Of an index or constraint *column* is the name. *text* is SQL that is still to be read.
    """

    deed: DeedKind
    table: str = ""
    column: str = ""
    to: str = ""
    old: str = ""
    new: str = ""
    was_null: bool | None = None
    null: bool | None = None
    default: Plain = None
    text: str = ""
    parameters: bool = False
    why: str = ""
    open: bool = False
    computed: bool = False
    location: str = ""


def placed(deeds: Iterable[Deed], places: Mapping[str, str]) -> Iterator[Deed]:
    """Name tables out of SQL as *places* does, by the site's search path; "" is where those are that it lacks."""
    others = places.get("")

    def name(table: str) -> str:
        return places.get(table) or (f"{others}.{table}" if others and table and "." not in table else table)

    for one in deeds:
        to = name(one.to) if one.deed == "rename_table" else one.to
        yield replace(one, table=name(one.table), to=to)
