"""How conflicts are decided for a step: by its policy, its answers and the file in its folder."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import cast, get_args

from ...dataclass import dataclass
from ...errors import Interrupted, StepFailed
from ...ops import Execution, WrittenFile
from ...postgres.carrying import DECISIONS, CarryPass
from ...postgres.conflict import Conflict, Kind, Policy, Side
from ...postgres.names import Name
from ...postgres.passes import Mark
from ...postgres.swapping import Swap, SwapBack
from .carry import ConflictsFound, Errand
from .decisions import read_decisions, write_decisions
from .exporting import Exports
from .undecided import answered, unsettled


@dataclass(frozen=True, slots=True)
class Deciding:
    """The policy of a step that carries rows, and its errand; *made* are the decisions that the file holds."""

    path: Path
    made: Mapping[str, Side]
    policy: Policy
    errand: Errand
    exports: Exports

    def ask(self, found: tuple[Conflict, ...]) -> None:
        """Let a person decide: one line in the file for each kind and table that needs it."""
        write_decisions(self.path, self.made, found)

    @property
    def files(self) -> tuple[WrittenFile, ...]:
        """Give what was written into the folder."""
        return tuple(one.written() for one in self.exports.files)


@contextmanager
def deciding(op: CarryPass | Swap | SwapBack, mark: Mark, execution: Execution) -> Iterator[Deciding]:
    """
    Give how the conflicts of *op* are decided.

    Conflicts that nobody has settled are raised as AnswerNeeded, which asks who wins, for each kind and table, and says
    which file shows them and in which one to decide instead. With `stop` nobody is asked. The file stands before what
    was answered, for that is written into it: what differs there was decided later.
    """
    path, exports = Path(op.folder) / DECISIONS, Exports(Path(op.folder))
    made = {**answered(execution.answers), **read_decisions(path)} if op.conflicts in ("ask", "stop") else {}
    policy = Policy(op.conflicts, _answers({**made, **op.answers}))
    given = Deciding(path, made, policy, Errand(mark, exports, Watching(execution)), exports)
    try:
        yield given
    except ConflictsFound as found:
        given.ask(found.conflicts)
        raise unsettled(op, found.conflicts, exports.files) from found


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


def name_of(text: str) -> Name:
    """Read a table's name as people write it: without a schema it is in public."""
    schema, _, name = text.rpartition(".")
    return Name(schema or "public", name)


def _answers(written: Mapping[str, Side]) -> Mapping[tuple[Kind, Name], Side]:
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
