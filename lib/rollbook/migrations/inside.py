"""
Runs inside a Django site, by its `manage.py shell`: tells what its migrations do, or did, to the database.

Sent as text, so it imports nothing of Rollbook, and is valid for Python 3.8 and Django 3.2. It only reads.
"""

import ast
import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.exceptions import AmbiguityError, BadMigrationError, InconsistentMigrationHistory
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.migration import Migration
from django.db.migrations.state import ProjectState
from django.db.utils import ConnectionDoesNotExist
from django.db.utils import Error as DatabaseError

from .placing import placed, places
from .teller import Step, Teller, is_own
from .writing import ending, statements

BEYOND = """
    SELECT n.nspname, c.relname,
        ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a
            WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
        ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a
            WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND NOT a.attnotnull),
        ARRAY(SELECT o.conname::text FROM pg_catalog.pg_constraint o WHERE o.conrelid = c.oid
            UNION SELECT i.relname::text FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
            WHERE x.indrelid = c.oid)
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'f') AND NOT pg_catalog.pg_table_is_visible(c.oid)
        AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'"""

# Django's description of a table lacks the columns that `SELECT *` does not give.
ALL_COLUMNS = """
    SELECT table_name, column_name, is_nullable = 'YES' FROM information_schema.columns
    WHERE table_schema = DATABASE()"""


class Wrong(Exception):
    """What was asked for is not there."""


def places_of(migration: "Migration") -> "list[str]":
    """Say in which file and line each operation of a migration stands."""
    path = getattr(sys.modules.get(type(migration).__module__), "__file__", None) or ""
    lines = lines_in(path) if path else []
    if len(lines) != len(migration.operations):
        return [path] * len(migration.operations)
    return [f"{path}:{line}" for line in lines]


def lines_in(path: str) -> "list[int]":
    """Find the lines of the operations in the text of a migration, where they are written as a list."""
    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123  # nothing else is needed of a path
            tree = ast.parse(file.read())
    except (OSError, SyntaxError, ValueError):
        return []
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.List):
            names = [one.id for one in node.targets if isinstance(one, ast.Name)]
            if names == ["operations"]:
                return [one.lineno for one in node.value.elts]
    return []


def flat(step: "Step") -> "Iterator[Step]":
    """Give the steps that reach the database: of those that part database and state only the former."""
    if not (hasattr(step.operation, "database_operations") and is_own(step.operation)):
        yield step
        return
    state = step.before
    for operation in step.operation.database_operations:
        after = state.clone()
        operation.state_forwards(step.app, after)
        yield from flat(Step(step.app, operation, state, after))
        state = after


def wanted(executor: "MigrationExecutor", app: str, name: str) -> "list[tuple[str, str]]":
    """Give the migrations to come to."""
    graph, loader = executor.loader.graph, executor.loader
    if not app:
        return list(graph.leaf_nodes())
    try:
        apps.get_app_config(app)
    except LookupError:
        raise Wrong(f"the code has no app {app!r}") from None
    if app not in loader.migrated_apps:
        raise Wrong(f"the app {app!r} has no migrations")
    try:
        return [(app, loader.get_migration_by_prefix(app, name).name)] if name else list(graph.leaf_nodes(app))
    except (AmbiguityError, KeyError) as error:
        raise Wrong(f"the app {app!r} has no one migration {name!r}: {error}") from None


def pending(executor: "MigrationExecutor", given: "dict[str, Any]") -> "Iterator[tuple[Migration, list[Any]]]":
    """Give each migration that would be applied, in order, with its operations as places and steps."""
    conflicts = executor.loader.detect_conflicts()
    if conflicts:
        raise Wrong(f"migrations conflict, and are to be merged first: {conflicts}")
    executor.loader.check_consistent_history(executor.connection)
    plan = executor.migration_plan(wanted(executor, given["app"], given["to"]))
    if any(backwards for _, backwards in plan):
        raise Wrong(f"{given['app']} {given['to']} lies behind what is applied, so nothing of it is pending")
    state = executor._create_project_state(with_applied_migrations=True)
    for migration, _ in plan:
        found, state = steps_of(migration, state)
        yield migration, found


def applied(executor: "MigrationExecutor", given: "dict[str, Any]") -> "Iterator[tuple[Migration, list[Any]]]":
    """Give each migration that a way back would take back, as it was applied: in order, with places and steps."""
    ((app, name),) = wanted(executor, given["app"], "" if given["after"] == "zero" else given["after"])[:1]
    goal = (app, None if given["after"] == "zero" else name)
    back = {migration for migration, backwards in executor.migration_plan([goal]) if backwards}
    state = executor._create_project_state()
    for migration, _ in executor.migration_plan(executor.loader.graph.leaf_nodes(), clean_start=True):
        if (migration.app_label, migration.name) in executor.loader.applied_migrations:
            found, state = steps_of(migration, state)
            if migration in back:
                yield migration, found


def steps_of(migration: "Migration", state: "ProjectState") -> "tuple[list[Any], ProjectState]":
    """Give a migration's operations as places and steps from *state* on, and the state that they come to."""
    found = []
    for place, operation in zip(places_of(migration), migration.operations):
        after = state.clone()
        operation.state_forwards(migration.app_label, after)
        found.append((place, Step(migration.app_label, operation, state, after)))
        state = after
    return found, state


def catalog(connection: "BaseDatabaseWrapper") -> "dict[str, Any]":
    """Read what tables there are, which columns they have and which may be NULL, and the names of what keeps them."""
    found: dict[str, Any] = {}
    look = connection.introspection
    with connection.cursor() as cursor:
        for table in look.table_names(cursor):
            columns = {one.name: bool(one.null_ok) for one in look.get_table_description(cursor, table)}
            found[placed(connection, table)] = {
                "columns": columns,
                "names": sorted(look.get_constraints(cursor, table)),
            }
        if connection.vendor == "mysql":
            cursor.execute(ALL_COLUMNS)
            for table, column, empty in cursor.fetchall():
                if table in found:
                    found[table]["columns"].setdefault(column, bool(empty))
        if connection.vendor == "postgresql":
            cursor.execute(BEYOND)
            for schema, table, columns, empty, names in cursor.fetchall():
                known = {name: name in empty for name in columns}
                found[placed(connection, f'{schema}"."{table}')] = {"columns": known, "names": sorted(names)}
    return found


def place(found: "dict[str, Any]", connection: "BaseDatabaseWrapper") -> None:
    """Name tables with the schemas that they lie in."""
    for late in lates(found):
        late["table"] = placed(connection, late["table"])
    for deed in (deed for operation in found["operations"] for deed in operation["deeds"]):
        if not deed.get("table"):
            continue
        deed["table"] = placed(connection, deed["table"])
        if deed["deed"] == "rename_table":
            deed["to"] = placed(connection, deed["to"])


def lates(found: "dict[str, Any]") -> "Iterator[dict[str, Any]]":
    """Give what names an index or constraint, of all that Django runs last."""
    ways = [way for ends in found["ends"].values() for way in ends.values()]
    ways += [operation["behind"] for operation in found["operations"] if "behind" in operation]
    return (late for way in ways for late in way if late["name"])


def fold(found: "dict[str, Any]") -> None:
    """Write the names of tables small on both sides, for a server that does so itself."""
    found["catalog"] = {table.lower(): one for table, one in found["catalog"].items()}
    for late in lates(found):
        late["table"] = late["table"].lower()
    for deed in (deed for operation in found["operations"] for deed in operation["deeds"]):
        deed.update({key: deed[key].lower() for key in ("table", "to") if key in deed})


def told(teller: "Teller", executor: "MigrationExecutor", given: "dict[str, Any]") -> "dict[str, Any]":
    """Tell what every pending migration does, or what those did that are applied."""
    migrations, operations, ends = [], [], {}
    for migration, steps in applied(executor, given) if given.get("after") else pending(executor, given):
        name = f"{migration.app_label}.{migration.name}"
        migrations.append(name)
        if given["statements"]:
            every = [step for _, outer in steps for step in flat(outer)]
            ends[name] = {"forwards": ending(teller, every), "backwards": ending(teller, every, back=True)}
        for place, outer in steps:
            head = {"app": migration.app_label, "migration": migration.name, "location": place}
            reaching = list(flat(outer))
            if not reaching:
                operations.append({**head, "operation": type(outer.operation).__name__, "deeds": []})
            for step in reaching:
                one = {**head, "operation": type(step.operation).__name__, "deeds": teller.deeds(step)}
                operations.append({**one, **statements(teller, step)} if given["statements"] else one)
    return {"pending": migrations, "operations": operations, "ends": ends}


def look(given: "dict[str, Any]") -> "dict[str, Any]":
    """Read what was asked for."""
    connection = connections[given["database"]]
    executor = MigrationExecutor(connection)
    teller = Teller(given["database"])
    found = told(teller, executor, given)
    place(found, connection)
    if given["statements"]:
        found["catalog"] = catalog(connection)
        if connection.features.ignores_table_name_case:
            fold(found)
    name = str(connection.settings_dict["NAME"])
    known = {"vendor": connection.vendor, "database": name, "places": places(connection)}
    return {**found, **known, "here": here(connection, executor)}


def here(connection: "BaseDatabaseWrapper", executor: "MigrationExecutor") -> "dict[str, Any]":
    """Tell by what a database is known again: its name as the server says it, and its list of migrations."""
    found: "dict[str, Any]" = {"name": "", "count": None, "most": None}
    asked = {"postgresql": "current_database()", "mysql": "DATABASE()"}.get(connection.vendor)
    if asked:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {asked}")
            found["name"] = str(cursor.fetchone()[0])
    if executor.recorder.has_table():
        ids = list(executor.recorder.migration_qs.values_list("id", flat=True))
        found["count"], found["most"] = len(ids), max(ids, default=None)
    return found


def main(given: "dict[str, Any]", answer: "Callable[..., None]") -> None:
    """Answer with what was read, or with why it could not be."""
    try:
        found = look(given)
        json.dumps(found)
    except (Wrong, BadMigrationError, InconsistentMigrationHistory) as error:
        answer(error=str(error))
    except (ConnectionDoesNotExist, ImproperlyConfigured) as error:
        answer(error=str(error), advice="Name an alias of the site's DATABASES in database:, and look at its settings.")
    except DatabaseError as error:
        text = " ".join(str(error).split())
        answer(error=f"the site does not reach its database: {text}", advice="Is it up, and are settings right?")
    else:
        answer(**found)
