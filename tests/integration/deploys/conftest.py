"""The board as a bad deploy left it, and how an undisturbed run and its undo leave it."""

import contextlib
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import psycopg
import pytest
from servers import SqlServer, start_postgres

from rollbook.demo.process import spawn
from rollbook.journal import replay
from rollbook.run import Run

pytest.register_assert_rewrite(f"{__package__}.ending", f"{__package__}.killing")

from .desk import Desk, answering  # noqa: E402  # once what it asserts is to be told
from .ending import Ending, look  # noqa: E402
from .site import LIVE, Board, Pattern, build  # noqa: E402

Give = Callable[[str, Callable[[], SqlServer]], SqlServer]


@dataclass(frozen=True, slots=True)
class Undisturbed:
    """A run, its undo and the undo of that, which nothing disturbed, how each left the board, and their journals' lengths."""

    run: Run
    undo: Run
    again: Run
    done: Ending
    undone: Ending
    there: Ending
    records: int
    undo_records: int
    again_records: int


class BoardServer:
    """A PostgreSQL that may be killed and started again."""

    def __init__(self, server: SqlServer, log: Path) -> None:
        self.server, self._log = server, log

    def kill(self) -> None:
        """End it at once, as a crash does: what was not committed is gone, and it must recover."""
        self.server.process.send_signal(signal.SIGQUIT)
        self.server.process.wait()

    def start(self) -> None:
        """Start it again, and wait until it answers."""
        process = spawn(list(map(str, cast("list[str]", self.server.process.args))), log=self._log)
        self.server = replace(self.server, process=process)
        url = self.server.url.replace("+psycopg", "") + "postgres"
        while process.poll() is None:
            with contextlib.suppress(psycopg.OperationalError):
                psycopg.connect(url).close()
                return
            time.sleep(0.05)
        raise AssertionError(self._log.read_text()[-2000:])


@pytest.fixture(scope="package")
def board_server(give_one: Give, server_folder: Path) -> Iterator[BoardServer]:
    """Start the PostgreSQL of all boards, one of which is there at a time."""
    folder = Path(tempfile.mkdtemp(prefix="board-", dir=server_folder))  # another file may have had one before
    made = BoardServer(give_one("PostgreSQL", lambda: start_postgres(folder)), folder / "log")
    yield made
    made.server.stop()


@pytest.fixture(scope="package")
def pattern(board_server: BoardServer, tmp_path_factory: pytest.TempPathFactory) -> Pattern:
    """Build the board once."""
    return build(board_server.server, tmp_path_factory.mktemp("pattern"))


@pytest.fixture
def board(pattern: Pattern, tmp_path: Path) -> Iterator[Board]:
    """Give a board of the test's own."""
    with Board(pattern, tmp_path / "board") as made:
        yield made


@pytest.fixture
def desk(board: Board, tmp_path: Path) -> Desk:
    """Give the operator's folder."""
    return Desk(tmp_path / "desk", board)


@pytest.fixture(scope="package")
def undisturbed(pattern: Pattern, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    """Take the deploy back, that again, and that too, with nothing in the way."""
    folder = tmp_path_factory.mktemp("undisturbed")
    with Board(pattern, folder / "board") as board:
        desk = Desk(folder / "desk", board)
        first = board.databases()[LIVE][0]
        run, done = _typed(desk, first, *desk.going_back())
        undo, undone = _typed(desk, first, "undo", run.id, "--yes")
        again, there = _typed(desk, first, "undo", undo.id, "--yes", *answering())
        records = [len(replay(desk.runs.find(one.id).journal)) for one in (run, undo, again)]
    return Undisturbed(run, undo, again, done, undone, there, *records)


def _typed(desk: Desk, first: int, *words: str) -> tuple[Run, Ending]:
    code, said = desk.type(*words)
    assert code == 0, said[-4000:]
    return desk.last(), look(desk.board, first)
