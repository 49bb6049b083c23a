"""Random sites for the laws of carrying over: schemas, rows, destructive migrations, and what users do."""

from dataclasses import dataclass, field
from random import Random

WORDS = ("a", "b", "c", "d", "e")
KEYS = {
    "int": ("1", "2", "3", "4", "5", "6"),
    "text": ("k", "l", "m\tn", "o\\", "ü", "'"),
    "uuid": tuple(f"00000000-0000-0000-0000-00000000000{at}" for at in range(6)),
}
LATER = tuple(str(at) for at in range(7, 12))  # what a sequence gives after the backup
SAMPLES = {
    "text": ("a", "b", "c", "x\ty", "\\N", "", "line\nline", "7", "8"),
    "integer": ("1", "2", "3"),
    "integer[]": ("{}", "{1,2}", "{NULL,3}"),
    "bytea": ("\\x", "\\x00ff", "\\x41"),
    "jsonb": ("null", '{"a": [1, 2]}', '"\\\\x"'),
    "int4range": ("empty", "[1,4)"),
    "mood": ("ok", "bad"),
    "small": ("1", "2"),
    "uuid": KEYS["uuid"],
    "timestamp with time zone": ("2024-01-01 00:00:00+00", "2024-06-01 12:00:00.5+00"),
}


@dataclass
class Col:
    name: str
    type: str
    required: bool = False
    default: str | None = None


@dataclass
class Tab:
    name: str
    key: tuple[str, ...]
    cols: dict[str, Col]
    identity: bool = False
    partitioned: bool = False
    uniques: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass
class Fk:
    name: str
    child: str
    columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...]
    action: str
    deferrable: str

    @property
    def sql(self) -> str:
        here, there = ", ".join(self.columns), ", ".join(self.parent_columns)
        return (
            f"ALTER TABLE {self.child} ADD CONSTRAINT {self.name} FOREIGN KEY ({here})"
            f" REFERENCES {self.parent} ({there}) {self.action} {self.deferrable}"
        )


@dataclass
class World:
    tables: dict[str, Tab]
    keys: list[Fk]
    rows: dict[str, list[dict[str, str | None]]]

    def script(self) -> list[str]:
        made = ["CREATE TYPE mood AS ENUM ('ok', 'bad')", "CREATE DOMAIN small AS integer CHECK (VALUE < 10)"]
        made += [create(tab) for tab in self.tables.values()]
        made += [
            f"CREATE TABLE {tab.name}_p PARTITION OF {tab.name} DEFAULT"
            for tab in self.tables.values()
            if tab.partitioned
        ]
        made += [insert(self.tables[name], row) for name, rows in self.rows.items() for row in rows]
        for tab in self.tables.values():
            made += [
                f"ALTER TABLE {tab.name} ADD CONSTRAINT {name} UNIQUE ({', '.join(cols)})"
                for name, cols in tab.uniques.items()
            ]
            made.append(
                f"CREATE TRIGGER noisy BEFORE INSERT OR UPDATE OR DELETE ON {tab.name} FOR EACH ROW EXECUTE FUNCTION refuse()"
            )
            made.append(f"ALTER TABLE {tab.name} DISABLE TRIGGER noisy")
        return made + [key.sql for key in self.keys]


def lit(value: str | None) -> str:
    return "NULL" if value is None else "'" + value.replace("'", "''") + "'"


def create(tab: Tab) -> str:
    lines = []
    for col in tab.cols.values():
        extra = " GENERATED ALWAYS AS IDENTITY" if tab.identity and col.name == "id" else ""
        default = f" DEFAULT {lit(col.default)}" if col.default is not None else ""
        lines.append(f"{col.name} {col.type}{extra}{default}{' NOT NULL' if col.required else ''}")
    lines.append(f"made boolean GENERATED ALWAYS AS ({tab.key[0]} IS NULL) STORED")
    lines.append(f"PRIMARY KEY ({', '.join(tab.key)})")
    return f"CREATE TABLE {tab.name} ({', '.join(lines)})" + (
        f" PARTITION BY LIST ({tab.key[0]})" if tab.partitioned else ""
    )


def insert(tab: Tab, row: dict[str, str | None]) -> str:
    return f"INSERT INTO {tab.name} ({', '.join(row)}) OVERRIDING SYSTEM VALUE VALUES ({', '.join(lit(one) for one in row.values())})"


def make_world(rng: Random) -> World:
    tables = {f"t{at}": _table(rng, f"t{at}") for at in range(rng.randint(2, 6))}
    keys = [_fk(rng, tables, at) for at in range(rng.randint(0, 5))]
    rows = {name: _key_rows(rng, tab) for name, tab in tables.items()}
    for tab in tables.values():
        for row in rows[tab.name]:
            for col in tab.cols.values():
                if col.name not in row:
                    row[col.name] = None if not col.required and rng.random() < 0.3 else rng.choice(SAMPLES[col.type])
    _make_unique(tables, rows)
    _make_whole(rng, tables, keys, rows)
    return World(tables, keys, rows)


def _make_unique(tables: dict[str, Tab], rows: dict[str, list[dict[str, str | None]]]) -> None:
    for tab in tables.values():
        seen: dict[str, set[tuple[str | None, ...]]] = {name: set() for name in tab.uniques}
        for row in rows[tab.name]:
            for name, cols in tab.uniques.items():
                found = tuple(row[col] for col in cols)
                if found in seen[name]:
                    row[cols[0]] = None
                seen[name].add(found)


def _make_whole(
    rng: Random, tables: dict[str, Tab], keys: list[Fk], rows: dict[str, list[dict[str, str | None]]]
) -> None:
    for key in keys:
        for row in rows[key.child]:
            parents = rows[key.parent]
            free = [col for col in key.columns if not tables[key.child].cols[col].required]
            chosen = rng.choice(parents) if parents and not (free and rng.random() < 0.3) else None
            for col, theirs in zip(key.columns, key.parent_columns, strict=True):
                row[col] = chosen[theirs] if chosen else (None if col in free else row[col])


def _table(rng: Random, name: str) -> Tab:
    kind = rng.choice(("int", "int", "text", "uuid", "pair"))
    cols: dict[str, Col] = {}
    if kind == "pair":
        cols["id"], cols["part"] = Col("id", "integer", True), Col("part", "text", True)
    else:
        cols["id"] = Col("id", {"int": "integer"}.get(kind, kind), True)
    key = tuple(cols)
    for at in range(rng.randint(1, 3)):
        type_ = rng.choice(("text", "text", *SAMPLES))
        required = rng.random() < 0.3
        default = rng.choice(SAMPLES[type_]) if rng.random() < 0.3 else None
        cols[f"c{at}"] = Col(f"c{at}", type_, required, default)
    tab = Tab(
        name,
        key,
        cols,
        identity=kind == "int" and rng.random() < 0.6,
        partitioned=kind == "int" and rng.random() < 0.15,
    )
    tab.identity = tab.identity and not tab.partitioned
    for at in range(rng.randint(0, 2)):
        cols[f"u{at}"] = Col(f"u{at}", "text")
        tab.uniques[f"{name}_u{at}"] = (f"u{at}",) if rng.random() < 0.7 or at == 0 else ("u0", "u1")
    if tab.partitioned:
        tab.uniques = {}
    return tab


def _fk(rng: Random, tables: dict[str, Tab], at: int) -> Fk:
    child, parent = rng.choice(list(tables.values())), rng.choice(list(tables.values()))
    required = rng.random() < 0.5
    columns = []
    for col in parent.key:
        name = f"r{at}{col}"
        child.cols[name] = Col(name, parent.cols[col].type, required)
        columns.append(name)
    actions = ["", "ON DELETE CASCADE", "ON DELETE RESTRICT", "ON UPDATE CASCADE"] + (
        [] if required else ["ON DELETE SET NULL"]
    )
    deferrable = rng.choice(("", "DEFERRABLE INITIALLY DEFERRED", "DEFERRABLE"))
    return Fk(f"fk{at}", child.name, tuple(columns), parent.name, parent.key, rng.choice(actions), deferrable)


def _key_rows(rng: Random, tab: Tab) -> list[dict[str, str | None]]:
    found = {tuple(_key_value(rng, tab.cols[col]) for col in tab.key) for _ in range(rng.randint(2, 6))}
    return [dict(zip(tab.key, one, strict=True)) for one in sorted(found)]


def _key_value(rng: Random, col: Col, later: float = 0.0) -> str:
    """Give a key; *later* is how often it is one that the backup cannot have, of those that can be."""
    kind = "int" if col.type == "integer" else col.type
    return rng.choice(LATER if kind == "int" and rng.random() < later else KEYS[kind])


def migrate(rng: Random, world: World) -> list[str]:
    """Make a migration that destroys; where a statement of it fails, it fails on every database alike."""
    return [_migration(rng, world) for _ in range(rng.randint(2, 7))]


def _migration(rng: Random, world: World) -> str:
    tab = rng.choice(list(world.tables.values()))
    col = rng.choice([one for one in tab.cols.values() if one.name not in tab.key] or list(tab.cols.values()))
    kinds = [
        "drop_table",
        "drop_column",
        "delete",
        "rewrite",
        "unique",
        "no_unique",
        "nullable",
        "retype",
        "add",
        "no_fk",
    ]
    match rng.choice(kinds):
        case "drop_table":
            return f"DROP TABLE {tab.name} CASCADE"
        case "drop_column":
            return f"ALTER TABLE {tab.name} DROP COLUMN {col.name}" if col.name not in tab.key else "SELECT 1"
        case "delete":
            return f"DELETE FROM {tab.name} WHERE id::text <= {lit(_key_value(rng, tab.cols['id']))}"
        case "rewrite":
            value = rng.choice(SAMPLES[col.type])
            return f"UPDATE {tab.name} SET {col.name} = {lit(value)} WHERE id::text > {lit(_key_value(rng, tab.cols['id']))}"
        case "unique":
            return f"ALTER TABLE {tab.name} ADD CONSTRAINT late_{tab.name} UNIQUE ({col.name})"
        case "no_unique":
            name = rng.choice(list(tab.uniques) or ["none"])
            return f"ALTER TABLE {tab.name} DROP CONSTRAINT IF EXISTS {name}"
        case "nullable":
            return f"ALTER TABLE {tab.name} ALTER {col.name} DROP NOT NULL"
        case "retype":
            return f"ALTER TABLE {tab.name} ALTER {col.name} DROP DEFAULT, ALTER {col.name} TYPE text"
        case "add":
            return f"ALTER TABLE {tab.name} ADD COLUMN IF NOT EXISTS later text DEFAULT 'z'"
    fk = rng.choice(world.keys) if world.keys else None
    return f"ALTER TABLE {fk.child} DROP CONSTRAINT IF EXISTS {fk.name}" if fk else "SELECT 1"


def use(rng: Random, world: World, most: int = 40) -> list[str]:
    """Let users write: statements that may fail, as users' requests do."""
    return [statement for _ in range(rng.randint(most // 4, most)) for statement in _deed(rng, world)]


def _deed(rng: Random, world: World) -> list[str]:
    tab = rng.choice(list(world.tables.values()))
    key = {col: _key_value(rng, tab.cols[col], 0.5) for col in tab.key}
    where = " AND ".join(f"{col} = {lit(value)}" for col, value in key.items())
    cols = [col for col in tab.cols.values() if col.name not in tab.key]
    values = {col.name: _value(rng, world, tab, col) for col in cols if rng.random() < 0.85}
    match rng.choice(("insert", "insert", "update", "update", "delete", "move", "again")):
        case "insert":
            return [insert(tab, {**key, **values})]
        case "update":
            col = rng.choice(cols)
            return [f"UPDATE {tab.name} SET {col.name} = {lit(_value(rng, world, tab, col))} WHERE {where}"]
        case "delete":
            return [f"DELETE FROM {tab.name} WHERE {where}"]
        case "move":
            col = rng.choice(tab.key)
            return [f"UPDATE {tab.name} SET {col} = {lit(_key_value(rng, tab.cols[col], 0.3))} WHERE {where}"]
    # A row is deleted, and another one takes what was unique in it.
    taken = {col.name: rng.choice(world.rows[tab.name])[col.name] for col in cols}
    return [f"DELETE FROM {tab.name} WHERE {where}", insert(tab, {**key, **values, **taken})]


def _value(rng: Random, world: World, tab: Tab, col: Col) -> str | None:
    for fk in world.keys:
        if fk.child == tab.name and col.name in fk.columns:
            theirs = fk.parent_columns[fk.columns.index(col.name)]
            return _key_value(rng, world.tables[fk.parent].cols[theirs], 0.4)
    if rng.random() < 0.2:
        return None
    if rng.random() < 0.1:
        return "\\zz"  # refused by every type but text, which a migration may have made of it
    return rng.choice(SAMPLES[col.type])
