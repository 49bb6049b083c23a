"""What is told to grant, on servers of any version."""

import pytest

from rollbook.postgres.rights import Access, missing


@pytest.mark.parametrize(
    ("version", "told"),
    [
        (
            130000,
            (
                'in shop: GRANT USAGE ON SCHEMA "of others" TO "me"; GRANT SELECT ON ALL TABLES IN SCHEMA "of others" TO "me";'
                ' GRANT SELECT ON ALL SEQUENCES IN SCHEMA "of others" TO "me"; GRANT USAGE ON SCHEMA "public" TO "me"; GRANT'
                ' SELECT ON ALL TABLES IN SCHEMA "public" TO "me"; GRANT SELECT ON ALL SEQUENCES IN SCHEMA "public" TO "me";'
            ),
        ),
        (140000, 'GRANT pg_read_all_data TO "me";'),
    ],
)
def test_reading_all_takes_no_superuser_s_role(version: int, told: str) -> None:
    """A table of a superuser is no reason to be made a member of that: reading it is granted, where it is granted."""
    access = Access("me", "shop", version, ("log", "of others.t"), (), {"log": "postgres"}, True)

    (right,) = missing(access.read_all())

    assert right == f"may read every table (not log, of others.t): {told}"
