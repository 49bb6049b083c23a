"""What tables and columns are called before the first of several operations, while these rename, make and drop them."""

from typing import Final

from .deed import Deed

# What a migration made itself holds no rows that were there before.
_FRESH: Final = ""


class Tracing:
    """Follows deeds in their order, and gives the name that a table or column has in the database as it is now."""

    def __init__(self) -> None:
        self._tables: dict[str, str] = {}
        self._columns: dict[tuple[str, str], str] = {}

    def table(self, name: str) -> str | None:
        """Give the table's name now; None for one that an earlier deed makes."""
        return self._tables.get(name, name) or None

    def column(self, table: str, name: str) -> str | None:
        """Give a column as `table.column` now; None for one that an earlier deed makes."""
        there, found = self.table(table), self._columns.get((table, name), name)
        return f"{there}.{found}" if there is not None and found != _FRESH else None

    def follow(self, deed: Deed) -> None:
        """Take in a deed."""
        match deed.deed:
            case "create_table" | "drop_table":
                # What is made under the name of what is gone is a table of its own.
                self._tables[deed.table] = _FRESH
                self._forget(deed.table)
            case "rename_table":
                self._rename(deed.table, deed.to)
            case "add_column" | "drop_column":
                self._columns[deed.table, deed.column] = _FRESH
            case "rename_column":
                key = (deed.table, deed.column)
                self._columns[deed.table, deed.to] = self._columns.get(key, deed.column)
                self._columns[key] = _FRESH

    def _rename(self, old: str, new: str) -> None:
        self._forget(new)
        self._tables[new] = self._tables.get(old, old)
        self._tables[old] = _FRESH
        moved = {key: self._columns.pop(key) for key in list(self._columns) if key[0] == old}
        self._columns.update({(new, column): name for (_, column), name in moved.items()})

    def _forget(self, table: str) -> None:
        for key in [key for key in self._columns if key[0] == table]:
            del self._columns[key]
