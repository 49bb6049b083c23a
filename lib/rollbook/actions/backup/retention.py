"""`backup.retention`: old backups cleared away, never the newest."""

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Final

from ...action import Action, Change, Family, Readers, Ref, Refuse, Subject, Undo, evidence
from ...dataclass import dataclass
from ...errors import SchemaError, TargetError
from ...ops import Command, Op, OpResult
from ...postgres.manifest import FILE, LIMIT
from ...postgres.shelf import Listed, instant, listed, newest_first
from ...saved import check_saved_path
from ...snapshots.kept import read_kept
from ...targets.absence import ABSENCE, ABSENT
from ...targets.base import HostReader
from ...targets.listing import list_saved
from ...values import RUN_ID, Plain

_SECONDS: Final = 600.0
# Renamed first: what a kill leaves is not to be taken for a backup.
_REMOVE: Final = 'mv -- "$1" "$2" && rm -rf -- "$2"'
# The journals of runs that are not over for good, with the names that stand in them.
# No run needs a backup because it was to clear it away: a record of a retention's, or a plan with one, does not count.
# A run of another account's is nobody else's to read, and may need any of them.
_UNFINISHED: Final = (
    ABSENCE
    + """\
runs=$1 own=$2; shift 2
[ -e "$runs" ] || absent -L -- "$runs"
if ! [ -r "$runs" ] || ! [ -x "$runs" ]; then echo "$runs: Permission denied" >&2; exit 1; fi
for folder in "$runs"/*/; do
  run=${folder%/} journal=${folder}journal.jsonl
  run=${run##*/}
  if [ ! -d "$folder" ] || [ "$run" = "$own" ]; then continue; fi
  if [ ! -x "$folder" ] || { [ -e "$journal" ] && [ ! -r "$journal" ]; }; then
    for name in "$@"; do printf '%s\\tshut\\t%s\\000' "$run" "$name"; done
    continue
  fi
  if [ ! -f "$journal" ]; then continue; fi
  ended=$(grep -F '"type":"run_finished"' "$journal" | tail -n 1)
  case $ended in *'"status":"succeeded"'*|*'"status":"undone"'*|*'"status":"abandoned"'*) continue ;; esac
  for name in "$@"; do
    used=$(grep -F -e "$name" "$journal" | grep -vF -e '"going"' -e 'going: none -> ')
    if [ -n "$used" ]; then printf '%s\\tgoing\\t%s\\000' "$run" "$name"; fi
  done
done
exit 0
"""
)
_WHY: Final = {
    "going": "run {run} is not over",
    "shut": "run {run} may need it, and its journal may not be read: clear away as its account, or as root",
}


@dataclass(frozen=True, slots=True)
class Kept:
    """The backups that are to go; the others, and why those among them that are old stay."""

    going: tuple[str, ...]
    staying: tuple[str, ...] = evidence(default=())
    held: tuple[str, ...] = evidence(default=())
    bytes: int = evidence(default=0)


@dataclass(frozen=True, slots=True)
class BackupRetention(Action[Kept]):
    """
    Clear away old backups of `postgres.backup`, and snapshots of `sql.snapshot`, in a folder; nothing else is touched.

    Of each database the newest `keep` of either stay, and with `days` also those that are younger. One whose name
    stands in the journal of a run that is not over (it may yet be resumed or undone) stays as well. The plan names what
    goes.
    """

    kind: ClassVar[str] = "backup.retention"
    family: ClassVar[Family] = "state"
    example: ClassVar[Mapping[str, Plain]] = {"folder": "/var/backups/shop", "keep": 7, "days": 30}
    by_hand: ClassVar[str] = """
- `ls -t <folder>`: leave the newest <keep>, and those that an unfinished run needs; then `rm -r` what is older
"""

    folder: str = field(metadata={"help": "a folder on runs_on with backups"})
    keep: int = field(default=7, metadata={"help": "how many of each database stay in any case, at least 1"})
    days: int = field(default=0, metadata={"help": "those that are younger stay as well"})
    runs_on: Ref[HostReader] = field(default=Ref("local"), metadata={"help": "the host with the folder"})
    local: Ref[HostReader] = field(default=Ref("local"), metadata={"help": "this machine, with the journals of runs"})
    runs: str = field(default=".rollbook/runs", metadata={"help": "the folder of runs on this machine"})
    run: str = field(default=str(RUN_ID), metadata={"help": "the run's own id, whose journal does not count"})

    def __post_init__(self) -> None:
        check_saved_path("folder", self.folder)
        if self.keep < 1:
            raise ValueError("keep: expected at least 1: the newest backup is never cleared away")
        if self.days < 0:
            raise ValueError("days: expected 0 or more")

    def subjects(self) -> frozenset[Subject]:
        """Name the folder."""
        return frozenset({Subject(self.runs_on.name, "backups", self.folder)})

    def probe(self, read: Readers) -> Kept:
        """List the backups and the runs that may need them."""
        host, folder = read[self.runs_on], self.folder.rstrip("/")
        entries = listed(folder, list_saved(host, folder))
        ours = [one for entry in entries if entry.kind == "rollbook" and (one := _told(host, entry)) is not None]
        old = self._old(newest_first(ours), instant(read.now()))
        names = [one.path.rpartition("/")[2] for one in old]
        needed = self._needed(read[self.local], names) if names else {}
        going = [one for one, name in zip(old, names, strict=True) if name not in needed]
        return Kept(
            going=tuple(one.path for one in going),
            staying=tuple(one.path for one in ours if one not in going),
            held=tuple(f"{name} stays: {why}" for name, why in sorted(needed.items())),
            bytes=sum(one.bytes for one in going),
        )

    def _old(self, backups: Sequence[Listed], now: datetime) -> list[Listed]:
        """Give those beyond the newest of each database, and older than the days."""
        limit = now.astimezone(UTC) - timedelta(days=self.days)
        counts: dict[str, int] = {}
        old = []
        for one in backups:
            counts[one.database] = counts.get(one.database, 0) + 1
            if counts[one.database] > self.keep and instant(one.started) <= limit:
                old.append(one)
        return old

    def _needed(self, local: HostReader, names: Sequence[str]) -> Mapping[str, str]:
        argv = ("sh", "-c", _UNFINISHED, "sh", self.runs, self.run, *names)
        found = local.run(argv, timeout=_SECONDS)
        if found.exited not in (0, ABSENT):
            raise TargetError(
                f"{local.name}: which runs need a backup is not known: {found.stderr.strip()[-500:]}",
                advice="Nothing was cleared away. May this account look into the folder of runs?",
            )
        lines = (line.split("\t", 2) for line in found.stdout.split("\0") if line)
        return {name: _WHY[why].format(run=run) for run, why, name in lines}

    def desired(self, before: Kept) -> Kept:
        """Want none that is to go."""
        return replace(before, going=())

    def ops(self, old: Kept, new: Kept) -> tuple[Op, ...]:
        """Remove each; nothing brings one back."""
        return tuple(self._remove(path) for path in old.going if path not in new.going)

    def _remove(self, path: str) -> Op:
        folder, _, name = path.rpartition("/")
        return Command(self.runs_on.name, ("sh", "-c", _REMOVE, "sh", path, f"{folder}/.{name}.partial"))

    def undo(self, change: Change[Kept]) -> Undo[Kept]:
        """Refuse: they are gone."""
        return Refuse(f"{len(change.before.going)} old backups were cleared away for good")

    def details(self, change: Change[Kept]) -> tuple[str, ...]:
        """Name what goes, and what is held back."""
        before = change.before
        lines = [f"goes: {path}" for path in before.going]
        total = (f"{before.bytes / 1e6:.1f} MB in all; {len(before.staying)} backups stay",) if before.going else ()
        return (*lines, *total, *before.held)

    def outputs(self, after: Kept, results: Sequence[OpResult]) -> Mapping[str, Plain]:  # noqa: ARG002  # the state tells all
        """Give what stays."""
        return {"staying": list(after.staying), "held": list(after.held)}


def _told(host: HostReader, one: Listed) -> Listed | None:
    """Add what the manifest tells; None for what is not complete, which is no business of this."""
    if not one.complete:
        return None
    content = host.read_file(f"{one.path}/{FILE}", limit=LIMIT)
    try:
        found = read_kept((content or b"").decode())
    except (SchemaError, ValueError):
        return None
    # Snapshots are counted by themselves: many of them must not push the last backup out.
    sort = "" if found.sort == "backup" else f"{found.sort} of "
    return replace(one, database=f"{sort}{found.database}", started=found.started)
