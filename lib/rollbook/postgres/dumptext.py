"""
Reads the text that pg_dump writes: which rows of which table stand in it.

Everything between the rows is SQL, in which a line that looks like the head of rows may stand inside a text or a
function's body; so quotes, dollar quotes and comments are followed there.
"""

import codecs
import re
from collections.abc import Iterable, Iterator
from typing import Final

from ..dataclass import dataclass
from ..errors import TargetError
from .names import Name
from .quoting import Quoting

_IDENTIFIER: Final = rb'(?:"(?:[^"]|"")+"|[^\W\d][\w$]*)'
_HEAD: Final = re.compile(
    rb"COPY (?P<table>" + _IDENTIFIER + rb"(?:\." + _IDENTIFIER + rb")?) "
    rb"(?:\((?P<columns>" + _IDENTIFIER + rb"(?:, " + _IDENTIFIER + rb")*)\))? ?FROM stdin;\r?\n?$"
)
_NAMES: Final = re.compile(_IDENTIFIER)
_SEARCH_PATH: Final = re.compile(rb"SET search_path = (" + _IDENTIFIER + rb")")
_ENCODING: Final = re.compile(rb"SET client_encoding = '([\w-]+)'")
_INSERT: Final = re.compile(rb"INSERT INTO (" + _IDENTIFIER + rb"(?:\." + _IDENTIFIER + rb")?) ")
_END: Final = b"\\."
_RAW: Final = frozenset({"UTF8", "UTF-8", "SQL_ASCII", "UNICODE"})


@dataclass(frozen=True, slots=True)
class Block:
    """
    The rows of one table, as they stand in the dump; *columns* in their order.

    *rows* are lines without their end; they are to be read before the next block is asked for. None: the dump has
    INSERT statements for the table instead, which are not read.
    """

    table: Name
    columns: tuple[str, ...]
    rows: Iterator[bytes] | None


def blocks(lines: Iterable[bytes]) -> Iterator[Block]:
    """
    Stream the blocks of rows of a dump.

    A table may come in several blocks. Raises `TargetError` where the rows break off before their end.
    """
    stream = iter(lines)
    scanner = _Scanner()
    inserted: set[Name] = set()
    for text in stream:
        if not scanner.quoting.inside:
            head = _HEAD.match(text)
            if head is not None:
                block, rest = scanner.block(head, stream)
                yield block
                for _ in rest:  # what the caller did not read
                    pass
                continue
            found = _INSERT.match(text)
            if found is not None and (table := scanner.table(found[1])) not in inserted:
                inserted.add(table)
                yield Block(table, (), None)
        scanner.follow(text)


class _Scanner:
    """Follows the SQL between the rows: the search path, the encoding, and what is quoted."""

    def __init__(self) -> None:
        self.quoting = Quoting()
        self._schema = "public"
        self._encoding = ""

    def follow(self, text: bytes) -> None:
        """Take in one line of SQL."""
        if not self.quoting.inside:
            if found := _SEARCH_PATH.match(text):
                self._schema = _name(found[1])
            if found := _ENCODING.match(text):
                name = found[1].decode()
                self._encoding = "" if name.upper() in _RAW else _codec(name)
        for _ in self.quoting.follow(text):
            pass

    def table(self, text: bytes) -> Name:
        """Read the name of a table; dumps of old servers leave the schema to the search path."""
        parts = [_name(part) for part in _NAMES.findall(text)]
        return Name(*parts) if len(parts) == 2 else Name(self._schema, parts[0])

    def block(self, head: re.Match[bytes], stream: Iterator[bytes]) -> tuple[Block, Iterator[bytes]]:
        """Give the block under a *head*, and its rows."""
        table = self.table(head["table"])
        columns = tuple(_name(part) for part in _NAMES.findall(head["columns"] or b""))
        rows = _rows(stream, table, self._encoding)
        return Block(table, columns, rows), rows


def _rows(stream: Iterator[bytes], table: Name, encoding: str) -> Iterator[bytes]:
    for text in stream:
        row = text.rstrip(b"\r\n")
        if row == _END:
            return
        yield row.decode(encoding).encode() if encoding else row
    raise TargetError(
        f"the dump breaks off in the middle of the rows of {table}",
        advice="It is not whole: take another copy of it, or another backup.",
    )


def _name(text: bytes) -> str:
    plain = text.decode()
    return plain[1:-1].replace('""', '"') if plain.startswith('"') else plain


def _codec(name: str) -> str:
    try:
        return codecs.lookup(_CODECS.get(name.upper(), name)).name
    except LookupError:
        raise TargetError(
            f"the dump is in the encoding {name}, which cannot be read here",
            advice="Make the dump with --encoding=UTF8.",
        ) from None


_CODECS: Final = {
    **{f"WIN{number}": f"cp{number}" for number in (*range(1250, 1259), 866, 874)},
    **{f"LATIN{at}": f"iso8859-{part}" for at, part in enumerate((1, 2, 3, 4, 9, 10, 13, 14, 15, 16), 1)},
    **{f"ISO_8859_{part}": f"iso8859-{part}" for part in (5, 6, 7, 8)},
    "KOI8R": "koi8_r",
    "KOI8U": "koi8_u",
    "EUC_JIS_2004": "euc_jis_2004",
}


def reading(path: str, restore: str, table: Name | None = None) -> tuple[str, ...]:
    """
    Give the command that prints a dump's rows as text: a folder, an archive of any format, or SQL, compressed or not.

    What it is, its first bytes say, not its name. *restore* is pg_restore of the server's major version; with a
    *table*, an archive gives only the rows of that.
    """
    only = () if table is None else (f"--schema={table.schema}", f"--table={table.name}")
    return ("sh", "-c", _READING, "sh", path, restore, *only)


_READING: Final = """\
p=$1; restore=$2; shift 2
if [ -d "$p/dump" ]; then p=$p/dump; fi
if [ -d "$p" ]; then exec "$restore" --data-only --file=- "$@" "$p"; fi
case $(head -c 5 -- "$p" | od -An -tx1 | tr -d ' \\n') in
  746f632e64) tar -tf - <"$p" >/dev/null || exit; exec "$restore" --data-only --file=- "$@" "$p" ;;
  5047444d50) exec "$restore" --data-only --file=- "$@" "$p" ;;
  1f8b*) exec gzip -dc -- "$p" ;;
  28b52ffd*) exec zstd -dc -- "$p" ;;
  fd377a585a) exec xz -dc -- "$p" ;;
  425a68*) exec bzip2 -dc -- "$p" ;;
  *) exec cat -- "$p" ;;
esac
"""
