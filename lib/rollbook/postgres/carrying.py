"""The op that carries the users' rows from the live database into the one restored from a backup."""

from collections.abc import Mapping
from dataclasses import field
from typing import ClassVar

from ..dataclass import dataclass
from ..ops import Op
from .conflict import Choice, Side
from .rules import Rule

DECISIONS = "decisions.csv"


@dataclass(frozen=True, slots=True)
class CarryPass(Op):
    """
    One pass of the three-way merge of *live*, *base* and the pristine rows of *restored*, in one transaction.

    *answers* are by "kind table". With *conflicts* `ask`, those in the file of decisions in *folder* count too.
    """

    op: ClassVar[str] = "postgres.carry_pass"
    target: str
    live: str
    restored: str
    base: str
    run: str
    folder: str
    final: bool
    number: int = 1
    conflicts: Choice = "stop"
    answers: Mapping[str, Side] = field(default_factory=dict)
    tables: Mapping[str, Rule] = field(default_factory=dict)
    untouched: tuple[str, ...] = ()

    def render(self) -> tuple[str, ...]:
        """Give the statements as they are for every table; names of tables and columns come from the catalogs."""
        first = self.base or f"{self.restored}, as it was before the first pass"
        return (
            f"[{first} and {self.restored}] before the first pass: COPY sums and rows that differ, as below,",
            f"[{self.restored}]   and COPY their keys to rollbook.apart_…",
            f"[{self.restored}] CREATE TABLE … PARTITION OF … (those that only {self.live} has)",
            f"[{self.live} and {first}] BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            "  for each table: COPY (SELECT chunk, count(*), sum(hash of its rows) … GROUP BY 1) TO STDOUT",
            "  then COPY (SELECT … keys and hashes of the chunks that differ) TO STDOUT, and the rows that differ",
            f"[{self.restored}] BEGIN; SELECT pg_advisory_xact_lock(…); CREATE SCHEMA IF NOT EXISTS rollbook",
            "  for each table with differences: CREATE TEMP TABLE stage_…; COPY stage_… FROM STDIN",
            "  new rows of a first pass, where the account may: SET LOCAL session_replication_role = replica; COPY …",
            "  INSERT INTO rollbook.lasts SELECT max(key), under which the backup may have rows",
            "  INSERT INTO rollbook.pristine_… SELECT (the backup's rows under the keys up to it)",
            "  until nothing moves: look up checks, unique values and foreign keys on the stages",
            "  where the account may, and all can be looked up: SET LOCAL session_replication_role = replica",
            "  ALTER TABLE … DISABLE TRIGGER or RULE (the users' own that would act)",
            "  else ALTER TABLE … ALTER CONSTRAINT … DEFERRABLE; SET CONSTRAINTS ALL DEFERRED",
            "  DELETE FROM … USING stage_… (children first); INSERT INTO … SELECT FROM stage_… (parents first),",
            "    or UPDATE … FROM stage_… where no value that is to be unique was changed",
            "  SELECT FROM stage_… (rows without a parent), or SET CONSTRAINTS ALL IMMEDIATE",
            "  triggers and constraints as they were",
            "  SELECT setval(…) of each sequence that is further in live",
            *self._end(),
        )

    def _end(self) -> tuple[str, ...]:
        files = f"write conflicts and what has no place as CSV (0600) to {self.folder}"
        if not self.final:
            return (f"  {files}; INSERT INTO rollbook.passes …; COMMIT",)
        settled = "" if self.conflicts.startswith("keep") else "; ROLLBACK where a conflict is not settled"
        return (
            f"  {files}, and whole tables that only {self.live} has{settled}",
            "  INSERT INTO rollbook.passes …; COMMIT",
        )
