"""What pg_restore tells of an archive without a database."""

import re
from collections.abc import Mapping
from typing import Final

from ..dataclass import dataclass
from .superusers import without_owners

_DATABASE: Final = re.compile(r"^;\s+dbname: (.*)$", re.MULTILINE)
_CREATED: Final = re.compile(r"^; Archive created at (.*)$", re.MULTILINE)
_FROM: Final = re.compile(r"^;\s+Dumped from database version: (\d+)", re.MULTILINE)
_ROWS: Final = re.compile(r"^\d+; \d+ \d+ TABLE DATA ", re.MULTILINE)
_TABLES: Final = re.compile(r"^\d+; \d+ \d+ TABLE (?!DATA |ATTACH )", re.MULTILINE)
_ENTRY: Final = re.compile(r"^\d+; \d+ \d+ (.*)$", re.MULTILINE)
_EXTENSION: Final = re.compile(r"^CREATE EXTENSION IF NOT EXISTS (\"(?:[^\"]|\"\")+\"|\S+)", re.MULTILINE)
_OWNER: Final = re.compile(r"^ALTER (?!SCHEMA public OWNER).* OWNER TO (\"(?:[^\"]|\"\")+\"|\S+);$", re.MULTILINE)
_PUBLIC: Final = re.compile(r"^ALTER SCHEMA public OWNER TO (\"(?:[^\"]|\"\")+\"|\S+);$", re.MULTILINE)
_DEFAULTS: Final = re.compile(r"^ALTER DEFAULT PRIVILEGES FOR ROLE (\"(?:[^\"]|\"\")+\"|\S+) ", re.MULTILINE)
_TABLESPACE: Final = re.compile(r"^SET default_tablespace = (\"(?:[^\"]|\"\")+\"|[^\s';]+);$", re.MULTILINE)
_NEWER: Final = "unsupported version"


@dataclass(frozen=True, slots=True)
class Listing:
    """
    The head of an archive: of which *database*, by a server of which *major*, with how many tables' rows.

    *lacks* says what a dump of a whole database has, and this does not.
    """

    database: str
    major: int
    created: str
    tables: int
    lacks: str = ""


def read_listing(text: str) -> Listing:
    """Read what `pg_restore --list` printed. Raises ValueError for something else."""
    database, major, created = _DATABASE.search(text), _FROM.search(text), _CREATED.search(text)
    if database is None or major is None:
        raise ValueError("it has no head of an archive")
    rows, tables = len(_ROWS.findall(text)), len(_TABLES.findall(text))
    return Listing(database[1], int(major[1]), created[1] if created else "", rows, lacking(tables, rows))


def lacking(tables: int, rows: int) -> str:
    """Say what a dump lacks that makes so many tables and brings rows of so many; empty for a whole one."""
    if tables and not rows:
        return "it has no row of any table, as one that was made with --schema-only"
    if rows and not tables:
        return "it has rows and makes no table for them, as one that was made with --data-only"
    return ""


def entries(text: str) -> Mapping[str, tuple[str, ...]]:
    """
    Give what `pg_restore --list` printed, as in `FK CONSTRAINT public posts posts_channel_fkey OWNER`.

    With each its beginnings at a space, for nothing else tells where a name ends: one of them has no owner.
    """
    return {entry: tuple(entry[: one.start()] for one in re.finditer(" ", entry)) for entry in _ENTRY.findall(text)}


def is_newer(complaint: str) -> bool:
    """Tell whether pg_restore refused an archive because a newer one wrote it."""
    return _NEWER in complaint


def owners(script: str) -> tuple[str, ...]:
    """
    Name the roles that own something, from what `pg_restore --schema-only` prints.

    Not those of the schema public, and of what is set apart (`superusers`).
    """
    return _names(_OWNER, without_owners(script))


def public_owner(script: str) -> str:
    """Name the role that the script gives the schema public to; empty where it gives it to nobody."""
    return next(iter(_names(_PUBLIC, script)), "")


def defaulting(script: str) -> tuple[str, ...]:
    """Name the roles of which the script sets who may use what they will make."""
    return _names(_DEFAULTS, script)


def tablespaces(script: str) -> tuple[str, ...]:
    """Name the tablespaces that the script puts tables and indexes into, but for the database's own."""
    return _names(_TABLESPACE, script)


def extensions(script: str) -> tuple[str, ...]:
    """Name the extensions that the script makes."""
    return _names(_EXTENSION, script)


def _names(pattern: re.Pattern[str], script: str) -> tuple[str, ...]:
    found = (one[1:-1].replace('""', '"') if one.startswith('"') else one for one in pattern.findall(script))
    return tuple(sorted({name.rstrip(";") for name in found}))
