"""What stands in the way of a fence or a swap, or stays behind at one: each with what to do."""

from typing import Final

OBSTACLES: Final = """
    SELECT 'the transaction ' || gid || ' is prepared since ' || prepared::timestamp(0) || ': COMMIT PREPARED or'
           || ' ROLLBACK PREPARED ' || quote_literal(gid) AS text
    FROM pg_catalog.pg_prepared_xacts WHERE database = :database
    UNION ALL SELECT 'the logical slot ' || slot_name || CASE WHEN active THEN ' is in use' ELSE '' END
           || ' would go on following the old database: stop its consumer, SELECT pg_drop_replication_slot('
           || quote_literal(slot_name) || '), and make it anew after the swap'
    FROM pg_catalog.pg_replication_slots WHERE slot_type = 'logical' AND database = :database
    UNION ALL SELECT 'the subscription ' || s.subname || ' writes into it: ALTER SUBSCRIPTION '
           || quote_ident(s.subname) || ' DISABLE'
    FROM pg_catalog.pg_subscription s JOIN pg_catalog.pg_database d ON d.oid = s.subdbid
    WHERE s.subenabled AND d.datname = :database ORDER BY 1"""
"""Gives, as `text`, what fence and swap are refused for."""

SUBSCRIBED: Final = """
    SELECT s.subname AS name FROM pg_catalog.pg_subscription s JOIN pg_catalog.pg_database d ON d.oid = s.subdbid
    WHERE d.datname = :database ORDER BY 1"""
LARGE_OBJECTS: Final = "SELECT count(*) AS many FROM pg_catalog.pg_largeobject_metadata"
SUBSCRIBE_ANEW: Final = (
    "make it anew after the swap: CREATE SUBSCRIPTION, with copy_data = false where its rows are there"
)
PUBLISH_ANEW: Final = "make it anew after the swap: CREATE PUBLICATION, then ALTER SUBSCRIPTION … REFRESH PUBLICATION"
