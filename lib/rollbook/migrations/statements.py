"""SQL out of migrations, read for what it does; what cannot be read for certain is told as unknown."""

import re
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Final

from ..dataclass import dataclass
from .deed import Deed
from .sqldeeds import deeds_of

if TYPE_CHECKING:
    from sqlglot.expressions import Expr

DIALECTS: Final = {"postgresql": "postgres", "mysql": "mysql", "sqlite": "sqlite"}

_PLACE: Final = re.compile(r"%(?:\(\w+\))?s")
_RENAMED: Final = re.compile(
    r"""(\bALTER\s+TABLE\s+(?:IF\s+EXISTS\s+)?(?:ONLY\s+)?(?:"(?:[^"]|"")*"|[\w$.])+\s*\*?\s+RENAME\s+)"""
    r"""(?=["\w])(?!(?:TO|COLUMN|CONSTRAINT)\b)""",
    re.IGNORECASE,
)
_GAP: Final = r"(?:\s|/\*.*?\*/|--[^\n]*\n)+"
_UNSAID: Final = re.compile(
    rf"""\bRENAME{_GAP}(?!(?:TO|COLUMN|CONSTRAINT|ATTRIBUTE|VALUE)\b)(?:"(?:[^"]|"")*"|[\w$]+){_GAP}TO\b""",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement, and what it does; nothing where it leaves tables, columns and rows as they are."""

    sql: str
    deeds: tuple[Deed, ...]


def read_statements(text: str, vendor: str, *, parameters: bool = False) -> tuple[Statement, ...]:
    """
    Read SQL of a database of *vendor*; *parameters* says that values are put in for its `%s`.

    Text that cannot be parsed to its end is one unknown statement.
    """
    plain = _PLACE.sub("NULL", text).replace("%%", "%") if parameters else text
    # The parser takes a column that is renamed without that word for the new name of the table.
    plain = _RENAMED.sub(r"\1COLUMN ", plain) if vendor != "mysql" else plain
    trap = _trap(plain, vendor)
    if vendor not in DIALECTS or trap:
        return (_unread(text, trap or f"SQL of {vendor} is not read"),)
    errors = _sqlglot().errors
    try:
        found = _sqlglot().parse(plain, dialect=DIALECTS[vendor])
        # A comment alone is a statement for the parser.
        kept = (one for one in found if one is not None and type(one).__name__ != "Semicolon")
        return tuple(_statement(one, vendor) for one in kept)
    except errors.SqlglotError as error:
        return (_unread(text, f"it cannot be read: {_first_line(error)}"),)
    except RecursionError:
        return (_unread(text, "it is nested too deeply to be read"),)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        # A parser may trip over text that is no SQL, and then knows nothing of it.
        return (_unread(text, f"it cannot be read: {type(error).__name__} in the parser"),)


@cache
def _sqlglot() -> ModuleType:
    import logging

    import sqlglot

    # It warns of what it takes as a command; here that is told as what is unknown.
    logging.getLogger("sqlglot").addHandler(logging.NullHandler())
    return sqlglot


def _trap(text: str, vendor: str) -> str:
    """Name what the server reads otherwise than the parser does; empty where there is nothing of the kind."""
    if vendor != "mysql":
        return "it renames in a way that the parser reads otherwise" if _UNSAID.search(text) else ""
    if "/*!" in text or "/*M!" in text.upper():
        return "it has a comment that the server carries out"
    if re.search(r"--(?=\S)", text):
        return "it has -- without a blank behind it, which is no comment for the server"
    if re.search(r"/\*(?:(?!\*/).)*/\*", text, re.DOTALL):
        return "it has a comment within a comment, which the server reads otherwise"
    return ""


def _first_line(error: Exception) -> str:
    return re.sub(r"\x1b\[\d*m", "", str(error)).strip().splitlines()[0][:200] if str(error).strip() else "an error"


def _unread(text: str, why: str) -> Statement:
    return Statement(text.strip(), (Deed("unknown", why=why),))


def _statement(tree: "Expr", vendor: str) -> Statement:
    return Statement(
        tree.sql(dialect=DIALECTS[vendor], comments=False), tuple(deeds_of(tree, vendor, DIALECTS[vendor]))
    )
