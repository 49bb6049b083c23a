"""From the name of a kind to its class: built-in kinds and those of other packages, through the same door."""

import difflib
import importlib
import inspect
from collections.abc import Mapping
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from .action import Action
from .errors import NotFoundError, RefusedError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP: Final = "rollbook.actions"

BUILTINS: Final[Mapping[str, str]] = {
    "archive.unpack": "rollbook.actions.file.unpack:ArchiveUnpack",
    "assert.that": "rollbook.actions.core.assert_that:AssertThat",
    "backup.download": "rollbook.actions.backup.download:BackupDownloaded",
    "backup.retention": "rollbook.actions.backup.retention:BackupRetention",
    "backup.upload": "rollbook.actions.backup.upload:BackupUploaded",
    "celery.purge": "rollbook.actions.celery.purge:CeleryPurge",
    "celery.queue": "rollbook.actions.celery.queue:CeleryQueue",
    "config.value": "rollbook.actions.file.value:ConfigValue",
    "decide.matrix": "rollbook.actions.decide.matrix:DecideMatrix",
    "decide.migration": "rollbook.actions.decide.migration:DecideMigration",
    "django.check": "rollbook.actions.django.check:DjangoCheck",
    "django.fits": "rollbook.actions.django.fits:DjangoFits",
    "django.half_applied": "rollbook.actions.django.half_applied:DjangoHalfApplied",
    "django.manage": "rollbook.actions.django.manage:DjangoManage",
    "django.migrate": "rollbook.actions.django.migrate:DjangoMigrate",
    "django.pending": "rollbook.actions.django.pending:DjangoPending",
    "django.showmigrations": "rollbook.actions.django.showmigrations:DjangoShowmigrations",
    "django.uses": "rollbook.actions.django.uses:DjangoUses",
    "file.absent": "rollbook.actions.file.absent:FileAbsent",
    "file.contains": "rollbook.actions.file.contains:FileContains",
    "file.copy": "rollbook.actions.file.copy:FileCopied",
    "file.present": "rollbook.actions.file.present:FilePresent",
    "file.symlink": "rollbook.actions.file.symlink:FileSymlink",
    "git.locate": "rollbook.actions.git.locate:GitLocate",
    "git.push": "rollbook.actions.git.push:GitPush",
    "git.reset": "rollbook.actions.git.reset:GitReset",
    "git.revert": "rollbook.actions.git.revert:GitRevert",
    "git.verify": "rollbook.actions.git.verify:GitVerify",
    "http.check": "rollbook.actions.http.check:HttpCheck",
    "http.smoke": "rollbook.actions.http.smoke:HttpSmoke",
    "human.approve": "rollbook.actions.human.approve:HumanApprove",
    "human.checklist": "rollbook.actions.human.checklist:HumanChecklist",
    "human.choose": "rollbook.actions.human.choose:HumanChoose",
    "human.confirm": "rollbook.actions.human.confirm:HumanConfirm",
    "human.input": "rollbook.actions.human.input:HumanInput",
    "human.task": "rollbook.actions.human.task:HumanTask",
    "log.mark": "rollbook.actions.monitor.log_mark:LogMark",
    "log.scan": "rollbook.actions.monitor.log_scan:LogScan",
    "monitor.watch": "rollbook.actions.monitor.watch:MonitorWatch",
    "notify.send": "rollbook.actions.notify.send:NotifySend",
    "openedx.assets": "rollbook.actions.openedx.assets:AssetsFact",
    "openedx.completeness": "rollbook.actions.openedx.completeness:CompletenessFact",
    "openedx.course_key": "rollbook.actions.openedx.course_key:CourseKeyFact",
    "openedx.course_version": "rollbook.actions.openedx.course_version:CourseVersion",
    "openedx.difference": "rollbook.actions.openedx.difference:DifferenceFact",
    "openedx.export": "rollbook.actions.openedx.export:Export",
    "openedx.old_mongo": "rollbook.actions.openedx.old_mongo:OldMongoFact",
    "openedx.prune_plans": "rollbook.actions.openedx.prune_plans:PrunePlansFact",
    "openedx.refreshed": "rollbook.actions.openedx.refreshed:Refreshed",
    "openedx.snapshot": "rollbook.actions.openedx.snapshot:Snapshot",
    "openedx.stores_agree": "rollbook.actions.openedx.stores_agree:StoresAgree",
    "openedx.structures_restore": "rollbook.actions.openedx.structures_restore:StructuresRestore",
    "openedx.versions": "rollbook.actions.openedx.versions:VersionsFact",
    "package.version": "rollbook.actions.package.version:PackageVersion",
    "postgres.affected_users": "rollbook.actions.postgres.affected_users:PostgresAffectedUsers",
    "postgres.backup": "rollbook.actions.postgres.backup:PostgresBackup",
    "postgres.backup_check": "rollbook.actions.postgres.backup_check:PostgresBackupCheck",
    "postgres.backup_list": "rollbook.actions.postgres.backup_list:PostgresBackupList",
    "postgres.base": "rollbook.actions.postgres.base:PostgresBase",
    "postgres.carry": "rollbook.actions.postgres.carry:PostgresCarry",
    "postgres.compare": "rollbook.actions.postgres.compare:Compare",
    "postgres.count": "rollbook.actions.postgres.count:Count",
    "postgres.cures": "rollbook.actions.postgres.cures:PostgresCures",
    "postgres.data_loss": "rollbook.actions.postgres.data_loss:DataLoss",
    "postgres.drop_scratch": "rollbook.actions.postgres.drop_scratch:PostgresDropScratch",
    "postgres.export": "rollbook.actions.postgres.export:Export",
    "postgres.query": "rollbook.actions.postgres.query:Query",
    "postgres.restore": "rollbook.actions.postgres.restore:PostgresRestore",
    "project.build": "rollbook.actions.project.build:ProjectBuild",
    "search.rebuild": "rollbook.actions.search.rebuild:SearchRebuild",
    "service.maintenance": "rollbook.actions.service.maintenance:ServiceMaintenance",
    "service.state": "rollbook.actions.service.state:ServiceState",
    "postgres.drop_kept": "rollbook.actions.postgres.drop_kept:PostgresDropKept",
    "postgres.fence": "rollbook.actions.postgres.fence:PostgresFence",
    "postgres.swap": "rollbook.actions.postgres.swap:PostgresSwap",
    "shell.run": "rollbook.actions.shell.run:ShellRun",
    "sql.drop_scratch": "rollbook.actions.sql.drop_scratch:SqlDropScratch",
    "sql.at_risk": "rollbook.actions.sql.at_risk:AtRisk",
    "sql.recover": "rollbook.actions.sql.recover:Recover",
    "sql.recoverable": "rollbook.actions.sql.recoverable:SqlRecoverable",
    "sql.shadow_diff": "rollbook.actions.sql.shadow_diff:ShadowDiff",
    "sql.snapshot": "rollbook.actions.sql.snapshot:SqlSnapshot",
    "sql.snapshot_check": "rollbook.actions.sql.snapshot_check:SqlSnapshotCheck",
    "sql.snapshot_list": "rollbook.actions.sql.snapshot_list:SqlSnapshotList",
    "sql.snapshot_load": "rollbook.actions.sql.snapshot_load:SqlSnapshotLoad",
    "value.set": "rollbook.actions.core.value_set:ValueSet",
    "wait.for": "rollbook.actions.core.wait_for:WaitFor",
}


@cache
def action_type(kind: str) -> type[Action[Any]]:
    """
    Import and give the class of a kind.

    Raises `NotFoundError`, with the nearest names, for an unknown kind, and `RefusedError` when the
    package that offers it cannot be used.
    """
    # Built-in kinds cannot be shadowed, so most runs need not search the installed packages.
    if kind in BUILTINS:
        return _checked(kind, BUILTINS[kind], "rollbook")
    offered = _offered()
    if kind not in offered:
        raise NotFoundError(f"There is no action {kind!r}.", advice=_advice(kind))
    entry = offered[kind]
    return _checked(kind, f"{entry.module}:{entry.attr}", _package(entry))


def kinds() -> tuple[str, ...]:
    """Name every kind, sorted; none of them is imported."""
    return tuple(sorted({*BUILTINS, *_offered()}))


def forget() -> None:
    """Look for installed packages again; for tests and long-lived processes."""
    importlib.invalidate_caches()
    action_type.cache_clear()
    _offered.cache_clear()


@cache
def _offered() -> "Mapping[str, EntryPoint]":
    """Collect the kinds of other packages; two packages may not offer the same, nor one of Rollbook's."""
    from importlib.metadata import entry_points  # 15 ms, and built-in kinds do not need it

    found: dict[str, EntryPoint] = {}
    for entry in entry_points(group=GROUP):
        other = "rollbook itself" if entry.name in BUILTINS else None
        if entry.name in found and found[entry.name].value != entry.value:
            other = _package(found[entry.name])
        if other is not None:
            raise RefusedError(
                f"The action {entry.name!r} is offered twice: by {other} and by {_package(entry)} ({entry.value}).",
                advice="A runbook must mean the same everywhere: rename that action, or uninstall its package.",
            )
        found[entry.name] = entry
    return found


def _package(entry: "EntryPoint") -> str:
    distribution = entry.dist
    return f"the package {distribution.name} {distribution.version}" if distribution else "a package"


def _checked(kind: str, place: str, package: str) -> type[Action[Any]]:
    module, _, name = place.partition(":")
    try:
        found = attrgetter(name)(importlib.import_module(module))
    except (ImportError, AttributeError) as error:
        raise RefusedError(
            f"The action {kind!r} of {package} cannot be loaded from {place}: {error}",
            advice="Install the package again, or take its steps out of the runbook.",
        ) from error
    if not (inspect.isclass(found) and issubclass(found, Action)):
        raise RefusedError(
            f"{place} of {package} is not an action: it does not derive from rollbook.action.Action.",
            advice="Tell its authors; CONTRIBUTING.md shows what an action is.",
        )
    said = getattr(found, "kind", None)
    if said != kind:
        raise RefusedError(
            f"{place} of {package} says its kind is {said!r}, but it is offered as {kind!r}.",
            advice="The entry point's name and the class's `kind` must be the same.",
        )
    return found


def _advice(kind: str) -> str:
    near = difflib.get_close_matches(kind, kinds(), n=3, cutoff=0.6)
    noun = kind.rpartition(".")[2]
    near += [name for name in kinds() if name.rpartition(".")[2] == noun and name not in near]
    if near:
        return f"Did you mean {' or '.join(near[:3])}?"
    return f"Known actions: {', '.join(kinds())}."
