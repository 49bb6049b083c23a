"""What carrying users' rows into a restored database costs beside Django's dumpdata and loaddata."""

from collections.abc import Iterator
from pathlib import Path

import fixtures
from rounds import Contender, measure
from server import Server, started
from site_rows import Site
from table import Aim, seconds, table
from workspace import forget_runs, rollbook, write_databases, write_steps

_ROUNDS = 3


def answer(folder: Path, *, quick: bool = False) -> Iterator[str | Aim]:
    """Yield the table and the aims."""
    site = Site(4_000, 20_000) if quick else Site(80_000, 200_000)
    with started() as server:
        site.build(server, "site")
        yield f"{server.told('site_backup')}, {site.written} rows written since"
        write_databases(folder, db=server.url("site_live"), still=server.url("site_base"))
        server.copy("site_backup", "site_loaded")
        contenders = {
            **fixtures.moved(folder, server, site, "site_live", "site_loaded"),
            "rollbook": _carry(folder, server, "carry", "db"),
            "rollbook, nothing to carry": _carry(folder, server, "carry-nothing", "still"),
        }
        samples = measure(contenders, folder, _ROUNDS, warm=False)
    theirs = fixtures.scaled(samples, site.written)
    all_of_it = samples["rollbook"].seconds
    alone = all_of_it - samples["rollbook, nothing to carry"].seconds
    rows = [[name, seconds(one.seconds), seconds(one.cpu), f"{one.peak_mib:.0f}"] for name, one in samples.items()]
    rows.append([f"dumpdata, loaddata of {site.written}, scaled", seconds(theirs), "–", "–"])
    rows.append(["rollbook, without the comparison", seconds(alone), "–", "–"])
    yield table(["carry, whole process", "wall seconds", "CPU seconds", "peak MiB"], rows)
    yield f"times faster: {theirs / all_of_it:.0f}, without the comparison {theirs / alone:.0f}"
    yield Aim("carry, with the comparison, against dumpdata and loaddata", all_of_it / theirs, 0.02)
    yield Aim("carry, without the comparison, against dumpdata and loaddata", alone / theirs, 0.01)


def _carry(folder: Path, server: Server, name: str, live: str) -> Contender:
    step = {
        "server": live,
        "restored": "site_restored",
        "base": "site_base",
        "folder": str(folder / "carry"),
        "final": True,
        "conflicts": "keep_live",
    }

    def renew() -> None:
        forget_runs(folder)
        server.copy("site_backup", "site_restored")

    words = write_steps(folder, name, {"postgres.carry": step}, db="postgres", still="postgres")
    return Contender(rollbook(folder, "run-runbook", *words).argv, renew)
