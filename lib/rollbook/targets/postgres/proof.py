"""Proves that nobody wrote to the live database since the final pass read it; both databases are closed meanwhile."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Self

from ...dataclass import dataclass
from ...errors import Overtaken, SchemaError, StepFailed
from ...postgres.fencing import FENCE
from ...postgres.names import literal, quote
from ...postgres.passes import pass_subject
from ...postgres.swapping import Swap
from ...schema import build, encode
from .ledger import Pass, last_pass, overtake
from .stood import keep_stood
from .writes import counted_anew, read_writes, written

if TYPE_CHECKING:
    from .session import Connection


@dataclass(frozen=True, slots=True)
class Proof:
    """
    What is noted in the comment of the incoming database, for a crash between here and the swap.

    *writes* are live's counters when the final pass began. *shut* tells that both databases have been closed since it
    was proved that nobody wrote: then it is proved still, whatever became of the counters; *incoming* are the counters
    of the other database.
    """

    writes: Mapping[str, str] = field(default_factory=dict)
    shut: str = ""
    incoming: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, comment: str) -> Self:
        """Read it from a comment; nothing is known where there is none."""
        _, _, text = comment.partition("\n")
        try:
            return build(cls, json.loads(text))
        except (ValueError, SchemaError):
            return cls()

    def note(self, server: "Connection", database: str, comment: str) -> None:
        """Write it below the first line of a database's *comment*."""
        noted = f"{comment.partition(chr(10))[0]}\n{json.dumps(encode(self), sort_keys=True)}"
        server.execute(f"COMMENT ON DATABASE {quote(database)} IS {literal(noted)}".encode())

    def holds(self, server: "Connection", oids: Sequence[int]) -> bool:
        """Tell whether the databases were left closed since it was noted."""
        return bool(self.shut) and self.shut == closed(server, oids)


def closed(server: "Connection", oids: Sequence[int]) -> str:
    """
    Tell since which change of theirs databases take no connections; empty where one of them takes some.

    Opening one, if only for a moment, leaves another transaction's mark on it.
    """
    query = (
        "SELECT count(*), string_agg(oid || ' ' || xmin, ', ' ORDER BY oid) FROM pg_catalog.pg_database"
        " WHERE oid = ANY (%s) AND NOT datallowconn"
    )
    count, told = server.execute(query, (list(oids),)).fetchone() or (0, "")
    return told if count == len(oids) else ""


def prove(server: "Connection", live: "Connection", incoming: "Connection", op: Swap, comment: str) -> Proof:
    """
    Prove it; *comment* is that of the incoming database. What the passes wrote down stays until the swap is done.

    Raises Overtaken where the final pass must come again, and StepFailed where nothing is left to begin it from.
    """
    last = last_pass(incoming)
    if last is not None and not last.final:
        raise StepFailed(
            f"The last pass that carried rows into {op.incoming} was no final one.",
            advice="Carry a final pass behind the fence, then swap.",
        )
    wanted = Proof.parse(comment).writes if last is None else last.told.writes
    if wanted:
        live.autocommit = True
        _compare(incoming, op, last, wanted, read_writes(live))
    if last is not None:
        keep_stood(incoming, live)
    incoming.commit()
    proof = Proof(wanted, closed(server, (op.live_oid, op.incoming_oid or 0)), read_writes(incoming))
    if wanted:
        proof.note(server, op.incoming, comment)
    return proof


def _compare(
    incoming: "Connection", op: Swap, last: Pass | None, wanted: Mapping[str, str], found: Mapping[str, str]
) -> None:
    anew, changed = counted_anew(wanted, found), written(wanted, found)
    if not changed:
        return
    if anew:
        said = (
            f"The server has lost its counters since the final pass, as it does when it crashes: nothing proves any"
            f" more that {op.live} was not written to. Nothing was swapped."
        )
    else:
        said = (
            f"{op.live} was written to since the final pass began: {', '.join(changed[:10])}"
            f"{'' if len(changed) <= 10 else f' and {len(changed) - 10} more tables'}. Nothing was swapped."
        )
    if last is None:
        raise StepFailed(
            said, advice="Undo this run, which leaves the site as it was, and begin it again: no row is lost by that."
        )
    overtake(incoming, last.mark)
    incoming.commit()
    raise Overtaken(
        said,
        things=((FENCE, ""), pass_subject(op.incoming, last.mark.number, final=True)),
        blameless=anew,
        advice="Who writes past the fence? Shut them out; `resume` carries the final pass again before it swaps.",
    )
