"""`archive.unpack`: one member of an archive, put in place as a file."""

import posixpath
import shlex
from collections.abc import Mapping
from dataclasses import field, replace
from typing import ClassVar, Final, Literal

from ...action import Action, Change, Readers, Ref, Subject, Undo, evidence
from ...dataclass import dataclass
from ...errors import TargetError
from ...ops import Op, Script
from ...targets.base import HostReader
from ...values import Plain
from .state import FileState, check_path, keeping, octal_mode, read_state, replacing, told, way_back

Format = Literal["tar", "zip"]

_ENDINGS: Final[Mapping[str, Format]] = {
    ".tar": "tar",
    ".tar.gz": "tar",
    ".tgz": "tar",
    ".tar.bz2": "tar",
    ".tar.xz": "tar",
    ".tar.zst": "tar",
    ".zip": "zip",
    ".whl": "zip",
    ".jar": "zip",
}
_ABSENT: Final = 44
_UNFIT: Final = 45
_SECONDS: Final = 600.0
_ZIP: Final = """\
import stat, sys, zipfile
file = zipfile.ZipFile(sys.argv[1])
found = [info for info in file.infolist() if info.filename == sys.argv[2]]
if not found:
    sys.exit(44)
if len(found) > 1 or found[0].is_dir() or stat.S_ISLNK(found[0].external_attr >> 16):
    sys.exit(45)
with file.open(found[0]) as member:
    for part in iter(lambda: member.read(1 << 20), b""):
        sys.stdout.buffer.write(part)
"""
# A member is only ever read, to where the kind says: no name in an archive decides on a path.
_MEMBER: Final = """\
archive=$1 member=$2 format=$3 program=$4
[ -e "$archive" ] || { echo "there is no $archive" >&2; exit 1; }
check() {
  [ "$format" = tar ] || return 0
  listed=$(tar -tvf "$archive" -- "$member" 2>/dev/null) || { tar -tf "$archive" >/dev/null || exit 1; exit 44; }
  [ "$(printf '%s\\n' "$listed" | wc -l)" -eq 1 ] || exit 45
  case $listed in -*) ;; *) exit 45 ;; esac
}
content() {
  if [ "$format" = tar ]; then tar -xOf "$archive" -- "$member"; else python3 -c "$program" "$archive" "$member"; fi
}
"""
_LOOK: Final = (
    _MEMBER
    + """\
check
content >/dev/null || exit $?
content | sha256sum
"""
)
_PLACE: Final = (
    "set -e\n"
    + _MEMBER
    + """\
place=$5 mode=$6 digest=$7
folder=$(dirname -- "$place")
mkdir -p -- "$folder"
new=$folder/.$(basename -- "$place").$$.new
rm -f -- "$new"
trap 'rm -f -- "$new"' EXIT
(umask 077; set -C; content >"$new")
found=$(sha256sum <"$new" | cut -d ' ' -f 1)
if [ "$found" != "$digest" ]; then echo "$member is not as planned: SHA-256 $found" >&2; exit 1; fi
if [ -e "$place" ] && ! chown "$(stat -c %u:%g -- "$place")" "$new" 2>/dev/null; then
  echo "warning: $place belonged to $(stat -c %U:%G -- "$place"), and belongs to this account now" >&2
fi
chmod "$mode" "$new"
sync "$new" 2>/dev/null || sync
mv -f -- "$new" "$place"
sync "$folder" 2>/dev/null || sync
trap - EXIT
"""
)


@dataclass(frozen=True, slots=True)
class MemberState(FileState):
    """The file at `path`, and the member as the archive has it."""

    member_sha256: str = evidence(default="")


@dataclass(frozen=True, slots=True)
class ArchiveUnpack(Action[MemberState]):
    """
    Put one member of an archive in place as a file.

    The member is read to a file beside, compared with its SHA-256 in the plan, and renamed. Only a plain file is
    taken, that stands in the archive once: links, folders and names that lead out of it are refused. A file that is
    replaced is kept beside, hidden, for the undo; `keep: false` goes without, and without a way back. A zip needs
    python3 on its host.
    """

    kind: ClassVar[str] = "archive.unpack"
    example: ClassVar[Mapping[str, Plain]] = {
        "archive": "/var/backups/etc.tar.gz",
        "member": "etc/nginx/nginx.conf",
        "path": "/etc/nginx/nginx.conf",
    }
    by_hand: ClassVar[str] = "`tar -xOf <archive> <member> > <path>.new && mv <path>.new <path>`"

    archive: str
    member: str
    path: str
    format: Format | None = field(default=None, metadata={"help": "tar or zip; else by the archive's ending"})
    mode: str | None = field(default=None, metadata={"help": 'octal text such as "0644"; else as it is, or 0644'})
    target: Ref[HostReader] = Ref("local")
    keep: bool = field(default=True, metadata={"help": "keep a copy of what is replaced, for the undo"})

    def __post_init__(self) -> None:
        check_path(self.archive)
        check_path(self.path)
        if self.format is None and self._by_ending() is None:
            raise ValueError(f"format: expected tar or zip, for the ending of {self.archive} does not tell")
        if not self.member or self.member.startswith(("/", "-")) or ".." in self.member.split("/"):
            raise ValueError("member: expected the name of a file in the archive, which leads nowhere else")
        if self.mode is not None:
            octal_mode(self.mode)

    def _by_ending(self) -> Format | None:
        name = posixpath.basename(self.archive)
        return next((found for ending, found in _ENDINGS.items() if name.endswith(ending)), None)

    def _argv(self, script: str, *more: str) -> tuple[str, ...]:
        wanted = self.format or self._by_ending() or "tar"
        program = _ZIP if wanted == "zip" else ""
        return ("sh", "-c", script, "sh", self.archive, self.member, wanted, program, *more)

    def subjects(self) -> frozenset[Subject]:
        """Name both files."""
        return frozenset(Subject(self.target.name, "file", path) for path in (self.archive, self.path))

    def probe(self, read: Readers) -> MemberState:
        """Read the member and look at the file."""
        host = read[self.target]
        result = host.run(self._argv(_LOOK), timeout=_SECONDS)
        if result.exited:
            said = result.stderr.strip()[-300:] or f"exit code {result.exited}"
            reasons = {_ABSENT: "it is not in there", _UNFIT: "it is no plain file, or stands there more than once"}
            raise TargetError(
                f"{self.member} of {self.archive} on {host.name} cannot be taken: {reasons.get(result.exited, said)}.",
                advice="`tar -tvf` or `python3 -m zipfile -l` lists the names, which are compared letter by letter.",
            )
        found = read_state(host, self.path)
        return MemberState(
            exists=found.exists,
            sha256=found.sha256,
            mode=found.mode,
            size=found.size,
            kept=found.kept,
            whose=found.whose,
            member_sha256=result.stdout.split()[0],
        )

    def desired(self, before: MemberState) -> MemberState:
        """Want the member's content."""
        digest = before.member_sha256
        kept = before.kept if digest == before.sha256 else keeping(before, keep=self.keep)
        mode = octal_mode(self.mode) if self.mode else before.mode or "0644"
        return replace(before, exists=True, sha256=digest, mode=mode, size=None, kept=kept)

    def ops(self, old: MemberState, new: MemberState) -> tuple[Op, ...]:
        """Keep what is there, then put the member in its place."""
        own = new.exists and new.sha256 == old.member_sha256
        write = self._place(old.member_sha256, new.mode or "0644") if own else None
        return replacing(self.target.name, self.path, old, new, write)

    def _place(self, digest: str, mode: str) -> Op:
        is_zip = (self.format or self._by_ending()) == "zip"
        program = "python3 zipfile" if is_zip else "tar -xOf"
        line = f"{program} {shlex.join((self.archive, self.member))} > {shlex.quote(self.path)}"
        says = f"{line}  (beside it, SHA-256 {digest}, mode {mode}, then renamed)"
        return Script(self.target.name, self._argv(_PLACE, self.path, mode, digest), says=says)

    def undo(self, change: Change[MemberState]) -> Undo[MemberState]:
        """Bring back what was there."""
        return way_back(self.path, change, keep=self.keep)

    def details(self, change: Change[MemberState]) -> tuple[str, ...]:
        """Say where a copy is kept."""
        return told(self.path, change)
