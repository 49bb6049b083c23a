"""Which roles a fence asks to administer."""

import pytest

from rollbook.actions.postgres.surroundings import Writer, unruled
from rollbook.postgres.rights import Account

WRITERS = (
    Writer("postgres", may_log_in=True, superuser=True, administered=False),
    Writer("site", may_log_in=True, superuser=False, administered=False),
    Writer("reports", may_log_in=True, superuser=False, administered=True),
    Writer("group", may_log_in=False, superuser=False, administered=False),
    Writer("spared", may_log_in=True, superuser=False, administered=False),
)


@pytest.mark.parametrize(("version", "named"), [(150_015, ()), (160_002, ("site",)), (170_010, ("site",))])
def test_a_fence_asks_for_no_superuser(version: int, named: tuple[str, ...]) -> None:
    """Every server has a superuser, whom nobody may be given: since 16 other roles must be administered, and no more."""
    account = Account(
        name="rollbook",
        superuser=False,
        creates_databases=True,
        creates_roles=True,
        signals=True,
        owns=True,
        owner="site",
        version=version,
    )

    assert unruled(account, WRITERS, ("spared",)) == named
