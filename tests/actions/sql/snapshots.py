"""What tests of snapshots share: one action at a time on the databases of `taken`, as the engine would."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rollbook.ops import OpResult
from rollbook.registry import action_type
from rollbook.schema import build
from rollbook.testing import FakeExecution
from rollbook.values import Plain

from .conftest import Taken

RUN = "20260101T000000.000Z-abcdef"


def use(kind: str, **arguments: Any) -> Any:
    return build(action_type(kind), arguments)


def carry_out(taken: Taken, action: Any) -> Mapping[str, Plain]:
    """Plan and carry out one action; gives its outputs as the engine does, of the state found afterwards."""
    change = taken.plan(action)
    results: list[OpResult] = [taken.pool.execute(op, FakeExecution()) for op in change.ops]
    given: Mapping[str, Plain] = action.outputs(action.probe(taken.read), results)
    return given


def save(taken: Taken, folder: Path, *, run: str = RUN, **arguments: Any) -> str:
    """Take a snapshot; gives its path."""
    return str(carry_out(taken, use("sql.snapshot", into=str(folder), run=run, **arguments))["path"])


def load(taken: Taken, path: str, *, run: str = RUN, **arguments: Any) -> str:
    """Load a snapshot; gives the database."""
    return str(carry_out(taken, use("sql.snapshot_load", snapshot=path, run=run, **arguments))["database"])


def drop(taken: Taken, database: str, *, run: str = RUN) -> None:
    carry_out(taken, use("sql.drop_scratch", database=database, run=run))
