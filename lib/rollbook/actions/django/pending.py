"""`django.pending`: what the pending migrations will do to tables, columns and rows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from pathlib import PurePath
from typing import ClassVar, Final, Literal

from ...action import Change, Fact, Readers, Ref, Subject, evidence, identity
from ...dataclass import dataclass
from ...errors import RefusedError, TargetError
from ...migrations.deed import Deed
from ...migrations.judging import Told, judge
from ...migrations.made import Made, made
from ...migrations.operation import Effect, Operation
from ...migrations.script import inside
from ...migrations.table import table
from ...ops import OpResult
from ...schema import build, encode
from ...targets.base import SqlReader
from ...values import Plain
from .site import DjangoSite

_LARGEST: Final = 8_000_000
_ROWS: Final = ("deletes_rows", "rewrites")


@dataclass(frozen=True, slots=True)
class PendingState:
    """The pending migrations, what each of their operations does, and in which database of which kind."""

    pending: tuple[str, ...] = identity()
    operations: tuple[Operation, ...] = identity()
    vendor: str = evidence(default="")
    name: str = evidence(default="")
    made: Made = evidence(default=Made())


@dataclass(frozen=True, slots=True)
class DjangoPending(DjangoSite[PendingState], Fact[PendingState]):
    """
    Read what the migrations that the database lacks will do to it, operation by operation, before anything is done.

    Django itself is asked, in the environment of the code that will migrate: what it will drop, narrow, rename and
    delete, by the names that tables and columns have in the database now. Tables between two models go with the field
    or model that made them. What an operation does to Django's own idea of the models alone counts for nothing. SQL of
    migrations, and of `files` on the target, is read statement by statement. Whatever cannot be read for certain (code
    of `RunPython`, functions, SQL that is not understood) is *undetermined*: have it approved by name, with the output
    `table`. What happens to rows is said of what is there now: tables that the migrations make themselves count for
    nothing.

    With `after`, the same is told of migrations that are applied: of those that a way back to that one takes back.
    Tables and columns have the names then that they had before them; `lost` are all of them that hold less since. What
    these made, and the way back takes with all that was written there since, are `made_tables` and `made_columns`, by
    the names that they have now.

    With `server`, a site that is at another database than that target, by its settings or by the alias, is refused.
    """

    kind: ClassVar[str] = "django.pending"
    example: ClassVar[Mapping[str, Plain]] = {
        "directory": "/srv/forum/releases/next",
        "python": "/srv/forum/.venv/bin/python",
    }
    by_hand: ClassVar[str] = """
- `cd <directory> && <python> manage.py showmigrations --plan`, for each pending one `<python> manage.py sqlmigrate APP
  NAME`, and look for DROP, ALTER … TYPE, NOT NULL, DELETE, UPDATE and TRUNCATE
- read the file of each that runs Python
"""
    output_names: ClassVar[tuple[str, ...] | None] = (
        "pending",
        "operations",
        "tables",
        "columns",
        "emptied",
        "rewritten",
        "narrowing",
        "lost",
        "defaults",
        "renamed",
        "made_tables",
        "made_columns",
        "made_defaults",
        "undetermined",
        "destructive",
        "table",
        "vendor",
        "name",
    )

    app: str = field(default="", metadata={"help": "only this app, and what its migrations lean on"})
    to: str = field(default="", metadata={"help": "up to this migration of the app, or the beginning of its name"})
    after: str = field(
        default="",
        metadata={"help": "instead of what is pending: what the app's migrations after this one did, or after zero"},
    )
    files: tuple[str, ...] = field(
        default=(), metadata={"help": "files of SQL on the target, read after the migrations"}
    )
    dialect: Literal["", "postgresql", "mysql", "sqlite"] = field(
        default="", metadata={"help": "of the files, where no site is to be asked: then only they are read"}
    )

    server: Ref[SqlReader] | None = field(
        default=None, metadata={"help": "the target whose database it must be; the code's settings may lead elsewhere"}
    )

    def __post_init__(self) -> None:
        if (self.to or self.after) and not self.app:
            raise ValueError(f"{'to' if self.to else 'after'}: names a migration of an app, so app: is needed")
        if self.to and self.after:
            raise ValueError("after: is about migrations that are applied, to: about those that are not; give one")
        if self.dialect and not self.files:
            raise ValueError("dialect: is that of files:, so these are needed")

    def subjects(self) -> frozenset[Subject]:
        """Name what is migrated: whatever code does it, it is one database."""
        return frozenset({Subject(self.target.name, "migrations", self.database)})

    def probe(self, read: Readers) -> PendingState:
        """Ask the site, and read the files."""
        if self.dialect:
            return PendingState((), judge(self._in_files(read), self.dialect), self.dialect)
        answer = self.ask(read, inside(), app=self.app, to=self.to, after=self.after, statements=False)
        if self.server:
            require_same(read[self.server], answer["here"], self)
        told: tuple[Told, ...] = build(tuple[Told, ...], answer["operations"])
        vendor = str(answer["vendor"])
        pending = tuple(str(one) for one in answer["pending"])
        places: Mapping[str, str] = build(dict[str, str], answer["places"])
        judged = judge((*told, *self._in_files(read)), vendor, places)
        return PendingState(pending, judged, vendor, str(answer["database"]), made(told, vendor, places))

    def _in_files(self, read: Readers) -> Iterator[Told]:
        host = read[self.target]
        for path in self.files:
            content = host.read_file(path, limit=_LARGEST)
            if content is None:
                raise TargetError(f"there is no file {path} on {host.name}", advice="Correct its path in files:.")
            text = content.decode(errors="replace")
            yield Told("", PurePath(path).name, "SQL", (Deed("sql", text=text),), path)

    def outputs(self, after: PendingState, results: Sequence[OpResult]) -> Mapping[str, Plain]:  # noqa: ARG002  # it only reads
        """Give the operations, and what they are about by what becomes of it."""
        found = after.operations
        return {
            "pending": list(after.pending),
            "operations": encode(found),
            "tables": _names(found, "destroys_table"),
            "columns": _names(found, "destroys_column"),
            "emptied": sorted({name for one in found if one.effect in _ROWS for name in one.tables}),
            "rewritten": sorted({name for one in found if one.effect == "rewrites" for name in one.columns}),
            "narrowing": [encode(part) for one in found for part in one.narrowing],
            "lost": sorted({name for one in found if one.destructive for name in one.things}),
            "defaults": {name: value for one in found for name, value in one.defaults},
            "renamed": {old: new for one in found for old, new in one.renamed},
            "made_tables": list(after.made.tables) if self.after else [],
            "made_columns": list(after.made.columns) if self.after else [],
            "made_defaults": dict(after.made.defaults) if self.after else {},
            "undetermined": list(table(one for one in found if one.undetermined)),
            "destructive": any(one.destructive for one in found),
            "table": "\n".join(table(found)),
            "vendor": after.vendor,
            "name": after.name,
        }

    def details(self, change: Change[PendingState]) -> tuple[str, ...]:
        """Show the operations that are not harmless."""
        after = change.after
        harmless = sum(one.effect == "harmless" for one in after.operations)
        where = f" of {after.name}" if after.name else ""
        what = f"migrations applied after {self.app}.{self.after}" if self.after else "pending migrations"
        head = f"{what}{where}: {len(after.pending) or 'none'}"
        return (head, *table(after.operations), *((f"{harmless} operations are harmless",) if harmless else ()))


def _names(operations: Sequence[Operation], effect: Effect) -> list[str]:
    return sorted({name for one in operations if one.effect == effect for name in one.things})


def require_same(server: SqlReader, here: Mapping[str, Plain], site: DjangoPending) -> None:
    """Refuse a site that is at another database than *server*: what is pending there says nothing of this one."""
    asked = {"postgresql": "current_database()", "mysql": "DATABASE()"}.get(server.dialect)
    name = str(next(server.rows(f"SELECT {asked} AS name"))["name"]) if asked else ""
    theirs = (here["count"], here["most"])
    ours = theirs
    if here["count"] is not None and "django_migrations" in server.tables():
        found = next(server.rows("SELECT count(*) AS number, max(id) AS most FROM django_migrations"))
        ours = (found["number"], found["most"])
    if (name, ours) != (here["name"], theirs):
        unlike = f"{here['name']}, and {site.server} is at {name}"
        if name == here["name"]:
            unlike = f"another {name} than {site.server}: its list of migrations is another"
        raise RefusedError(
            f"The code on {site.target} is at {unlike}: what is pending there says nothing of this one.",
            advice=f"Correct its settings, or name in database: which of its DATABASES is that of {site.server};"
            " it is asked about the alias " + site.database + ".",
        )
