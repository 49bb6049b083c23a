"""
The journal: the append-only account of a run.

JSON lines. Each record carries its number, its time and the SHA-256 of the line before. It is in the
file when its append returns, so a killed process loses none, and would survive a power cut unless the append
was told that somebody forces it soon. A torn last line (a kill in the middle of a write) is cut off before the
next append.
"""

import errno
import fcntl
import hashlib
import json
import os
import stat
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count, islice
from pathlib import Path
from typing import BinaryIO, Final, Literal, Self, get_args

from .accounts import account, operator
from .beside import make_folder, sync_folder, write_beside
from .dataclass import dataclass
from .errors import JournalError, LockHeld
from .plan import Plan
from .schema import encode
from .values import Plain

RecordType = Literal[
    "run_started",
    "run_resumed",
    "replanned",
    "step_started",
    "op_started",
    "op_finished",
    "step_finished",
    "step_failed",
    "step_skipped",
    "stage_left",
    "attempt",
    "drift",
    "in_doubt",
    "recovered",
    "unreachable",
    "waiting",
    "answered",
    "note",
    "lock_taken",
    "lock_lost",
    "downtime_began",
    "downtime_ended",
    "interrupted",
    "warning",
    "run_finished",
]
TYPES: Final = frozenset(get_args(RecordType))
GENESIS: Final = "0" * 64
_BLOCK: Final = 1 << 16  # bytes


@dataclass(frozen=True, slots=True)
class Record:
    """One entry: its number from 1, its time (ISO 8601 UTC, milliseconds), its type and what it tells."""

    number: int
    at: str
    type: RecordType
    content: Mapping[str, Plain]
    digest: str

    def __getitem__(self, key: str) -> Plain:
        return self.content[key]

    def get(self, key: str, default: Plain = None) -> Plain:
        """Give a part of the content, or *default*."""
        return self.content.get(key, default)


def utc_now() -> datetime:
    """Read the clock."""
    return datetime.now(UTC)


def moment(text: str) -> datetime:
    """Read a record's time."""
    return datetime.fromisoformat(text)


# One for all records: making a writer takes longer than what it writes.
_WRITER: Final = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":"), default=encode)


class Journal:
    """
    A journal open for appending; holds its lock until closed.

    Use as a context manager. *clock* gives aware times. Safe to append to from several threads. What was
    there when it was opened, and what is appended, is not kept in memory.
    """

    def __init__(self, path: Path, *, clock: Callable[[], datetime] = utc_now) -> None:
        self.path = path
        self._clock = clock
        self._guard = threading.Lock()
        self._failed = ""
        self._owed = False
        self._file = self._open()
        try:
            self._lock()
            self._number, self.head = self._repair()
        except BaseException:
            os.close(self._file)
            raise
        self._found = self._number

    def _open(self) -> int:
        try:
            make_folder(self.path.parent)
            new = not self.path.exists()
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
            file = os.open(self.path, flags, 0o600)
            if new:
                sync_folder(self.path.parent)
                sync_folder(self.path.parent.parent)
        except OSError as error:
            raise self._unwritable(error) from error
        try:
            _require_own(file, self.path)
        except BaseException:
            os.close(file)
            raise
        return file

    def _lock(self) -> None:
        _lock(self._file, self.path)
        try:
            write_beside(_holder(self.path), (f"{operator()}, process {os.getpid()}\n".encode(),), lasting=False)
        except OSError as error:
            raise self._unwritable(error) from error

    def _repair(self) -> tuple[int, str]:
        """Check the whole chain and cut a torn tail off; give its length and head."""
        number, head, good = 0, GENESIS, 0
        with self.path.open("rb") as file:
            for record, end in _parse(file, self.path):
                number, head, good = record.number, record.digest, end
        if good < self.path.stat().st_size:
            os.ftruncate(self._file, good)
            os.fsync(self._file)
        return number, head

    @property
    def records(self) -> Iterator[Record]:
        """Read those that were there when it was opened; may be asked for again."""
        return islice(read_records(self.path), self._found)

    def append(
        self,
        type: RecordType,  # noqa: A002  # the record's own word
        *,
        forced: bool = True,
        **content: Plain,
    ) -> Record:
        """
        Write a record and force it to disk, with those before it.

        Returns only once the record would survive a power cut, so an effect may rely on it. One that is not *forced*
        is in the file, and survives a killed process; the next append or `force` makes it last. A *plan* may be given
        as it is. Raises `JournalError` and leaves the file as it was; from then on every append is refused, for a
        run that cannot be journalled must stop.
        """
        with self._guard:
            self._require_sound()
            number = self._number + 1
            at = self._clock().astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            head = {"n": number, "at": at, "type": type, "prev": self.head}
            told = {**head, **{key: part for key, part in content.items() if key not in head}}
            record = Record(number, at, type, content, self._write(_pieces(told), forced=forced))
            self._number, self.head = number, record.digest
            return record

    def force(self) -> None:
        """Make what was appended survive a power cut; costs nothing where it already does. Raises `JournalError`."""
        with self._guard:
            if not self._owed:
                return
            self._require_sound()
            try:
                os.fdatasync(self._file)
            except OSError as error:
                failure = self._unwritable(error)
                self._failed = str(failure)
                raise failure from error
            self._owed = False

    def _require_sound(self) -> None:
        if self._failed:
            raise JournalError(self._failed)

    def _write(self, pieces: Iterable[bytes], *, forced: bool) -> str:
        """Write a line and give its hash."""
        found = os.fstat(self._file)
        if not found.st_nlink:
            failure = self._removed()
            self._failed = str(failure)
            raise failure
        size, digest = found.st_size, hashlib.sha256()
        try:
            for block in _blocks(pieces, digest.update):
                _write_whole(self._file, block)
            if forced:
                os.fdatasync(self._file)
            self._owed = not forced
        except OSError as error:
            failure = self._unwritable(error)
            self._failed = str(failure)
            os.ftruncate(self._file, size)
            raise failure from error
        return digest.hexdigest()

    def _removed(self) -> JournalError:
        """Save what the file held, which is there for as long as it is open."""
        import tempfile  # hardly ever needed

        descriptor, name = tempfile.mkstemp(prefix=f"rollbook-{self.path.parent.name}-", suffix=".jsonl")
        with os.fdopen(descriptor, "wb") as copy:
            copy.write(os.pread(self._file, os.fstat(self._file).st_size, 0))
        return JournalError(
            f"The journal {self.path} was removed while the run went on. The run stops here.",
            advice=f"A copy is in {name}, up to what was done last, which it does not tell. Make the folder again, put "
            "the copy there as journal.jsonl, and resume.",
        )

    def _unwritable(self, error: OSError) -> JournalError:
        return JournalError(
            f"The journal {self.path} cannot be written: {error.strerror or error}. The run stops here.",
            advice="Make room or fix the rights, then resume the run; nothing that was journalled is lost.",
        )

    def close(self) -> None:
        """Force what is not yet, and give the lock back; may be called twice."""
        if self._file < 0:
            return
        try:
            if not self._failed:
                self.force()
        finally:
            os.close(self._file)
            self._file = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        removed = None if self._file < 0 or self._failed or os.fstat(self._file).st_nlink else self._removed()
        self.close()
        if removed:
            raise removed


def to_bytes(text: str) -> bytes:
    """Write *text* as UTF-8; a file name that cannot be decoded passes, as JSON's reader lets it pass."""
    return text.encode("utf-8", "surrogatepass")


def _pieces(told: Mapping[str, Plain]) -> Iterator[bytes]:
    """Write a record as JSON, a plan at its end and a step at a time: as one text it is as large as all else there."""
    plan = told.get("plan")
    if not isinstance(plan, Plan):
        yield to_bytes(_WRITER.encode(told))
        return
    rest = {key: part for key, part in told.items() if key != "plan"}
    cover = {key: part for key, part in encode(replace(plan, steps=())).items() if key != "steps"}
    yield to_bytes(f'{_WRITER.encode(rest)[:-1]},"plan":{_WRITER.encode(cover)[:-1]},"steps":[')
    for number, step in enumerate(plan.steps):
        yield (b"," if number else b"") + to_bytes(_WRITER.encode(step))
    yield b"]}}"


def _blocks(pieces: Iterable[bytes], hashed: Callable[[bytes], None]) -> Iterator[bytes]:
    """Put the pieces of a line together for writing, the end of the line, which is not *hashed*, with the last."""
    block = bytearray()
    for piece in pieces:
        hashed(piece)
        block += piece
        if len(block) >= _BLOCK:
            yield bytes(block)
            block.clear()
    yield bytes(block + b"\n")


def _write_whole(file: int, block: bytes) -> None:
    if os.write(file, block) != len(block):
        raise OSError(errno.ENOSPC, "the disk is full")


def require_own(path: Path) -> None:
    """Raise `JournalError` for a journal that somebody else could have written, before anything is made of it."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise JournalError(f"The journal {path} cannot be read: {error.strerror}.") from error
    try:
        _require_own(file, path)
    finally:
        os.close(file)


def _require_own(file: int, path: Path) -> None:
    """Refuse a journal that somebody else could have written: what it says is carried out."""
    found = os.fstat(file)
    if not stat.S_ISREG(found.st_mode):
        raise JournalError(f"The journal {path} is not a regular file.", advice="It was put there by somebody else.")
    if found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise JournalError(
            f"The journal {path} belongs to {account(found.st_uid)}, mode {stat.S_IMODE(found.st_mode):o}: others "
            "could have changed what it says, and to go on with it, or back, carries that out.",
            advice="Carry the run on from its own account; or make sure of it (verify-journal, and the head hash "
            "that was printed), then make the folder your own: chown, chmod 700.",
        )


def _holder(journal: Path) -> Path:
    return journal.with_name("holder")


def _lock(file: int, path: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = _holder(path)
        who = holder.read_text(errors="replace").strip() if holder.exists() else "another process"
        raise LockHeld(
            f"Run {path.parent.name} is being carried out by {who}.",
            holder=who,
            advice="Wait for it, or stop it there with Ctrl-C or `pause`; then try again.",
        ) from error


@contextmanager
def held_still(path: Path) -> Iterator[None]:
    """Keep everybody from opening the journal *path* for appending. Raises `LockHeld` while somebody has it open."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _lock(file, path)
        yield
    finally:
        os.close(file)


def replay(path: Path) -> tuple[Record, ...]:
    """Read a journal without its lock; a torn last line is left out. Raises `JournalError` where the chain breaks."""
    return tuple(read_records(path))


def read_records(path: Path, first: Record | None = None) -> Iterator[Record]:
    """
    Read a journal as `replay` does, one record at a time: a long one is far larger in memory than on disk.

    *first* is given as it is for a line with its hash: it holds a whole plan.
    """
    try:
        with path.open("rb") as file:
            for record, _ in _parse(file, path, first):
                yield record
    except FileNotFoundError as error:
        raise JournalError(f"There is no journal at {path}.", advice="`runs` lists the runs there are.") from error
    except OSError as error:
        raise JournalError(f"The journal {path} cannot be read: {error.strerror}.") from error


def _parse(file: BinaryIO, path: Path, first: Record | None = None) -> Iterator[tuple[Record, int]]:
    """Yield each whole record with the place of the file where it ends."""
    previous, end = GENESIS, 0
    if first is not None and _begins_with(file, first):
        yield first, file.tell()
        previous, end = first.digest, file.tell()
    for number in count(1 if not end else 2):
        whole = file.readline()
        if not whole.endswith(b"\n"):
            return
        try:
            # The first holds a whole plan, which need not be in memory twice.
            digest, end = hashlib.sha256(memoryview(whole)[:-1]).hexdigest(), end + len(whole)
            text = whole.decode("utf-8", "surrogatepass")
            del whole
            content = json.loads(text)
            del text
            head = content.pop("n"), content.pop("prev")
            record = Record(number, content.pop("at"), content.pop("type"), content, digest)
        except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
            what = f"it has no {error}" if isinstance(error, KeyError) else str(error)
            raise JournalError(f"{path}:{number}: this line is not a record: {what}.", advice=_TAMPERED) from error
        if head != (number, previous) or record.type not in TYPES:
            raise JournalError(
                f"{path}:{number}: the chain breaks here: the line before it was changed, added or removed.",
                advice=_TAMPERED,
            )
        previous = record.digest
        yield record, end


def _begins_with(file: BinaryIO, first: Record) -> bool:
    """Pass over the first line where it is this record, else stay before it."""
    digest = hashlib.sha256()
    while (part := file.readline(_BLOCK)) and not part.endswith(b"\n"):
        digest.update(part)
    digest.update(part[:-1])
    same = part.endswith(b"\n") and digest.hexdigest() == first.digest
    if not same:
        file.seek(0)
    return same


_TAMPERED: Final = (
    "The journal was changed after it was written. Keep it as it is, and compare with a copy of its head hash."
)
