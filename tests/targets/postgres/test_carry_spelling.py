"""Keys whose spelling users changed where the type or the collation takes both for one."""

from typing import Any

import pytest
from databases import script

from rollbook.errors import StepFailed
from rollbook.targets.postgres.carry import carry

from .test_carry import site

pytestmark = pytest.mark.server
COLLATION = "CREATE COLLATION folded (provider = icu, locale = 'und-u-ks-level2', deterministic = false)"
GOOD = (COLLATION, "CREATE TABLE tags (k text COLLATE folded PRIMARY KEY, n int)", "INSERT INTO tags VALUES ('Key', 1)")


def test_a_key_spelled_otherwise_is_named_and_the_way_on_works(trio: Any) -> None:
    """The refusal names table, key and spellings; what it advises has every row carried."""
    sources = site(trio, GOOD, (), ("UPDATE tags SET k = 'KEY', n = 2", "INSERT INTO tags VALUES ('new', 3)"))

    with pytest.raises(
        StepFailed, match=r"public\.tags: the key \(k\) .*Key.*KEY|tags: the key \(k\) .*KEY.*Key"
    ) as said:
        carry(sources, final=False)
    script(trio.live, "UPDATE tags SET k = 'Key' WHERE k = 'Key'")
    for final in (False, True):
        carry(sources, final=final)

    assert "spelling that the backup has" in said.value.advice
    assert script(trio.restored, "SELECT k, n FROM tags ORDER BY n") == [("Key", 2), ("new", 3)]
