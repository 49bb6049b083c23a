"""The commands that move a work tree, each of which may be cut off and carried out again."""

import shlex
from typing import Final

from ...ops import Command
from .repository import MOVE_MARK

# A move leaves a mark with its name until it has ended. Where the mark is there already, the move before was killed:
# what it wrote is then written over, and its lock, which is no older than the mark, removed.
_SCRIPT: Final = """\
set -e
export GIT_TERMINAL_PROMPT=0
mark=$(git rev-parse --git-path {mark}) lock=$(git rev-parse --git-path index.lock)
if [ "$(cat "$mark" 2>/dev/null)" = {name} ]; then
  if [ -e "$lock" ] && ! [ "$mark" -nt "$lock" ]; then rm -f "$lock"; fi
  {again}
else
  echo {name} >"$mark"
  {first} || {{ status=$?; rm -f "$mark"; exit "$status"; }}
fi
rm -f "$mark"
"""
_GIT: Final = "git -c core.hooksPath=/dev/null"


def switch(target: str, repository: str, old: str, on: str) -> Command:
    """Check out a branch (`refs/heads/…`) or a commit; no hook of the repository runs."""
    branch = on.removeprefix("refs/heads/")
    to = "--no-guess" if branch != on else "--detach"
    words = f"{to} {shlex.quote(branch)}"
    return _move(target, repository, move_mark(old, on), f"{_GIT} switch {words}", f"{_GIT} switch --force {words}")


def reset(target: str, repository: str, old: str, commit: str) -> Command:
    """Move the branch that is checked out to *commit*, with index and work tree; no hook runs."""
    line = f"{_GIT} reset --hard {commit}"
    return _move(target, repository, move_mark(old, commit), line, line)


def move_mark(old: str, new: str) -> str:
    """Name a move by its ends, so that what somebody does elsewhere is not taken for what it left."""
    return f"{old} to {new}"


def remove_ref(target: str, repository: str, ref: str, commit: str) -> Command:
    """Remove a ref, as long as it still is at *commit*."""
    return Command(
        target,
        ("git", "-c", "core.hooksPath=/dev/null", "update-ref", "-d", ref, commit),
        directory=repository,
        environment={"GIT_TERMINAL_PROMPT": "0"},
    )


def _move(target: str, repository: str, name: str, first: str, again: str) -> Command:
    # Each value in it is quoted.
    script = _SCRIPT.format(mark=MOVE_MARK, name=shlex.quote(name), first=first, again=again)
    return Command(target, (script,), shell=True, directory=repository)  # noqa: S604  # as above
