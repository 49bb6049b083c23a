"""The rights that saving and putting back tables take on MySQL and MariaDB, each with the GRANT where it is missing."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from ..dataclass import dataclass
from ..postgres.rights import Right
from .names import quote

_GRANT: Final = re.compile(r"GRANT (?P<rights>.+?) ON (?:TABLE )?(?P<schema>`(?:[^`]|``)*`|\*)\.\* TO ", re.IGNORECASE)
_ON_TABLE: Final = re.compile(
    r"GRANT (?P<rights>.+?) ON (?:TABLE )?(?P<schema>`(?:[^`]|``)*`)\.(?P<table>`(?:[^`]|``)*`) TO ", re.IGNORECASE
)
_SAVE: Final = ("SELECT", "TRIGGER")  # without the latter the server hides triggers
_MAKE: Final = ("SELECT", "INSERT", "CREATE", "DROP", "ALTER", "INDEX", "REFERENCES", "TRIGGER")
_PUT_BACK: Final = (*_MAKE, "UPDATE", "DELETE", "CREATE TEMPORARY TABLES")

_FOR_OTHERS: Final = frozenset({"SET USER", "SET_USER_ID", "SET_ANY_DEFINER", "SUPER", "ALL PRIVILEGES", "ALL"})


@dataclass(frozen=True, slots=True)
class Grants:
    """
    What an account may do in schemas whose name is like a pattern. *roles* says that roles may allow it more.

    *definers* names other accounts that the triggers of the live schema act for, *tables* are rights on single tables.
    """

    account: str
    given: tuple[tuple[str, frozenset[str]], ...]
    roles: bool
    definers: tuple[str, ...] = ()
    mariadb: bool = True
    tables: tuple[tuple[str, str, frozenset[str]], ...] = ()

    @classmethod
    def read(
        cls, account: str, lines: Sequence[str], *, definers: Sequence[str] = (), mariadb: bool = True
    ) -> "Grants":
        """Read what SHOW GRANTS tells of *account*, name@host."""
        found = [match for line in lines if (match := _GRANT.match(line))]
        given = ((_plain(match["schema"]), _names(match["rights"])) for match in found)
        single = [match for line in lines if (match := _ON_TABLE.match(line))]
        tables = ((_plain(match["schema"]), _plain(match["table"]), _names(match["rights"])) for match in single)
        roles = any(" ON " not in line for line in lines)
        others = tuple(one for one in definers if one != account)
        return cls(account, tuple(given), roles, others, mariadb, tuple(tables))

    def rights(self, schema: str) -> tuple[Right, ...]:
        """Give the rights that the kinds need of a live schema and beside it; nothing where roles may give some."""
        return () if self.roles else tuple(self._rights(schema))

    def put_back(self, schema: str) -> tuple[Right, ...]:
        """Give the right that putting back takes."""
        return tuple(one for one in self.rights(schema) if "sql.recover" in one.kinds)

    def sees(self, schema: str) -> bool:
        """Say whether no table of *schema* is hidden; roles are taken to allow it."""
        return self.roles or "SELECT" in self._held(schema)

    def hidden(self, schema: str, tables: Iterable[str]) -> Iterator[str]:
        """
        Say that triggers of *tables* would not be saved, for the server hides them: it gives none, and no error.

        MariaDB lists what an account's role may with the account's own rights; of MySQL's roles nothing is known here.
        """
        if "TRIGGER" in self._held(schema) or (self.roles and not self.mariadb):
            return
        single = {
            table for place, table, names in self.tables if place == schema and names & {"TRIGGER", "ALL PRIVILEGES"}
        }
        names = [name for name in tables if name not in single]
        if names:
            yield (
                f"{self.account} may not see the triggers of {', '.join(names)}, so that they would be missing:"
                f" GRANT TRIGGER ON {quote(schema)}.* TO {self._quoted()};"
            )

    def _rights(self, schema: str) -> Iterator[Right]:
        beside = f"{schema}_rbsnap_"
        escaped = re.sub(r"([\\_%])", r"\\\1", beside)
        wanted = (
            ("may read every table with its triggers", schema, schema, _SAVE, ("sql.snapshot",)),
            ("may make schemas beside the live one", beside, f"{escaped}%", _MAKE, ("sql.snapshot_load",)),
            ("may make tables of the live schema again, and fill them", schema, schema, _PUT_BACK, ("sql.recover",)),
        )
        for what, name, place, names, kinds in wanted:
            lacking = [one for one in names if one not in self._held(name)]
            granted = f"GRANT {', '.join(lacking)} ON {quote(place)}.* TO {self._quoted()};"
            yield Right(what, not lacking, granted if lacking else "", kinds)
        if self.definers:
            what = f"may make triggers that act for others ({', '.join(self.definers)})"
            everywhere = frozenset().union(*(rights for pattern, rights in self.given if pattern == "*"))
            granted = f"GRANT {'SET USER' if self.mariadb else 'SET_USER_ID'} ON *.* TO {self._quoted()};"
            yield Right(what, bool(_FOR_OTHERS & everywhere), granted, ("sql.snapshot_load",))

    def _quoted(self) -> str:
        user, _, host = self.account.rpartition("@")
        return f"{quote(user)}@{quote(host)}"

    def _held(self, schema: str) -> frozenset[str]:
        held = [rights for pattern, rights in self.given if _like(schema, pattern)]
        found = frozenset().union(*held)
        return found | {*_PUT_BACK} if "ALL PRIVILEGES" in found or "ALL" in found else found


def _plain(name: str) -> str:
    return name.strip("`").replace("``", "`")


def _names(text: str) -> frozenset[str]:
    return frozenset(part.strip().upper() for part in re.sub(r"\([^)]*\)", "", text).split(","))


def _like(name: str, pattern: str) -> bool:
    """Say whether a schema's name is like a pattern of a grant, where a backslash keeps the next letter."""
    if pattern == "*":
        return True
    parts = re.findall(r"\\.|.", pattern, re.DOTALL)
    forms = {"%": ".*", "_": "."}
    text = "".join(forms.get(part) or re.escape(part[-1]) for part in parts)
    return re.fullmatch(text, name, re.DOTALL) is not None
