"""A live schema that a deploy took something from, and beside it one that still has it, on a real MariaDB."""

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pymysql

from .taken import Beside, open_pool

LIVE, BACKUP = "mtaken_live", "mtaken_backup"
_OBJECTS = {
    "column": """SELECT CONCAT(table_name, '.', column_name), CONCAT_WS(' ', ordinal_position, column_type, is_nullable,
        column_default, extra, collation_name, column_comment, generation_expression) FROM information_schema.columns
        WHERE table_schema = %s""",
    "index": """SELECT CONCAT(table_name, '.', index_name), GROUP_CONCAT(CONCAT_WS(' ', column_name, sub_part, non_unique,
        index_type) ORDER BY seq_in_index) FROM information_schema.statistics WHERE table_schema = %s
        GROUP BY table_name, index_name""",
    "key": """SELECT CONCAT(table_name, '.', constraint_name), CONCAT_WS(' ', referenced_table_name, delete_rule, update_rule)
        FROM information_schema.referential_constraints WHERE constraint_schema = %s""",
    "check": """SELECT CONCAT(table_name, '.', constraint_name), check_clause FROM information_schema.check_constraints
        WHERE constraint_schema = %s""",
    "trigger": """SELECT trigger_name, CONCAT_WS(' ', event_object_table, action_timing, event_manipulation, definer,
        sql_mode, action_statement) FROM information_schema.triggers WHERE trigger_schema = %s""",
    "table": """SELECT table_name, CONCAT_WS(' ', engine, table_collation, create_options, table_comment)
        FROM information_schema.tables WHERE table_schema = %s""",
}


@dataclass(frozen=True, slots=True)
class TakenOnMariadb(Beside):
    """Both schemas on MariaDB."""

    live: ClassVar[str] = LIVE
    backup: ClassVar[str] = BACKUP

    def connect(self, schema: str = LIVE) -> Any:
        host, _, port = self.url.split("@")[1].rstrip("/").partition(":")
        return pymysql.connect(
            host=host,
            port=int(port),
            user="root",
            database=schema,
            autocommit=True,
            charset="utf8mb4",
            init_command="SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES', time_zone = '+00:00'",
        )

    def execute(self, statements: str, database: str = LIVE) -> None:
        with closing(self.connect(database)) as connection, connection.cursor() as cursor:
            for statement in statements.split(";\n"):
                if statement.strip():
                    cursor.execute(statement)

    def clear(self) -> None:
        with closing(self.connect("mysql")) as connection, connection.cursor() as cursor:
            for schema in (LIVE, BACKUP):
                cursor.execute(f"DROP DATABASE IF EXISTS {schema}")
                cursor.execute(f"CREATE DATABASE {schema} CHARACTER SET utf8mb4")

    def rows(self, query: str, schema: str = LIVE) -> list[tuple[Any, ...]]:
        with closing(self.connect(schema)) as connection, connection.cursor() as cursor:
            cursor.execute(query)
            return list(cursor.fetchall())

    def exact(self, table: str, database: str = LIVE) -> list[tuple[Any, ...]]:
        """Give rows with every cell as bytes, floats with all their digits."""
        columns = self.rows(
            f"SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = '{database}' "
            f"AND table_name = '{table}' ORDER BY ordinal_position"
        )
        quoted = [(f"`{name.replace('`', '``')}`", kind) for name, kind in columns]
        cells = [f"HEX({name})" for name, _ in quoted]
        cells += [f"CAST({name} + 0e0 AS CHAR)" for name, kind in quoted if kind in ("float", "double", "decimal")]
        return sorted(self.rows(f"SELECT {', '.join(cells)} FROM `{table}`", database), key=repr)

    def objects(self, schema: str) -> set[tuple[str, ...]]:
        with closing(self.connect(schema)) as connection, connection.cursor() as cursor:
            found: set[tuple[str, ...]] = set()
            for kind, query in _OBJECTS.items():
                cursor.execute(query, (schema,))
                found |= {(kind, *map(str, row)) for row in cursor.fetchall()}
            return found

    def differences(self) -> set[tuple[str, ...]]:
        return self.objects(LIVE) ^ self.objects(BACKUP)


def open_taken(url: str, folder: Path, *, account: str = "") -> TakenOnMariadb:
    """Open the target, also for an account's address of its own, on both schemas, which are made anew."""
    found = TakenOnMariadb(url, open_pool("sql", f"{account or url}{LIVE}"), folder)
    found.clear()
    return found
