"""What counting the rows that a backup lacks costs beside comparing both sides on a client."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from rounds import Contender, Sample, measure, python, run_once
from server import Server, started
from table import Aim, seconds, table
from workspace import forget_runs, rollbook, write_databases, write_steps

_ROUNDS = 3
_CASES = {"new": "new rows", "spread": "scattered changes"}
_MADE = """
    CREATE TABLE entry (id bigint PRIMARY KEY, account bigint NOT NULL, at timestamptz NOT NULL,
                        amount integer NOT NULL, note text NOT NULL)"""
_ROWS = """
    INSERT INTO entry SELECT g, 1 + g % 1000, '2024-01-01'::timestamptz + g * interval '1 s', g % 1000,
                             md5(g::text) || md5((g + 1)::text) FROM generate_series({first}, {last}) g"""
_CLIENT = """
import sys, psycopg
def rows(url):
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        with cursor.copy("COPY (SELECT * FROM entry ORDER BY id) TO STDOUT") as copy:
            for row in copy:
                line = bytes(row)
                yield int(line.partition(b"\\t")[0]), line
old, new = rows(sys.argv[1]), rows(sys.argv[2])
end = (float("inf"), b"")
one, other = next(old, end), next(new, end)
added = changed = deleted = 0
while one is not end or other is not end:
    if one[0] == other[0]:
        changed += one[1] != other[1]
        one, other = next(old, end), next(new, end)
    elif one[0] < other[0]:
        deleted += 1
        one = next(old, end)
    else:
        added += 1
        other = next(new, end)
print(added, changed, deleted)
"""


def answer(folder: Path, *, quick: bool = False) -> Iterator[str | Aim]:
    """Yield the tables and the aims."""
    rows = 100_000 if quick else 1_000_000
    with started() as server:
        targets = {case: server.url(f"{case}_{rows}") for case in _CASES}
        _build(folder, server, rows)
        yield f"{server.told(f'new_old_{rows}')}, {rows} rows, of which {rows // 100} came or every 833rd was changed"
        write_databases(folder, **targets)
        for case, told in _CASES.items():
            samples = measure(_contenders(folder, server, case, rows), folder, _ROUNDS, warm=False)
            yield _table(told, samples)
            ours, theirs = samples["against a database"], samples["on a client"]
            most = 1 / 3 if case == "new" else 1.0
            yield Aim(f"data_loss against a client's comparison, {told}", ours.seconds / theirs.seconds, most)
        yield from _memory(folder, server, (20_000, rows) if quick else (100_000, rows, 5_000_000))


def _build(folder: Path, server: Server, rows: int) -> None:
    """Make for each case a database, dumps of it, one that was restored from a dump, and what was written since."""
    writes = {
        "new": _ROWS.format(first=rows + 1, last=rows + rows // 100),
        "spread": "UPDATE entry SET amount = -1 WHERE id % 833 = 0",
    }
    for case, statement in writes.items():
        live, old = f"{case}_{rows}", f"{case}_old_{rows}"
        server.drop(live, old)
        server.run("postgres", f"CREATE DATABASE {live} TEMPLATE template0")
        server.run(live, _MADE, _ROWS.format(first=1, last=rows), "VACUUM ANALYZE")
        write_databases(folder, db=server.url(live))
        steps: list[Mapping[str, object]] = [
            {"postgres.backup": {"folder": str(_dumps(folder, case, manifest, rows)), "manifest": manifest}}
            for manifest in ("none", "full")
        ]
        steps.append({"postgres.restore": {"backup": "{{ steps.s2.outputs.path }}", "into": old}})
        run_once("save", rollbook(folder, "run-runbook", *write_steps(folder, "save", *steps, db="postgres")), folder)
        server.run(old, "VACUUM ANALYZE")
        server.run(live, statement, "VACUUM ANALYZE")


def _dumps(folder: Path, case: str, manifest: str, rows: int) -> Path:
    """Name the folder of a case's backup."""
    return folder / f"{case}-{manifest}-{rows}"


def _contenders(folder: Path, server: Server, case: str, rows: int) -> Mapping[str, Contender]:
    old = f"{case}_old_{rows}"
    found = {"on a client": Contender(python("-c", _CLIENT, server.url(old), server.url(f"{case}_{rows}")))}
    ways = {
        "against a database": {"against": old},
        "against a dump": {"backup": str(next(_dumps(folder, case, "none", rows).iterdir()))},
        "against a dump with a manifest": {"backup": str(next(_dumps(folder, case, "full", rows).iterdir()))},
    }
    steps: dict[str, Mapping[str, object]] = {
        "a plan that compares nothing": {"postgres.query": {"server": case, "query": "SELECT 1 AS one"}},
        **{name: {"postgres.data_loss": {"server": case, **way}} for name, way in ways.items()},
    }
    for name, step in steps.items():
        words = write_steps(folder, f"{case}-{name.replace(' ', '-')}", step, **{case: "postgres"})
        # A plan compares once; a run would look again at its turn.
        found[name] = Contender(rollbook(folder, "plan", *words[:-1]).argv, lambda: forget_runs(folder))
    return found


def _table(told: str, samples: Mapping[str, Sample]) -> str:
    base = samples["on a client"].seconds
    return table(
        [f"{told}, whole process", "wall seconds", "against a client", "CPU seconds", "peak MiB"],
        [
            [name, seconds(one.seconds), f"{one.seconds / base:.2f}", seconds(one.cpu), f"{one.peak_mib:.0f}"]
            for name, one in samples.items()
        ],
    )


def _memory(folder: Path, server: Server, sizes: tuple[int, ...]) -> Iterator[str | Aim]:
    peaks: dict[str, list[float]] = {}
    for rows in sizes:
        if not _dumps(folder, "new", "none", rows).exists():
            _build(folder, server, rows)
        write_databases(folder, new=server.url(f"new_{rows}"))
        for name, one in measure(_contenders(folder, server, "new", rows), folder, 1, warm=False).items():
            peaks.setdefault(name, []).append(one.peak_mib)
    yield table(
        ["peak MiB, new rows", *(f"{rows} rows" for rows in sizes)],
        [[name, *(f"{peak:.0f}" for peak in found)] for name, found in peaks.items()],
    )
    for name in ("against a database", "against a dump", "against a dump with a manifest"):
        yield Aim(f"memory of {sizes[-1]} rows against {sizes[0]}, {name}", peaks[name][-1] / peaks[name][0], 1.2)
