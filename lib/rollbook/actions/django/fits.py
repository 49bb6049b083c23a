"""`django.fits`: a guard that this code can run on this schema."""

from collections.abc import Mapping
from dataclasses import field, replace
from fnmatch import fnmatchcase
from typing import ClassVar, Final

from ...action import Change, Fact, Readers, Subject, identity
from ...dataclass import dataclass
from ...schema import build
from ...values import Plain
from .site import DjangoSite

# Only catalogs are read. A column that the code does not know is in its way where every row needs a value there.
SCRIPT: Final = """
from django.apps import apps
from django.db import connections, router

alias = given["database"]
connection = connections[alias]
tables, columns, required, count = [], [], [], 0
beyond = set()

def described(cursor, table):
    if table.strip('"') not in beyond:
        return [
            (one.name, one.null_ok, one.default is not None or getattr(one, "is_autofield", False))
            for one in connection.introspection.get_table_description(cursor, table)
        ]
    cursor.execute(
        "SELECT attname::text, NOT attnotnull, atthasdef OR attidentity <> '' FROM pg_attribute"
        " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped",
        [connection.ops.quote_name(table)],
    )
    return cursor.fetchall()

with connection.cursor() as cursor:
    there = set(connection.introspection.table_names(cursor, include_views=True))
    if connection.vendor == "postgresql":
        cursor.execute(
            "SELECT c.relname FROM pg_class c WHERE c.relkind IN ('p', 'f') AND pg_table_is_visible(c.oid)"
        )
        there |= {row[0] for row in cursor.fetchall()}
        # Some sites name a schema as well: db_table = 'other"."ledger', which Django puts into quotes as it is.
        cursor.execute(
            "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm')"
        )
        beyond = {'"."'.join(row) for row in cursor.fetchall()}
    for model in apps.get_models(include_auto_created=True):
        meta = model._meta
        if meta.proxy or meta.swapped or not (meta.managed or given["unmanaged"]):
            continue
        if not router.allow_migrate_model(alias, model):
            continue
        count += 1
        if meta.db_table not in there and meta.db_table.strip('"') not in beyond:
            tables.append(meta.db_table)
            continue
        found = described(cursor, meta.db_table)
        wanted = {part.column for part in meta.local_concrete_fields}
        columns += [f"{meta.db_table}.{name}" for name in sorted(wanted - {name for name, *_ in found})]
        required += [
            f"{meta.db_table}.{name}" for name, empty, fills in found if name not in wanted and not (empty or fills)
        ]
answer(tables=sorted(tables), columns=columns, required=sorted(required), models=count)
"""


@dataclass(frozen=True, slots=True)
class Fit:
    """
    What the code's models want and the database lacks; *required* are columns that only the database has and demands.

    *models* is how many were looked at.
    """

    tables: tuple[str, ...] = identity()
    columns: tuple[str, ...] = identity()
    required: tuple[str, ...] = identity()
    models: int = 0


@dataclass(frozen=True, slots=True)
class DjangoFits(DjangoSite[Fit], Fact[Fit]):
    """
    Refuse to go on where the site's code cannot run on its database as it is.

    The models of the code that `directory` holds are held against the catalog of the database, both read by Django:
    every table and column of a model must be there, and a table may not demand a column that its model does not know.
    Recorded migrations say nothing about that, and `manage.py check` and `migrate --check` pass where tables are gone.
    Run it with the code that is to run, before it goes live. `allow` names what may differ, as `table` or
    `table.column`, with patterns.
    """

    kind: ClassVar[str] = "django.fits"
    example: ClassVar[Mapping[str, Plain]] = {
        "directory": "/srv/forum/releases/before",
        "python": "/srv/forum/.venv/bin/python",
        "allow": ["legacy_*"],
    }
    by_hand: ClassVar[str] = """
`cd <directory> && <python> manage.py sqlmigrate` of each app's migrations, or `inspectdb`, compared with `\\d` of the
tables
"""
    output_names: ClassVar[tuple[str, ...] | None] = ("tables", "columns", "required", "models")

    allow: tuple[str, ...] = ()
    unmanaged: bool = field(default=False, metadata={"help": "also models that Django does not make tables for"})

    def subjects(self) -> frozenset[Subject]:
        """Name what is migrated: whatever code does it, it is one database."""
        return frozenset({Subject(self.target.name, "migrations", self.database)})

    def probe(self, read: Readers) -> Fit:
        """Ask the site."""
        found: Fit = build(Fit, self.ask(read, SCRIPT, unmanaged=self.unmanaged))
        return replace(
            found,
            tables=self._without(found.tables),
            columns=self._without(found.columns),
            required=self._without(found.required),
        )

    def _without(self, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name for name in names if not any(fnmatchcase(name, pattern) for pattern in self.allow))

    def refusal(self, state: Fit) -> str | None:
        """Name what is missing."""
        lines = self._told(state)
        if not lines:
            return None
        where = f" in {self.directory}" if self.directory else ""
        return f"The code{where} cannot run on this schema:\n" + "\n".join(f"  - {line}" for line in lines)

    @staticmethod
    def _told(state: Fit) -> tuple[str, ...]:
        told = {
            "missing table": state.tables,
            "missing column": state.columns,
            "column without a default that the code does not know": state.required,
        }
        return tuple(f"{what}: {name}" for what, names in told.items() for name in names)

    def details(self, change: Change[Fit]) -> tuple[str, ...]:
        """Say how many models fit."""
        return (f"{change.after.models} models fit the schema",)
