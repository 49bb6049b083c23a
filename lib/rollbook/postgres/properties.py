"""What belongs to a database as a whole and is in no dump of it: encoding, owner, grants, settings."""

from collections.abc import Iterator
from typing import Final

from ..dataclass import dataclass
from .names import literal, quote

# Their values are lists of names, quoted already, which one pair of quotes around would make a single name.
_LISTS: Final = frozenset(
    {"search_path", "temp_tablespaces", "local_preload_libraries", "session_preload_libraries", "createrole_self_grant"}
)

READ: Final = """
    SELECT pg_catalog.pg_get_userbyid(d.datdba) AS owner, pg_catalog.pg_encoding_to_char(d.encoding) AS encoding,
           d.datcollate AS collation, d.datctype AS ctype, d.datconnlimit AS connections,
           coalesce((SELECT spcname FROM pg_catalog.pg_tablespace s
                     WHERE s.oid = d.dattablespace AND spcname <> 'pg_default'), '') AS tablespace,
           coalesce(to_jsonb(d) ->> 'datlocprovider', 'c') AS provider,
           coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale', '') AS locale,
           coalesce((SELECT jsonb_agg(jsonb_build_object(
                       'grantee', coalesce(pg_catalog.quote_ident(r.rolname), 'PUBLIC'),
                       'privilege', a.privilege_type, 'passing_on', a.is_grantable)
                       ORDER BY r.rolname NULLS FIRST, a.privilege_type)
                     FROM pg_catalog.aclexplode(d.datacl) a LEFT JOIN pg_catalog.pg_roles r ON r.oid = a.grantee), '[]')
             AS grants,
           coalesce((SELECT jsonb_agg(jsonb_build_object(
                       'role', coalesce(r.rolname, ''), 'name', split_part(c.one, '=', 1),
                       'value', substr(c.one, strpos(c.one, '=') + 1)) ORDER BY r.rolname NULLS FIRST, c.one)
                     FROM pg_catalog.pg_db_role_setting s LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole
                     CROSS JOIN LATERAL unnest(s.setconfig) c(one) WHERE s.setdatabase = d.oid), '[]') AS settings
    FROM pg_catalog.pg_database d WHERE d.datname = :database"""


@dataclass(frozen=True, slots=True)
class Grant:
    """A right on the database; *grantee* is quoted where it has to be, or PUBLIC."""

    grantee: str
    privilege: str
    passing_on: bool


@dataclass(frozen=True, slots=True)
class Setting:
    """A parameter that sessions in the database begin with; those of one *role*, or of all where it is empty."""

    role: str
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Properties:
    """
    A database as a whole.

    *grants* is empty where the rights are the usual ones, *tablespace* where it is the server's default.
    """

    owner: str
    encoding: str
    collation: str
    ctype: str
    provider: str = "c"  # pg_database.datlocprovider
    locale: str = ""
    connections: int = -1
    grants: tuple[Grant, ...] = ()
    settings: tuple[Setting, ...] = ()
    tablespace: str = ""

    def create(self, name: str) -> str:
        """Give the statement that makes an empty database like this one."""
        options = [f"TEMPLATE template0 OWNER {quote(self.owner)} ENCODING {literal(self.encoding)}"]
        if self.provider != "c":
            provider = "icu" if self.provider == "i" else "builtin"
            word = "ICU_LOCALE" if provider == "icu" else "BUILTIN_LOCALE"
            options.append(f"LOCALE_PROVIDER {provider} {word} {literal(self.locale)}")
        options.append(f"LC_COLLATE {literal(self.collation)} LC_CTYPE {literal(self.ctype)}")
        if self.tablespace:
            options.append(f"TABLESPACE {quote(self.tablespace)}")
        return f"CREATE DATABASE {quote(name)} {' '.join(options)}"

    def furnish(self, name: str) -> Iterator[str]:
        """Give the statements that set its rights and settings; an account may lack the right to some."""
        if self.grants:
            yield f"REVOKE ALL ON DATABASE {quote(name)} FROM PUBLIC"
        for grant in self.grants:
            passing_on = " WITH GRANT OPTION" if grant.passing_on else ""
            yield f"GRANT {grant.privilege} ON DATABASE {quote(name)} TO {grant.grantee}{passing_on}"
        for one in self.settings:
            value = one.value if one.name in _LISTS else literal(one.value)
            whose = f"ROLE {quote(one.role)} IN DATABASE" if one.role else "DATABASE"
            yield f"ALTER {whose} {quote(name)} SET {quote(one.name)} TO {value}"
        if self.connections >= 0:
            yield f"ALTER DATABASE {quote(name)} CONNECTION LIMIT {self.connections}"
