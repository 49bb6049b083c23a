"""What a pass would do per table, as far as the catalogs tell it."""

from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Final

from ...dataclass import dataclass
from ...postgres.names import Name
from ...postgres.passes import Told
from ...postgres.renames import Renames, called_before
from ...postgres.rules import Rule, rules_with
from ...postgres.shape import shape
from ...targets.base import PostgresReader
from .reading import count_large_objects

_GRANTS: Final = """
    WITH things(what, acl, owner) AS (
        SELECT format('SCHEMA %I', nspname), nspacl, nspowner FROM pg_catalog.pg_namespace
        UNION ALL SELECT CASE relkind WHEN 'S' THEN 'SEQUENCE ' ELSE '' END || format('%I.%I', nspname, relname),
            relacl, relowner
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = relnamespace
        WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
    )
    SELECT what, privilege_type AS privilege,
        CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_catalog.pg_get_userbyid(grantee)) END AS grantee
    FROM things LEFT JOIN LATERAL pg_catalog.aclexplode(acl) ON grantee <> owner
    WHERE what !~ '(^|SCHEMA |SEQUENCE )"?(pg_|information_schema|rollbook)' ORDER BY 1, 2, 3"""
_SHOWN: Final = 5
_MATERIALIZED: Final = """
    SELECT schemaname AS schema, matviewname AS name FROM pg_catalog.pg_matviews ORDER BY 1, 2"""


@dataclass(frozen=True, slots=True)
class Outlook:
    """The tables by what becomes of their rows; *estimated* is how many rows live has, as far as it counted."""

    merged: tuple[str, ...] = ()
    counted: tuple[str, ...] = ()  # without a key that both sides have
    rekeyed: tuple[str, ...] = ()  # of these, those that have one on each side
    ruled: Mapping[str, Rule] = field(default_factory=dict)
    apart: tuple[str, ...] = ()  # without a column that both have
    only_live: tuple[str, ...] = ()
    only_backup: tuple[str, ...] = ()
    without_place: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # columns that only live has
    estimated: int = 0
    large_objects: tuple[int, int] = (0, 0)  # of live, and of the backup
    grants: tuple[str, ...] = ()  # those that live has, and the backup lacks on what it has
    revokes: tuple[str, ...] = ()  # and the other way round
    materialized: tuple[str, ...] = ()  # views that hold what they held in the backup
    renamed: tuple[str, ...] = ()  # what migrations renamed

    def _counted(self) -> Iterator[str]:
        if self.counted:
            yield (
                f"without a key, rows are counted: {', '.join(self.counted)}; what of them will not fit is told by the"
                " first pass, the final one carries them"
            )
        if self.rekeyed:
            yield f"their key is another now, so rows are counted as if they had none: {', '.join(self.rekeyed)}"

    def lines(self, before: Told | None) -> Iterator[str]:
        """Say it in lines, with what the pass before found."""
        yield f"merged by key: {len(self.merged)} tables, about {self.estimated} rows in live"
        if before is not None:
            found = (f"{name} {one.total}" for name, one in before.differing.items())
            yield f"rows that differed in the pass before: {', '.join(found) or 'none'}"
        yield from self._counted()
        yield from self.renamed
        if self.apart:
            yield f"live and the backup share no column, rows stay as in the backup: {', '.join(self.apart)}"
        yield from (f"{name}: {_RULED[rule]}" for name, rule in self.ruled.items())
        if self.only_live:
            yield f"only in live, exported by the final pass: {', '.join(self.only_live)}"
        if self.only_backup:
            yield f"only in the backup, left as they are: {', '.join(self.only_backup)}"
        if any(self.large_objects):
            live, backup = self.large_objects
            yield (
                f"large objects stay as in the backup, which has {backup}; live has {live}: what users wrote since into"
                " them is to be brought over by hand (lo_export, lo_import)"
            )
        if self.grants:
            yield f"the backup lacks grants of live, which are to be given again: {_some(self.grants)}"
        if self.revokes:
            yield f"the backup has grants that live lacks: see whether they are wanted: {_some(self.revokes)}"
        if self.materialized:
            yield f"hold what they held in the backup until they are refreshed: {', '.join(self.materialized)}"
        for name, columns in self.without_place.items():
            yield f"{name}: what users wrote into {', '.join(columns)} has no column and is exported"


_RULED: Mapping[Rule, str] = {
    "merge": "merged",
    "keep_live": "merged, live wins every conflict",
    "keep_backup": "merged, the backup wins every conflict",
    "leave": "stays as in the backup",
    "referenced": "stays as in the backup, but for rows that carried rows point at",
}


def read_outlook(server: PostgresReader, restored: str, base: str, tables: Mapping[str, Rule]) -> Outlook:
    """Read the catalogs of live, the restored database, and the *base* where there is one: what a pass would do."""
    renamed = server.renames(base) if base else Renames()
    ours, theirs = server.catalog(restored), called_before(server.catalog(server.database), renamed)
    rules = rules_with(tables)
    both = [name for name in ours.tables if name in theirs.tables]
    ruled = {str(name): rules.of(name) for name in both if rules.of(name) != "merge"}
    shapes = {name: shape(ours.tables[name], theirs.tables[name], theirs.tables[name], decided=True) for name in both}
    keyed = [name for name, lined in shapes.items() if lined.key]
    merged = [name for name in keyed if rules.of(name) not in ("leave", "referenced")]
    rest = {name: lined for name, lined in shapes.items() if not lined.key and rules.of(name) != "leave"}
    return Outlook(
        renamed=tuple(renamed.told()),
        merged=tuple(map(str, merged)),
        counted=tuple(str(name) for name, lined in rest.items() if lined.carried),
        rekeyed=tuple(
            str(name)
            for name, lined in rest.items()
            if lined.carried and ours.tables[name].keys and theirs.tables[name].keys
        ),
        ruled=ruled,
        apart=tuple(str(name) for name, lined in rest.items() if not lined.carried),
        only_live=tuple(str(name) for name in theirs.tables if name not in ours.tables),
        only_backup=tuple(str(name) for name in ours.tables if name not in theirs.tables),
        without_place={
            str(name): lined.only_live
            for name, lined in shapes.items()
            if lined.only_live and rules.of(name) != "leave"
        },
        estimated=sum(max(0, theirs.tables[name].rows) for name in merged),
        large_objects=(count_large_objects(server, server.database), count_large_objects(server, restored)),
        grants=tuple(f"GRANT {one}" for one in _granted(server, server.database, "TO", restored)),
        revokes=tuple(f"REVOKE {one}" for one in _granted(server, restored, "FROM", server.database)),
        materialized=tuple(str(Name(row["schema"], row["name"])) for row in server.rows_in(restored, _MATERIALIZED)),
    )


def _some(statements: tuple[str, ...]) -> str:
    more = f"; and {len(statements) - _SHOWN} more" if len(statements) > _SHOWN else ""
    return f"{'; '.join(statements[:_SHOWN])}{more}"


def _granted(server: PostgresReader, here: str, word: str, there: str) -> Iterator[str]:
    """
    Say what is granted in one database and not in the other, on what both have.

    So with a backup that was made or restored without privileges, or whose schema public a superuser owns.
    """
    theirs = {tuple(row.values()) for row in server.rows_in(there, _GRANTS)}
    things = {what for what, _, _ in theirs}
    for row in server.rows_in(here, _GRANTS):
        if row["privilege"] and row["what"] in things and tuple(row.values()) not in theirs:
            yield f"{row['privilege']} ON {row['what']} {word} {row['grantee']}"
