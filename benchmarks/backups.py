"""What a backup and a restore cost beside bare pg_dump and pg_restore, and what the manifest adds."""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from rounds import Contender, Sample, measure
from table import Aim, seconds, table
from workspace import ENVIRONMENT, forget_runs, rollbook

if TYPE_CHECKING:
    from tests.servers import SqlServer

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
    """Yield the tables and the aims; a line that says why where no PostgreSQL can be had."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from tests.servers import Unavailable, start_postgres

    # Below the home folder the server's own account could not enter.
    place = Path(tempfile.mkdtemp(prefix="rollbook-benchmark-"))
    place.chmod(0o755)
    try:
        server = start_postgres(place / "postgres")
    except Unavailable as error:
        shutil.rmtree(place)
        yield f"not measured: {error}"
        return
    try:
        yield from _measured(folder, server, quick=quick)
    finally:
        server.stop()
        shutil.rmtree(place)


def _measured(folder: Path, server: "SqlServer", *, quick: bool) -> Iterator[str | Aim]:
    address = server.url.replace("+psycopg", "")
    accounts = 60_000 if quick else 400_000
    with psycopg.connect(f"{address}postgres", autocommit=True) as connection:
        connection.execute("CREATE DATABASE site TEMPLATE template0")
    with psycopg.connect(f"{address}site", autocommit=True) as connection:
        connection.execute(_SITE.format(accounts=accounts, entries=accounts * 10).encode())
        row = connection.execute("SELECT pg_database_size('site'), current_setting('server_version')").fetchone()
    size, version = row or (0, "?")
    yield f"PostgreSQL {version}, a database of {size / 1e6:.0f} MB, fsync off on the server"
    site = {"kind": "postgres", "url": f"{address}site"}
    inventory = {"environment": ENVIRONMENT, "targets": {"db": site}}
    (folder / "inventory" / f"{ENVIRONMENT}.yml").write_text(json.dumps(inventory))
    rounds = 3
    yield from _dumping(folder, address, rounds)
    yield from _restoring(folder, address, rounds)


def _write(folder: Path, name: str, **step: object) -> tuple[str, ...]:
    """Write a runbook of one step, and give the words that run it."""
    head = {
        "runbook": name,
        "title": name,
        "owner": "benchmarks",
        "summary": "Measured.",
        "targets": {"db": "postgres"},
    }
    content = {**head, "steps": [{"id": "only", "name": name, **step}]}
    (folder / "runbooks" / f"{name}.yml").write_text(json.dumps(content))
    return ("run-runbook", name, "--env", ENVIRONMENT, "--yes")


def _told(samples: Mapping[str, Sample], *bases: str) -> list[list[str]]:
    """Give a row for each contender, with its time against each of *bases*."""
    return [
        [name, seconds(one.seconds), *(f"{one.seconds / samples[base].seconds:.2f}" for base in bases)]
        for name, one in samples.items()
    ]


def _dumping(folder: Path, address: str, rounds: int) -> Iterator[str | Aim]:
    backups = folder / "backups"

    def clear() -> None:
        forget_runs(folder)
        shutil.rmtree(backups, ignore_errors=True)
        backups.mkdir()

    bare = ("pg_dump", "--format=directory", "--jobs=2", f"--file={backups}/bare", f"{address}site")
    contenders = {
        "pg_dump -Fd -j2": Contender(bare, clear),
        "pg_dump -Fd -j2 -Z1": Contender((*bare, "--compress=1"), clear),
    }
    for manifest, compress in (("none", 6), ("none", 1), ("counts", 1), ("full", 1)):
        name = f"backup-{manifest}-{compress}"
        step = {"folder": str(backups), "manifest": manifest, "compress": compress, "jobs": 2}
        command = rollbook(folder, *_write(folder, name, **{"postgres.backup": step}))
        contenders[f"rollbook, manifest: {manifest}, compress: {compress}"] = Contender(command.argv, clear)
    samples = measure(contenders, folder, rounds, warm=False)
    yield table(
        ["backup, whole process", "wall seconds", "against -Fd -j2", "against -Fd -j2 -Z1"],
        _told(samples, "pg_dump -Fd -j2", "pg_dump -Fd -j2 -Z1"),
    )
    ours, theirs = samples["rollbook, manifest: none, compress: 6"], samples["pg_dump -Fd -j2"]
    yield Aim("backup without a manifest, same compression", ours.seconds / theirs.seconds, _AIM)


def _restoring(folder: Path, address: str, rounds: int) -> Iterator[str | Aim]:
    path = _kept(folder, folder / "backups")

    def clear() -> None:
        forget_runs(folder)
        with psycopg.connect(f"{address}postgres", autocommit=True) as connection:
            query = "SELECT datname FROM pg_database WHERE datname LIKE 'site\\_%'"
            for (name,) in connection.execute(query).fetchall():
                connection.execute(f'DROP DATABASE "{name}"'.encode())
            connection.execute("CREATE DATABASE site_bare TEMPLATE template0")
            connection.execute("CHECKPOINT")

    bare = ("pg_restore", "--jobs=2", "--exit-on-error", f"--dbname={address}site_bare", str(path / "dump"))
    analyzed = ("sh", "-c", '"$@" && psql -qX -c ANALYZE "$0"', f"{address}site_bare", *bare)
    contenders = {"pg_restore -j2": Contender(bare, clear), "pg_restore -j2, ANALYZE": Contender(analyzed, clear)}
    for name, backup in (("without manifest", path / "dump"), ("compared with its manifest", path)):
        step = {"backup": str(backup), "jobs": 2}
        command = rollbook(folder, *_write(folder, f"restore-{name.split()[0]}", **{"postgres.restore": step}))
        contenders[f"rollbook, {name}"] = Contender(command.argv, clear)
    samples = measure(contenders, folder, rounds, warm=False)
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
    subprocess.run(rollbook(folder, *command).argv, cwd=folder, check=True, capture_output=True)
    (path,) = backups.iterdir()
    return path
