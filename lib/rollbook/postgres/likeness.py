"""The statements that make a database as a whole like another one, where they differ."""

from collections.abc import Iterator
from dataclasses import replace

from .names import quote
from .properties import Properties


def liken(name: str, have: Properties, want: Properties) -> Iterator[str]:
    """Give owner, grants and settings of *want* to the database *name*, which has *have*; its limit stays."""
    database = f"DATABASE {quote(name)}"
    if have.owner != want.owner:
        yield f"ALTER {database} OWNER TO {quote(want.owner)}"
    if have.grants != want.grants:
        yield from (f"REVOKE ALL ON {database} FROM {one}" for one in dict.fromkeys(g.grantee for g in have.grants))
        if not want.grants:
            yield f"GRANT CONNECT, TEMPORARY ON {database} TO PUBLIC"
        yield from replace(want, settings=(), connections=-1).furnish(name)
    if have.settings != want.settings:
        for role in dict.fromkeys(one.role for one in have.settings):
            whose = f"ROLE {quote(role)} IN DATABASE" if role else "DATABASE"
            yield f"ALTER {whose} {quote(name)} RESET ALL"
        yield from replace(want, grants=(), connections=-1).furnish(name)


def unlike(have: Properties, want: Properties) -> Iterator[str]:
    """Say what a database cannot be given any more once it is made."""
    if (have.encoding, have.collation, have.ctype) != (want.encoding, want.collation, want.ctype):
        ours = f"{have.encoding} {have.collation} {have.ctype}"
        yield f"encoding and collation stay {ours}; live has {want.encoding} {want.collation} {want.ctype}"
    if have.tablespace != want.tablespace:
        ours, theirs = (one.tablespace or "pg_default" for one in (have, want))
        yield f"the tablespace stays {ours}; live has {theirs}: ALTER DATABASE … SET TABLESPACE while nobody is in it"
