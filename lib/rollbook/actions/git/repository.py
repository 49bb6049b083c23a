"""
A git repository on a host, read without writing anything into it.

Every command has prompts, hooks and optional locks switched off, so a look can neither hang, nor run what the
repository brings, nor refresh its index. What a revert would give is computed in an object directory of its own.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from ...dataclass import dataclass
from ...errors import RefusedError, TargetError
from ...targets.base import CommandResult, HostReader
from .names import shown_path
from .renewed import NAME_RENEWED

QUIET: Final = ("-c", "core.hooksPath=/dev/null", "-c", "core.quotePath=true", "-c", "log.showSignature=false")
ENVIRONMENT: Final = ("env", "GIT_TERMINAL_PROMPT=0", "GIT_OPTIONAL_LOCKS=0", "LC_ALL=C")
MOVE_MARK: Final = "rollbook-move"
NEEDED: Final = (2, 38)  # merge-tree --write-tree
_SECONDS: Final = 300.0
_LOG: Final = "--format=%H %T %cI%x1f%P%x1f%an%x1f%s"
_CONFLICTS: Final = 1
_IN_PROGRESS: Final = {
    "MERGE_HEAD": "a merge",
    "REVERT_HEAD": "a revert",
    "CHERRY_PICK_HEAD": "a cherry-pick",
    "BISECT_LOG": "a bisect",
    "rebase-merge": "a rebase",
    "rebase-apply": "a rebase or am",
}
# The base of a three-way merge is what is taken back, so three commits without history are made to say so
# (merge-tree takes --merge-base only since 2.40). All objects go to a folder that is removed again.
_EXPECTED: Final = """\
set -e
objects=$(git rev-parse --git-path objects)
case $objects in /*) ;; *) objects=$PWD/$objects ;; esac
spare=$(mktemp -d)
trap 'rm -rf -- "$spare"' EXIT
mkdir "$spare/pack" "$spare/info"
printf '%s\\n' "$objects" >"$spare/info/alternates"  # by the environment, a colon would part it
export GIT_OBJECT_DIRECTORY="$spare"
export GIT_AUTHOR_NAME=x GIT_AUTHOR_EMAIL=x GIT_COMMITTER_NAME=x GIT_COMMITTER_EMAIL=x
base=$(git commit-tree -m base "$1^{tree}")
ours=$(git commit-tree -m ours -p "$base" "$3^{tree}")
theirs=$(git commit-tree -m theirs -p "$base" "$2^{tree}")
status=0
merge() { git -c core.quotePath=true merge-tree --write-tree --name-only --no-messages "$ours" "$theirs"; }
merge >"$spare/merged" || status=$?
head -n 1 "$spare/merged"
if [ "$status" -eq 0 ]; then
  git diff-tree -r --raw --no-renames --ignore-submodules=none "$3^{tree}" "$(head -n 1 "$spare/merged")"
else
  tail -n +2 "$spare/merged"
fi
exit "$status"
"""


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit; *date* is the committer's, *subject* the first paragraph of its message in one line."""

    id: str
    tree: str
    date: str
    author: str
    subject: str
    parents: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """What people read."""
        return f"{self.id[:10]} {self.subject[:100]}"


@dataclass(frozen=True, slots=True)
class Expected:
    """
    What taking something back gives: the tree and the paths that change; or the paths that conflict.

    Of those that change, *paths* are all and *added* the new ones as git quotes them; the rest is for people to read.
    """

    tree: str
    changed: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    submodules: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()


class Repository:
    """A repository at *path* on *host*. Making one looks whether it is there and git is new enough."""

    def __init__(self, host: HostReader, path: str) -> None:
        self._host = host
        self._path = path
        self.place = f"{path} on {host.name}"
        version = self.run("version")
        found = re.search(r"(\d+)\.(\d+)", version.stdout)
        if version.exited or found is None:
            raise TargetError(
                f"git does not run in {self.place}: {_said(version)}",
                advice="Is git installed there, and is the folder right?",
            )
        if (int(found[1]), int(found[2])) < NEEDED:
            raise RefusedError(
                f"{self.place}: {version.stdout.strip()} is too old: a revert is computed with git 2.38 or newer.",
                advice="Install a newer git there, or go by hand.",
            )
        self.out("rev-parse", "--git-dir")

    def run(self, *arguments: str, seconds: float = _SECONDS) -> CommandResult:
        """Run git; any exit code is returned."""
        return self._host.run((*ENVIRONMENT, "git", *QUIET, *arguments), timeout=seconds, directory=self._path)

    def out(self, *arguments: str) -> str:
        """Run git and give what it prints; raises `TargetError` with what it says."""
        result = self.run(*arguments)
        if result.exited:
            raise TargetError(
                f"{self.place}: git {arguments[0]} ended with exit code {result.exited}: {_said(result)}",
                advice=_advice(result.stderr),
            )
        return result.stdout

    def find(self, name: str) -> str | None:
        """Give the commit that *name* leads to, or None."""
        result = self.run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
        return result.stdout.strip() or None if result.exited == 0 else None

    def commit(self, name: str) -> Commit:
        """Read a commit; raises `RefusedError` where there is none."""
        found = self.find(name)
        if found is None:
            more = " It is a shallow clone: `git fetch --unshallow` there brings the rest." if self.shallow else ""
            raise RefusedError(f"{self.place} has no commit {name!r}.{more}", advice="Look it up with `git log` there.")
        return next(self.log("-1", found))

    def log(self, *arguments: str) -> Iterator[Commit]:
        """Read commits as `git log` gives them."""
        text = self.out("log", "-z", "--encoding=UTF-8", "--no-show-signature", _LOG, *arguments)
        for record in text.split("\0"):
            if record.strip():
                # Names and subjects are anybody's to write; what comes before them is git's.
                head, parents, author, subject = record.strip("\n").split("\x1f", 3)
                commit, tree, date = head.split()
                yield Commit(commit, tree, date, author, subject, tuple(parents.split()))

    @property
    def shallow(self) -> bool:
        """Whether history was cut off when it was cloned."""
        return self.out("rev-parse", "--is-shallow-repository").strip() == "true"

    @property
    def on(self) -> str:
        """The branch that is checked out, or the commit where none is."""
        branch = self.run("symbolic-ref", "--quiet", "HEAD")
        return branch.stdout.strip() if branch.exited == 0 else self.commit("HEAD").id

    def first_parents(self, name: str) -> tuple[str, ...]:
        """Give the commits of a branch's own line, the newest first."""
        return tuple(self.out("rev-list", "--first-parent", "--max-count=100000", name).split())

    def contains(self, name: str, commit: str) -> bool:
        """Tell whether *commit* is in the history of *name*."""
        return self.run("merge-base", "--is-ancestor", commit, name).exited == 0

    def dirty(self) -> tuple[str, ...]:
        """Name tracked files that are not as committed; not those that git shows as modified once checked out."""
        found = self.out("status", "--porcelain=v1", "--untracked-files=no", "--no-renames").splitlines()
        shown = {shown_path(line[3:]) for line in found if line}
        if any(line.startswith(" M") for line in found):
            shown -= {shown_path(name) for name in self._script(NAME_RENEWED).splitlines()}
        return tuple(sorted(shown))

    def _script(self, script: str) -> str:
        said = self._host.run((*ENVIRONMENT, "sh", "-c", script), timeout=_SECONDS, directory=self._path)
        if said.exited:
            raise TargetError(
                f"{self.place}: which files are as they were checked out cannot be told: {_said(said)}",
                advice=_advice(said.stderr),
            )
        return said.stdout

    def busy(self) -> str:
        """Name what is half done in it (a merge, a rebase), or nothing."""
        for file, what in _IN_PROGRESS.items():
            if self.has(file):
                return f"{what} ({file})"
        return ""

    def has(self, file: str) -> bool:
        """Tell whether git keeps a *file* of that name for this work tree."""
        return self._host.stat(self._kept(file)) is not None

    def moving(self) -> str:
        """Give the mark of a move of ours that was cut off, or nothing."""
        return (self._host.read_file(self._kept(MOVE_MARK)) or b"").decode(errors="replace").strip()

    def half_moved(self, at: str, ends: Iterable[str]) -> str:
        """Give that mark where it left *at*, which is still there, for one of *ends*; or nothing."""
        mark = self.moving()
        return mark if mark in {move_mark(at, end) for end in ends} else ""

    def _kept(self, file: str) -> str:
        place = self.out("rev-parse", "--git-path", file).strip()
        return place if place.startswith("/") else f"{self._path}/{place}"

    def changed(self, old: str, new: str) -> Expected:
        """Give the paths in which two trees or commits differ."""
        # What .gitmodules has git pass over in a work tree is part of a commit all the same.
        options = ("-r", "--raw", "--no-renames", "--ignore-submodules=none")
        return _expected(new, self.out("diff-tree", *options, f"{old}^{{tree}}", f"{new}^{{tree}}"))

    def expected(self, of: str, back_to: str, head: str) -> Expected:
        """Compute what taking the way from *back_to* to *of* out of *head* gives; the repository stays untouched."""
        argv = (*ENVIRONMENT, "sh", "-c", _EXPECTED, "sh", of, back_to, head)
        result = self._host.run(argv, timeout=_SECONDS, directory=self._path)
        lines = result.stdout.splitlines()
        if result.exited == _CONFLICTS and lines:
            return Expected(lines[0], conflicts=tuple(dict.fromkeys(map(shown_path, lines[1:]))))
        if result.exited or not lines:
            raise TargetError(
                f"{self.place}: what the revert gives cannot be computed: {_said(result)}",
                advice=_advice(result.stderr),
            )
        return _expected(lines[0], "\n".join(lines[1:]))

    def require_calm(self) -> None:
        """Raise `RefusedError` while something is half done in it."""
        if busy := self.busy():
            raise RefusedError(
                f"{self.place} is in the middle of {busy}.",
                advice="End it there first, or take it back (--abort); nothing was touched.",
            )


def _expected(tree: str, raw: str) -> Expected:
    changed, paths, added, submodules = [], [], [], []
    for line in raw.splitlines():
        head, _, name = line.partition("\t")
        old_mode, new_mode, _old, _new, status = head.lstrip(":").split()
        path = shown_path(name)
        changed.append(path)
        paths.append(name)
        if status == "A":
            added.append(name)
        if "160000" in (old_mode, new_mode):
            submodules.append(path)
    return Expected(tree, tuple(changed), tuple(paths), tuple(added), tuple(submodules))


def move_mark(old: str, new: str) -> str:
    """Name a move by its ends, so that what somebody does elsewhere is not taken for what it left."""
    return f"{old} to {new}"


def listed(paths: tuple[str, ...] | list[str], most: int = 20) -> str:
    """Name paths, up to *most* of them."""
    more = f" and {len(paths) - most} more" if len(paths) > most else ""
    return ", ".join(paths[:most]) + more


def _said(result: CommandResult) -> str:
    return (result.stderr.strip() or result.stdout.strip())[-500:] or f"exit code {result.exited}"


def _advice(stderr: str) -> str:
    if "dubious ownership" in stderr:
        return "Work as the account that owns it, or have its owner allow this one (safe.directory)."
    return "Run it there by hand."
