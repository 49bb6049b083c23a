"""The SQL that compares one table in two databases: hashes over chunks of rows, then the rows of the bad chunks."""

from collections.abc import Iterable, Sequence
from typing import Final

from ..dataclass import dataclass
from .catalog import Column, Table
from .names import listed, quote

_CHUNK_BITS: Final = 7  # 128 keys: with larger chunks, scattered changes make every chunk a bad one
_HASHES_ROWS: Final = 14  # the first major with `hash_record_extended`
_INTEGERS: Final = ("smallint", "integer", "bigint")
_EXACT: Final = frozenset(
    {"smallint", "integer", "bigint", "boolean", "date", "uuid", "bytea", "text", "character varying"}
    | {"timestamp with time zone", "timestamp without time zone"}
)

Range = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Digest:
    """
    How the rows of one table are hashed, the same on both sides.

    *quick* hashes values as the server holds them, which only servers of one major and columns of one type do alike;
    the columns among *texts* are hashed as one text. Otherwise all of a row is, under the settings that every session
    of ours has. *folded* says that hashes are put together by exclusive or, which costs the server half as much as a
    sum does, and would not see a row that is there twice: only for rows with a key.
    """

    key: tuple[str, ...]
    columns: tuple[str, ...]
    ranged: bool  # chunks are ranges of one integer key; otherwise the key's hash chooses among *buckets*
    buckets: int
    same_major: bool
    quick: bool
    texts: tuple[str, ...] = ()
    folded: bool = False

    @property
    def chunk(self) -> str:
        """Give the expression that says to which chunk a row of `t` belongs."""
        if self.ranged:
            return f"(t.{quote(self.key[0])}::bigint >> {_CHUNK_BITS})"
        return f"({self._hash(self.key or self.columns)} & {self.buckets - 1})"

    @property
    def mark(self) -> str:
        """Give the expression of a row's hash."""
        if not self.quick:
            return self._hash(self.columns)
        cells = [listed([name], "t") for name in self.columns if name not in self.texts]
        if self.texts:
            cells.append(f"ROW({listed(self.texts, 't')})::text")
        record = f"hash_record_extended(ROW({', '.join(cells)}), 0)"
        # A record's hash is linear in its columns': without another one on top, two rows that swap a cell would
        # add up to the same sum. As a seed all of its 64 bits count; `hashint8extended` takes 32, with which two of a
        # hundred thousand rows are alike. Manifests keep to that: those that were written are still compared.
        return f"hashint4extended(1, {record})" if self.folded else f"hashint8extended({record}, 1)"

    def sums(self, relation: str) -> str:
        """Give each chunk of *relation*, in any order, with how many rows it has and what their hashes come to."""
        all_of_them = f"{'bit_xor' if self.folded else 'sum'}({self.mark})"
        return f"COPY (SELECT {self.chunk} AS c, count(*), {all_of_them} FROM {relation} AS t GROUP BY 1) TO STDOUT"

    def counts(self, relation: str, where: str) -> str:
        """Give each chunk of those rows of *relation* for which *where* holds, in any order, with how many they are."""
        return f"COPY (SELECT {self.chunk} AS c, count(*) FROM {relation} AS t WHERE {where} GROUP BY 1) TO STDOUT"

    def marks(self, relation: str, chunks: Sequence[int]) -> str:
        """Give each of some chunks, in any order, with the keys and the hashes of its rows; only where *ranged*."""
        key = f"t.{quote(self.key[0])}"
        return (
            f"COPY (SELECT {self.chunk} AS c, string_agg({key}::text, ','), string_agg(({self.mark})::text, ',')"
            f" FROM {self._choice(relation, chunks, most=False)} GROUP BY 1) TO STDOUT"
        )

    def keyed(self, relation: str, keys: Iterable[bytes]) -> str:
        """Give the rows of *relation* under some keys, in their order; only where *ranged*."""
        key, wanted = f"t.{quote(self.key[0])}", _array(map(int, keys))
        return (
            f"COPY (SELECT {listed(self.columns, 't')} FROM {relation} AS t WHERE {key} = ANY ({wanted})"
            f" ORDER BY {key}) TO STDOUT"
        )

    def rows(self, relation: str, chunks: Sequence[int], *, most: bool) -> str:
        """Give the rows of some chunks, each behind its chunk's number and in their order; with *most*, of all."""
        return (
            f"COPY (SELECT {self.chunk} AS c, {listed(self.columns, 't')}"
            f" FROM {self._choice(relation, chunks, most=most)} ORDER BY 1) TO STDOUT"
        )

    def ranges(self, relation: str, chunks: Sequence[int]) -> str:
        """Give the rows of some chunks in the order of their keys; only where *ranged*."""
        return (
            f"COPY (SELECT {listed(self.columns, 't')} FROM {self._choice(relation, chunks, most=False)}"
            f" ORDER BY t.{quote(self.key[0])}) TO STDOUT"
        )

    def beyond(self, relation: str, bound: int) -> str:
        """Give the rows of *relation* whose keys are greater than *bound*, in their order; only where *ranged*."""
        columns, key = listed(self.columns, "t"), f"t.{quote(self.key[0])}"
        return f"COPY (SELECT {columns} FROM {relation} AS t WHERE {key} > {bound} ORDER BY {key}) TO STDOUT"

    def _choice(self, relation: str, chunks: Sequence[int], *, most: bool) -> str:
        if not self.ranged:
            return f"{relation} AS t" if most else f"{relation} AS t WHERE {self.chunk} = ANY ({_array(chunks)})"
        found = ranges(chunks)
        if len(found) == 1:
            return f"{relation} AS t WHERE t.{quote(self.key[0])} BETWEEN {found[0][0]} AND {found[-1][1]}"
        return in_chunks(relation, self.key[0], chunks)

    def _hash(self, columns: Sequence[str]) -> str:
        text = f"ROW({listed(columns, 't')})::text"
        if self.same_major:
            return f"hashtextextended({text}, 0)"
        return f"('x' || left(md5({text}), 16))::bit(64)::bigint"


def make_digest(
    base: Table,
    live: Table,
    key: tuple[str, ...],
    columns: tuple[str, ...],
    *,
    dense: bool,
    rows: int,
    majors: Iterable[int],
    folded: bool = False,
) -> Digest:
    """
    Choose how to compare two tables of about *rows* rows; *dense* says that an integer key has few gaps.

    *majors* are the servers' major versions: those before 14 hash no rows, only texts.
    """
    different = {*majors}
    same_major = len(different) == 1
    quick = same_major and min(different) >= _HASHES_ROWS
    pairs = [(base.column(name), live.column(name)) for name in columns]
    return Digest(
        key=key,
        columns=columns,
        ranged=dense and integer_key(live, key) and integer_key(base, key),
        buckets=1 << max(0, (rows >> _CHUNK_BITS).bit_length()),
        same_major=same_major,
        quick=quick,
        texts=tuple(one.name for one, other in pairs if quick and not _hashes_alike(one, other)),
        folded=folded,
    )


def _hashes_alike(one: Column, other: Column) -> bool:
    return one.type == other.type and hashes_exactly(one) and hashes_exactly(other)


def hashes_exactly(column: Column) -> bool:
    """Say whether values of a column that are written otherwise are never one to the server, nor hashed alike."""
    return _without_length(column.type) in _EXACT and column.exact


def _without_length(type_: str) -> str:
    """Take the length off a varying text, which is no part of its values: unlike `character(n)`, it is not padded."""
    name, _, rest = type_.partition("(")
    return name if name == "character varying" and rest.endswith(")") else type_


def integer_key(table: Table, key: tuple[str, ...]) -> bool:
    """Say whether the key is one integer."""
    return len(key) == 1 and table.column(key[0]).type in _INTEGERS


def chunk_of(key: int) -> int:
    """Give the chunk that an integer key belongs to, where chunks are ranges of it."""
    return key >> _CHUNK_BITS


def end_of(chunk: int) -> int:
    """Give the last key of a chunk, where chunks are ranges of it."""
    return ((chunk + 1) << _CHUNK_BITS) - 1


def is_dense(rows: int, lowest: int, highest: int) -> bool:
    """Say whether chunks by ranges of an integer key would hold enough rows each."""
    return (highest - lowest) >> _CHUNK_BITS <= max(1_000, rows >> 3)


def ranges(chunks: Iterable[int]) -> list[Range]:
    """Turn chunks, in order, into ranges of keys, joined where they touch."""
    found: list[Range] = []
    for chunk in chunks:
        low = chunk << _CHUNK_BITS
        high = end_of(chunk)
        if found and found[-1][1] + 1 == low:
            found[-1] = (found[-1][0], high)
        else:
            found.append((low, high))
    return found


def in_chunks(relation: str, key: str, chunks: Iterable[int]) -> str:
    """
    Give what stands after FROM for the rows of *relation*, as `t`, of which the integer *key* is in some chunks.

    Range by range: a plain join is also planned the other way round, every range for each row of the table.
    """
    found = ranges(chunks)
    lows, highs = _array(low for low, _ in found), _array(high for _, high in found)
    return (
        f"unnest({lows}, {highs}) AS r (low, high) CROSS JOIN LATERAL"
        f" (SELECT t.* FROM {relation} AS t WHERE t.{quote(key)} BETWEEN r.low AND r.high OFFSET 0) AS t"
    )


def _array(numbers: Iterable[int]) -> str:
    return "'{" + ",".join(map(str, numbers)) + "}'::bigint[]"
