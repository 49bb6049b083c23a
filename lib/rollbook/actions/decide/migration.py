"""`decide.migration`: how a destructive migration stands in each environment, in one table."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from typing import ClassVar, Literal

from ...action import Change, Fact, Readers, Subject, evidence, identity
from ...dataclass import dataclass
from ...figures import aligned
from ...ops import OpResult
from ...schema import encode
from ...values import Plain

Told = Mapping[str, Mapping[str, Plain] | None]
_HEADS = ("environment", "migration", "its tables", "rows and values at risk", "saved in")


@dataclass(frozen=True, slots=True)
class Standing:
    """How it stands in one environment; *missing* are tables and columns that are not there any more."""

    environment: str
    migration: Literal["applied", "pending", "not known"]
    missing: tuple[str, ...] = ()
    counts: tuple[tuple[str, int], ...] = ()
    source: str = ""

    @property
    def rows(self) -> int:
        """The rows and values that are at risk."""
        return sum(count for _, count in self.counts)


@dataclass(frozen=True, slots=True)
class Standings:
    """How it stands everywhere; in which environments it is applied does not change unnoticed."""

    applied: tuple[str, ...] = identity()
    pending: tuple[str, ...] = identity()
    all_: tuple[Standing, ...] = evidence()


@dataclass(frozen=True, slots=True)
class DecideMigration(Fact[Standings]):
    """
    Lay beside one another what each environment tells of a migration: is it applied, what is at risk, what is saved.

    Each argument is what a step with `environments:` found, `steps.ID.outputs.members`: `pending` of `django.pending`,
    `at_risk` of `sql.at_risk`, `snapshots` of `sql.snapshot_list`, `backups` of `postgres.backup_list`.
    """

    kind: ClassVar[str] = "decide.migration"
    example: ClassVar[Mapping[str, Plain]] = {
        "migration": "channels.0002_no_comments",
        "pending": "{{ steps.pending.outputs.members }}",
        "at_risk": "{{ steps.risk.outputs.members }}",
        "snapshots": "{{ steps.saved.outputs.members }}",
    }
    by_hand: ClassVar[str] = (
        "Of each environment write down: is `<migration>` applied (`showmigrations`), are its tables there, how many "
        "rows they have, and which snapshot or backup has them."
    )
    output_names: ClassVar[tuple[str, ...] | None] = ("applied", "pending", "rows", "table")

    migration: str = field(metadata={"help": "the migration, as app.name"})
    pending: Told = field(metadata={"help": "by environment: what django.pending gave"})
    at_risk: Told = field(default_factory=dict, metadata={"help": "by environment: what sql.at_risk gave"})
    snapshots: Told = field(default_factory=dict, metadata={"help": "by environment: what sql.snapshot_list gave"})
    backups: Told = field(default_factory=dict, metadata={"help": "by environment: what postgres.backup_list gave"})

    def __post_init__(self) -> None:
        if "." not in self.migration:
            raise ValueError("migration: expected app.name")

    def subjects(self) -> frozenset[Subject]:
        """Name nothing: no target is looked at."""
        return frozenset()

    def probe(self, read: Readers) -> Standings:  # noqa: ARG002  # what was read before is laid together
        """Lay it together."""
        found = tuple(self._standing(name, told) for name, told in self.pending.items())
        return Standings(
            applied=tuple(one.environment for one in found if one.migration == "applied"),
            pending=tuple(one.environment for one in found if one.migration == "pending"),
            all_=found,
        )

    def _standing(self, name: str, told: Mapping[str, Plain] | None) -> Standing:
        risk, saved, backed = (part.get(name) or {} for part in (self.at_risk, self.snapshots, self.backups))
        counts = {**dict(risk.get("tables") or {}), **dict(risk.get("columns") or {})}
        source = str(saved.get("newest") or backed.get("newest") or "")
        return Standing(
            name,
            "not known" if told is None else "pending" if self.migration in (told.get("pending") or ()) else "applied",
            missing=tuple(risk.get("missing") or ()),
            counts=tuple(counts.items()),
            source=source.rpartition("/")[2],
        )

    def details(self, change: Change[Standings]) -> tuple[str, ...]:
        """Show the table."""
        return tuple(_lines(change.after.all_))

    def outputs(self, after: Standings, results: Sequence[OpResult]) -> Mapping[str, Plain]:  # noqa: ARG002  # it only reads
        """Give the environments by how it stands there, a row for each, and the table for people."""
        return {
            "applied": list(after.applied),
            "pending": list(after.pending),
            "rows": [{**encode(one), "rows": one.rows} for one in after.all_],
            "table": "\n".join(_lines(after.all_)),
        }


def _lines(standings: Sequence[Standing]) -> Iterator[str]:
    yield from aligned([list(_HEADS), *(_cells(one) for one in standings)])


def _cells(one: Standing) -> list[str]:
    tables = f"gone: {', '.join(one.missing)}" if one.missing else "there" if one.counts else "not looked for"
    risk = ", ".join(f"{count:,} {name}" for name, count in one.counts if count) or ("none" if one.counts else "-")
    return [one.environment, one.migration, tables, risk, one.source or "nothing yet"]
