"""The folder of runs: `.rollbook/runs/<run id>/` with journal, outputs, inbox and reports."""

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Final

from .accounts import operator as operator
from .beside import list_folder, make_folder, write_beside
from .dataclass import dataclass
from .errors import JournalError, NotFoundError, RefusedError, SchemaError
from .folding import fold
from .journal import Record, read_records, require_own
from .plan import Plan
from .run import Run
from .values import Plain

FOLDER: Final = Path(".rollbook")
_STAMP: Final = "%Y%m%dT%H%M%S.%f"
_AN_ID: Final = re.compile(r"\d{8}T\d{6}\.\d{3}Z-[0-9a-f]{6}")
_LONG: Final = 160  # letters of a file's name


def new_run_id(at: datetime, after: str = "") -> str:
    """
    Make an id that sorts by time, to the millisecond: `20260102T030405.678Z-1a2b3c`.

    Where the clock was set back, its time is the next after that of the id *after*, so that ids sort as runs began.
    """
    at = at.astimezone(UTC)
    with suppress(ValueError):
        at = max(at, datetime.strptime(after[:19], _STAMP).replace(tzinfo=UTC) + timedelta(milliseconds=1))
    return f"{at:%Y%m%dT%H%M%S}.{at.microsecond // 1000:03}Z-{os.urandom(3).hex()}"


@dataclass(frozen=True, slots=True)
class RunFolder:
    """One run's folder (0700)."""

    path: Path

    @property
    def id(self) -> str:
        """The run's id."""
        return self.path.name

    @property
    def journal(self) -> Path:
        """The journal's file."""
        return self.path / "journal.jsonl"

    @property
    def inbox(self) -> Path:
        """Where other processes put notes, answers and the wish to pause."""
        return self.path / "inbox"

    def output(self, address: str) -> Path:
        """Give the file for a step's output, of no other step: the address made safe as a file name."""
        safe = "".join(
            letter if (letter.isascii() and letter.isalnum()) or letter in "._-@#[]" else "+" for letter in address
        )
        # Where another address would be written alike, also on a disk that takes no account of capitals.
        unlike = safe != address.replace("/", "+").lower() or "+" in address or len(safe) > _LONG
        mark = f"-{sha256(address.encode()).hexdigest()[:12]}" if unlike else ""
        return self.path / "output" / f"{safe[:_LONG]}{mark}.log"

    def read(self, first: Record | None = None) -> Run:
        """Fold the journal, whose *first* record need not be decoded where it is known. Raises `JournalError`."""
        try:
            return fold(read_records(self.journal, first))
        except (SchemaError, KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise JournalError(
                f"The journal {self.journal} cannot be read by this version: {type(error).__name__}.",
                advice="Read it with the version that wrote it; its first record says which.",
            ) from error

    def begun_plan(self) -> Mapping[str, Plain]:
        """
        Give the plan that the run began with, as written; empty where that cannot be read.

        Reads a line of the journal and checks nothing.
        """
        try:
            with self.journal.open("rb") as journal:
                plan = json.loads(journal.readline())["plan"]
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return {}
        return plan if isinstance(plan, dict) else {}

    def beside(self, run_id: str) -> "RunFolder":
        """Give the folder of another run."""
        return RunFolder(self.path.with_name(run_id))

    @property
    def runs(self) -> "Runs":
        """All runs that this one is kept with."""
        return Runs(self.path.parent.parent)

    def first(self, plan: Plan) -> Run | None:
        """Read the run that *plan*, of this folder's run, takes back; None where there is none, or it is gone."""
        other = self.beside(plan.undo_of) if plan.undo_of else self
        return other.read() if other is not self and other.journal.exists() else None


@dataclass(frozen=True, slots=True)
class Runs:
    """All runs below one `.rollbook` folder."""

    root: Path = FOLDER

    @property
    def folder(self) -> Path:
        """The folder that holds a folder a run."""
        return self.root / "runs"

    def begin(self, at: datetime) -> RunFolder:
        """Make the folder of a run that begins *at* that time, after all others here. Raises `RefusedError`."""
        newest = max((path.name for path in list_folder(self.folder) if _AN_ID.fullmatch(path.name)), default="")
        return self.create(new_run_id(at, newest))

    def create(self, run_id: str) -> RunFolder:
        """Make the folder of a new run, with rights for its owner only. Raises `RefusedError`."""
        try:
            make_folder(self.folder)
            (self.folder / run_id).mkdir(mode=0o700)
            # The order in which runs began, which their ids do not tell once the clock went back.
            write_beside(self._newest, (f"{run_id}\n".encode(),), lasting=False)
        except OSError as error:
            raise RefusedError(
                f"The run's folder {self.folder / run_id} cannot be made: {error.strerror}.",
                advice="Nothing was started. Work in a folder of your own, on a disk with room.",
            ) from error
        return RunFolder(self.folder / run_id)

    @property
    def _newest(self) -> Path:
        return self.root / "last"

    def last(self) -> RunFolder | None:
        """Give the run that began last, whatever the clock said; by its id where that run is gone."""
        runs = self.all()
        try:
            newest = self._newest.read_text(errors="replace").strip()
        except OSError:
            newest = ""
        return next((run for run in runs if run.id == newest), runs[-1] if runs else None)

    def all(self) -> tuple[RunFolder, ...]:
        """List the runs that have a first record, newest last."""
        return tuple(RunFolder(path) for path in sorted(list_folder(self.folder)) if _begun(path / "journal.jsonl"))

    def find(self, name: str) -> RunFolder:
        """Find a run by its id, an unambiguous beginning or end of it, or `last`. Raises `NotFoundError`."""
        runs = self.all()
        if name == "last" and (last := self.last()):
            return last
        matching = [run for run in runs if run.id == name] or [
            run for run in runs if name and (run.id.startswith(name) or run.id.endswith(name))
        ]
        if len(matching) == 1:
            return matching[0]
        if name and Path(name).name == name and (self.folder / name / "journal.jsonl").exists():
            raise NotFoundError(
                f"Run {name} has no record: it was killed before its first, or its journal was emptied since.",
                advice=f"Before a first record nothing is carried out. Its folder: {self.folder / name}.",
            )
        known = ", ".join(run.id for run in runs[-5:]) or "none yet"
        what = f"{len(matching)} runs match {name!r}" if matching else f"There is no run {name!r}"
        raise NotFoundError(f"{what} in {self.folder}.", advice=f"The newest runs: {known}. `runs` lists all.")

    def find_own(self, name: str) -> RunFolder:
        """
        Find a run as `find` does, to go on with it, take it back or tell it something.

        Raises `JournalError` where its journal, or that of a run that it takes back, could be somebody else's.
        """
        folder = self.find(name)
        require_own(folder.journal)
        undone = folder.begun_plan().get("undo_of")
        if undone and (journal := folder.beside(str(undone)).journal).exists():
            require_own(journal)
        return folder

    def readable(self) -> Iterator[tuple[RunFolder, Run]]:
        """Yield each run whose journal can be read, newest first."""
        for folder in reversed(self.all()):
            try:
                yield folder, folder.read()
            except JournalError:
                continue

    def begun(self) -> Iterator[tuple[RunFolder, Mapping[str, Plain]]]:
        """
        Yield each run with the plan that it began with, as written, newest first.

        Reads a line of each journal and checks nothing; those that cannot be read are left out.
        """
        for folder in reversed(self.all()):
            if plan := folder.begun_plan():
                yield folder, plan

    def estimates(self, runbook: str) -> Mapping[str, float]:
        """Give each step's median seconds over the newest runs of *runbook*, by address."""
        from .estimates import estimates  # only a plan needs them

        return estimates((folder.journal for folder in reversed(self.all())), runbook)


def _begun(journal: Path) -> bool:
    # A process that was killed before its first record leaves an empty one: nothing was done there.
    try:
        return journal.stat().st_size > 0
    except FileNotFoundError:
        return False
    except OSError:  # another account's: that it cannot be read is told where it is
        return True
