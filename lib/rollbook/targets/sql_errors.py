"""Turns what databases complain about into what an operator can do."""

from typing import TYPE_CHECKING, Final

from ..dataclass import dataclass
from ..errors import RollbookError, TargetError, Unreachable

if TYPE_CHECKING:
    from sqlalchemy.exc import SQLAlchemyError


@dataclass(frozen=True, slots=True)
class _Meaning:
    """What a group of codes means: MySQL numbers, SQLSTATEs, and words in SQLite's messages."""

    says: str
    advice: str
    codes: frozenset[object]
    words: tuple[str, ...] = ()


_DENIED: Final = frozenset({1142, 1143, 1227, 1370, "42501"})

_MEANINGS: Final = (
    _Meaning(
        "it takes no writes",
        "It is read-only, or a replica. Point the target at the primary, or find out who made it read-only and why.",
        frozenset({1290, 1792, 1836, 3100, "25006"}),
        ("readonly database",),
    ),
    _Meaning(
        "the account was refused",
        "Look at the user and the password's secret, and at the hosts from which this account may connect.",
        frozenset({1045, 1044, 1698, "28P01", "28000"}),
    ),
    _Meaning(
        "the account lacks a right",
        "Have it granted to this account (GRANT SELECT, INSERT, UPDATE ON …), or name another account.",
        _DENIED,
        ("unable to open database file", "access denied"),
    ),
    _Meaning(
        "somebody else holds a lock on these rows",
        "Nothing was written. Try again; if it stays so, look for long transactions (PROCESSLIST, pg_stat_activity).",
        frozenset({1205, 1213, "55P03", "40P01", "40001"}),
        ("database is locked", "table is locked"),
    ),
    _Meaning(
        "the statement ran past its time limit",
        "Raise statement_timeout of the target if the statement is right.",
        frozenset({1969, 3024, "57014"}),
    ),
    _Meaning("there is no such database", "Correct the name in the target's address.", frozenset({1049, "3D000"})),
    _Meaning(
        "there is no such table or column",
        "Is this the right database, and is its schema of the version that the runbook expects?",
        frozenset({1146, 1054, "42P01", "42703"}),
        ("no such table", "no such column"),
    ),
    _Meaning(
        "a constraint refuses the row",
        "Nothing was written. Look at what is there already, and plan again.",
        frozenset({1062, 1048, 1451, 1452, 4025, "23505", "23503", "23502", "23514"}),
        ("constraint failed",),
    ),
    _Meaning(
        "a time is one that only the server can hold",  # infinity, or a year before 1 or after 9999
        "Have the server write it as text: COLUMN::text in the query.",
        frozenset(),
        ("(after year 10k)", "(before year 1)"),
    ),
    _Meaning("its disk is full", "Make room on the server first.", frozenset({1021, 1114, "53100"}), ("is full",)),
    _Meaning(
        "the statement is not understood",
        "Correct the SQL.",
        frozenset({1064, "42601"}),
        ("syntax error",),
    ),
)

_GONE: Final = frozenset(
    {
        2002,
        2003,
        2005,
        2006,
        2013,
        2055,
        1040,
        1053,
        1152,
        1184,
        1927,
        4031,
        "57P01",
        "57P02",
        "57P03",
        "53300",
        "08006",
        "08001",
    }
)


def _code(error: BaseException) -> object:
    # MySQL's number first: its SQLSTATEs tell next to nothing apart.
    if error.args and isinstance(error.args[0], int):
        return error.args[0]
    return getattr(error, "sqlstate", None)


def explain(name: str, doing: str, error: "SQLAlchemyError") -> RollbookError:
    """Make the error for what target *name* said while *doing* something; `Unreachable` when it went away."""
    original = getattr(error, "orig", None) or error
    code, text = _code(original), _one_line(original)
    for meaning in _MEANINGS:
        if code in meaning.codes or any(words in text.lower() for words in meaning.words):
            return TargetError(f"{name}: {meaning.says} ({doing}): {text}", advice=meaning.advice)
    if is_gone(error):
        return Unreachable(
            f"{name} does not answer ({doing}): {text}",
            advice="Is the server up, and can this machine reach its address and port?",
        )
    return TargetError(f"{name} refused ({doing}): {text}", advice="Look at the server's message.")


def is_denied(error: "SQLAlchemyError") -> bool:
    """Tell whether the account lacks a right."""
    original = getattr(error, "orig", None)
    return original is not None and _code(original) in _DENIED


def is_gone(error: "SQLAlchemyError") -> bool:
    """Tell whether the connection is lost, or never came about."""
    from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

    original = getattr(error, "orig", None)
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    code = None if original is None else _code(original)
    if code in _GONE:
        return True
    return code is None and isinstance(error, OperationalError | InterfaceError)


def _one_line(error: BaseException) -> str:
    if len(error.args) > 1 and isinstance(error.args[0], int):
        return f"{error.args[1]} ({error.args[0]})"
    return " ".join(str(error).split())
