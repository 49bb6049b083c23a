"""What a pass would do per table, as far as the catalogs tell it."""

from collections.abc import Iterator, Mapping
from dataclasses import field

from ...dataclass import dataclass
from ...postgres.catalog import Catalog
from ...postgres.names import Name
from ...postgres.passes import Told
from ...postgres.rules import Rule, rules_with
from ...postgres.shape import shape
from ...targets.base import PostgresReader


@dataclass(frozen=True, slots=True)
class Outlook:
    """The tables by what becomes of their rows; *estimated* is how many rows live has, as far as it counted."""

    merged: tuple[str, ...] = ()
    counted: tuple[str, ...] = ()  # without a key
    ruled: Mapping[str, Rule] = field(default_factory=dict)
    only_live: tuple[str, ...] = ()
    only_backup: tuple[str, ...] = ()
    without_place: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # columns that only live has
    estimated: int = 0

    def lines(self, before: Told | None) -> Iterator[str]:
        """Say it in lines, with what the pass before found."""
        yield f"merged by key: {len(self.merged)} tables, about {self.estimated} rows in live"
        if before is not None:
            found = (f"{name} {one.total}" for name, one in before.differing.items())
            yield f"rows that differed in the pass before: {', '.join(found) or 'none'}"
        if self.counted:
            yield f"without a key, rows are counted, in the final pass only: {', '.join(self.counted)}"
        yield from (f"{name}: {_RULED[rule]}" for name, rule in self.ruled.items())
        if self.only_live:
            yield f"only in live, exported by the final pass: {', '.join(self.only_live)}"
        if self.only_backup:
            yield f"only in the backup, left as they are: {', '.join(self.only_backup)}"
        for name, columns in self.without_place.items():
            yield f"{name}: what users wrote into {', '.join(columns)} has no column and is exported"


_RULED: Mapping[Rule, str] = {
    "merge": "merged",
    "keep_live": "merged, live wins every conflict",
    "keep_backup": "merged, the backup wins every conflict",
    "leave": "stays as in the backup",
    "referenced": "stays as in the backup, but for rows that carried rows point at",
}


def read_outlook(server: PostgresReader, restored: str, tables: Mapping[str, Rule]) -> Outlook:
    """Read the catalogs of live and the restored database, and say what a pass would do."""
    ours, theirs = server.catalog(restored), server.catalog(server.database)
    rules = rules_with(tables)
    both = [name for name in ours.tables if name in theirs.tables]
    ruled = {str(name): rules.of(name) for name in both if rules.of(name) != "merge"}
    keyed, shapes = _shapes(ours, theirs, both)
    merged = [name for name in keyed if rules.of(name) not in ("leave", "referenced")]
    return Outlook(
        merged=tuple(map(str, merged)),
        counted=tuple(str(name) for name in both if name not in keyed and rules.of(name) != "leave"),
        ruled=ruled,
        only_live=tuple(str(name) for name in theirs.tables if name not in ours.tables),
        only_backup=tuple(str(name) for name in ours.tables if name not in theirs.tables),
        without_place={str(name): columns for name, columns in shapes.items() if columns and rules.of(name) != "leave"},
        estimated=sum(max(0, theirs.tables[name].rows) for name in merged),
    )


def _shapes(ours: Catalog, theirs: Catalog, both: list[Name]) -> tuple[list[Name], dict[Name, tuple[str, ...]]]:
    keyed, without = [], {}
    for name in both:
        lined = shape(ours.tables[name], theirs.tables[name], theirs.tables[name], decided=True)
        if lined.key:
            keyed.append(name)
        without[name] = lined.only_live
    return keyed, without
