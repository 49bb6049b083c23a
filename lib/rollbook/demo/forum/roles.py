"""The two accounts of the forum's database server: the site's own, and Rollbook's. Neither is a superuser."""

from collections.abc import Mapping

import psycopg
from psycopg import sql

DATABASE = "forum"
OWNER = "forum"
"""The role that the site logs in as; it owns the database and may do nothing else."""

OPERATOR = "rollbook"
"""The role that runbooks log in as."""

# What Rollbook needs each of them for:
# CREATEDB             to make the restored database beside the live one, and to rename both
# member of the owner  to hand that database over, to read and write its rows, and to end the site's sessions
# CREATEROLE, ADMIN    to shut the site's role out while the last rows are carried over (ALTER ROLE … NOLOGIN)
# pg_monitor           to see who is connected, standbys and replication slots
# pg_signal_backend    to end sessions of other roles that sit on the database
_STATEMENTS = (
    "CREATE ROLE {owner} LOGIN PASSWORD {owner_password}",
    "CREATE DATABASE {database} OWNER {owner}",
    "CREATE ROLE {operator} LOGIN CREATEDB CREATEROLE PASSWORD {operator_password}",
    "GRANT {owner} TO {operator} WITH ADMIN OPTION",
    "GRANT pg_monitor, pg_signal_backend TO {operator}",
)


def make_roles(superuser_url: str, passwords: Mapping[str, str]) -> None:
    """Make both roles and the forum's empty database."""
    names = {
        "owner": sql.Identifier(OWNER),
        "operator": sql.Identifier(OPERATOR),
        "database": sql.Identifier(DATABASE),
        "owner_password": sql.Literal(passwords[OWNER]),
        "operator_password": sql.Literal(passwords[OPERATOR]),
    }
    with psycopg.connect(superuser_url, autocommit=True) as connection:
        for statement in _STATEMENTS:
            connection.execute(sql.SQL(statement).format(**names))
