"""A site, its backup and the backup's base on PostgreSQL, with what a migration and users did to them."""

from collections.abc import Sequence
from typing import Any

from databases import script

from rollbook.postgres.conflict import Policy
from rollbook.targets.postgres.carry import Sources

KEEP_BACKUP = Policy("keep_backup", {})


def site(trio: Any, good: Sequence[str], migration: Sequence[str], users: Sequence[str]) -> Sources:
    """Build a site and its backup, migrate it and the base, and let users write."""
    for url in (trio.live, trio.base, trio.restored):
        script(url, *good)
    for url in (trio.live, trio.base):
        script(url, "SELECT 1", *migration)
    script(trio.live, "SELECT 1", *users)
    return Sources(trio.live, trio.restored, trio.base)


def mighty_if(trio: Any, sources: Sources, mighty: bool) -> Sources:
    """Let a superuser carry, who may write as a replica does."""
    other = trio.mighty()
    return Sources(other.live, other.restored, other.base) if mighty else sources
