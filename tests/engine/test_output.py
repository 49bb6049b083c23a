"""The file that a step's output goes to."""

import hashlib
from pathlib import Path

from rollbook.engine.output import OutputFile


def test_output_is_kept_whole_below_the_cap(tmp_path: Path) -> None:
    """What fits is kept as it came, and its hash is the file's."""
    file = OutputFile(tmp_path / "output" / "a.log", head=10, end=4)
    file.write(b"0123")
    file.write(b"456789")
    file.close()

    assert file.path.read_bytes() == b"0123456789"
    assert (file.size, file.sha256) == (10, hashlib.sha256(b"0123456789").hexdigest())
    assert file.path.stat().st_mode & 0o777 == 0o600


def test_output_past_the_cap_keeps_beginning_and_end(tmp_path: Path) -> None:
    """A command that prints without end leaves its first and last bytes, and a line that counts what is missing."""
    file = OutputFile(tmp_path / "a.log", head=10, end=4)
    for number in range(100):
        file.write(f"{number:03}".encode())
        assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 10 + 2 * 4
    file.close()
    kept = file.path.read_bytes()

    assert kept == b"0000010020\n[rollbook: 286 bytes are left out here]\n8099"
    assert (file.size, file.sha256) == (len(kept), hashlib.sha256(kept).hexdigest())
    assert [path.name for path in tmp_path.iterdir()] == ["a.log"]


def test_one_large_chunk_is_capped_as_many_small_ones(tmp_path: Path) -> None:
    """How output is cut into chunks makes no difference to what is kept."""
    text = b"".join(f"{number:03}".encode() for number in range(100))
    for name, step in (("a.log", 300), ("b.log", 7)):
        file = OutputFile(tmp_path / name, head=10, end=4)
        for start in range(0, 300, step):
            file.write(text[start : start + step])
        file.close()

    assert (tmp_path / "a.log").read_bytes() == (tmp_path / "b.log").read_bytes()


def test_the_end_of_a_killed_attempt_is_taken_in_by_the_next(tmp_path: Path) -> None:
    """What a killed process had put beside the file stands before what the next attempt prints."""
    killed = OutputFile(tmp_path / "a.log", head=10, end=4)
    killed.write(b"0123456789abcdef")
    following = OutputFile(tmp_path / "a.log", head=10, end=4)
    following.write(b"next")
    following.close()

    kept = following.path.read_bytes()
    assert kept.startswith(b"0123456789\n[rollbook: some bytes may be left out here")
    assert kept.endswith(b"]\ncdefnext")
    assert following.sha256 == hashlib.sha256(b"next").hexdigest()
