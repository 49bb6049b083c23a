"""Carries out a pass for a step: with its run's mark, its policy and its files."""

from contextlib import closing
from typing import TYPE_CHECKING

from ...ops import Execution, OpResult
from ...postgres.carrying import CarryPass
from ...postgres.passes import Mark
from ...postgres.rules import rules_with
from .apart import note_apart
from .carry import Sources, carry
from .deciding import deciding, name_of
from .ledger import read_conflicts

if TYPE_CHECKING:
    from .target import PostgresTarget


def carry_pass(target: "PostgresTarget", op: CarryPass, execution: Execution) -> OpResult:
    """
    Carry one pass; its files are written before it is committed.

    Raises StepFailed where the final pass meets conflicts that nobody has settled.
    """
    sources = Sources(
        target.address(op.live), target.address(op.restored), target.address(op.base) if op.base else None
    )
    note_apart(sources, rules_with(op.tables))
    with deciding(op, Mark(op.run, op.number), execution) as given:
        done = carry(
            sources,
            final=op.final,
            policy=given.policy,
            untouched=[name_of(text) for text in op.untouched],
            rules=rules_with(op.tables),
            errand=given.errand,
        )
    if op.conflicts == "ask" and not op.final and done.conflicts:
        # People decide while users still work: the final pass takes what they wrote by then.
        with closing(target.connect(op.restored)) as restored:
            given.ask(tuple(read_conflicts(restored)))
    return OpResult(outputs={"rows": sum(one.total for _, one in done.differing)}, files=given.files)
