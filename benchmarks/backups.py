"""What a backup and a restore cost beside bare pg_dump and pg_restore, and what the manifest adds."""

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from rounds import Contender, Sample, measure, run_once
from server import Server, started
from table import Aim, seconds, table
from workspace import forget_runs, rollbook, write_databases, write_steps

_ROUNDS = 3
_AIM = 1.15
_SITE = """
    CREATE TABLE account (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, about jsonb,
                          seen timestamptz NOT NULL, balance numeric(12, 2) NOT NULL);
    CREATE TABLE entry (id bigint PRIMARY KEY, account bigint NOT NULL, at timestamptz NOT NULL,
                        amount integer NOT NULL, note text NOT NULL);
    INSERT INTO account (name, about, seen, balance)
    SELECT md5(g::text), jsonb_build_object('n', g, 'text', repeat(md5((g * 7)::text), 8)),
           '2024-01-01'::timestamptz + g * interval '1 s', g / 100.0 FROM generate_series(1, {accounts}) g;
    INSERT INTO entry SELECT g, 1 + g % {accounts}, '2024-01-01'::timestamptz + g * interval '1 s', g % 1000,
                             md5(g::text) || md5((g + 1)::text) FROM generate_series(1, {entries}) g;
    CREATE INDEX ON entry (account); CREATE INDEX ON account (name); ANALYZE"""


def answer(folder: Path, *, quick: bool = False) -> Iterator[str | Aim]:
    """Yield the tables and the aims."""
    accounts = 60_000 if quick else 400_000
    with started() as server:
        server.run("postgres", "CREATE DATABASE site TEMPLATE template0")
        server.run("site", _SITE.format(accounts=accounts, entries=accounts * 10))
        yield server.told("site")
        write_databases(folder, db=server.url("site"))
        yield from _dumping(folder, server)
        yield from _restoring(folder, server)


def _write(folder: Path, name: str, **step: object) -> tuple[str, ...]:
    """Write a runbook of one step, and give the words that run it."""
    return ("run-runbook", *write_steps(folder, name, step, db="postgres"))


def _told(samples: Mapping[str, Sample], *bases: str) -> list[list[str]]:
    """Give a row for each contender, with its time against each of *bases*."""
    return [
        [name, seconds(one.seconds), *(f"{one.seconds / samples[base].seconds:.2f}" for base in bases)]
        for name, one in samples.items()
    ]


def _dumping(folder: Path, server: Server) -> Iterator[str | Aim]:
    backups = folder / "backups"

    def clear() -> None:
        forget_runs(folder)
        shutil.rmtree(backups, ignore_errors=True)
        backups.mkdir()

    bare = ("pg_dump", "--format=directory", "--jobs=2", f"--file={backups}/bare", server.url("site"))
    contenders = {
        "pg_dump -Fd -j2": Contender(bare, clear),
        "pg_dump -Fd -j2 -Z1": Contender((*bare, "--compress=1"), clear),
    }
    for manifest, compress in (("none", 6), ("none", 1), ("counts", 1), ("full", 1)):
        name = f"backup-{manifest}-{compress}"
        step = {"folder": str(backups), "manifest": manifest, "compress": compress, "jobs": 2}
        command = rollbook(folder, *_write(folder, name, **{"postgres.backup": step}))
        contenders[f"rollbook, manifest: {manifest}, compress: {compress}"] = Contender(command.argv, clear)
    samples = measure(contenders, folder, _ROUNDS, warm=False)
    yield table(
        ["backup, whole process", "wall seconds", "against -Fd -j2", "against -Fd -j2 -Z1"],
        _told(samples, "pg_dump -Fd -j2", "pg_dump -Fd -j2 -Z1"),
    )
    ours, theirs = samples["rollbook, manifest: none, compress: 6"], samples["pg_dump -Fd -j2"]
    yield Aim("backup without a manifest, same compression", ours.seconds / theirs.seconds, _AIM)


def _restoring(folder: Path, server: Server) -> Iterator[str | Aim]:
    path = _kept(folder, folder / "backups")

    def clear() -> None:
        forget_runs(folder)
        server.drop(*(name for name in server.databases() if name.startswith("site_")))
        server.run("postgres", "CREATE DATABASE site_bare TEMPLATE template0", "CHECKPOINT")

    bare = ("pg_restore", "--jobs=2", "--exit-on-error", f"--dbname={server.address}site_bare", str(path / "dump"))
    analyzed = ("sh", "-c", '"$@" && psql -qX -c ANALYZE "$0"', f"{server.address}site_bare", *bare)
    contenders = {"pg_restore -j2": Contender(bare, clear), "pg_restore -j2, ANALYZE": Contender(analyzed, clear)}
    for name, backup in (("without manifest", path / "dump"), ("compared with its manifest", path)):
        step = {"backup": str(backup), "jobs": 2}
        command = rollbook(folder, *_write(folder, f"restore-{name.split()[0]}", **{"postgres.restore": step}))
        contenders[f"rollbook, {name}"] = Contender(command.argv, clear)
    samples = measure(contenders, folder, _ROUNDS, warm=False)
    yield table(
        ["restore, whole process", "wall seconds", "against -j2", "against -j2 and ANALYZE"],
        _told(samples, "pg_restore -j2", "pg_restore -j2, ANALYZE"),
    )
    ours, theirs = samples["rollbook, without manifest"], samples["pg_restore -j2, ANALYZE"]
    yield Aim("restore without a manifest, both analyzed", ours.seconds / theirs.seconds, _AIM)


def _kept(folder: Path, backups: Path) -> Path:
    """Take the backup that is restored, and give its path."""
    shutil.rmtree(backups, ignore_errors=True)
    command = _write(folder, "kept", **{"postgres.backup": {"folder": str(backups)}})
    run_once("kept", rollbook(folder, *command), folder)
    (path,) = backups.iterdir()
    return path
