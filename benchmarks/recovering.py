"""What bringing back a table, and a column, from a restored backup costs beside dumpdata and loaddata."""

from collections.abc import Iterator
from pathlib import Path

import fixtures
from rounds import Contender, measure
from server import Server, started
from site_rows import Site
from workspace import forget_runs, rollbook, write_databases, write_steps

_ROUNDS = 3
_LOST = {"table": "DROP TABLE forum_comment", "column": "ALTER TABLE forum_comment DROP COLUMN body"}


def answer(folder: Path, *, quick: bool = False) -> Iterator[str]:
    """Yield the table."""
    site = Site(4_000, 20_000) if quick else Site(40_000, 200_000)
    rows = site.users * 25
    with started() as server:
        site.build(server, "site")
        yield f"{server.told('site_backup')}, {rows} rows of a table, or cells of a column, brought back"
        for lost, statement in _LOST.items():
            server.copy("site_backup", f"lost_{lost}")
            server.run(f"lost_{lost}", statement)
        write_databases(folder, **{lost: server.url(f"now_{lost}") for lost in _LOST})
        server.copy("site_backup", "site_loaded")
        contenders = {
            **fixtures.moved(folder, server, site, "site_live", "site_loaded"),
            **{f"rollbook, a {lost}": _recover(folder, server, lost) for lost in _LOST},
        }
        samples = measure(contenders, folder, _ROUNDS, warm=False)
    yield fixtures.compared(samples, rows, "recover")


def _recover(folder: Path, server: Server, lost: str) -> Contender:
    def renew() -> None:
        forget_runs(folder)
        server.copy(f"lost_{lost}", f"now_{lost}")

    step = {"server": lost, "source": "site_backup", "folder": str(folder / "recovered")}
    words = write_steps(folder, f"recover-{lost}", {"sql.recover": step}, **{lost: "postgres"})
    return Contender(rollbook(folder, "run-runbook", *words).argv, renew)
