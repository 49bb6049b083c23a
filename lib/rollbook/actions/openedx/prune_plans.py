"""`openedx.prune_plans`: would a pruning plan that was made already take the version."""

from collections.abc import Mapping
from dataclasses import field
from typing import ClassVar, Final, Literal

from ...action import Change, Fact, Readers, Ref, Subject, identity
from ...dataclass import dataclass
from ...errors import RefusedError
from ...openedx.pointers import Pointers
from ...openedx.pruning import PruningPlan, PruningPlanError, read_plan
from ...targets.base import HostReader
from ...values import Plain

_LARGEST: Final = 512 * 1024 * 1024  # bytes; a plan has 28 for each structure


@dataclass(frozen=True, slots=True)
class PrunePlansState:
    """The plan files that were read, which of them would take which of the versions, and files that are none."""

    takes: Mapping[str, tuple[str, ...]] = identity()
    files: tuple[str, ...] = ()
    passed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PrunePlansFact(Fact[PrunePlansState]):
    """
    Read the plan files of the pruning tool, and refuse a version that one of them lists for deletion.

    Such a plan was made before the restore and would take the restored version after it, whatever the stores say by
    then. Named files must be there and must be plans, and so must every `*.json` of a folder; its other files are read
    as well, and those that are no plans are named.
    """

    kind: ClassVar[str] = "openedx.prune_plans"
    example: ClassVar[Mapping[str, Plain]] = {
        "version": "draft:663200000000000000000001,published:663200000000000000000002",
        "folder": "/var/lib/pruning",
    }
    by_hand: ClassVar[str] = """
On the host where pruning keeps its plans, for each version ID of `<version>`:
`grep -l ID <folder>/* <files>`. Look in the files found: is the ID in `"delete"`? Then move that plan away before
anything else, and see that no prune runs with it.
"""

    version: str = field(metadata={"help": "draft:ID,published:ID, or library:ID"})
    files: tuple[str, ...] = ()
    folder: str | None = None
    target: Ref[HostReader] = Ref("local")

    def subjects(self) -> frozenset[Subject]:
        """Name the files."""
        return frozenset({Subject(self.target.name, self.kind, "\0".join((*self.files, self.folder or "")))})

    def probe(self, read: Readers) -> PrunePlansState:
        """Read every plan."""
        host, versions = read[self.target], Pointers.parse(self.version).versions
        plans = [_plan(host, path) for path in (*self.files, *self._found(host, ".json"))]
        passed = []
        for path in self._found(host, ""):
            try:
                plans.append(_plan(host, path))
            except PruningPlanError:
                passed.append(path)
        takes = {plan.name: plan.takes(versions) for plan in plans if plan.takes(versions)}
        return PrunePlansState(files=tuple(plan.name for plan in plans), takes=takes, passed=tuple(passed))

    def _found(self, host: HostReader, suffix: Literal["", ".json"]) -> tuple[str, ...]:
        """Name the files of the folder that end so; those that do not for an empty *suffix*."""
        if self.folder is None:
            return ()
        found = host.stat(self.folder)
        if found is None or found.kind not in ("folder", "link"):
            raise RefusedError(
                f"there is no folder {self.folder} on {host.name}",
                advice="name the folder in which pruning keeps its plans, or leave it out",
            )
        names = [name for name in host.list_folder(self.folder) if name.endswith(".json") is bool(suffix)]
        paths = (f"{self.folder.rstrip('/')}/{name}" for name in names)
        return tuple(path for path in paths if suffix or _is_file(host, path))

    def refusal(self, state: PrunePlansState) -> str | None:
        """Refuse a version that a pending plan takes."""
        if not state.takes:
            return None
        found = "; ".join(f"{name} deletes {', '.join(versions)}" for name, versions in state.takes.items())
        return (
            f"a pruning plan that is not carried out yet would take the version: {found}. Delete that plan or move it "
            "away, make sure that no prune is running with it, then try again; it will be made anew"
        )

    def details(self, change: Change[PrunePlansState]) -> tuple[str, ...]:
        """Say what was read, and plainly when it was nothing."""
        files, passed = change.before.files, change.before.passed
        others = (f"no pruning plans, so passed over: {', '.join(passed)}",) if passed else ()
        if not files:
            return ("no pending pruning plan was named or found, so none was looked at", *others)
        return (f"{len(files)} pruning plans read, none of them takes the version: {', '.join(files)}", *others)


def _plan(host: HostReader, path: str) -> PruningPlan:
    content = host.read_file(path, limit=_LARGEST)
    if content is None:
        raise RefusedError(
            f"there is no pruning plan {path} on {host.name}",
            advice="name the plans that are pending, or none; a plan that was carried out does no more harm",
        )
    return read_plan(path, content)


def _is_file(host: HostReader, path: str) -> bool:
    found = host.stat(path)
    return found is not None and found.kind == "file"
