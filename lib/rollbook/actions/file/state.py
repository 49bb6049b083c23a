"""
What a file is to the kinds that change one, and the way back that they keep.

A file that is replaced or removed is first copied beside itself, hidden and named by its content's
SHA-256. Its content is never taken into plan or journal: found files hold passwords that nobody
declared as secrets, and a redacted content would be a false way back. The name makes the copy
findable without the run, and copying twice harmless.
"""

import posixpath
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final, TypeVar

from ...action import Change, Leave, Refuse, Reverse, Undo, evidence
from ...dataclass import dataclass
from ...errors import TargetError, UndoRefused
from ...ops import FileCopy, FileRemove, Op
from ...targets.base import HostReader
from ...values import Unknown

_DIGITS: Final = 16
_MODE: Final = re.compile(r"0?[0-7]{3,4}")


@dataclass(frozen=True, slots=True)
class FileState:
    """
    A file on a host; *kept* names, by the first digits of their SHA-256, the copies kept beside it.

    *sha256* is Unknown only in a plan, where the content holds something of the run, such as its id. *owner* is
    None where it does not matter; *whose* it is found to be is kept all the same. As the goal of an undo, *undone*
    is the content that the step had left, empty where it left no file: any other is somebody's, and is kept.
    """

    exists: bool
    sha256: str | Unknown | None = None
    mode: str | None = None
    size: int | None = evidence(default=None)
    kept: tuple[str, ...] = evidence(default=())
    owner: str | None = None
    undone: str | Unknown | None = evidence(default=None)
    whose: str | None = evidence(default=None)


F = TypeVar("F", bound=FileState)


def check_path(path: str) -> None:
    """Raise ValueError when *path* cannot name a file."""
    if not path or path.endswith("/") or "\0" in path:
        raise ValueError("expected the path of a file")
    if path.startswith("~"):
        raise ValueError("expected the whole path: what ~ stands for is not filled in")


def octal_mode(mode: str) -> str:
    """Write a mode with four digits, as `FileStat` has it; raises ValueError when it is none."""
    if not _MODE.fullmatch(mode):
        raise ValueError('expected a mode as text, such as "0644"')
    return mode[-4:].zfill(4)


def kept_path(path: str, digest: str) -> str:
    """Say where the copy of *path* with this content is kept: beside it, hidden from `*` and from cron."""
    folder, name = posixpath.split(path)
    return posixpath.join(folder, f".{name}.{digest[:_DIGITS]}.kept")


def read_state(host: HostReader, path: str, *, owned: bool = False) -> FileState:
    """Read a file's state, *owned* also whose it is. Raises `TargetError` when something else than a file is there."""
    found = host.stat(path)
    if found is not None and found.kind != "file":
        thing = {"folder": "a folder", "link": "a symbolic link"}.get(found.kind, "neither file nor folder")
        raise TargetError(
            f"{path} on {host.name} is {thing}; only plain files are changed, and links are not followed.",
            advice="Name the file itself, or use shell.run.",
        )
    kept = tuple(_kept(host, path))
    digest = host.sha256(path) if found else None
    if found is None or digest is None:
        return FileState(exists=False, kept=kept)
    owner = found.owner if owned else None
    return FileState(
        exists=True, sha256=digest, mode=found.mode, size=found.size, kept=kept, owner=owner, whose=found.owner or None
    )


def _kept(host: HostReader, path: str) -> Iterator[str]:
    folder, name = posixpath.split(path)
    pattern = re.compile(rf"\.{re.escape(name)}\.([0-9a-f]{{{_DIGITS}}})\.kept")
    for entry in host.list_folder(folder or "."):
        if match := pattern.fullmatch(entry):
            yield match.group(1)


def keeping(before: FileState, *, keep: bool) -> tuple[str, ...]:
    """Name the copies that are to be there once *before* is replaced."""
    if not keep or not isinstance(before.sha256, str):
        return before.kept
    return tuple(sorted({*before.kept, before.sha256[:_DIGITS]}))


def replacing(target: str, path: str, old: FileState, new: FileState, write: Op | None) -> tuple[Op, ...]:
    """
    Give the ops from *old* to *new*: keep a copy, then *write*, then remove the copy of what is in place again.

    Without *write* the content comes from a kept copy, or the file goes.
    """
    ops: list[Op] = []
    if isinstance(old.sha256, str) and (digest := old.sha256[:_DIGITS]) not in old.kept and _is_kept(old, new, digest):
        ops.append(FileCopy(target, path, kept_path(path, digest), _plain(old.mode), old.owner, old.whose))
    if (old.exists, old.sha256, old.mode, old.owner) != (new.exists, new.sha256, new.mode, new.owner):
        ops.append(write or _from_copy(target, path, old, new))
    back = str(new.sha256)[:_DIGITS]
    if back in old.kept and back not in new.kept:
        ops.append(FileRemove(target, kept_path(path, back)))
    return tuple(ops)


def _plain(mode: str | None) -> str | None:
    """Give the mode of a copy: as the file's, but without setuid and the like; None where they are the same."""
    return f"0{mode[-3:]}" if mode is not None and mode[:1] != "0" else None


def _is_kept(old: FileState, new: FileState, digest: str) -> bool:
    """Tell whether the content that is there stays beside it: as wanted, or as somebody's who wrote since the step."""
    somebodys = new.undone is not None and old.sha256 not in (new.undone, new.sha256)
    return digest in new.kept or somebodys


def _from_copy(target: str, path: str, old: FileState, new: FileState) -> Op:
    if not isinstance(new.sha256, str):
        return FileRemove(target, path)
    if new.sha256[:_DIGITS] not in old.kept:
        raise UndoRefused(
            f"The earlier content of {path} on {target} is gone: {kept_path(path, new.sha256)} is not there.",
            advice=f"Bring back a file with SHA-256 {new.sha256} from a backup and put it there, then undo again.",
        )
    return FileCopy(target, kept_path(path, new.sha256), path, mode=new.mode, owner=new.owner, whose=new.whose)


def way_back(path: str, change: Change[F], *, keep: bool) -> Undo[F]:
    """Decide the undo of a change to a file."""
    before, after = change.before, change.after
    if not change.ops:
        return Leave("nothing was changed")
    if keep:
        before = replace(before, undone=after.sha256 if after.exists else "")
    if not before.exists:
        return Reverse(before, "the file is removed; folders made for it stay")
    if before.sha256 == after.sha256:
        return Reverse(before, "mode and owner are set back")
    if keep and isinstance(before.sha256, str):
        return Reverse(before, f"the earlier content comes back from {kept_path(path, before.sha256)}")
    return Refuse("the earlier content was not kept (keep: false)")


def told(path: str, change: Change[F]) -> tuple[str, ...]:
    """Say where a copy is kept."""
    copies = [op.path for op in change.ops if isinstance(op, FileCopy) and op.source == path]
    return tuple(f"the present file is kept as {copy}" for copy in copies)
