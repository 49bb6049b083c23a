"""Carries out a pass for a step: with its run's mark, its policy and its files."""

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, cast, get_args

from ...errors import Interrupted, StepFailed
from ...ops import Execution, OpResult
from ...postgres.carrying import DECISIONS, CarryPass
from ...postgres.conflict import Conflict, Kind, Policy, Side
from ...postgres.names import Name
from ...postgres.passes import Exported, Mark
from ...postgres.rules import rules_with
from ...postgres.swapping import SwapBack
from .carry import ConflictsFound, Errand, Sources, carry
from .decisions import read_decisions, write_decisions
from .exporting import Exports
from .ledger import read_conflicts

if TYPE_CHECKING:
    from .target import PostgresTarget


def carry_pass(target: "PostgresTarget", op: CarryPass, execution: Execution) -> OpResult:
    """
    Carry one pass; its files are written before it is committed.

    Raises StepFailed where the final pass meets conflicts that nobody has settled; it says which file shows them and,
    where the step asks, in which one to decide.
    """
    path = Path(op.folder) / DECISIONS
    decided = read_decisions(path) if op.conflicts == "ask" else {}
    exports = Exports(Path(op.folder))
    sources = Sources(
        target.address(op.live), target.address(op.restored), target.address(op.base) if op.base else None
    )
    try:
        done = carry(
            sources,
            final=op.final,
            policy=Policy(op.conflicts, answers_of({**decided, **op.answers})),
            untouched=[name_of(text) for text in op.untouched],
            rules=rules_with(op.tables),
            errand=Errand(Mark(op.run, op.number), exports, Watching(execution)),
        )
    except ConflictsFound as found:
        if op.conflicts == "ask":
            write_decisions(path, decided, found.conflicts)
        raise unsettled(op, found.conflicts, exports.files) from found
    if op.conflicts == "ask" and not op.final and done.conflicts:
        _ask_early(target, op, path, decided)
    return OpResult(
        outputs={"rows": sum(one.total for _, one in done.differing)},
        files=tuple(one.written() for one in exports.files),
    )


def name_of(text: str) -> Name:
    """Read a table's name as people write it: without a schema it is in public."""
    schema, _, name = text.rpartition(".")
    return Name(schema or "public", name)


class Watching:
    """Tells how many rows were looked at, and stops between two batches when somebody asks to."""

    def __init__(self, execution: Execution) -> None:
        self._execution = execution
        self._rows = 0

    def __call__(self, rows: int) -> None:
        """Tell of *rows* more. Raises `Interrupted`."""
        self._rows += rows
        self._execution.progress(self._rows, None, "rows")
        if self._execution.stopping():
            raise Interrupted("the pass was stopped; nothing of it was kept")


def answers_of(written: Mapping[str, Side]) -> Mapping[tuple[Kind, Name], Side]:
    """Read answers by "kind table". Raises StepFailed for a kind that does not exist."""
    found = {}
    for text, side in written.items():
        kind, _, table = text.partition(" ")
        if kind not in get_args(Kind):
            raise StepFailed(
                f"{kind!r} is no kind of conflict.", advice=f"Kinds are {', '.join(get_args(Kind))}; then the table."
            )
        found[cast("Kind", kind), name_of(table)] = side
    return found


def _ask_early(target: "PostgresTarget", op: CarryPass, path: Path, decided: Mapping[str, Side]) -> None:
    """Let people decide while users still work: the final pass takes what they wrote by then."""
    with closing(target.connect(op.restored)) as restored:
        write_decisions(path, decided, tuple(read_conflicts(restored)))


def unsettled(op: CarryPass | SwapBack, found: tuple[Conflict, ...], files: list[Exported]) -> StepFailed:
    """Make the error that names the conflicts, the file with both sides, and where to decide."""
    kinds = dict.fromkeys(f"{one.kind} in {one.table}" for one in found)
    shown = "; ".join(list(kinds)[:10]) + (f" and {len(kinds) - 10} more" if len(kinds) > 10 else "")
    listed = next((one.path for one in files if one.what == "conflicts"), op.folder)
    if op.conflicts == "ask":
        advice = f"Both sides are in {listed}. Write live or backup into {op.folder}/{DECISIONS}, then resume."
    else:
        advice = f"Both sides are in {listed}. Say who wins in answers: or conflicts: of the step, and run it again."
    return StepFailed(f"{len(found)} conflicts are not settled: {shown}. Nothing of this pass was kept.", advice=advice)
