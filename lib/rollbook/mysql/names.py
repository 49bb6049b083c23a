"""Names and texts as MySQL wants them quoted; sessions have no ANSI_QUOTES and no NO_BACKSLASH_ESCAPES."""

from collections.abc import Iterable


def quote(name: str) -> str:
    """Quote the name of one thing."""
    doubled = name.replace("`", "``")
    return f"`{doubled}`"


def within(schema: str, name: str) -> str:
    """Name something in a schema."""
    return f"{quote(schema)}.{quote(name)}"


def literal(text: str | None) -> str:
    """Write *text* as a constant."""
    if text is None:
        return "NULL"
    escaped = text.replace("\\", "\\\\").replace("'", "''").replace("\0", "\\0")
    return f"'{escaped}'"


def listed(names: Iterable[str], alias: str = "") -> str:
    """Quote names and put commas between them, each behind *alias* where there is one."""
    dotted = f"{alias}." if alias else ""
    return ", ".join(f"{dotted}{quote(name)}" for name in names)


def paired(pairs: Iterable[tuple[str, str]], left: str, right: str) -> str:
    """Say that the first column of each pair, in *left*, equals the second, in *right*."""
    return " AND ".join(f"{left}.{quote(one)} = {right}.{quote(other)}" for one, other in pairs)


def equal(names: Iterable[str], left: str, right: str) -> str:
    """Say that two aliases agree in columns of the same names."""
    return paired(((name, name) for name in names), left, right)
