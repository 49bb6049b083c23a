"""The file in which a person says who wins, per kind of conflict and table."""

import csv
from collections.abc import Iterable, Mapping
from io import StringIO
from pathlib import Path
from typing import Final

from ...beside import make_folder, write_beside
from ...errors import StepFailed
from ...postgres.conflict import Conflict, Side

_HEAD: Final = ("kind", "table", "decision")

Decisions = Mapping[str, Side]  # by "kind table"


def read_decisions(path: Path) -> Decisions:
    """Read what was decided; nothing where there is no file. Raises StepFailed naming the line that is no decision."""
    if not path.exists():
        return {}
    found: dict[str, Side] = {}
    with path.open(newline="", encoding="utf-8") as file:
        for number, row in enumerate(csv.reader(file), 1):
            if number == 1 or not any(row):
                continue
            match [cell.strip() for cell in row]:
                case [kind, table, "live" | "backup" as side]:
                    found[f"{kind} {table}"] = "live" if side == "live" else "backup"
                case [_, _, ""]:
                    continue
                case _:
                    raise StepFailed(
                        f"{path}, line {number}: expected a kind, a table, and live or backup.",
                        advice="Correct the line; a decision that is left empty is not made yet.",
                    )
    return found


def write_decisions(path: Path, made: Decisions, open_ones: Iterable[Conflict]) -> None:
    """Write what was decided, and a line without a decision for each kind and table that still needs one."""
    asked = dict.fromkeys(f"{one.kind} {one.table}" for one in open_ones)
    text = StringIO(newline="")
    lines = csv.writer(text)
    lines.writerow(_HEAD)
    for name in sorted({*made, *asked}):
        kind, _, table = name.partition(" ")
        lines.writerow((kind, table, made.get(name, "")))
    make_folder(path.parent)
    write_beside(path, (text.getvalue().encode(),))
