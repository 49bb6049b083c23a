"""Folders and runs of other accounts: told as such, in nobody's way, and never carried out."""

import os
from pathlib import Path

import pytest

from .program import ROLLBOOK, run

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files to another account")
NOBODY = 65534
SAID = """\
runbook: said
title: Say it
steps:
  - id: say
    name: Say it
    shell.run: {command: "echo said >> log"}
    undo: {steps: [{id: unsay, name: Unsay it, shell.run: {command: "id -un >> log"}}]}
  - id: sure
    name: Ask
    human.confirm: {text: "Sure?"}
"""


def give(folder: Path) -> None:
    """Give all of *folder* to nobody."""
    for path in (folder, *folder.rglob("*")):
        os.chown(path, NOBODY, NOBODY)


@pytest.fixture
def foreign(own: Path) -> str:
    """Give the name of a run that waits, and belongs to another account."""
    (own / "runbooks/said.yml").write_text(SAID)
    assert run(own, "run-runbook", "said", "--yes").returncode == 3
    name = (own / ".rollbook/last").read_text().strip()
    give(own / ".rollbook/runs" / name)
    return name


@pytest.mark.parametrize(
    "words",
    [
        ("undo", "RUN", "--yes"),
        ("undo", "RUN", "--dry-run"),
        ("resume", "RUN", "--answer", "sure=yes"),
        ("abandon", "RUN", "--reason", "why"),
        ("adopt", "RUN", "sure", "--reason", "why"),
        ("approve", "RUN", "sure", "--answer", "yes"),
        ("pause", "RUN"),
        ("note", "RUN", "a word"),
    ],
)
def test_nothing_is_made_of_a_journal_that_others_wrote(own: Path, foreign: str, words: tuple[str, ...]) -> None:
    """What stands in it would be carried out by this account; and nothing of ours is left among its files."""
    before = sorted((own / ".rollbook/runs" / foreign).rglob("*"))

    done = run(own, *(foreign if word == "RUN" else word for word in words))

    assert done.returncode == 1, done.stdout
    assert "belongs to nobody" in done.stderr
    assert (own / "log").read_text() == "said\n"
    assert sorted((own / ".rollbook/runs" / foreign).rglob("*")) == before


def test_the_undo_of_somebody_elses_undo_is_refused_by_what_it_would_bring_again(own: Path, foreign: str) -> None:
    """The procedure that comes again stands in the first run's journal, so that must be one's own as well."""
    folder = own / ".rollbook/runs" / foreign
    for path in (folder, *folder.rglob("*")):
        os.chown(path, 0, 0)
    assert run(own, "undo", foreign, "--yes").returncode == 0
    give(folder)

    done = run(own, "undo", "last", "--yes")

    assert (done.returncode, "belongs to nobody" in done.stderr) == (1, True)


def powerless(own: Path, *words: str) -> tuple[int, str]:
    """Run a command as root that may not read what others keep for themselves; give its exit code, and what it said."""
    program = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search,-fowner", *ROLLBOOK)
    done = run(own, *words, program=program)
    return done.returncode, done.stdout + done.stderr


def test_a_run_of_another_account_hinders_nobody(own: Path, foreign: str) -> None:
    """It is listed as what cannot be read; everything else goes on."""
    assert powerless(own, "run-runbook", "said", "--yes")[0] == 3

    code, listed = powerless(own, "runs")
    assert (code, foreign in listed, "Permission denied" in listed) == (0, True, True)
    code, told = powerless(own, "status", foreign)
    assert (code, "Permission denied" in told, "Unexpected" in told) == (1, True, False)
    assert powerless(own, "resume", "last", "--answer", "sure=yes")[0] == 0
    assert powerless(own, "undo", "last", "--yes")[0] == 0
    assert powerless(own, "plan", "said")[0] == 0


@pytest.mark.parametrize("folder", ["runbooks", "inventory", ".rollbook/runs"])
def test_a_folder_that_may_not_be_read_is_told(own: Path, foreign: str, folder: str) -> None:
    """Not as a defect, and not passed over in silence as if nothing were in it."""
    give(own / folder)
    (own / folder).chmod(0o700)

    code, told = powerless(own, *(("status", foreign) if folder.startswith(".") else ("lint",)))

    assert (code, "Permission denied" in told, folder in told, "Unexpected" in told) == (4, True, True, False)


def test_a_file_that_may_not_be_read_is_told(own: Path) -> None:
    """A refusal of the system names the file, and is no defect."""
    (own / "runbooks/said.yml").write_text(SAID)
    give(own / "runbooks")
    (own / "runbooks").chmod(0o700)

    code, told = powerless(own, "plan", "said")

    assert (code, "Permission denied" in told, "runbooks" in told, "Unexpected" in told) == (4, True, True, False)
