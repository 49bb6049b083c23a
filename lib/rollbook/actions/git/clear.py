"""
What keeps a work tree from being moved: changes, also hidden ones, files in the way, locks, and what is half done.

git looks too, but only when it moves; it writes over ignored files, and `reset --hard` over any.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from ...errors import RefusedError
from .names import pathspec, shown_path
from .repository import Expected, Repository, listed

# Tags of `ls-files -v`: assume-unchanged, which --hard and --force restore wherever it is, and skip-worktree.
_RESTORED: Final = "h"
_SKIPPED: Final = "S"
_UNSEEN: Final = _RESTORED + _SKIPPED
_LONGEST: Final = 30_000  # bytes of names in one command: over ssh it is one argument, of at most 128 KiB, and quoted


def require_clear(repository: Repository, wanted: Expected, half: str, *, hard: bool = False) -> None:
    """
    Raise `RefusedError` where files are changed, or lie in the way, that *wanted* does not account for.

    What a move of this run left *half* done is no reason; ending that restores all files, as a *hard* move does.
    """
    repository.require_calm()
    own = set(wanted.changed) if half else set()
    if not half:
        _require_unlocked(repository)
    changed = sorted({*repository.dirty(), *hidden_changes(repository, wanted.paths, hard=hard or bool(half))} - own)
    if changed:
        raise RefusedError(
            f"{repository.place} has changes that are not committed: {listed(changed)}.",
            advice=_way_out(repository.moving()),
        )
    in_way = [path for path in untracked(repository, wanted.added) if path not in own]
    if in_way:
        raise RefusedError(
            f"{repository.place} has files that git does not know where this brings its own: {listed(in_way)}.",
            advice="Move them away, then plan again; nothing was touched.",
        )
    if wanted.submodules:
        raise RefusedError(
            f"{repository.place}: this would move the submodules {listed(wanted.submodules)}, which is not done here.",
            advice="Go by hand: revert, then `git submodule update --init` for those.",
        )


def _way_out(moving: str) -> str:
    if moving:
        return f"A run was cut off on the way from {moving}: `resume` or `undo` that one first."
    hidden = (
        "`git ls-files -v` shows those that git was told not to look at; it stops at any that is flagged skip-worktree."
    )
    return f"Commit them, or put them aside with `git stash`, then plan again; nothing was touched. {hidden}"


def _require_unlocked(repository: Repository) -> None:
    if repository.has("index.lock"):
        raise RefusedError(
            f"{repository.place} is locked (index.lock): git is at work there, or was killed at it.",
            advice="Wait for it. If no git runs there, remove that file, then plan again; nothing was touched.",
        )


def untracked(repository: Repository, paths: tuple[str, ...]) -> tuple[str, ...]:
    """Name what lies at one of *paths*, or where it wants a folder, and is not known to git."""
    folders = {parent for path in paths for parent in _parents(path)}
    at = _others(repository, map(pathspec, sorted(paths)))
    above = (path for path in _others(repository, map(pathspec, sorted(folders)), "--directory") if path in folders)
    return tuple(map(shown_path, dict.fromkeys((*at, *above, *_repositories(repository, folders)))))


def _repositories(repository: Repository, folders: set[str]) -> list[str]:
    """Name those of *folders* that are repositories of their own: git does not bring files of this one into them."""
    known = repository.out("ls-files", "--full-name", ":/").splitlines() if folders else ()
    asked = sorted(folders.difference(parent for path in known for parent in _parents(path)))
    # Of a folder, what lies in it is printed, and only of a repository the name itself.
    found = _others(repository, [pathspec(name, inside=False) for name in asked])
    return [name for name in map(_without_slash, found) if name in folders]


def _without_slash(name: str) -> str:
    return name.removesuffix('/"') + '"' if name.endswith('/"') else name.removesuffix("/")


def _parents(path: str) -> Iterable[str]:
    quote = '"' if path.startswith('"') else ""
    parts = path.split("/")
    for end in range(1, len(parts)):
        parent = "/".join(parts[:end]) + quote
        yield parent if "\\" in parent else parent.strip('"')


def _others(repository: Repository, asked: Iterable[str], *options: str) -> list[str]:
    found = list[str]()
    for some in _portions(asked):
        found += repository.out("ls-files", "--others", "--full-name", *options, "--", *some).splitlines()
    return found


def _portions(asked: Iterable[str]) -> Iterator[list[str]]:
    """Part names so that a command with them is short enough for any host."""
    some, length = list[str](), 0
    for name in asked:
        if some and length + len(name.encode()) > _LONGEST:
            yield some
            some, length = [], 0
        some.append(name)
        length += len(name.encode())
    if some:
        yield some


def hidden_changes(repository: Repository, paths: tuple[str, ...], *, hard: bool) -> tuple[str, ...]:
    """Name files that git was told not to look at, and that moving *paths* would stop at or, when *hard*, restore."""
    wanted, lines = set(paths), repository.out("ls-files", "-v", "--full-name", ":/").splitlines()
    flagged = (
        (line[0], shown_path(line[2:]))
        for line in lines
        if (line[0] in _UNSEEN and line[2:] in wanted) or (hard and line[0] == _RESTORED)
    )
    return tuple(path for tag, path in flagged if _differs(repository, path, touched=tag == _SKIPPED))


def _differs(repository: Repository, path: str, *, touched: bool) -> bool:
    """Tell whether a flagged file is not as committed; *touched*: whether it is there, for git stops at its time."""
    top = repository.out("rev-parse", "--show-toplevel").removesuffix("\n")
    there = repository.run("hash-object", "--path", path, "--", f"{top}/{path}")
    committed = repository.run("rev-parse", "--verify", "--quiet", "--end-of-options", f":0:{path}")
    return there.exited == 0 and (touched or there.stdout != committed.stdout)
