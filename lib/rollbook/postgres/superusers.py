"""
What only a superuser can make in a database: event triggers with their functions, and publications for all tables.

A restore by another account leaves out those, and other publications, that belong to a role which it is no member of.
"""

import re
from collections.abc import Iterator
from typing import Final

from ..dataclass import dataclass

_ROLE: Final = r'("(?:[^"]|"")+"|[^\s;]+)'
_OWNED: Final = re.compile(rf"^ALTER (PUBLICATION|EVENT TRIGGER) {_ROLE} OWNER TO {_ROLE};$", re.MULTILINE)
_HANDLER: Final = re.compile(r"^CREATE FUNCTION (.+) RETURNS event_trigger$", re.MULTILINE)
_ABOUT: Final = re.compile(r"(CREATE|ALTER|COMMENT ON) (PUBLICATION|EVENT TRIGGER) ")
_GIVEN: Final = "^ALTER FUNCTION {} OWNER TO {};$"


@dataclass(frozen=True, slots=True)
class Apart:
    """One of them, as an archive's list names it: its *sort*, its *name* (a function's with arguments), its *owner*."""

    sort: str
    name: str
    owner: str
    namespace: str = ""

    @property
    def label(self) -> str:
        """What people read."""
        return f"{self.sort.lower()} {self.name}"

    def patterns(self) -> Iterator[str]:
        """Give patterns of grep's for its entries in the list of an archive, and of what hangs on it."""
        name = literally(self.name)
        if self.sort == "FUNCTION":
            yield f" FUNCTION {literally(self.namespace)} {name} "
            yield f" {literally(self.namespace)} FUNCTION {name} "
            return
        yield f" {self.sort} - {name} "
        yield f' COMMENT - {self.sort} "\\?{name}"\\? '
        if self.sort == "PUBLICATION":
            yield f" PUBLICATION TABLE [^ ]* {name} "
            yield f" PUBLICATION TABLES IN SCHEMA [^ ]* {name} "


def literally(text: str) -> str:
    """Give a pattern of grep's that fits just this text."""
    return re.sub(r"([][\\.*^$])", r"\\\1", text)


def set_apart(script: str) -> tuple[Apart, ...]:
    """Find them in what `pg_restore --schema-only` prints."""
    found = [Apart(sort, _plain(name), _plain(owner)) for sort, name, owner in _OWNED.findall(script)]
    for signature in _HANDLER.findall(script):
        given = re.search(_GIVEN.format(re.escape(signature), _ROLE), script, re.MULTILINE)
        namespace, _, name = signature.partition(".")
        found += [Apart("FUNCTION", name, _plain(given[1]), _plain(namespace))] if given else []
    return tuple(found)


def is_apart(statement: str, before: str) -> bool:
    """Tell whether a statement of a script makes one of them, or is about one; *before* are those that did."""
    if _ABOUT.match(statement) or _HANDLER.match(statement):
        return True
    return any(f" FUNCTION {signature} " in statement for signature in _HANDLER.findall(before))


def without_owners(script: str) -> str:
    """Give the script without the statements that give them their owners."""
    script = _OWNED.sub("", script)
    for signature in _HANDLER.findall(script):
        script = re.sub(_GIVEN.format(re.escape(signature), _ROLE), "", script, flags=re.MULTILINE)
    return script


def _plain(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name
