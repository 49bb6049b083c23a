"""The migrations of a site's code against those that its database has: read by Django itself."""

from collections.abc import Iterable, Mapping
from typing import Final

from ...dataclass import dataclass

# Only reads: the table of migrations is not made where it is not there. A plan is what `migrate` would follow.
SCRIPT: Final = """
from django.apps import apps
from django.db import connections
from django.db.models import NOT_PROVIDED, UniqueConstraint
from django.db.migrations.exceptions import AmbiguityError, BadMigrationError, InconsistentMigrationHistory
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.operations import AlterUniqueTogether, RemoveConstraint, RemoveField

class Wrong(Exception):
    pass

def wanted(graph, loader):
    app, name = given["app"], given["to"]
    if not app:
        return graph.leaf_nodes()
    try:
        apps.get_app_config(app)
    except LookupError:
        raise Wrong(f"the code has no app {app!r}") from None
    if app not in loader.migrated_apps:
        raise Wrong(f"the app {app!r} has no migrations")
    if not name:
        return graph.leaf_nodes(app)
    if name == "zero":
        return [(app, None)]
    try:
        return [(app, loader.get_migration_by_prefix(app, name).name)]
    except (AmbiguityError, KeyError) as error:
        raise Wrong(f"the app {app!r} has no one migration {name!r}: {error}") from None

def reach(graph, target):
    app, name = target
    starts = [target] if name else [key for key in graph.nodes if key[0] == app]
    found = {key for start in starts for key in graph.forwards_plan(start) if name}
    later = [key for key in graph.nodes if key[0] == app]
    return found | {key for start in later for key in graph.backwards_plan(start)} | set(later)

def rows(connection, table):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT 1 FROM {connection.ops.quote_name(table)} LIMIT 2")
        return len(cursor.fetchall())

def hindrance(field, connection, table):
    if not getattr(field, "concrete", True) or field.many_to_many or getattr(field, "generated", False):
        return ""
    made = field.blank and field.empty_strings_allowed or getattr(field, "auto_now", False)
    made = made or getattr(field, "auto_now_add", False)
    made = made or getattr(field, "db_default", NOT_PROVIDED) is not NOT_PROVIDED
    same = made or field.has_default() and field.default is not None
    zero = connection.vendor == "mysql" and not field.null
    count = rows(connection, table) if not field.null or field.unique else 0
    if count > 1 and field.unique and (same or zero):
        return f"the rows of {table} would all have one value in it, and it is unique"
    bound = field.remote_field and getattr(field, "db_constraint", True)
    if count and not field.null and not same and (bound or not zero):
        return f"{table} has rows, it may not be NULL, and it has no default"
    return ""

def had(state, operation, features):
    options = state.options
    if isinstance(operation, AlterUniqueTogether):
        kept = [tuple(one) for one in operation.option_value or ()]
        return [tuple(one) for one in options.get("unique_together") or () if tuple(one) not in kept]
    found = [one for one in options.get("constraints", ()) if one.name == operation.name]
    return [
        one.fields
        for one in found
        if isinstance(one, UniqueConstraint) and one.fields and not one.condition
        and (one.deferrable is None or features.supports_deferrable_unique_constraints)
    ]

def alike(connection, table, names):
    # Of rows that have no value in one of them none is like another.
    quoted = [connection.ops.quote_name(name) for name in names]
    filled = " AND ".join(f"{name} IS NOT NULL" for name in quoted) or "1 = 1"
    groups = f"GROUP BY {', '.join(quoted)} " if quoted else ""
    query = f"SELECT 1 FROM {connection.ops.quote_name(table)} WHERE {filled} {groups}HAVING COUNT(*) > 1 LIMIT 1"
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchone() is not None

def clash(key, state, operation, connection, removed):
    # What is made anew has one value in all rows, so these must differ in what is there still.
    name = getattr(operation, "name_lower", None) or operation.model_name_lower
    model = state.apps.get_model(key[0], name)
    table = model._meta.db_table
    if table not in connection.introspection.table_names():
        return ""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)} LIMIT 0")
        there = {column[0] for column in cursor.description}
    for fields in had(state.models[key[0], name], operation, connection.features):
        parts = [model._meta.get_field(field) for field in fields]
        gone = [part for part in parts if part.column not in there]
        if not gone or any((key[0], name, part.name) not in removed for part in gone):
            continue
        if any(part.null and (not part.has_default() or part.default is None) for part in gone):
            continue
        if alike(connection, table, [part.column for part in parts if part not in gone]):
            what = ", ".join(part.column for part in gone)
            return f"rows of {table} would be alike in {', '.join(fields)}, for {what} would have one value in all"
    return ""

def stuck(key, loader, connection, tables, removed):
    migration = loader.graph.nodes[key]
    kinds = (AlterUniqueTogether, RemoveConstraint, RemoveField)
    removes = tables and removed and any(isinstance(operation, kinds) for operation in migration.operations)
    state = loader.project_state(key, at_end=False) if removes else None
    for operation in migration.operations:
        why = ""
        if removes and isinstance(operation, RemoveField):
            model = state.models[migration.app_label, operation.model_name_lower]
            table = model.options.get("db_table") or f"{migration.app_label}_{model.name_lower}"
            if table in tables:
                why = hindrance(dict(model.fields)[operation.name], connection, table)
        elif removes and isinstance(operation, kinds):
            why = clash(key, state, operation, connection, removed)
        if why or not operation.reversible:
            yield operation.describe() + (f" ({why})" if why else "")
        if removes:
            operation.state_forwards(migration.app_label, state)

def described(key, loader, connection, tables, removed):
    graph = loader.graph
    migration = graph.nodes[key]
    parents = sorted(parent.key[1] for parent in graph.node_map[key].parents if parent.key[0] == key[0])
    return {
        "app": key[0],
        "name": key[1],
        "previous": parents[0] if parents else "zero",
        "operations": [operation.describe() for operation in migration.operations],
        "irreversible": list(stuck(key, loader, connection, tables, removed)),
    }

def look():
    executor = MigrationExecutor(connections[given["database"]])
    loader, graph = executor.loader, executor.loader.graph
    loader.check_consistent_history(executor.connection)
    conflicts = loader.detect_conflicts()
    if conflicts:
        raise Wrong(f"migrations conflict, and are to be merged first: {conflicts}")
    targets = wanted(graph, loader)
    plan = [(key.app_label, key.name) for key, _ in executor.migration_plan(targets)]
    forth = [(key.app_label, key.name) for key, _ in executor.migration_plan(graph.leaf_nodes(), clean_start=True)]
    scope = {key[0] for target in targets for key in reach(graph, target)}
    has = set(loader.applied_migrations)
    tables = set(executor.connection.introspection.table_names())
    removed = {
        (app, operation.model_name_lower, operation.name)
        for app, name in plan
        for operation in graph.nodes[app, name].operations
        if isinstance(operation, RemoveField)
    }
    replaced = {old for migration in loader.disk_migrations.values() for old in migration.replaces}
    answer(
        applied={app: sorted(key[1] for key in graph.nodes if key[0] == app and key in has) for app in sorted(scope)},
        order=[described(key, loader, executor.connection, tables, removed) for key in forth if key in plan],
        pending=[".".join(key) for key in forth if key not in has],
        unknown=sorted(".".join(key) for key in has if key not in graph.nodes and key not in replaced),
    )

try:
    look()
except (Wrong, BadMigrationError, InconsistentMigrationHistory) as error:
    answer(error=str(error))
"""

Applied = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Migration:
    """
    One migration of the code: *previous* is the one before it in its app, or zero.

    *operations* say what it does, *irreversible* are those that Django cannot take back, or not with the rows there.
    """

    app: str
    name: str
    previous: str
    operations: tuple[str, ...] = ()
    irreversible: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.app}.{self.name}"


def toggled(applied: Applied, migrations: Iterable[Migration]) -> Applied:
    """Give what is applied once *migrations* are taken back where they are, and applied where they are not."""
    found = {app: set(names) for app, names in applied.items()}
    for migration in migrations:
        found.setdefault(migration.app, set()).symmetric_difference_update({migration.name})
    return {app: tuple(sorted(names)) for app, names in found.items()}


def is_applied(migration: Migration, applied: Applied) -> bool:
    """Tell whether a migration is among those applied."""
    return migration.name in applied.get(migration.app, ())
