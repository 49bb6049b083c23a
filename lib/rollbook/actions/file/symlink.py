"""`file.symlink`: a symbolic link, such as `deployments/current`, moved in one go."""

import shlex
from collections.abc import Mapping
from dataclasses import field
from typing import ClassVar, Final

from ...action import Action, Change, Readers, Ref, Subject
from ...dataclass import dataclass
from ...errors import TargetError
from ...ops import FileRemove, Op, Script
from ...targets.base import HostReader
from ...values import Plain
from .state import check_path

# Made beside and renamed over the old one, so that there is no moment without a link.
_LINK: Final = """\
set -e
place=$1 to=$2 dangling=$3
folder=$(dirname -- "$place")
if [ -z "$dangling" ] && ! (cd -- "$folder" && [ -e "$to" ]); then
  echo "there is no $to, so $place would lead nowhere" >&2; exit 1
fi
if [ -e "$place" ] && ! [ -L "$place" ]; then echo "$place is no link" >&2; exit 1; fi
new=$folder/.$(basename -- "$place").$$.new
trap 'rm -f -- "$new"' EXIT
rm -f -- "$new"
ln -s -- "$to" "$new"
mv -fT -- "$new" "$place"
sync "$folder" 2>/dev/null || sync
trap - EXIT
"""


@dataclass(frozen=True, slots=True)
class LinkState:
    """A symbolic link, and what it leads to as it is written in it."""

    exists: bool
    to: str | None = None


@dataclass(frozen=True, slots=True)
class FileSymlink(Action[LinkState]):
    """
    Have a symbolic link lead somewhere, such as `deployments/current` to a release.

    It is made beside and renamed, so that there is always a link, the old or the new. Only a link is replaced: a
    file or folder in its place is refused. `to` is written as given, and a relative one is meant from the link's own
    folder; where nothing is there the link is refused, unless `dangling: true`. An undo leads it back.
    """

    kind: ClassVar[str] = "file.symlink"
    example: ClassVar[Mapping[str, Plain]] = {"path": "/srv/app/current", "to": "releases/2024-05-01"}
    by_hand: ClassVar[str] = """
`readlink <path>` and write it down; then `ln -s <to> <path>.new && mv -fT <path>.new <path>`
"""

    path: str
    to: str
    dangling: bool = field(default=False, metadata={"help": "also where nothing is there to lead to"})
    target: Ref[HostReader] = Ref("local")

    def __post_init__(self) -> None:
        check_path(self.path)
        if not self.to or "\0" in self.to:
            raise ValueError("to: expected the path that the link leads to")

    def subjects(self) -> frozenset[Subject]:
        """Name the link."""
        return frozenset({Subject(self.target.name, "file", self.path)})

    def probe(self, read: Readers) -> LinkState:
        """Read where it leads."""
        host = read[self.target]
        found = host.stat(self.path)
        if found is None:
            return LinkState(False)
        if found.kind != "link":
            raise TargetError(
                f"{self.path} on {host.name} is a {found.kind} and no symbolic link; it is not replaced.",
                advice="Move it away by hand, or name the link itself.",
            )
        result = host.run(("readlink", "--", self.path))
        if result.exited:
            raise TargetError(
                f"{self.path} on {host.name} cannot be read: {result.stderr.strip()}",
                advice="May the account look into that folder? A deploy may also have moved the link: try again.",
            )
        return LinkState(True, result.stdout.removesuffix("\n"))

    def desired(self, before: LinkState) -> LinkState:  # noqa: ARG002  # wherever it leads now
        """Want it to lead there."""
        return LinkState(True, self.to)

    def ops(self, old: LinkState, new: LinkState) -> tuple[Op, ...]:
        """Link it anew, or remove it."""
        if old == new:
            return ()
        if new.to is None:
            return (FileRemove(self.target.name, self.path),)
        # Going back, a link that led nowhere leads there again.
        dangling = "yes" if self.dangling or new.to != self.to else ""
        line = shlex.join(("ln", "-s", "--", new.to, self.path))
        return (
            Script(
                self.target.name,
                ("sh", "-c", _LINK, "sh", self.path, new.to, dangling),
                says=f"{line}  (made beside it, then renamed over it)",
            ),
        )

    def details(self, change: Change[LinkState]) -> tuple[str, ...]:
        """Say where it led and leads."""
        if not change.ops:
            return ()
        return (f"{self.path}: {change.before.to or 'not there'} → {change.after.to or 'not there'}",)
