"""Carries what was written to the live database since a swap into the one that is to be live again."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ...ops import Execution, WrittenFile
from ...postgres.passes import Mark
from ...postgres.swapping import Swap, SwapBack, SwapRecord
from .carry_back import carry_back, since
from .deciding import deciding

if TYPE_CHECKING:
    from .target import PostgresTarget


def carry_since(
    target: "PostgresTarget",
    op: Swap | SwapBack,
    into: str,
    record: SwapRecord,
    writes: Mapping[str, str],
    execution: Execution,
) -> tuple[tuple[WrittenFile, ...], int]:
    """
    Carry it *into* the database that bears the *record*; *writes* are live's counters now.

    Where nothing was written this only notes so, with what the next way needs. Gives the files with what has no place,
    and how many rows. Raises as `carry_back` and `deciding` do.
    """
    moment = since(record.xid, record.writes, writes)
    with deciding(op, Mark(op.run), execution) as given:
        live, other = target.address(op.live), target.address(into)
        done = carry_back(live, other, moment, given.policy, given.errand, writes=writes)
    return given.files, sum(one.total for _, one in done.differing)
