"""Types of columns, as PostgreSQL, MySQL, MariaDB, SQLite and Django write them, and what a change of type may lose."""

import re
from typing import Final, Literal

from ..dataclass import dataclass

Family = Literal[
    "text", "integer", "decimal", "float", "boolean", "date", "time", "timestamp", "uuid", "binary", "other"
]

_WRITTEN: Final = re.compile(r"(?P<name>[a-z_][a-z0-9_ ]*)(?:\((?P<size>[^)]*)\)(?P<rest>[a-z ]*))?")
_INTEGERS: Final = {
    "tinyint": 8,
    "smallint": 16,
    "smallserial": 16,
    "int2": 16,
    "mediumint": 24,
    "integer": 32,
    "int": 32,
    "serial": 32,
    "int4": 32,
    "bigint": 64,
    "bigserial": 64,
    "int8": 64,
    "year": 16,
}
_TEXTS: Final = ("varchar", "character varying", "char", "character", "bpchar", "nvarchar", "nchar")
_LONG_TEXTS: Final = {"text": None, "longtext": None, "citext": None, "mediumtext": (1 << 24) - 1, "tinytext": 255}
_MYSQL_TEXT: Final = (1 << 16) - 1
_BINARIES: Final = {"bytea": None, "longblob": None, "mediumblob": (1 << 24) - 1, "tinyblob": 255, "raw": None}
_TIMESTAMPS: Final = {
    "datetime": "",
    "timestamp without time zone": "",
    "timestamp": "",
    "timestamp with time zone": "zone",
    "timestamptz": "zone",
}


@dataclass(frozen=True, slots=True)
class Type:
    """
    A type by what it can hold: *size* is characters, bits, digits or fractional digits of a second; None is no limit.

    *octets*: a text's size is in bytes. *name* is how it was written, by which other types are told apart.
    """

    family: Family
    name: str
    size: int | None = None
    scale: int = 0
    unsigned: bool = False
    octets: bool = False

    @property
    def lowest(self) -> int:
        """The smallest integer."""
        return 0 if self.unsigned else -(1 << ((self.size or 64) - 1))

    @property
    def highest(self) -> int:
        """The greatest integer."""
        return (1 << ((self.size or 64) - (0 if self.unsigned else 1))) - 1


def parse_type(written: str, *, mysql: bool) -> Type:
    """Read a type; *mysql* says that it is one of MySQL or MariaDB, whose words mean other sizes."""
    plain = " ".join(written.lower().split())
    if mysql and plain.startswith(("tinyint(1)", "bool")):
        return Type("boolean", plain)
    found = _WRITTEN.fullmatch(plain)
    if found is None:
        return Type("other", plain)
    words = f"{found['name']} {found['rest'] or ''}".split()
    name = " ".join(word for word in words if word not in ("unsigned", "zerofill", "signed"))
    sizes = [int(one) for one in re.findall(r"\d+", found["size"] or "")]
    return _named(name, sizes, plain, unsigned="unsigned" in words, mysql=mysql)


def _named(name: str, sizes: list[int], plain: str, *, unsigned: bool, mysql: bool) -> Type:
    first = sizes[0] if sizes else None
    if name in _INTEGERS:
        return Type("integer", plain, _INTEGERS[name], unsigned=unsigned)
    if name in _TEXTS:
        # CHAR alone is one character; VARCHAR alone any number.
        return Type("text", plain, first if first is not None or "var" in name else 1)
    if name in _LONG_TEXTS:
        size = _MYSQL_TEXT if mysql and name == "text" else _LONG_TEXTS[name]
        return Type("text", plain, size, octets=size is not None)
    if name in ("numeric", "decimal"):
        return Type("decimal", plain, first or (10 if mysql else None), sizes[1] if len(sizes) > 1 else 0)
    if name in _TIMESTAMPS:
        size = first if first is not None else (0 if mysql else 6)
        return Type("timestamp", f"{'datetime' if name == 'datetime' else ''}{_TIMESTAMPS[name]}", size)
    if name in ("double precision", "double", "real", "float", "float4", "float8"):
        small = name in ("real", "float4") or (name == "float" and mysql)
        return Type("float", plain, 24 if small and not (mysql and name == "real") else 53)
    if name in _BINARIES:
        return Type("binary", plain, _BINARIES[name])
    if name in ("blob", "binary", "varbinary"):
        return Type("binary", plain, first if name != "blob" else _MYSQL_TEXT if mysql else None)
    return _plain(name, plain)


def _plain(name: str, plain: str) -> Type:
    match name:
        case "boolean" | "bool":
            return Type("boolean", plain)
        case "uuid":
            return Type("uuid", plain)
        case "date":
            return Type("date", plain)
    return Type("other", plain)


def loss(old: Type, new: Type) -> str | None:
    """Say what values of *old* do not survive in *new*, or None where every one does."""
    if old == new:
        return None
    if old.family == new.family:
        return _smaller(old, new)
    match old.family, new.family:
        case ("integer", "decimal") if _digits(old) <= (new.size or 1000) - new.scale:
            return None
        case ("integer", "float") if (old.size or 64) < (new.size or 0):
            return None
        case ("integer" | "boolean", "text") if new.size is None or new.size >= 20:
            return None
        case ("boolean", "integer"):
            return None
        case ("uuid", "text") if new.size is None or new.size >= 36:
            return None
        case ("decimal", "text") if new.size is None:
            return None
    return f"{old.name} becomes {new.name}"


def _digits(integer: Type) -> int:
    return len(str(integer.highest))


def _smaller(old: Type, new: Type) -> str | None:
    match old.family:
        case "integer":
            fits = new.lowest <= old.lowest and old.highest <= new.highest
            return None if fits else f"only {new.lowest} to {new.highest} fit"
        case "text":
            # A character takes up to four bytes.
            size = old.size * 4 if old.size is not None and new.octets and not old.octets else old.size
            fits = new.size is None or (size is not None and size <= new.size)
            return None if fits else f"only {new.size} {'bytes' if new.octets else 'characters'} fit"
        case "decimal":
            return _smaller_decimal(old, new)
        case "boolean" | "uuid" | "date":
            return None
        case "float":
            return None if (old.size or 0) <= (new.size or 0) else "digits are lost"
        case "binary":
            fits = new.size is None or (old.size is not None and old.size <= new.size)
            return None if fits else f"only {new.size} bytes fit"
        case "timestamp" if old.name == new.name and (old.size or 0) <= (new.size or 0):
            return None
        case "timestamp" if old.name == new.name:
            return "fractions of a second are lost"
    return f"{old.name} becomes {new.name}"


def _smaller_decimal(old: Type, new: Type) -> str | None:
    if new.size is None:
        return None
    if old.size is None:
        return f"only {new.size - new.scale} digits before and {new.scale} after the point fit"
    if new.size - new.scale < old.size - old.scale:
        return f"only {new.size - new.scale} digits before the point fit"
    return f"only {new.scale} digits after the point fit" if new.scale < old.scale else None
