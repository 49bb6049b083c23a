"""`django.uses`: which of the tables and columns that are to go the code in service still uses."""

from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import ClassVar, Final

from ...action import Change, Fact, Readers, Subject, identity
from ...dataclass import dataclass
from ...migrations.script import placing
from ...schema import build
from ...values import Plain
from .site import DjangoSite

# Models alone are looked at: which are there at all is `django.fits`'s question.
SCRIPT: Final = """
from django.apps import apps
from django.db import connections

tables, columns, count = set(), set(), 0
doomed = set(given["tables"])
narrow = dict()
for name in given["columns"]:
    table, _, column = name.rpartition(".")
    narrow.setdefault(table, set()).add(column)
for model in apps.get_models(include_auto_created=True):
    meta = model._meta
    if meta.proxy or meta.swapped:
        continue
    count += 1
    name = placed(connections[given["database"]], meta.db_table)
    if name in doomed:
        tables.add(name)
    for part in meta.local_concrete_fields:
        if part.column in narrow.get(name, ()):
            columns.add(f"{name}.{part.column}")
answer(tables=sorted(tables), columns=sorted(columns), models=count)
"""


@dataclass(frozen=True, slots=True)
class Used:
    """The tables and columns, of those asked for, that models of the code are made of; *models* were looked at."""

    tables: tuple[str, ...] = identity()
    columns: tuple[str, ...] = identity()
    models: int = 0


@dataclass(frozen=True, slots=True)
class DjangoUses(DjangoSite[Used], Fact[Used]):
    """
    Read which of these tables and columns the models of the site's code still use.

    Ask the code that is in service before a migration drops them: where it uses them, it breaks at once, and stays
    broken until other code is deployed. Whoever deploys code and migration together has that for as long as the deploy
    takes. Only models tell; SQL that the code writes itself is not seen, so pages must be asked for as well.
    """

    kind: ClassVar[str] = "django.uses"
    example: ClassVar[Mapping[str, Plain]] = {
        "tables": "{{ steps.pending.outputs.tables }}",
        "columns": "{{ steps.pending.outputs.columns }}",
        "directory": "/srv/forum",
    }
    by_hand: ClassVar[str] = """
`cd <directory> && grep -rn` the name of each of `<tables>` and `<columns>`, and of its model and field, in what is in
service now
"""
    output_names: ClassVar[tuple[str, ...] | None] = ("tables", "columns", "models", "used", "names")

    tables: tuple[str, ...] = field(default=(), metadata={"help": "names as the database has them"})
    columns: tuple[str, ...] = field(default=(), metadata={"help": "as table.column"})

    def subjects(self) -> frozenset[Subject]:
        """Name the code's use of them, which no step changes in the database."""
        return frozenset({Subject(self.target.name, self.kind, ",".join((*self.tables, *self.columns)))})

    def probe(self, read: Readers) -> Used:
        """Ask the site, unless nothing is asked for."""
        if not self.tables and not self.columns:
            return Used((), ())
        script = f"{placing()}\n{SCRIPT}"
        found: Used = build(Used, self.ask(read, script, tables=list(self.tables), columns=list(self.columns)))
        return found

    def outputs(self, after: Used, results: object) -> Mapping[str, Plain]:  # noqa: ARG002  # it only reads
        """Give them, and whether there are any."""
        names = [*after.tables, *after.columns]
        lists = {"tables": list(after.tables), "columns": list(after.columns)}
        return {**lists, "models": after.models, "used": bool(names), "names": names}

    def details(self, change: Change[Used]) -> tuple[str, ...]:
        """Name what is used."""
        return tuple(self._told(change.after))

    @staticmethod
    def _told(state: Used) -> Iterator[str]:
        yield from (f"STILL USED by the code in service: table {name}" for name in state.tables)
        yield from (f"STILL USED by the code in service: column {name}" for name in state.columns)
        if not state.tables and not state.columns:
            yield f"none of them is used by any of {state.models} models"
