"""`django.half_applied`: migrations that died half way, and both ways out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from typing import ClassVar

from ...action import Change, Fact, Readers, Subject, evidence, identity
from ...dataclass import dataclass
from ...errors import RefusedError
from ...migrations.halves import Half, find_half_back, find_halves
from ...migrations.judging import Told
from ...migrations.script import inside
from ...migrations.standing import Ends, Late, Standing, lacking
from ...ops import OpResult
from ...schema import build, encode
from ...values import Plain
from .site import DjangoSite


@dataclass(frozen=True, slots=True)
class HalvesFound:
    """The migrations that began and are not recorded, and what is known of each."""

    half_applied: tuple[str, ...] = identity()
    migrations: tuple[Half, ...] = evidence(default=())
    pending: int = evidence(default=0)
    missing: tuple[Late, ...] = evidence(default=())


@dataclass(frozen=True, slots=True)
class DjangoHalfApplied(DjangoSite[HalvesFound], Fact[HalvesFound]):
    """
    Recognise migrations that began and died: the database shows a part of what they do, and does not record them.

    On MySQL and MariaDB, tables that a migration made or dropped before it failed stay so, and it can neither be
    applied again nor be taken back by Django. Each pending migration is held against the catalog: at which point
    between two of its operations do the tables, columns and indexes stand? Both ways out are given, as Django writes
    the SQL: forwards, with what is left of it, and backwards, with the reverse of what it has done. What the catalog
    does not show (rows, types of columns) is said. A way back dies as well: with `after`, where it was to go, the
    last migration that is still recorded is held against the catalog.

    Either way includes what Django runs last: indexes, unique constraints and foreign keys of what a migration, or its
    way back, made. Once that is noted nothing tells any more that they were left out, so a look afterwards is given the
    `ends` of the one before it, of the way that was gone, and says which are missing.

    `requires: ["not steps.halves.outputs.half_applied"]` stops a run on one.
    """

    kind: ClassVar[str] = "django.half_applied"
    example: ClassVar[Mapping[str, Plain]] = {"directory": "/srv/forum", "python": "/srv/forum/.venv/bin/python"}
    by_hand: ClassVar[str] = """
- `cd <directory> && <python> manage.py showmigrations --plan`, and `sqlmigrate APP NAME` of the first that is pending
- look with `SHOW TABLES` and `SHOW CREATE TABLE` which of these statements are done
- do the rest by hand, then `<python> manage.py migrate --fake APP NAME`; or the reverse of what is done
"""
    output_names: ClassVar[tuple[str, ...] | None] = (
        "half_applied",
        "migrations",
        "forwards",
        "backwards",
        "ends",
        "text",
    )

    app: str = field(default="", metadata={"help": "only this app, and what its migrations lean on"})
    after: str = field(
        default="",
        metadata={"help": "instead of pending ones, of those applied after this one, or zero: where a way back died"},
    )
    ends: tuple[Late, ...] = field(
        default=(), metadata={"help": "indexes and constraints to look for as well: `ends` of an earlier look, one way"}
    )
    refuse: bool = field(default=False, metadata={"help": "stop where one is there; a resume looks again"})

    def __post_init__(self) -> None:
        if self.after and not self.app:
            raise ValueError("after: names a migration of an app, so app: is needed")

    def subjects(self) -> frozenset[Subject]:
        """Name what is migrated: whatever code does it, it is one database."""
        return frozenset({Subject(self.target.name, "migrations", self.database)})

    def probe(self, read: Readers) -> HalvesFound:
        """Ask the site."""
        answer = self.ask(read, inside(), app=self.app, to="", after=self.after, statements=True)
        told: tuple[Told, ...] = build(tuple[Told, ...], answer["operations"])
        catalog = {str(name): build(Standing, one) for name, one in answer["catalog"].items()}
        ends = {str(name): build(Ends, one) for name, one in answer["ends"].items()}
        found = find_half_back(told, catalog, self.after, ends) if self.after else find_halves(told, catalog, ends)
        missing = lacking(self.ends, catalog)
        return HalvesFound(tuple(one.migration for one in found), found, len(answer["pending"]), missing)

    def refusal(self, state: HalvesFound) -> RefusedError | None:
        """Refuse to go on with one, where that is asked for."""
        if not (self.refuse and (state.half_applied or state.missing)):
            return None
        half = f"still half way: {', '.join(state.half_applied)}" if state.half_applied else ""
        late = f"missing of what comes last: {len(state.missing)} indexes or constraints" if state.missing else ""
        told = "; ".join(one for one in (half, late) if one)
        return RefusedError(
            f"{told}.\n{_text(state)}",
            advice="Send what is missing of either way, and then resume: it looks again.",
        )

    def outputs(self, after: HalvesFound, results: Sequence[OpResult]) -> Mapping[str, Plain]:  # noqa: ARG002  # it only reads
        """Give what is known of each, as text too, and the statements of both ways, by the migration's name."""
        return {
            "half_applied": list(after.half_applied),
            "migrations": encode(after.migrations),
            "forwards": {one.migration: list(one.forwards) for one in after.migrations},
            "backwards": {one.migration: list(one.backwards) for one in after.migrations},
            "ends": {
                "forwards": [encode(late) for one in after.migrations for late in one.ends.forwards if late.name],
                "backwards": [encode(late) for one in after.migrations for late in one.ends.backwards if late.name],
            },
            "text": _text(after),
        }

    def details(self, change: Change[HalvesFound]) -> tuple[str, ...]:
        """Say how far each came, and show both ways."""
        after = change.after
        lines = list(_all_lines(after))
        if self.after:
            return tuple(lines) or (f"none of {after.pending} migrations after {self.after} is half taken back",)
        return tuple(lines) or (f"none of {after.pending} pending migrations has begun",)


def _text(found: HalvesFound) -> str:
    return "\n".join(_all_lines(found))


def _all_lines(found: HalvesFound) -> Iterator[str]:
    for half in found.migrations:
        yield from _lines(half)
    if found.missing:
        yield "not there, by hand:"
        yield from (f"  {late.sql}" for late in found.missing)


def _lines(half: Half) -> Iterator[str]:
    if half.puzzle:
        yield f"{half.migration}: the database stands neither before it nor at any point of it"
        yield from (f"  {one}" for one in half.puzzle)
        return
    yield f"{half.migration} {half.standing}"
    yield from (f"  done: {one}" for one in half.done)
    yield from (f"  done in part: {one}" for one in (half.partly,) if one)
    yield from (f"  cannot be seen: {one}" for one in half.unseen)
    yield from (f"  left: {one}" for one in half.left)
    yield "  forwards, by hand:"
    yield from (f"    {one}" for one in half.forwards)
    yield "  backwards, by hand:"
    yield from (f"    {one}" for one in half.backwards)
