"""What can be wrong with a file before its first line is read."""

import os
from pathlib import Path

import pytest

from rollbook.errors import SourceError
from rollbook.source import MAX_BYTES, load_yaml, read_yaml

from .telling import told


class TestFiles:
    """What can be wrong before the first line is read."""

    def test_a_file_is_read_with_its_name(self, tmp_path: Path) -> None:
        """Messages name the file as it was given."""
        path = tmp_path / "a.yml"
        path.write_text("a: no\n")

        with pytest.raises(SourceError) as caught:
            read_yaml(path)

        assert str(caught.value).startswith(f"{path}:1:4: no is read")

    def test_what_is_no_readable_file_gives_one_error(self, tmp_path: Path) -> None:
        """A missing file, a folder, a pipe and a loop of links are each told in words."""
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        loop = tmp_path / "loop"
        loop.symlink_to(loop)
        expected = {
            tmp_path / "missing.yml": "there is no such file",
            tmp_path: "this is a folder, not a file",
            pipe: "this is not a regular file",
            loop: "the file cannot be read: ",
            Path("a\0b"): "the file cannot be read: ",
        }

        for path, message in expected.items():
            with pytest.raises(SourceError) as caught:
                read_yaml(path)
            assert str(caught.value).startswith(f"{path}: {message}")

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
    def test_a_file_without_rights_is_told(self, tmp_path: Path) -> None:
        """A file that this user may not read is told as such."""
        path = tmp_path / "a.yml"
        path.write_text("a: 1\n")
        path.chmod(0)

        with pytest.raises(SourceError, match="may not be read by this user"):
            read_yaml(path)

    def test_a_huge_file_is_not_read_into_memory(self, tmp_path: Path) -> None:
        """A file over the limit is refused after its first megabyte."""
        path = tmp_path / "huge.yml"
        with path.open("wb") as stream:
            stream.truncate(50_000_000_000)

        with pytest.raises(SourceError, match="larger than 1 MB"):
            read_yaml(path)

    def test_the_limit_is_inclusive(self) -> None:
        """A file of just the limit is read."""
        text = "a: 1\n#"

        assert load_yaml(text + "x" * (MAX_BYTES - len(text)), "f.yml").content == {"a": 1}
        assert "larger" in told(text + "x" * MAX_BYTES)

    def test_text_that_is_not_utf_8_is_told_with_its_byte(self) -> None:
        """The first bad byte is named by offset, value, line and column."""
        assert told("a: é\nb: ".encode() + "é".encode("latin-1")) == (
            "f.yml:2:4: the file is not UTF-8: byte 9 is 0xe9: save the file as UTF-8"
        )
        assert told("a: 1".encode("utf-16")) == "f.yml: the file is UTF-16: save it as UTF-8"
