"""The files of this machine."""

import hashlib
import os
import stat
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from ..beside import written_beside
from ..errors import TargetError
from .base import FileStat, Owner
from .hosts import too_large


def kind_of(mode: int) -> Literal["file", "folder", "link", "other"]:
    """Tell from a mode's bits what a path is."""
    if stat.S_ISREG(mode):
        return "file"
    if stat.S_ISDIR(mode):
        return "folder"
    return "link" if stat.S_ISLNK(mode) else "other"


def _owner(found: os.stat_result) -> str:
    import grp
    import pwd

    try:
        user = pwd.getpwuid(found.st_uid).pw_name
    except KeyError:
        user = str(found.st_uid)
    try:
        group = grp.getgrgid(found.st_gid).gr_name
    except KeyError:
        group = str(found.st_gid)
    return f"{user}:{group}"


def _numbers(owner: str) -> tuple[int, int]:
    """Give the numbers of user:group. Raises `TargetError` where there is no such account."""
    import grp
    import pwd

    user, _, group = owner.partition(":")
    try:
        return (
            int(user) if user.isdigit() else pwd.getpwnam(user).pw_uid,
            int(group) if group.isdigit() else grp.getgrnam(group).gr_gid,
        )
    except KeyError:
        raise TargetError(f"there is no account {owner} on this machine", advice="owner: is user:group.") from None


def _give(file: int, owner: Owner | None, path: str) -> bool:
    """Give an open file to somebody, and tell whether it is theirs. Raises `TargetError` where that is required."""
    if owner is None:
        return True
    user, group = _numbers(owner.name)
    try:
        os.fchown(file, user, group)
    except PermissionError as error:
        if not owner.required:
            with suppress(PermissionError):
                os.fchown(file, -1, group)
            return False
        raise TargetError(
            f"cannot give {path} to {owner.name}: only root may give a file to another account",
            advice="Nothing was changed. Have it done as root, or as that account.",
        ) from error
    return True


def _refused(what: str, path: str | Path, error: OSError) -> TargetError:
    return TargetError(
        f"cannot {what} {path}: {error.strerror or error}", advice="Look at the path, its owner and the space left."
    )


class LocalFiles:
    """Reads and writes files with the operator's own rights."""

    def stat(self, path: str) -> FileStat | None:
        """Look at a path without following a link; None when nothing is there."""
        try:
            found = os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise _refused("look at", path, error) from error
        modified = datetime.fromtimestamp(found.st_mtime, UTC)
        mode = f"{stat.S_IMODE(found.st_mode):04o}"
        return FileStat(kind_of(found.st_mode), found.st_size, mode, modified, _owner(found))

    def read(self, path: str, limit: int) -> bytes | None:
        """Read a file; None when it is not there. Raises `TargetError` above *limit* bytes."""
        try:
            with Path(path).open("rb") as file:
                content = file.read(limit + 1)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise _refused("read", path, error) from error
        if len(content) > limit:
            raise too_large(path, limit)
        return content

    def sha256(self, path: str) -> str | None:
        """Hash a file; None when it is not there."""
        try:
            with Path(path).open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise _refused("read", path, error) from error

    def names(self, path: str) -> tuple[str, ...]:
        """Name what a folder holds, sorted; nothing when it is not there."""
        try:
            return tuple(sorted(entry.name for entry in Path(path).iterdir()))
        except (FileNotFoundError, NotADirectoryError):
            return ()
        except OSError as error:
            raise _refused("list", path, error) from error

    def write(self, path: str, content: bytes, mode: str, owner: Owner | None = None) -> bool:
        """Put a file in place: written beside, fsynced, renamed; parents are made. None leaves it to its writer."""
        place = Path(path)
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            with written_beside(place, int(mode, 8)) as file:
                file.write(content)
                given = _give(file.fileno(), owner, path)
        except OSError as error:
            raise _refused("write", path, error) from error
        return given

    def copy(self, source: str, path: str, mode: str | None, owner: Owner | None = None) -> bool:
        """Copy a file: written beside, fsynced, renamed; None keeps the source's mode, and leaves it to its writer."""
        from shutil import copyfileobj

        place = Path(path)
        try:
            with Path(source).open("rb") as opened:
                wanted = stat.S_IMODE(os.fstat(opened.fileno()).st_mode) if mode is None else int(mode, 8)
                place.parent.mkdir(parents=True, exist_ok=True)
                with written_beside(place, wanted) as file:
                    copyfileobj(opened, file, 1 << 20)
                    given = _give(file.fileno(), owner, path)
        except OSError as error:
            raise _refused(f"copy {source} to", path, error) from error
        return given

    def remove(self, path: str) -> None:
        """Remove a file; one that is gone already is fine. Never a folder."""
        try:
            with suppress(FileNotFoundError):
                Path(path).unlink()
        except OSError as error:
            raise _refused("remove", path, error) from error
