"""What was ever written to each table, counted by the server."""

from types import SimpleNamespace
from typing import Any

import pytest

from rollbook.targets.postgres.writes import read_writes


class Server:
    """Stands for a session on a server of a version; nothing was written there."""

    def __init__(self, version: int) -> None:
        self.info = SimpleNamespace(server_version=version)
        self.heard: list[str] = []

    def execute(self, statement: str) -> "Rows":
        self.heard.append(statement)
        return Rows([("on",)] if "track_counts" in statement else [])


class Rows(list[Any]):
    """An answer."""

    def fetchone(self) -> Any:
        return self[0] if self else None


@pytest.mark.parametrize(("version", "waited"), [(130023, 1), (140023, 1), (150000, 0), (180000, 0)])
def test_counters_that_are_told_late_are_waited_for(version: int, waited: int) -> None:
    """Before 15 a write of the last half second is not counted yet: without waiting, it would pass for none."""
    server: Any = Server(version)

    read_writes(server)

    at = next(at for at, one in enumerate(server.heard) if "pg_stat_clear_snapshot" in one)
    assert sum("pg_sleep" in one for one in server.heard[:at]) == waited
