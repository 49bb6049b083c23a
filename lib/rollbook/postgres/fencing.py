"""The ops that shut writers out of a database, and let them in again."""

import json
from collections.abc import Mapping
from dataclasses import field
from typing import ClassVar, Final, Self

from ..dataclass import dataclass
from ..errors import SchemaError
from ..ops import Op
from ..schema import build, encode
from .names import literal, quote

_BEGINNING: Final = "rollbook fence "
FENCE: Final = "fence"
"""The kind of the subject that a fence is."""


@dataclass(frozen=True, slots=True)
class FenceMark:
    """
    What stands on a fenced database, in the last line of its comment: which run fenced it, and how it was before.

    Whoever takes the fence down, in this run or another, reads it there. A setting would be the better place, and
    those of names that no module knows are for superusers only.
    """

    run: str
    limit: int
    roles: tuple[str, ...] = ()

    def on(self, comment: str) -> str:
        """Give a database's *comment* with the mark."""
        return f"{comment}\n{self}" if comment else str(self)

    def __str__(self) -> str:
        return _BEGINNING + json.dumps(encode(self), sort_keys=True)

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read a line; None for one that nobody wrote so."""
        try:
            return build(cls, json.loads(text.removeprefix(_BEGINNING))) if text.startswith(_BEGINNING) else None
        except (ValueError, SchemaError):
            return None


def split_comment(comment: str) -> tuple[str, FenceMark | None]:
    """Take a database's comment apart: what others wrote, and the mark of a fence."""
    others, _, last = comment.rpartition("\n")
    mark = FenceMark.parse(last)
    return (comment, None) if mark is None else (others, mark)


@dataclass(frozen=True, slots=True)
class FenceSet(Op):
    """Set how many sessions may enter a database and which roles may log in, in one transaction; with its mark."""

    op: ClassVar[str] = "postgres.fence_set"
    target: str
    database: str
    oid: int
    maintenance: str
    limit: int
    comment: str
    roles: Mapping[str, bool] = field(default_factory=dict)

    def statements(self) -> tuple[str, ...]:
        """Give what the transaction is made of."""
        logins = (f"ALTER ROLE {quote(name)} {'LOGIN' if may else 'NOLOGIN'}" for name, may in self.roles.items())
        database = f"ALTER DATABASE {quote(self.database)}"
        marked = f"COMMENT ON DATABASE {quote(self.database)} IS {literal(self.comment or None)}"
        return (*logins, f"{database} CONNECTION LIMIT {self.limit}", marked)

    def render(self) -> tuple[str, ...]:
        """Give the transaction."""
        lines = (f"  {statement}" for statement in self.statements())
        return (f"[{self.maintenance}] BEGIN  -- {self.database} must be OID {self.oid}", *lines, "  COMMIT")


@dataclass(frozen=True, slots=True)
class SessionsEnd(Op):
    """End every session in a database but the tool's own, and wait until none is left."""

    op: ClassVar[str] = "postgres.sessions_end"
    target: str
    database: str
    oid: int
    maintenance: str
    patience: float = 60.0  # seconds

    def render(self) -> tuple[str, ...]:
        """Give the statement that is repeated."""
        whose = f"datid = {self.oid} AND backend_type = 'client backend' AND application_name NOT LIKE 'rollbook%'"
        return (
            f"[{self.maintenance}] SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {whose}",
            f"  again until no such session is in {self.database}, for at most {self.patience:.0f} seconds",
        )
