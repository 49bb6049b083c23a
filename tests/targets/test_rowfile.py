"""Files of rows: whatever the rows are, they come back, and only so much of them is in memory at once."""

import hashlib
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from rollbook.targets.snapshots.rowfile import RowSum, batched, lines, packed, unpacked

_MIB = 1 << 20


def test_long_rows_are_taken_few_at_once() -> None:
    """However long rows are, what is together stays small; short ones go together up to a count."""
    assert [len(some) for some in batched([b"x" * _MIB] * 5, size=2 * _MIB)] == [2, 2, 1]
    assert [len(some) for some in batched([b"x"] * 5, count=3)] == [3, 2]
    assert list(batched([])) == []


def test_what_packs_well_is_unpacked_in_parts(tmp_path: Path) -> None:
    """A row of one letter over and over is a thousandth of its length on disk, and is not unpacked at once."""
    row = b"y" * (64 * _MIB) + b"\n"
    with packed(tmp_path / "rows.gz", "") as packer:
        packer.write(row)
        packer.write(b"short\n")

    with unpacked(tmp_path / "rows.gz", "", "") as pieces:
        sizes = [len(piece) for piece in pieces]
    with unpacked(tmp_path / "rows.gz", "", "") as pieces:
        found = [hashlib.sha256(line).digest() for line in lines(pieces)]

    assert max(sizes) <= _MIB
    assert found == [hashlib.sha256(one).digest() for one in (row, b"short\n")]


@given(
    st.lists(st.binary(max_size=9).map(lambda text: text.replace(b"\n", b"") + b"\n"), max_size=9), st.integers(1, 7)
)
def test_lines_and_their_sum_do_not_depend_on_the_pieces(rows: list[bytes], size: int) -> None:
    """Lines come back whole whatever pieces they are in; a sum is that of the rows, in whatever batches and order."""
    text = b"".join(rows)
    found = list(lines(text[at : at + size] for at in range(0, len(text), size)))
    together, apart = RowSum(), RowSum()
    together.add(rows)
    for row in reversed(rows):
        apart.add([row])

    assert found == rows
    wanted = sum(int.from_bytes(hashlib.sha256(row).digest()[:8]) for row in rows) % (1 << 64)
    assert (together.rows, together.sum) == (apart.rows, apart.sum) == (len(rows), f"{wanted:016x}")
