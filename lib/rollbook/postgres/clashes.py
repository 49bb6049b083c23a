"""The SQL that finds rows which want the same unique value, and says which of them loses."""

from collections.abc import Sequence

from .catalog import Unique
from .conflict import Side
from .names import listed, quote
from .staging import STATE, THERE, Stage


def adopt_clashing(stage: Stage, unique: Unique) -> str:
    """Stage the table's rows that hold a unique value which a staged row wants."""
    wanted = keyed(stage.key, unique, stage.name, THERE if stage.passes_over else f"{THERE} AND {STATE} = 'L'")
    held = keyed(stage.key, unique, stage.table.relation, "true")
    same = agree(unique, "w", "h")
    found = f"(SELECT {listed(stage.key, 'h')} FROM ({wanted}) w JOIN ({held}) h ON {same})"
    on = " AND ".join(f"t.{quote(name)} = f.{quote(name)}" for name in stage.key)
    return stage.adopt(f"JOIN {found} f ON {on}", "true")


def losers(stage: Stage, unique: Unique, side: Side) -> str:
    """
    Make `pg_temp.hits` of the staged rows that lose a unique value: key, `how`, both sides.

    Where *live* wins, its row with the first key (as text) stays; where the backup does, no row of live stays beside
    one of the backup. A loser of live's is reverted, one of the backup's removed.
    """
    order = ", ".join(f'{quote(name)}::text COLLATE "C"' for name in stage.key)
    first = f"({STATE} = 'L') DESC" if side == "live" else f"({STATE} = 'L')"
    rows = keyed(
        stage.key, unique, stage.name, THERE, more=f"{STATE}, {stage.shown('stage_' + str(stage.table.oid))} AS shown"
    )
    parts = ", ".join(parts_of(unique))
    return (
        f"CREATE TEMP TABLE hits ON COMMIT DROP AS SELECT {listed(stage.key)},"
        f" CASE {STATE} WHEN 'L' THEN 'revert' ELSE 'lose' END AS how,"
        f" CASE {STATE} WHEN 'L' THEN shown ELSE best END AS live,"
        f" CASE {STATE} WHEN 'L' THEN best ELSE shown END AS backup"
        f" FROM (SELECT *, row_number() OVER w AS place, first_value(shown) OVER w AS best"
        f" FROM ({rows}) r WHERE ({parts}) IN ({_doubles(stage, unique)})"
        f" WINDOW w AS (PARTITION BY {parts} ORDER BY {first}, {order})) ranked WHERE place > 1"
    )


def _doubles(stage: Stage, unique: Unique) -> str:
    parts = ", ".join(parts_of(unique))
    rows = keyed(stage.key, unique, stage.name, THERE)
    return f"SELECT {parts} FROM ({rows}) d GROUP BY {parts} HAVING count(*) > 1"


def keyed(key: Sequence[str], unique: Unique, relation: str, where: str, *, more: str = "") -> str:
    """Give keys and the unique's values, those that are NULL left out, as they clash with nothing."""
    parts = ", ".join(f"{text} AS {name}" for name, text in zip(parts_of(unique), unique.expressions, strict=True))
    conditions = [where]
    if unique.predicate is not None:
        conditions.append(f"({unique.predicate})")
    if unique.nulls_distinct:
        conditions += [f"({text}) IS NOT NULL" for text in unique.expressions]
    columns = ", ".join(part for part in (listed(key), parts, more) if part)
    return f"SELECT {columns} FROM {relation} WHERE {' AND '.join(conditions)}"


def agree(unique: Unique, left: str, right: str) -> str:
    """Say that two aliases of what `keyed` gives have the same unique value."""
    operator = "=" if unique.nulls_distinct else "IS NOT DISTINCT FROM"
    return " AND ".join(f"{left}.{name} {operator} {right}.{name}" for name in parts_of(unique))


def parts_of(unique: Unique) -> list[str]:
    """Name what `keyed` gives of the unique's value."""
    return [f'"~u{at}"' for at in range(len(unique.expressions))]
