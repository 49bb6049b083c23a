from collections.abc import Iterator

import pytest

from rollbook.demo.sample import Sample

from .site import Site, open_site


@pytest.fixture
def site(sqlite_sample: Sample) -> Iterator[Site]:
    """Open the sample with its ledger on SQLite."""
    with open_site(sqlite_sample) as opened:
        yield opened


@pytest.fixture
def any_site(sample: Sample) -> Iterator[Site]:
    """Open the sample with its ledger on each of the three databases."""
    with open_site(sample) as opened:
        yield opened
