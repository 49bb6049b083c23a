"""
What carrying over has to come to, computed over plain dicts by code of its own.

A database is {table: {key: {column: text or None}}}. Nothing of the product is used here.
"""

from dataclasses import dataclass, field

Row = dict[str, str | None]
Rows = dict[tuple[str, ...], Row]
Database = dict[str, Rows]


@dataclass(frozen=True)
class TableLaw:
    """What the backup's schema asks of a table, and what the live one has."""

    name: str
    columns: tuple[str, ...]  # written ones, of the backup
    live_columns: tuple[str, ...]  # of the live table, () where it is gone
    required: frozenset[str]
    defaults: dict[str, str | None]
    uniques: dict[str, tuple[str, ...]]
    refuses: dict[str, frozenset[str]] = field(default_factory=dict)  # texts of live that a column does not take


@dataclass(frozen=True)
class KeyLaw:
    name: str
    child: str
    columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...]


Conflicts = dict[tuple[str, str, tuple[str, ...], str], str]


class Oracle:
    def __init__(
        self,
        laws: dict[str, TableLaw],
        keys: list[KeyLaw],
        backup: Database,
        live: Database,
        base: Database | None,
        side: str,
    ) -> None:
        self.laws, self.keys, self.backup, self.side = (
            laws,
            sorted(keys, key=lambda key: (key.child, key.name)),
            backup,
            side,
        )
        self.conflicts: Conflicts = {}
        self.rows: Database = {name: {key: dict(row) for key, row in rows.items()} for name, rows in backup.items()}
        self.whose: dict[tuple[str, tuple[str, ...]], str] = {}
        for name, law in laws.items():
            if law.live_columns and name in live:
                self._merge(law, (base or backup)[name], live[name], decided=base is not None)
        while self._uniques() or self._parents(hard=True) or self._parents(hard=False):
            pass

    def _note(self, kind: str, table: str, key: tuple[str, ...], about: str, settled: str) -> None:
        self.conflicts.setdefault((kind, table, key, about), settled)

    def _merge(self, law: TableLaw, base: Rows, live: Rows, *, decided: bool) -> None:
        both = [col for col in law.columns if col in law.live_columns]
        for key in sorted({*base, *live}):
            b, p, mine = base.get(key), self.backup[law.name].get(key), live.get(key)
            if b is not None and mine is not None and all(b.get(col) == mine.get(col) for col in both):
                continue
            if mine is None:
                self._delete(law, key, p, decided)
            elif p is None:
                self._insert(law, key, b, mine, both)
            else:
                self._edit(law, key, b, p, mine, both, decided)

    def _delete(self, law: TableLaw, key: tuple[str, ...], p: Row | None, decided: bool) -> None:
        if p is None:
            return
        if not decided:
            self._note("undecided", law.name, key, "", self.side)
            if self.side == "backup":
                return
        self.rows[law.name].pop(key)
        self.whose[law.name, key] = "L"

    def _insert(self, law: TableLaw, key: tuple[str, ...], b: Row | None, mine: Row, both: list[str]) -> None:
        if b is not None:
            self._note("edited_by_both", law.name, key, "", self.side)
            if self.side == "backup":
                return
        own = [col for col in law.columns if col not in both]
        missing = [col for col in own if col in law.required and law.defaults.get(col) is None]
        if missing:
            self._note("missing_column", law.name, key, ", ".join(missing), "left_out")
            return
        nulls = [col for col in both if col in law.required and mine[col] is None]
        if nulls:
            self._note("null_refused", law.name, key, ", ".join(sorted(nulls)), "left_out")
            return
        unfit = sorted(col for col in both if not self._fits(law, col, mine[col]))
        if any(col in law.required for col in unfit) or (unfit and self.side == "backup"):
            self._note("no_cast", law.name, key, ", ".join(unfit), "left_out")
            return
        if unfit:
            self._note("no_cast", law.name, key, ", ".join(unfit), "null")
        row = {col: None if col in unfit else mine[col] for col in both}
        self.rows[law.name][key] = {**row, **{col: law.defaults.get(col) for col in own}}
        self.whose[law.name, key] = "L"

    def _edit(
        self, law: TableLaw, key: tuple[str, ...], b: Row | None, p: Row, mine: Row, both: list[str], decided: bool
    ) -> None:
        wanted = sorted(col for col in both if (b or p)[col] != mine[col] and mine[col] != p[col])
        if decided and b is not None:
            fought = [col for col in wanted if b[col] != p[col]]
            if fought:
                self._note("edited_by_both", law.name, key, ", ".join(fought), self.side)
        else:
            fought = wanted
            if fought:
                self._note("edited_by_both" if decided else "undecided", law.name, key, "", self.side)
        if self.side == "backup":
            wanted = [col for col in wanted if col not in fought]
        nulls = [col for col in wanted if mine[col] is None and col in law.required]
        unfit = [col for col in wanted if not self._fits(law, col, mine[col])]
        if nulls:
            self._note("null_refused", law.name, key, ", ".join(nulls), "backup")
        if unfit:
            self._note("no_cast", law.name, key, ", ".join(unfit), "backup")
        taken = [col for col in wanted if col not in nulls and col not in unfit]
        if taken:
            self.rows[law.name][key] = {**p, **{col: mine[col] for col in taken}}
            self.whose[law.name, key] = "L"

    @staticmethod
    def _fits(law: TableLaw, col: str, value: str | None) -> bool:
        return value is None or value not in law.refuses.get(col, ())

    def _revert(self, table: str, key: tuple[str, ...]) -> str:
        self.whose[table, key] = "B"
        was = self.backup[table].get(key)
        if was is None:
            self.rows[table].pop(key, None)
            return "left_out"
        self.rows[table][key] = dict(was)
        return "backup"

    def _lose(self, table: str, key: tuple[str, ...]) -> str:
        self.whose[table, key] = "X"
        self.rows[table].pop(key, None)
        return "removed" if key in self.backup[table] else "left_out"

    def _uniques(self) -> bool:
        moved = False
        for table in sorted(self.laws):
            for name, cols in sorted(self.laws[table].uniques.items()):
                groups: dict[tuple[str | None, ...], list[tuple[str, ...]]] = {}
                for key, row in self.rows[table].items():
                    value = tuple(row[col] for col in cols)
                    if None not in value:
                        groups.setdefault(value, []).append(key)
                for keys in groups.values():
                    moved |= self._clash(table, name, keys)
        return moved

    def _clash(self, table: str, name: str, keys: list[tuple[str, ...]]) -> bool:
        if len(keys) < 2:
            return False
        users = sorted(
            (key for key in keys if self.whose.get((table, key)) == "L"),
            key=lambda key: [part.encode() for part in key],
        )
        kept = [key for key in keys if key not in users]
        winner = (users or kept)[0] if self.side == "live" else (kept or users)[0]
        for key in keys:
            if key == winner:
                continue
            settled = self._revert(table, key) if key in users else self._lose(table, key)
            self._note("unique_clash", table, key, name, settled)
        return True

    def _nullable(self, fk: KeyLaw) -> list[str]:
        return [col for col in fk.columns if col not in self.laws[fk.child].required]

    def _parents(self, *, hard: bool) -> bool:
        moved = False
        for fk in self.keys:
            free = self._nullable(fk)
            if hard == bool(free):
                continue
            there = {tuple(row[col] for col in fk.parent_columns) for row in self.rows[fk.parent].values()}
            lost = []
            for key, row in self.rows[fk.child].items():
                value = tuple(row[col] for col in fk.columns)
                if None not in value and value not in there:
                    lost.append((key, value))
            if not lost:
                continue
            moved = True
            if free:
                for key, _ in lost:
                    self.rows[fk.child][key].update(dict.fromkeys(free))
                    self._note("parent_gone", fk.child, key, fk.name, "null")
            else:
                self._orphans(fk, lost)
        return moved

    def _orphans(self, fk: KeyLaw, lost: list[tuple[tuple[str, ...], tuple[str | None, ...]]]) -> None:
        if self.side == "live":
            for key, _ in lost:
                self._note("parent_gone", fk.child, key, fk.name, self._lose(fk.child, key))
            return
        ours = [key for key, _ in lost if self.whose.get((fk.child, key)) == "L"]
        parents = self._to_restore(fk, {value for key, value in lost if key not in ours})
        if not ours and not parents:
            for key, _ in lost:
                self._note("parent_gone", fk.child, key, fk.name, self._lose(fk.child, key))
            return
        for key, _ in lost:
            stayed = key not in ours or key in self.backup[fk.child]
            self._note("parent_gone", fk.child, key, fk.name, "backup" if stayed else "left_out")
        for other in parents:
            self._revert(fk.parent, other)
        for key in ours:
            self._revert(fk.child, key)

    def _to_restore(self, fk: KeyLaw, values: set[tuple[str | None, ...]]) -> set[tuple[str, ...]]:
        return {
            key
            for key, row in self.backup[fk.parent].items()
            if tuple(row[col] for col in fk.parent_columns) in values and self.whose.get((fk.parent, key)) == "L"
        }
