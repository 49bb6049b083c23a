"""Names and texts as SQL wants them quoted."""

from collections.abc import Iterable
from typing import NamedTuple, Self


def beside_parameters(sql: str) -> str:
    """Give SQL as the driver takes it where parameters go with it: a percent sign in a name is no place for one."""
    return sql.replace("%", "%%")


class Name(NamedTuple):
    """A table or sequence, with the schema that it lives in."""

    schema: str
    name: str

    @property
    def sql(self) -> str:
        """Give the name as SQL has it."""
        return f"{quote(self.schema)}.{quote(self.name)}"

    def __str__(self) -> str:
        return self.name if self.schema == "public" else f"{self.schema}.{self.name}"

    @classmethod
    def __convert__(cls, content: object) -> Self:
        """Take what `__encode__` gives."""
        match content:
            case Name(schema=schema, name=name):
                return cls(schema, name)
            case [str(schema), str(name)]:
                return cls(schema, name)
        raise ValueError("expected a list of a schema and a name")

    def __encode__(self) -> list[str]:
        """Give the schema and the name."""
        return [self.schema, self.name]


def quote(name: str) -> str:
    """Quote the name of one thing."""
    doubled = name.replace('"', '""')
    return f'"{doubled}"'


def literal(text: str | None) -> str:
    """Write *text* as a constant; the session has to have standard_conforming_strings on."""
    if text is None:
        return "NULL"
    doubled = text.replace("'", "''")
    return f"'{doubled}'"


def listed(names: Iterable[str], alias: str = "") -> str:
    """Quote names and put commas between them, each behind *alias* where there is one."""
    dotted = f"{alias}." if alias else ""
    return ", ".join(f"{dotted}{quote(name)}" for name in names)


def equal(names: Iterable[str], left: str, right: str) -> str:
    """Say that two aliases agree in columns of the same names."""
    return paired(((name, name) for name in names), left, right)


def paired(pairs: Iterable[tuple[str, str]], left: str, right: str) -> str:
    """Say that the first column of each pair, in *left*, equals the second, in *right*."""
    return " AND ".join(f"{left}.{quote(one)} = {right}.{quote(other)}" for one, other in pairs)
