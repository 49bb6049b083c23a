"""The commands that write into a repository, each of which may be cut off and carried out again."""

import shlex
from typing import Final

from ...ops import Script
from .renewed import remove_renewed
from .repository import MOVE_MARK, move_mark

# A write leaves a mark with its name until it has ended. Where the mark is there already, the write before was killed:
# what it did is then done over, and the locks that it left, which are no older than the mark, removed. Two seconds
# first, for one that somebody else's git holds goes away by itself. The mark stays, too, where a write failed after it
# had changed files (no room left, a filter that failed).
_SCRIPT: Final = """\
set -e
export GIT_TERMINAL_PROMPT=0
mark=$(git rev-parse --git-path {mark}) force=
seen() {{ GIT_OPTIONAL_LOCKS=0 git status --porcelain | cksum; }}
if [ "$(cat "$mark" 2>/dev/null)" = {name} ]; then
  force=--force
  for lock in {locks}; do
    lock=$(git rev-parse --git-path "$lock") tries=20
    while [ -e "$lock" ] && [ $tries -gt 0 ]; do sleep 0.1; tries=$((tries - 1)); done
    if [ -e "$lock" ] && ! [ "$mark" -nt "$lock" ]; then rm -f "$lock"; fi
  done
else
  before=$(seen)
  echo {name} >"$mark"
  trap '[ "$(seen)" != "$before" ] || rm -f "$mark"' EXIT
fi
{line}
rm -f "$mark"
"""
_GIT: Final = "git -c core.hooksPath=/dev/null"
# A file that git was told to assume unchanged, and that was touched, would stop the move, whatever its content.
_REFRESHED: Final = f"{_GIT} update-index -q --really-refresh || true\n"
_HEAD_LOCKS: Final = ("index.lock", "HEAD.lock", "ORIG_HEAD.lock")
_REF_MARK: Final = "rollbook-ref"  # of its own: writing a ref leaves a move that was cut off to whoever ends it
_PACKED_LOCKS: Final = ("packed-refs.lock", "packed-refs.new")


def switch(target: str, repository: str, old: str, on: str) -> Script:
    """
    Check out a branch (`refs/heads/…`) or a commit; no hook of the repository runs.

    Files that git takes for changed although they are as it checked them out are removed first where it is to bring
    other ones.
    """
    branch = on.removeprefix("refs/heads/")
    to = "--no-guess" if branch != on else "--detach"
    line = f"{_REFRESHED}{remove_renewed(shlex.quote(on))}{_GIT} switch $force {to} {shlex.quote(branch)}"
    return _written(target, repository, move_mark(old, on), _HEAD_LOCKS, line, f"git switch {branch}")


def reset(target: str, repository: str, old: str, commit: str, on: str) -> Script:
    """Move *on*, which is checked out and at *old*, to *commit*, with index and work tree; no hook runs."""
    locks = (*_HEAD_LOCKS, f"{on}.lock") if on.startswith("refs/") else _HEAD_LOCKS
    line = f"{_REFRESHED}{_GIT} reset --hard {commit}"
    return _written(target, repository, move_mark(old, commit), locks, line, f"git reset --hard {commit}")


def settle(target: str, repository: str, half: str) -> Script:
    """Bring the work tree back to what is checked out, where a move with the mark *half* was cut off."""
    to = shlex.quote(half.rpartition(" to ")[2])
    # In the index what was to come is told from what git does not know, so that it is removed again.
    line = f"{_GIT} read-tree -m -i HEAD {to}\n{_GIT} reset --quiet --hard HEAD"
    return _written(target, repository, half, _HEAD_LOCKS, line, "git reset --hard HEAD")


def make_ref(target: str, repository: str, ref: str, commit: str) -> Script:
    """Make a ref at *commit*, as long as it is not there."""
    told = f"git update-ref {ref} {commit}"
    return write_ref(target, repository, ref, f"{_GIT} update-ref {shlex.quote(ref)} {commit} ''", told)


def remove_ref(target: str, repository: str, ref: str, commit: str) -> Script:
    """Remove a ref, as long as it still is at *commit*."""
    told = f"git update-ref -d {ref} {commit}"
    return write_ref(target, repository, ref, f"{_GIT} update-ref -d {shlex.quote(ref)} {commit}", told)


def write_ref(target: str, repository: str, ref: str, line: str, told: str) -> Script:
    """Carry out a *line* of the shell, or several, that makes or removes a ref; *told* is what people read of it."""
    locks = (f"{ref}.lock", *_PACKED_LOCKS)
    return _written(target, repository, ref, locks, line, told, _REF_MARK)


def _written(
    target: str, repository: str, name: str, locks: tuple[str, ...], line: str, told: str, mark: str = MOVE_MARK
) -> Script:
    # Each value in it is quoted. What else it does makes sure that it can be cut off and done over.
    script = _SCRIPT.format(mark=mark, name=shlex.quote(name), locks=shlex.join(locks), line=line)
    label, says = f"`{told}` in {repository}", f"(cd {shlex.quote(repository)} && {told})"
    return Script(target, (script,), shell=True, directory=repository, label=label, says=says)  # noqa: S604  # as above
