"""What carrying users' rows into a restored database costs beside Django's dumpdata and loaddata."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import fixtures
from rounds import Contender, Sample, measure, python, run_once
from server import Server, started
from site_rows import MIGRATED, OneTable, Site
from table import Aim, seconds, table
from workspace import forget_runs, rollbook, write_databases, write_steps

_ROUNDS = 3
_MIGRATE = """
import os, sys, psycopg
with psycopg.connect(os.environ["SITE"]) as connection:
    connection.execute(sys.argv[1])
"""
# What no way of carrying goes below: whoever writes this knows which rows to take, and that all of them fit.
_PLAIN = """
import json, sys, psycopg
def move(source, into):
    with old.cursor().copy(f"COPY ({source}) TO STDOUT") as rows, new.cursor().copy(f"COPY {into} FROM STDIN") as copy:
        held = []
        for row in rows:
            held.append(bytes(row))
            if len(held) == 500:
                copy.write(b"".join(held)); held.clear()
        copy.write(b"".join(held))
with psycopg.connect(sys.argv[1]) as old, psycopg.connect(sys.argv[2]) as new:
    new.execute("SET LOCAL session_replication_role = replica")
    for table, (added, edited) in json.loads(sys.argv[3]).items():
        move(f"SELECT * FROM {table} WHERE {added} ORDER BY id", table)
        new.execute(f"CREATE TEMP TABLE edited_{table} (LIKE {table})")
        move(f"SELECT * FROM {table} WHERE {edited}", f"edited_{table}")
        names = [one for (one,) in new.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 1", (table,))]
        cells = ", ".join(f"{one} = e.{one}" for one in names)
        new.execute(f"UPDATE {table} t SET {cells} FROM edited_{table} e WHERE e.id = t.id")
"""


def answer(folder: Path, *, quick: bool = False) -> Iterator[str | Aim]:
    """Yield the tables and the aims: for a whole site, and for one table without foreign keys."""
    sites = {"a site": Site(4_000, 20_000), "one table": OneTable(100_000, 20_000)}
    if not quick:
        sites = {"a site": Site(80_000, 200_000), "one table": OneTable(1_000_000, 200_000)}
    for what, site in sites.items():
        yield from _carried(folder / what.replace(" ", "-"), what, site)


def _carried(folder: Path, what: str, site: Site) -> Iterator[str | Aim]:
    for name in ("runbooks", "inventory"):
        (folder / name).mkdir(parents=True)
    with started() as server:
        for name in ("site", "still"):
            _save(folder, server, site, name)
        site.write(server, "site_live")
        yield f"{what}: {server.told('site_backup')}, {site.written} rows written since"
        # A copy of the live database bears no note of the backup: every row is compared, as with others' backups.
        server.copy("site_live", "other_live")
        targets = {"db": "site_live", "still": "still_live", "other": "other_live"}
        write_databases(folder, **{target: server.url(database) for target, database in targets.items()})
        server.copy("site_backup", "site_loaded")
        contenders = {
            **fixtures.moved(folder, server, site, "site_live", "site_loaded"),
            "COPY to COPY, keys known": _plain(server, site),
            "rollbook": _carry(folder, server, "site", "db"),
            "rollbook, nothing to carry": _carry(folder, server, "still", "still"),
            "rollbook, another's backup": _carry(folder, server, "site", "other"),
        }
        told = {name: replace(one, elsewhere=server.cpu) for name, one in contenders.items()}
        samples = measure(told, folder, _ROUNDS, warm=False)
    yield from _told(what, site, samples)


def _told(what: str, site: Site, samples: Mapping[str, Sample]) -> Iterator[str | Aim]:
    theirs = fixtures.scaled(samples, site.written)
    all_of_it = samples["rollbook"].seconds
    alone = all_of_it - samples["rollbook, nothing to carry"].seconds
    busy = {name: replace(one, seconds=one.cpu + one.elsewhere) for name, one in samples.items()}
    least = fixtures.scaled(busy, site.written)
    rows = [
        [name, seconds(one.seconds), seconds(one.cpu), seconds(one.elsewhere), f"{one.peak_mib:.0f}"]
        for name, one in samples.items()
    ]
    rows.append([f"dumpdata, loaddata of {site.written}, scaled", seconds(theirs), "–", "–", "–"])
    rows.append(["rollbook, without the comparison", seconds(alone), "–", "–", "–"])
    yield table(["carry, whole process", "wall seconds", "CPU seconds", "of the server", "peak MiB"], rows)
    plain = samples["COPY to COPY, keys known"].seconds
    yield (
        f"times faster: {theirs / all_of_it:.0f}, without the comparison {theirs / alone:.0f};"
        f" COPY to COPY {theirs / plain:.0f}"
    )
    mine, copied = busy["rollbook"].seconds, busy["COPY to COPY, keys known"].seconds
    rest = mine - busy["rollbook, nothing to carry"].seconds
    yield (
        f"times less CPU, with the server's: {least / mine:.0f}, without the comparison {least / rest:.0f};"
        f" COPY to COPY {least / copied:.0f}"
    )
    yield f"times COPY to COPY: {all_of_it / plain:.1f}, without the comparison {alone / plain:.1f}"
    yield Aim(f"carry of {what}, with the comparison, against dumpdata and loaddata", all_of_it / theirs, 0.02)
    yield Aim(f"carry of {what}, without the comparison, against dumpdata and loaddata", alone / theirs, 0.01)


def _save(folder: Path, server: Server, site: Site, name: str) -> None:
    """Make `NAME_live`, and of its backup `NAME_backup` and `NAME_base`, the latter migrated as live is then."""
    site.begin(server, f"{name}_live")
    write_databases(folder, db=server.url(f"{name}_live"))
    migrate = (*python("-c", _MIGRATE, MIGRATED),)
    steps: tuple[Mapping[str, object], ...] = (
        {"postgres.backup": {"folder": str(folder / name)}},
        {"postgres.restore": {"backup": "{{ steps.s1.outputs.path }}", "into": f"{name}_backup"}},
        {"postgres.base": {"backup": "{{ steps.s1.outputs.path }}", "command": migrate, "url_variable": "SITE"}},
    )
    run_once("save", rollbook(folder, "run-runbook", *write_steps(folder, "save", *steps, db="postgres")), folder)
    server.drop(f"{name}_base")
    (base,) = (one for one in server.databases() if one.startswith(f"{name}_live_rbbase"))
    server.run("postgres", f'ALTER DATABASE "{base}" RENAME TO {name}_base')
    server.run(f"{name}_live", MIGRATED)


def _plain(server: Server, site: Site) -> Contender:
    words = server.url("site_live"), server.url("site_plain"), json.dumps(site.written_rows())
    return Contender((*python("-c", _PLAIN, *words),), lambda: server.copy("site_backup", "site_plain"))


def _carry(folder: Path, server: Server, name: str, live: str) -> Contender:
    step = {
        "server": live,
        "restored": f"{name}_restored",
        "base": f"{name}_base",
        "folder": str(folder / "carry"),
        "final": True,
        "conflicts": "keep_live",
    }

    def renew() -> None:
        forget_runs(folder)
        server.copy(f"{name}_backup", f"{name}_restored")

    words = write_steps(folder, f"carry-{live}", {"postgres.carry": step}, **{live: "postgres"})
    return Contender(rollbook(folder, "run-runbook", *words).argv, renew)
