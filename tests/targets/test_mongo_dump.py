"""Dump files of MongoDB that people hand over."""

from pathlib import Path

import pytest

from rollbook.errors import TargetError
from rollbook.targets.mongo_dump import documents

ID = "6aff5595c2ad7552a300fe2d"


@pytest.mark.parametrize(
    "line",
    [
        '{"_id": {"$oid": 5}}',
        '{"a": {"$numberDecimal": "private"}}',
        '{"a":' * 3000,
        '{"blocks": [{"fields": {"$date": "private", "due": 1}}]}',
        '{"a": ',
        "[1]",
        '{"$binary": {"base64": "private", "subType": "zz"}}',
    ],
)
def test_a_line_that_cannot_be_read_is_named(tmp_path: Path, line: str) -> None:
    """The file and the line are told, and nothing of what the line holds, which is people's."""
    dump = tmp_path / "structures.json"
    dump.write_text(f'{{"_id": {{"$oid": "{ID}"}}}}\n{line}\n')

    with pytest.raises(TargetError) as refused:
        list(documents(dump, {ID}, by="original_version"))

    assert f"{dump} is cut off or no dump: line 2" in refused.value.message
    assert "private" not in refused.value.message
