"""The ops that put one database in the place of another, and back."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import ClassVar, Literal, Self

from ..dataclass import dataclass
from ..errors import SchemaError
from ..ops import Op
from ..schema import build, encode
from .conflict import Choice, Side
from .names import literal, quote
from .scratch import Mark


@dataclass(frozen=True, slots=True)
class SwapRecord:
    """
    What is known of the new live database at the moment of the swap, so that what is written since can be found.

    *xid* is the swap's transaction, *writes* the counters of every table. It stands in the comment of the database that
    was live before: the kept one, and after a way back the one that was restored.
    """

    at: str
    xid: int
    writes: Mapping[str, str] = field(default_factory=dict)

    def beside(self, mark: Mark) -> str:
        """Give the comment with the mark."""
        return f"{mark}\n{json.dumps(encode(self), sort_keys=True)}"

    @classmethod
    def parse(cls, comment: str) -> Self | None:
        """Read it from a comment; None where there is none."""
        _, _, text = comment.partition("\n")
        try:
            return build(cls, json.loads(text))
        except (ValueError, SchemaError):
            return None


@dataclass(frozen=True, slots=True)
class Swap(Op):
    """
    Put *incoming* in the place of *live*, which is kept under the name *kept*, closed.

    The databases are those with these OIDs, whatever their names are by then. Where *incoming* was live before, and a
    way back has led from it, what was written to *live* since is carried into it first.
    """

    op: ClassVar[str] = "postgres.swap"
    target: str
    maintenance: str
    live: str
    incoming: str
    kept: str
    live_oid: int
    incoming_oid: int | None
    run: str
    folder: str = ""
    conflicts: Choice = "stop"
    answers: Mapping[str, Side] = field(default_factory=dict)
    patience: float = 60.0  # seconds

    def closing(self) -> tuple[str, ...]:
        """Give what keeps everybody out of both, committed before sessions are ended."""
        return _allowing((self.live, self.incoming), "false")

    def renames(self, comment: str, kept: str, limit: int) -> tuple[str, ...]:
        """Give the transaction that is the swap; what stood on the old live one goes over to the new one."""
        changed = _changing_places(self.live, self.kept, self.incoming, comments=(comment, kept), limit=limit)
        return (*changed, *_allowing((self.live,), "true"))

    def render(self) -> tuple[str, ...]:
        """Give the statements in their order."""
        other = f"that of {self.incoming}" if self.incoming_oid is None else str(self.incoming_oid)
        oids = f"OID {self.live_oid} and {other}"
        renames = self.renames("‹comment of the live database›", f"‹{Mark(self.run, 'kept', self.live)}›", -1)[:2]
        return (
            f"[{self.incoming}] where a way back led from it: BEGIN; carry over what was written since; COMMIT",
            f"[{self.maintenance}] owner, grants and settings of {self.live} onto {self.incoming}, where they differ",
            *(f"  {statement}" for statement in self.closing()),
            f"  SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datid IN ({oids}), until none is left",
            f"[{self.live}] compare the counters of written rows with those of the final pass",
            f"[{self.live}] CREATE SCHEMA rollbook: the rows that the two hold otherwise, for the way back",
            f"[{self.maintenance}] BEGIN",
            *(f"  {statement}" for statement in renames),
            f"  comments and the connection limit of {self.live} onto the new one",
            f"  ALTER DATABASE {quote(self.live)} ALLOW_CONNECTIONS true",
            "  COMMIT",
            f"[{self.live}] DROP SCHEMA IF EXISTS rollbook CASCADE: what the passes wrote down",
        )


@dataclass(frozen=True, slots=True)
class SwapBack(Op):
    """
    Put the *kept* database back in its place; what was written to *live* since the swap is carried into it before.

    *live* becomes *incoming* again. Databases are told by their OIDs.
    """

    op: ClassVar[str] = "postgres.swap_back"
    target: str
    maintenance: str
    live: str
    incoming: str
    kept: str
    live_oid: int
    kept_oid: int
    run: str
    folder: str = ""
    conflicts: Choice = "stop"
    answers: Mapping[str, Side] = field(default_factory=dict)
    patience: float = 60.0  # seconds

    def closing(self) -> tuple[str, ...]:
        """Give what keeps everybody out of both."""
        return _allowing((self.live, self.kept), "false")

    def renames(self, comment: str, incoming: str, limit: int) -> tuple[str, ...]:
        """Give the transaction that is the way back; *comment* goes over to the live one, *incoming* to the other."""
        changed = _changing_places(self.live, self.incoming, self.kept, comments=(comment, incoming), limit=limit)
        return (*changed, *_allowing((self.live, self.incoming), "true"))

    def render(self) -> tuple[str, ...]:
        """Give the statements in their order."""
        oids = f"OID {self.live_oid} and {self.kept_oid}"
        renames = self.renames("", "", -1)[:2]
        return (
            f"[{self.maintenance}] ALTER DATABASE {quote(self.kept)} ALLOW_CONNECTIONS true",
            f"[{self.live}] find the rows that were written since the swap",
            f"[{self.kept}] BEGIN; carry them over; what has no place goes to files; COMMIT",
            *(f"[{self.maintenance}] {statement}" for statement in self.closing()),
            f"  SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datid IN ({oids}), until none is left",
            f"[{self.live}] compare the counters of written rows with those before",
            f"[{self.maintenance}] BEGIN",
            *(f"  {statement}" for statement in renames),
            f"  comments and the connection limit of {self.live} onto it; ALLOW_CONNECTIONS true for both",
            "  COMMIT",
        )


@dataclass(frozen=True, slots=True)
class StaleSessionsEnd(Op):
    """
    End the sessions on a standby that still read a database which is no longer live.

    Waits until the standby has followed the swap: until OID *oid* has the name *database* there.
    """

    op: ClassVar[str] = "postgres.stale_sessions_end"
    target: str
    database: str
    oid: int
    maintenance: str
    patience: float = 60.0  # seconds

    def render(self) -> tuple[str, ...]:
        """Give the statements."""
        return (
            f"[{self.target}, {self.maintenance}] wait until OID {self.oid} is {self.database} there",
            f"  SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datid = {self.oid}, until none is left",
        )


def _allowing(names: Iterable[str], whether: Literal["true", "false"]) -> tuple[str, ...]:
    return tuple(f"ALTER DATABASE {quote(name)} ALLOW_CONNECTIONS {whether}" for name in names)


def _changing_places(live: str, aside: str, coming: str, *, comments: tuple[str, str], limit: int) -> tuple[str, ...]:
    """Give what puts *live* *aside* and *coming* in its place; *comments* are then those of live and of what went."""
    comment, gone = comments
    return (
        f"ALTER DATABASE {quote(live)} RENAME TO {quote(aside)}",
        f"ALTER DATABASE {quote(coming)} RENAME TO {quote(live)}",
        f"COMMENT ON DATABASE {quote(aside)} IS {literal(gone)}",
        f"COMMENT ON DATABASE {quote(live)} IS {literal(comment or None)}",
        f"ALTER DATABASE {quote(live)} CONNECTION LIMIT {limit}",
    )
