"""What migrations made and left standing: what a way back takes, with what was written there since."""

from collections.abc import Iterable, Iterator, Mapping

from ..dataclass import dataclass
from ..values import Plain
from .deed import Deed, placed
from .judging import Told
from .statements import read_statements


@dataclass(frozen=True, slots=True)
class Made:
    """Tables, and columns of tables that were there before, by the names that they have after the migrations."""

    tables: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    defaults: tuple[tuple[str, Plain], ...] = ()  # what a row has in such a column where nobody filled it in


def made(operations: Iterable[Told], vendor: str, places: Mapping[str, str]) -> Made:
    """Follow operations in their order, and give what is there at their end and was not before."""
    making = _Making()
    for told in operations:
        for deed in _plain(told, vendor, places):
            making.follow(deed)
    columns = {f"{table}.{name}": default for (table, name), default in sorted(making.columns.items())}
    defaults = tuple((name, default) for name, default in columns.items() if default is not None)
    return Made(tuple(sorted(making.tables)), tuple(columns), defaults)


def _plain(told: Told, vendor: str, places: Mapping[str, str]) -> Iterator[Deed]:
    for deed in told.deeds:
        if deed.deed != "sql":
            yield deed
            continue
        for statement in read_statements(deed.text, vendor, parameters=deed.parameters):
            yield from placed(statement.deeds, places)


class _Making:
    """The tables and columns that were made so far, these with their defaults."""

    def __init__(self) -> None:
        self.tables: set[str] = set()
        self.columns: dict[tuple[str, str], Plain] = {}

    def follow(self, deed: Deed) -> None:
        """Take in a deed."""
        match deed.deed:
            case "create_table":
                self.tables.add(deed.table)
            case "drop_table":
                self.tables.discard(deed.table)
                self._move(deed.table, None)
            case "rename_table":
                self._move(deed.table, deed.to)
                if deed.table in self.tables:
                    self.tables.remove(deed.table)
                    self.tables.add(deed.to)
            case "add_column" if deed.table not in self.tables and not deed.computed:
                self.columns[deed.table, deed.column] = deed.default
            case "drop_column":
                self.columns.pop((deed.table, deed.column), None)
            case "rename_column" if (deed.table, deed.column) in self.columns:
                self.columns[deed.table, deed.to] = self.columns.pop((deed.table, deed.column))

    def _move(self, table: str, to: str | None) -> None:
        for key in [key for key in self.columns if key[0] == table]:
            default = self.columns.pop(key)
            if to is not None:
                self.columns[to, key[1]] = default
