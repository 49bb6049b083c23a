"""How long a site is down while its database goes back to a backup without losing users' rows."""

import statistics
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import fixtures
from rounds import Contender, measure, run_once
from server import Server, started
from site_rows import Site
from table import Aim, seconds, table
from workspace import forget_runs, rollbook, write_databases, write_steps

from rollbook.folding import fold
from rollbook.journal import replay

_ROUNDS = 3
_LATE = 500
_TWENTIETH = 1 / 20
_ANSWERS = "SELECT id, title FROM forum_post ORDER BY id DESC LIMIT 20"
_PARTS = ("fence up", "second pass", "swap", "fence down", "between them, and a query", "down")

_Parts = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class _Place:
    """A site of one size, with the words that run its *first* pass, and the part while it is *down*."""

    name: str
    site: Site
    first: tuple[str, ...]
    down: tuple[str, ...]

    def renew(self, folder: Path, server: Server) -> None:
        """Bring it to where users wrote on after the first pass."""
        forget_runs(folder)
        server.drop(*(name for name in server.databases() if name.startswith(f"{self.name}_now")))
        server.copy(f"{self.name}_backup", f"{self.name}_restored")
        server.copy(f"{self.name}_live", f"{self.name}_now")
        run_once("first pass", rollbook(folder, "run-runbook", *self.first), folder)
        server.run(f"{self.name}_now", self.site.later(_LATE))
        forget_runs(folder)


def answer(folder: Path, *, quick: bool = False) -> Iterator[str | Aim]:
    """Yield the tables and the aim."""
    sizes = {"small": Site(4_000, 20_000), "large": Site(8_000, 20_000)}
    if not quick:
        sizes = {"small": Site(20_000, 200_000), "large": Site(80_000, 200_000)}
    with started() as server:
        for name, site in sizes.items():
            site.build(server, name)
            yield f"{name}: {server.told(f'{name}_backup')}, {site.written} rows written since, {_LATE} after pass 1"
        ours, parts = _rounds(folder, server, _places(folder, server, sizes))
        server.copy("large_backup", "large_loaded")
        moves = fixtures.moved(folder, server, sizes["large"], "large_live", "large_loaded")
        loading = fixtures.scaled(measure(moves, folder, 1, warm=False), sizes["large"].written)
        small, large = (server.megabytes(f"{name}_backup") for name in sizes)
    yield from _compared(ours, parts, loading)
    more = (ours["large"]["second pass"] - ours["small"]["second pass"]) / (large - small) * 1000
    yield f"the second pass grows by {more:.2f} s with each GB of the database"


def _places(folder: Path, server: Server, sizes: Mapping[str, Site]) -> list[_Place]:
    server.run("postgres", "CREATE ROLE visitor LOGIN")
    for name in sizes:
        # Grants go with copies.
        for kind in ("backup", "base", "live"):
            server.run(f"{name}_{kind}", "GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO visitor")
    urls = {name: server.url(f"{name}_now") for name in sizes}
    visitors = {f"{name}_visitor": url.replace("postgres@", "visitor@") for name, url in urls.items()}
    write_databases(folder, **urls, **visitors)
    return [_place(folder, name, site) for name, site in sizes.items()]


def _rounds(folder: Path, server: Server, places: Sequence[_Place]) -> tuple[dict[str, _Parts], _Parts]:
    """Go back with Rollbook at each size and by hand at the large one, in turn; give the medians of each part."""
    ours: dict[str, dict[str, list[float]]] = {place.name: defaultdict(list) for place in places}
    theirs: dict[str, list[float]] = defaultdict(list)
    for _ in range(_ROUNDS):
        for place in places:
            place.renew(folder, server)
            run_once("down", rollbook(folder, "run-runbook", *place.down), folder)
            for part, took in _told(folder).items():
                ours[place.name][part].append(took)
        for part, contender in _by_hand(folder, server).items():
            theirs[part].append(run_once(part, contender, folder).seconds)
    return {name: _medians(found) for name, found in ours.items()}, _medians(theirs)


def _medians(found: Mapping[str, Sequence[float]]) -> _Parts:
    return {part: statistics.median(took) for part, took in found.items()}


def _place(folder: Path, name: str, site: Site) -> _Place:
    carry = {
        "server": name,
        "restored": f"{name}_restored",
        "base": f"{name}_base",
        "folder": str(folder / "carry"),
        "conflicts": "keep_live",
    }
    targets = {name: "postgres", f"{name}_visitor": "postgres"}
    first = write_steps(folder, f"{name}-first", {"postgres.carry": carry}, **targets)
    down = write_steps(
        folder,
        f"{name}-down",
        {"postgres.fence": {"server": name}, "downtime": "begins"},
        {"postgres.carry": {**carry, "final": True}},
        {"postgres.swap": {"server": name, "incoming": f"{name}_restored"}},
        {"postgres.fence": {"server": name, "up": False}},
        {"postgres.query": {"server": f"{name}_visitor", "query": _ANSWERS}, "downtime": "ends"},
        **targets,
    )
    return _Place(name, site, first, down)


def _told(folder: Path) -> Mapping[str, float]:
    """Read from the journal how long the site was down, and what each step took of it."""
    (journal,) = (folder / ".rollbook").glob("runs/*/journal.jsonl")
    run = fold(replay(journal))
    (downtime,) = run.downtimes
    if run.status != "succeeded" or downtime.ended_at is None:
        raise AssertionError(f"the run ended as {run.status}")
    took = [
        (step.ended_at - step.started_at).total_seconds() if step.ended_at and step.started_at else 0.0
        for step in run.steps[:4]
    ]
    down = (downtime.ended_at - downtime.began_at).total_seconds()
    return dict(zip(_PARTS, (*took, down - sum(took), down), strict=True))


def _by_hand(folder: Path, server: Server) -> Mapping[str, Contender]:
    """Give what people do once the services are stopped, but for the users' rows."""
    backup, present, url = folder / "backup.sql", folder / "present.sql", server.url("by_hand")
    if not backup.exists():
        run_once("backup", Contender(("pg_dump", "-f", str(backup), server.url("large_backup"))), folder)
    anew = ("psql", "-qX", server.url("postgres"), "-c", "DROP DATABASE by_hand WITH (FORCE)")
    return {
        "pg_dump of the present": Contender(
            ("pg_dump", "-f", str(present), url), lambda: server.copy("large_live", "by_hand")
        ),
        "drop and create": Contender((*anew, "-c", "CREATE DATABASE by_hand TEMPLATE template0")),
        "psql of the backup": Contender(("psql", "-qX", "-v", "ON_ERROR_STOP=1", "-f", str(backup), url)),
        "a query answers": Contender(("psql", "-qX", "-c", _ANSWERS, url)),
    }


def _compared(mine: Mapping[str, _Parts], parts: _Parts, loading: float) -> Iterator[str | Aim]:
    yield table(
        ["rollbook, seconds down", *mine],
        [[part, *(seconds(one[part]) for one in mine.values())] for part in _PARTS],
    )
    theirs = {**parts, "dumpdata, loaddata, scaled": loading}
    down = sum(theirs.values())
    rows = [[part, seconds(took)] for part, took in theirs.items()]
    yield table(["by hand, seconds down", "large"], [*rows, ["down", seconds(down)]])
    least = down - theirs["pg_dump of the present"] - loading
    ours = mine["large"]["down"]
    yield f"by hand against rollbook: {down / ours:.1f}; were nothing saved nor loaded again {least / ours:.1f}"
    yield Aim("downtime against the procedure by hand", ours / down, _TWENTIETH)
