"""What else goes wrong on such a day: the database server dies, the disk is full, the backup is not what it should be."""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rollbook.journal import replay

from .conftest import BoardServer, Undisturbed
from .desk import Desk, answering
from .ending import look, require_kept, require_same, require_told
from .killing import Errand, Moment
from .site import LIVE, Board
from .writers import Writer

pytestmark = [pytest.mark.server, pytest.mark.timeout(600)]

KILLED_IN = ("restore", "carry", "carry_last", "swap", "revert")


def test_the_server_dies_and_comes_back(desk: Desk, undisturbed: Undisturbed, board_server: BoardServer) -> None:
    """Whenever PostgreSQL dies, the run says so and ends; once it is back, resumes end as an undisturbed run does."""
    board, took = desk.board, {step.address: step.seconds or 0.0 for step in undisturbed.run.steps}
    first, errand = board.databases()[LIVE][0], Errand(desk, desk.going_back())
    died = 0

    with Writer(board.pattern.url(user="forum"), 1).writing() as writer:
        for step in KILLED_IN:
            process = errand.start(Moment(step, took[step] / 2))
            board_server.kill()
            code, said = process.wait(timeout=180), desk.said
            board_server.start()
            assert "\nTraceback" not in said
            died += code != 0
            assert code == 0 or "resume" in said, said[-2000:]
        errand.finish()
    assert died >= len(KILLED_IN) - 1
    require_same(look(board, first), undisturbed.done)
    require_kept(board, writer)
    require_told(desk)


def test_the_server_dies_before_the_swap(desk: Desk, undisturbed: Undisturbed, board_server: BoardServer) -> None:
    """Without its counters nothing proves that nobody wrote: one resume carries the final pass again, and ends well."""
    board, errand = desk.board, Errand(desk, desk.going_back())
    first = board.databases()[LIVE][0]

    with Writer(board.pattern.url(user="forum"), 1).writing() as writer:
        process = errand.start(Moment("swap", 0.0))
        process.send_signal(signal.SIGKILL)
        process.wait()
        board_server.kill()
        board_server.start()
        code, told = desk.type(*errand.next())
    run = desk.last()

    assert code == 0, told[-4000:]
    assert [len(step.starts) for step in run.steps if step.address in ("fence", "carry_last", "swap")] == [1, 2, 3]
    require_same(look(board, first), undisturbed.done)
    require_kept(board, writer)
    require_told(desk)


def test_the_server_dies_before_an_undo(desk: Desk, undisturbed: Undisturbed, board_server: BoardServer) -> None:
    """Rows written since the swap are carried back although the server has forgotten that they were written."""
    board = desk.board
    first = board.databases()[LIVE][0]

    with Writer(board.pattern.url(user="forum"), 1).writing() as writer:
        code, said = desk.type(*desk.going_back())
        board_server.kill()
        board_server.start()
        undone = desk.type("undo", "last", "--yes")

    assert code == 0, said[-2000:]
    assert undone[0] == 0, undone[1][-2000:]
    require_same(look(board, first), undisturbed.undone)
    require_kept(board, writer)


def test_writers_that_were_stopped_first_are_no_hindrance(desk: Desk, undisturbed: Undisturbed) -> None:
    """After `stop-writers` going back is planned while the site rests, and ends as it does otherwise."""
    board = desk.board
    first = board.databases()[LIVE][0]
    stopped, _ = desk.type("run-runbook", "stop-writers", "--env", "board", "--yes")

    code, told = desk.type(*desk.going_back())

    assert (stopped, code) == (0, 0), told[-3000:]
    require_same(look(board, first), undisturbed.done)


def test_somebody_commits_behind_the_fence(desk: Desk, undisturbed: Undisturbed) -> None:
    """Drift after the swap, where neither site nor old database can be read: what was counted before counts on."""
    board = desk.board
    first, site = board.databases()[LIVE][0], board.folder / "site"
    identity = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.com"]

    with Writer(board.pattern.url(user="forum"), 1).writing() as writer:
        stopped = desk.type(*desk.going_back(), "--until", "swap")
        (site / "NOTES").write_text("written meanwhile")
        subprocess.run(["git", "-C", site, "add", "NOTES"], check=True)
        subprocess.run(["git", "-C", site, *identity, "commit", "-q", "-m", "Add notes"], check=True)
        drifted = desk.type("resume", "last", "--yes", *answering())
        ended = desk.type("resume", "last", "--yes", *answering())
    run = desk.last()

    assert (stopped[0], drifted[0], ended[0]) == (3, 4, 0), ended[1][-4000:]
    assert "revert: the" in drifted[1] or "revert (" in drifted[1], drifted[1][-2000:]
    over = [record["step"] for record in replay(desk.runs.all()[-1].journal) if record.type == "step_finished"]
    assert {step: over.count(step) for step in ("code", "migrations", "loss", "carry_last", "swap")} == {
        "code": 2,
        "migrations": 1,
        "loss": 1,
        "carry_last": 1,
        "swap": 1,
    }
    found = look(board, first)
    assert (found.rows, found.databases, found.up) == (
        undisturbed.done.rows,
        undisturbed.done.databases,
        undisturbed.done.up,
    )
    assert {step.status for step in run.steps if step.address in ("counted", "there")} == {"ok"}
    require_kept(board, writer)


def _flip(board: Board, backup: Path) -> None:
    content = bytearray(backup.read_bytes())
    content[len(content) // 2] ^= 0x10
    backup.write_bytes(content)


def _truncate(board: Board, backup: Path) -> None:
    os.truncate(backup, backup.stat().st_size - 2000)


def _replace(board: Board, backup: Path) -> None:
    argv = ["pg_dump", "-Fc", "-d", board.pattern.url("postgres", "postgres"), "-f", str(backup)]
    subprocess.run(argv, check=True)


def _newer_archive(board: Board, backup: Path) -> None:
    content = bytearray(backup.read_bytes())
    content[6] = 250  # the minor version of the archive's format, after PGDMP and the major one
    backup.write_bytes(content)


def _newer_server(board: Board, backup: Path) -> None:
    content = backup.read_bytes()
    (major,) = board.pattern.admin("SELECT current_setting('server_version')")[0]
    backup.write_bytes(content.replace(major.split(".")[0].encode() + b".", b"99.", 1))


def _newer_text(board: Board, backup: Path) -> None:
    url = board.pattern.url(user="postgres")
    text = subprocess.run(["pg_dump", "-d", url], check=True, capture_output=True).stdout
    backup.write_bytes(text.replace(b"-- Dumped from database version 1", b"-- Dumped from database version 91", 1))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (_flip, "backup"),
        (_truncate, "backup"),
        (_replace, "postgres"),
        (_newer_archive, "newer than"),
        (_newer_server, "PostgreSQL 99"),
        (_newer_text, "PostgreSQL 91"),
    ],
    ids=["a flipped byte", "truncated", "of another database", "a newer format", "a newer server", "newer text"],
)
def test_a_backup_that_is_not_what_it_should_be(desk: Desk, damage: Callable[[Board, Path], None], said: str) -> None:
    """The plan refuses it by its name, and nothing at all is done."""
    board = desk.board
    backup, before = board.folder / "backups" / "forum.dump", board.databases()
    damage(board, backup)

    refused = [
        desk.type(*desk.going_back(backup=str(backup))),
        desk.type(*desk.bringing_back("put_back", backup=str(backup))),
    ]

    for code, told in refused:
        assert code == 4, told[-2000:]
        assert "\nTraceback" not in told
        assert said in told
    assert desk.runs.all() == ()
    assert (board.databases(), board.up) == (before, True)


@pytest.fixture
def full(board: Board) -> Iterator[Path]:
    """Have the folder of backups on a disk with room for nothing more."""
    folder = board.folder / "backups"
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    aside = shutil.move(folder, board.folder / "aside")
    folder.mkdir()
    size = Path(aside, "forum.dump").stat().st_size
    mount = ["mount", "-t", "tmpfs", "-o", f"size={(size // 4096 + 4) * 4096}", "tmpfs", str(folder)]
    done = subprocess.run(mount, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"no small disk can be mounted: {done.stderr}")
    shutil.copy2(Path(aside, "forum.dump"), folder)
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk(desk: Desk, undisturbed: Undisturbed, full: Path) -> None:
    """Without room for a backup of the present the run stops with the site up; once there is, it goes on to its end."""
    board, errand = desk.board, Errand(desk, desk.going_back())
    before = board.databases()

    code, told = desk.type(*errand.next())
    after, up = board.databases(), board.up
    subprocess.run(["mount", "-o", "remount,size=64m", str(full)], check=True)
    errand.finish()

    assert code == 1, told[-2000:]
    assert "No space left on device" in told
    assert "\nTraceback" not in told
    assert (after, up) == (before, True)
    require_same(look(board, before[LIVE][0]), undisturbed.done)
