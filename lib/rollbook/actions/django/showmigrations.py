"""`django.showmigrations`: which migrations a database has, and which of the code it has not."""

from collections.abc import Mapping
from dataclasses import field
from typing import ClassVar

from ...action import Change, Fact, Readers, Subject, identity
from ...dataclass import dataclass
from ...schema import build
from ...values import Plain
from .history import SCRIPT
from .site import DjangoSite


@dataclass(frozen=True, slots=True)
class MigrationsFound:
    """
    What the database has of each app's migrations; *pending* are those it lacks, in the order of a migrate.

    *unknown* are recorded in the database, and the code does not have them: another version of it made them.
    """

    applied: Mapping[str, tuple[str, ...]] = identity()
    pending: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DjangoShowmigrations(DjangoSite[MigrationsFound], Fact[MigrationsFound]):
    """
    Read which migrations of the code are applied, which are pending, and which the code does not know.

    The site itself is asked, through `manage.py shell`. That migrations are recorded does not say that their tables
    are there: `django.fits` looks at those.
    """

    kind: ClassVar[str] = "django.showmigrations"
    example: ClassVar[Mapping[str, Plain]] = {"directory": "/srv/forum", "python": "/srv/forum/.venv/bin/python"}
    by_hand: ClassVar[str] = "`cd <directory> && <python> manage.py showmigrations --plan`"
    output_names: ClassVar[tuple[str, ...] | None] = ("applied", "pending", "unknown")

    app: str = field(default="", metadata={"help": "only this app, and what its migrations lean on"})

    def subjects(self) -> frozenset[Subject]:
        """Name what is migrated: whatever code does it, it is one database."""
        return frozenset({Subject(self.target.name, "migrations", self.database)})

    def probe(self, read: Readers) -> MigrationsFound:
        """Ask the site."""
        answer = self.ask(read, SCRIPT, app=self.app, to="")
        return build(MigrationsFound, {name: answer[name] for name in ("applied", "pending", "unknown")})

    def details(self, change: Change[MigrationsFound]) -> tuple[str, ...]:
        """List what is pending, and what the code does not know."""
        found = change.after
        return (
            *(f"pending: {name}" for name in found.pending),
            *(f"not known to this code: {name}" for name in found.unknown),
        )
