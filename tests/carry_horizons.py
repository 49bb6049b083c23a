"""What a backup and a restore note of where they stand, for tests that take neither."""

from contextlib import closing

from rollbook.postgres.horizon import Horizon
from rollbook.targets.postgres.horizons import keep_horizon, leave_witness, read_horizon
from rollbook.targets.postgres.renaming import note_names
from rollbook.targets.postgres.session import connect


def read_sealed(url: str) -> Horizon:
    """Read where a database stands, as a backup does."""
    with closing(connect(url, reading=True)) as snapshot, closing(connect(url)) as beside:
        found = read_horizon(snapshot)
        assert found is not None
        return found.sealed(leave_witness(beside))


def note_backup(live: str, restored: str) -> None:
    """Note in *restored* that it is what *live* is now."""
    found = read_sealed(live)
    with closing(connect(restored)) as connection:
        keep_horizon(connection, "backup", found)
        connection.commit()


def note_restored(url: str) -> None:
    """Note in a database that it was just restored."""
    with closing(connect(url)) as connection:
        keep_horizon(connection, "restored", read_horizon(connection))
        note_names(connection)
        connection.commit()
