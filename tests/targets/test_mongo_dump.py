"""Dump files of MongoDB that people hand over."""

from pathlib import Path

import pytest
from bson import ObjectId, encode

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


def test_a_dump_is_told_by_its_first_length(tmp_path: Path) -> None:
    """BSON whose first document's length begins with the byte of a bracket is no array; an array of JSON is refused."""
    dump, array = tmp_path / "structures.bson", tmp_path / "structures.json"
    document = {"_id": ObjectId(ID), "text": "x" * 58}
    dump.write_bytes(encode(document))
    array.write_text('[{"_id": 1}]')

    assert dump.read_bytes()[:1] == b"["
    assert [found["text"] for found in documents(dump, {ID})] == ["x" * 58]
    with pytest.raises(TargetError, match="is one array of documents"):
        list(documents(array, {ID}))
