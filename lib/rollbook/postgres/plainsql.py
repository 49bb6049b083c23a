r"""
Looks through a plain SQL dump before psql gets it: is it whole, and does it hold what a dump must not.

psql runs whatever stands behind a backslash outside of quotes, `\!` among it, so quotes are followed here as psql
follows them. Where psql can be restricted it is as well: a file may be written to mislead this.
"""

import re
from typing import Final

from ..dataclass import dataclass
from .quoting import Quoting
from .superusers import Apart, is_apart, set_apart

_HEAD: Final = b"-- PostgreSQL database dump"
_CLUSTER: Final = b"-- PostgreSQL database cluster dump"
_COMPLETE: Final = b"-- PostgreSQL database dump complete"
_FROM: Final = re.compile(rb"-- Dumped from database version (\d+)")
_COPY: Final = re.compile(rb"\s*COPY\b.*\bFROM\s+(STDIN|PROGRAM)\b", re.IGNORECASE | re.DOTALL)
_INSERT: Final = re.compile(rb"\s*INSERT\s+INTO\b", re.IGNORECASE)
_ALLOWED: Final = re.compile(rb"\\((un)?restrict|encoding) '?[0-9A-Za-z_]+'?\s*")
_TABLE: Final = re.compile(rb"\s*CREATE\s+(UNLOGGED\s+)?TABLE\b", re.IGNORECASE)
_ATOMIC: Final = re.compile(rb"\s*CREATE\b.*\b(FUNCTION|PROCEDURE)\b.*\bBEGIN\s+ATOMIC\b", re.IGNORECASE | re.DOTALL)
_BEGINS: Final = re.compile(rb"\b(?:BEGIN|CASE)\b", re.IGNORECASE)
_ENDS: Final = re.compile(rb"\bEND\b", re.IGNORECASE)
_AROUND: Final = (b"BEGIN", b"COMMIT")  # what pg_dump puts around large objects, each on a line
# What pg_dump -C has of the database itself. It names the live one, which stays as it is, comment and grants too.
_ITSELF: Final = re.compile(
    rb"\s*((CREATE|DROP|ALTER|COMMENT\s+ON)\s+DATABASE\b|ALTER\s+ROLE\b.*\bIN\s+DATABASE\b"
    rb"|(GRANT|REVOKE|SECURITY\s+LABEL)\b.*\bON\s+DATABASE\b)",
    re.IGNORECASE | re.DOTALL,
)
_SUBSCRIPTION: Final = re.compile(rb"\s*(CREATE|ALTER|DROP|COMMENT\s+ON)\s+SUBSCRIPTION\b", re.IGNORECASE)
_PUBLIC: Final = re.compile(rb'ALTER SCHEMA public OWNER TO ("(?:[^"]|"")+"|\S+)')
_CONNECT: Final = re.compile(rb'\\connect (?:(?P<plain>[\w$]+)|"(?P<quoted>(?:[^"]|"")+)"|-reuse-previous=on .+)\s*')
_OF_SERVER: Final = (
    "it is of a whole server (pg_dumpall); take the part of this database only: sed -n"
    """ '/^-- Database "NAME" dump$/,/^-- PostgreSQL database dump complete$/p'"""
)
_LONGEST: Final = 1 << 20  # bytes of a statement that are kept to tell what it is
_SHOWN: Final = 60
_MOST: Final = 5  # problems
_REFUSED: Final = (
    (_ITSELF, "makes, alters or drops a database itself, or says who may use it; take that out"),
    (
        re.compile(rb"\s*(CREATE|DROP|ALTER)\s+(ROLE|USER|TABLESPACE)\b(?!\s+MAPPING)", re.IGNORECASE),
        "changes roles or tablespaces of the whole server (pg_dumpall); take the part of this database only",
    ),
    (
        re.compile(rb"\s*(BEGIN|START\s+TRANSACTION|COMMIT|END|ROLLBACK|ABORT|PREPARE\s+TRANSACTION)\b", re.IGNORECASE),
        "begins or ends a transaction, so that a failure would leave half of it; take that statement out",
    ),
    (
        re.compile(rb"\s*SET\s+(SESSION\s+)?standard_conforming_strings\s*(=|TO)\s*'?(off|false|0|no)", re.IGNORECASE),
        "has strings of the old form, whose backslashes hide their ends; dump it with standard_conforming_strings on",
    ),
    (
        re.compile(rb"\s*COPY\b.*\b(FROM|TO)\s+PROGRAM\b", re.IGNORECASE | re.DOTALL),
        "has the server start a program, which no dump does",
    ),
)


@dataclass(frozen=True, slots=True)
class Script:
    r"""
    What a plain dump says of itself; *problems* are reasons not to run it, *major* 0 where it tells none.

    *dropped* are the numbers of lines that psql is not to get: \restrict and \unrestrict, \encoding (which SET
    client_encoding repeats), the BEGIN and COMMIT around large objects, which would commit what is restored as one
    transaction, subscriptions, which would be a second one of theirs, and with what pg_dump -C makes and goes to the
    *database* first. *public_lines* give the schema public to the role *public*; *apart_lines* make what is set *apart*
    (`superusers`). *dump*: pg_dump wrote it. *rows* is how many statements bring rows.
    """

    dump: bool
    complete: bool
    major: int
    tables: int
    dropped: tuple[int, ...]
    problems: tuple[str, ...]
    database: str = ""
    public: str = ""
    public_lines: tuple[int, ...] = ()
    apart: tuple[Apart, ...] = ()
    apart_lines: tuple[int, ...] = ()
    rows: int = 0


class ScriptScan:
    """Takes the bytes of a plain dump as they come; `end` gives what was found."""

    def __init__(self) -> None:
        self._rest = b""
        self._number = 0
        self._quoting = Quoting()
        self._statement = bytearray()
        self._begun = 0  # the line in which it begins; 0 where that has something before it
        self._connected = b""  # the command that went to the database
        self._database = ""
        self._copying = False
        self._dump = self._complete = False
        self._major = self._tables = self._rows = 0
        self._dropped: list[int] = []
        self._public = ""
        self._public_lines: list[int] = []
        self._apart_lines: list[int] = []
        self._apart = ""  # the statements of these lines
        self._problems: list[str] = []

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            if self._copying:
                self._number += 1
                self._copying = line.rstrip(b"\r") != b"\\."
            else:
                self._take(line)

    def end(self) -> Script:
        """Take the end of it."""
        if self._rest and not self._copying:
            self._take(self._rest)
        if self._copying or self._quoting.inside:
            self._problem("it ends in the middle of " + ("rows" if self._copying else "a quoted text"))
        elif self._dump and not self._complete:
            self._problem("it lacks the line with which pg_dump ends, so it was cut off")
        return Script(
            self._dump,
            self._complete,
            self._major,
            self._tables,
            tuple(self._dropped),
            tuple(self._problems),
            self._database,
            self._public,
            tuple(self._public_lines),
            set_apart(self._apart),
            tuple(self._apart_lines),
            self._rows,
        )

    def _problem(self, text: str) -> None:
        if len(self._problems) < _MOST and text not in self._problems:
            self._problems.append(text)

    def _take(self, line: bytes) -> None:
        self._number += 1
        if not self._quoting.inside and line.startswith(b"--"):
            self._read_comment(line)
            return
        if not self._statement.strip():
            self._begun = self._number
        for begin, end in self._quoting.follow(line):
            self._keep(line[begin:end])
            match line[end : end + 1]:
                case b";":
                    self._ended(line, end)
                case b"\\":
                    self._command(line, end)
        self._keep(b"\n")

    def _read_comment(self, line: bytes) -> None:
        plain = line.rstrip(b"\r")
        if plain == _HEAD:
            self._dump = True
        elif plain == _COMPLETE:
            self._complete = True
        elif plain == _CLUSTER:
            self._problem(_OF_SERVER)
        elif (version := _FROM.match(line)) and not self._major:
            self._major = int(version[1])

    def _keep(self, text: bytes) -> None:
        if len(self._statement) < _LONGEST:
            self._statement += text[:_LONGEST]

    def _ended(self, line: bytes, at: int) -> None:
        statement = bytes(self._statement)
        if _ATOMIC.match(statement) and len(_BEGINS.findall(statement)) > len(_ENDS.findall(statement)):
            self._keep(b";")  # one within the body of a function
            return
        begun, self._begun = self._begun, 0
        self._statement.clear()
        if not statement.strip():
            return
        alone = begun > 0 and not line[at + 1 :].strip()
        if alone and (statement.strip() in _AROUND or (self._dump and _ITSELF.match(statement))):
            self._dropped += range(begun, self._number + 1)
            return
        if alone and self._dump and _SUBSCRIPTION.match(statement):
            self._dropped += range(begun, self._number + 1)
            return
        if alone and self._dump and (found := _PUBLIC.fullmatch(line[:at].strip())):
            self._public = found[1].decode(errors="replace").removeprefix('"').removesuffix('"').replace('""', '"')
            self._public_lines.append(self._number)
            return
        if (
            alone
            and self._dump
            and is_apart(text := _flat(line[: at + 1] if begun == self._number else statement), self._apart)
        ):
            self._apart += f"{text}\n"
            self._apart_lines += range(begun, self._number + 1)
            return
        self._tables += _TABLE.match(statement) is not None
        for pattern, why in _REFUSED:
            if pattern.match(statement):
                self._problem(f"line {self._number} {why}: {_shown(statement)}")
        found = _COPY.match(statement)
        self._rows += found is not None or _INSERT.match(statement) is not None
        self._copying = found is not None and found[1].upper() == b"STDIN"

    def _command(self, line: bytes, at: int) -> None:
        if at == 0 and not self._statement.strip() and _ALLOWED.fullmatch(line):
            self._dropped.append(self._number)
        elif self._may_connect(line, at) and (found := _CONNECT.fullmatch(line)):
            self._connected = line
            self._database = (found["plain"] or (found["quoted"] or b"").replace(b'""', b'"')).decode(errors="replace")
            self._dropped.append(self._number)
        elif line.startswith((b"\\connect", b"\\c "), at):
            self._problem(f"line {self._number} goes to another database by itself: {_shown(line[at:])}")
        else:
            self._problem(
                f"line {self._number} has a command for psql, which no dump of a database has: {_shown(line[at:])}"
            )

    def _may_connect(self, line: bytes, at: int) -> bool:
        """Say whether pg_dump -C may go to the database here: always the same, before anything is made in it."""
        begins = self._dump and not self._tables and at == 0 and not self._statement.strip()
        return begins and self._connected in (b"", line)


def _flat(statement: bytes) -> str:
    """Give the first line of a statement, as scripts of pg_restore have it."""
    return statement.decode(errors="replace").strip().partition("\n")[0]


def _shown(text: bytes) -> str:
    plain = " ".join(text.decode(errors="replace").split())
    return plain if len(plain) <= _SHOWN else f"{plain[:_SHOWN]}…"
