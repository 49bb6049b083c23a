"""The forum at its good version, for tests that only use it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rollbook.demo.forum.place import ForumPlace


@pytest.fixture(scope="module")
def forum(forum_folder: Path) -> Iterator[ForumPlace]:
    """Build the forum anew, in the folder that holds its Python environment already."""
    with ForumPlace(forum_folder) as place:
        yield place
