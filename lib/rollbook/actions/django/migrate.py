"""`django.migrate`: a site's database, forwards or backwards to a migration."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field, replace
from datetime import timedelta
from typing import ClassVar, Final

from ...action import Change, Leave, Readers, Refuse, Reverse, Subject, Undo, evidence
from ...dataclass import dataclass
from ...errors import RefusedError, UndoRefused
from ...migrations.migrating import Migrating
from ...ops import Op
from ...schema import build
from ...values import Plain
from .history import SCRIPT, Applied, Migration, is_applied, toggled
from .site import DjangoSite

_DROPS: Final = ("Delete model ", "Remove field ")  # as Django describes what it does


@dataclass(frozen=True, slots=True)
class MigrationsState:
    """
    Which migrations are applied, by app.

    *goal* is what the target of the step comes to, *order* are those that the way there passes, oldest first.
    """

    applied: Applied
    goal: Applied = evidence()
    order: tuple[Migration, ...] = evidence(default=())


@dataclass(frozen=True, slots=True)
class DjangoMigrate(DjangoSite[MigrationsState]):
    """
    Migrate a site's database to a migration of an app, forwards or backwards, or forwards to all that the code has.

    The plan lists each migration that will be applied or unapplied with what it does, as Django works it out, and
    each is a command of its own: a run that dies between two goes on with the rest. A way back past an operation
    that Django cannot reverse is refused before anything is unapplied. An undo migrates back, where that can be done;
    what was written into tables and columns that go is lost then, and what they held before does not come back.

    A change of a table waits a short while for its lock, again and again, for everybody else waits behind it: nobody is
    kept waiting longer than `lock_timeout` by a transaction that somebody left open. Who holds the lock is said while
    it waits, and where it gives up. PostgreSQL takes a migration back before each further attempt; MySQL and MariaDB
    cannot, so what of it is done stands there, and the rest of it is tried ten times as often.

    With `fake` Django only takes them for applied or unapplied, also what it cannot reverse, and the database's tables
    stay as they are: for what somebody did, or will do, by other means.
    """

    kind: ClassVar[str] = "django.migrate"
    example: ClassVar[Mapping[str, Plain]] = {
        "app": "channels",
        "to": "0002_post",
        "directory": "/srv/forum",
        "python": "/srv/forum/.venv/bin/python",
    }
    by_hand: ClassVar[str] = """
`cd <directory> && <python> manage.py showmigrations --plan`, then `<python> manage.py migrate <app> <to> --plan`, and
the same without `--plan`
"""

    app: str = field(default="", metadata={"help": "without one, every app, forwards"})
    to: str = field(default="", metadata={"help": "a migration or the beginning of its name, or zero; else the last"})
    fake: bool = field(default=False, metadata={"help": "only note it, and leave the tables as they are"})

    lock_timeout: timedelta = field(
        default=timedelta(seconds=5), metadata={"help": "how long a change of a table waits for its lock"}
    )
    lock_tries: int = field(default=10, metadata={"help": "how often it is tried"})

    def __post_init__(self) -> None:
        if self.lock_timeout.total_seconds() < 1 or self.lock_tries < 1:
            raise ValueError("lock_timeout and lock_tries: expected at least a second, and one attempt")
        if self.to and not self.app:
            raise ValueError("to: names a migration of an app, so app: is needed")
        for name in (self.app, self.to):
            if name.startswith("-"):
                raise ValueError(f"{name!r} is neither an app nor a migration")

    def subjects(self) -> frozenset[Subject]:
        """Name what is migrated: whatever code does it, it is one database."""
        own = f"{self.database}: {self.app or 'all'} {self.to or 'to the last'}"
        # A later step with another target shares the first only, and so is not planned on this one's goal.
        return frozenset(Subject(self.target.name, "migrations", name) for name in (self.database, own))

    def probe(self, read: Readers) -> MigrationsState:
        """Ask the site what is applied, and what lies between that and the target."""
        answer = self.ask(read, SCRIPT, app=self.app, to=self.to)
        found: MigrationsState = build(
            MigrationsState, {"applied": answer["applied"], "goal": answer["applied"], "order": answer["order"]}
        )
        return replace(found, goal=toggled(found.applied, found.order))

    def desired(self, before: MigrationsState) -> MigrationsState:
        """Want the target; refused where that cannot be reached."""
        back = [each for each in before.order if is_applied(each, before.applied) and not is_applied(each, before.goal)]
        stuck = [each for each in back if each.irreversible]
        if stuck and not self.fake:
            told = "; ".join(f"{each}: {', '.join(each.irreversible)}" for each in stuck)
            raise RefusedError(
                f"The way back passes what Django cannot reverse: {told}. Nothing was unapplied.",
                advice="Restore the database from a backup, write the reverse into the migration, or only have it "
                "noted (fake) where what it did is put back by other means.",
            )
        return replace(before, applied=before.goal)

    def ops(self, old: MigrationsState, new: MigrationsState) -> tuple[Op, ...]:
        """Give a command for each migration: back first, the newest first, then forth."""
        order = new.order or old.order
        back = [each for each in order if is_applied(each, old.applied) and not is_applied(each, new.applied)]
        forth = [each for each in order if is_applied(each, new.applied) and not is_applied(each, old.applied)]
        reached = toggled(old.applied, (*back, *forth))
        if reached != dict(new.applied):
            lost = sorted(set(_names(new.applied)) ^ set(_names(reached)))
            raise UndoRefused(
                f"The code does not have the way to these migrations: {', '.join(lost)}.",
                advice="Run it in the version of the code that has them.",
            )
        return (
            *(self._migrate(each.app, each.previous, back=True) for each in reversed(back)),
            *(self._migrate(each.app, each.name, back=False) for each in forth),
        )

    def _migrate(self, app: str, name: str, *, back: bool) -> Op:
        database = () if self.database == "default" else (f"--database={self.database}",)
        words = ("migrate", app, name, "--noinput", *(("--fake",) if self.fake else ()), *database)
        plain = self.command(*words)
        return Migrating(
            plain.target,
            plain.argv,
            directory=plain.directory,
            environment=plain.environment,
            run_as=plain.run_as,
            begins=plain.argv.index("migrate"),
            database=self.database,
            seconds=self.lock_timeout.total_seconds(),
            tries=self.lock_tries,
            back=back,
        )

    def undo(self, change: Change[MigrationsState]) -> Undo[MigrationsState]:
        """Migrate back, where everything that was applied can be reversed."""
        if not change.ops:
            return Leave("nothing was migrated")
        if self.fake:
            return Reverse(change.before, "it is noted as it was; the tables stay as they are")
        fresh = [each for each in change.after.order if is_applied(each, change.after.applied)]
        stuck = [each for each in fresh if each.irreversible and not is_applied(each, change.before.applied)]
        if stuck:
            told = "; ".join(f"{each}: {', '.join(each.irreversible)}" for each in stuck)
            return Refuse(f"Django cannot reverse {told}; a backup has the database as it was")
        if fresh:
            empty = "; ".join(_empty(fresh))
            told = f", and what these had dropped comes back EMPTY: {empty}" if empty else ""
            return Reverse(change.before, f"what was written into tables and columns that go is lost{told}")
        return Reverse(change.before, "they are applied again; what they had dropped does not come back by that")

    def details(self, change: Change[MigrationsState]) -> tuple[str, ...]:
        """List each migration and what it does."""
        return tuple(self._told(change))

    def _told(self, change: Change[MigrationsState]) -> Iterator[str]:
        order, was, will = change.after.order, change.before.applied, change.after.applied
        if self.fake and change.ops:
            yield "only what Django takes for applied: no table is changed"
        for each in reversed(order):
            if is_applied(each, was) and not is_applied(each, will):
                yield f"unapply {each}, which did: {'; '.join(each.operations) or 'nothing'}"
                if (empty := "; ".join(_empty([each]))) and not self.fake:
                    yield f"what it had dropped comes back EMPTY, and has to be filled by sql.recover: {empty}"
        for each in order:
            if is_applied(each, will) and not is_applied(each, was):
                yield f"apply {each}: {'; '.join(each.operations) or 'nothing'}"


def _empty(migrations: Iterable[Migration]) -> Iterator[str]:
    """Name the operations, in Django's words, of which the reverse makes an empty table or column."""
    return (what for each in migrations for what in each.operations if what.startswith(_DROPS))


def _names(applied: Applied) -> Iterator[str]:
    return (f"{app}.{name}" for app, names in applied.items() for name in names)
