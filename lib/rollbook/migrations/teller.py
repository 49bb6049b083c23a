"""
What an operation of a migration does, or did, to tables, columns and rows: the part of `inside` that tells it.

Sent as text before that, so it imports nothing of Rollbook, and is valid for Python 3.8 and Django 3.2.
"""

import inspect
import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from django.db import connections, router
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.operations import RunPython
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models import NOT_PROVIDED, Field, Model, Value

OWN = ("django.db.migrations.operations.", "django.contrib.postgres.operations")
# What leaves tables, columns and rows as they are.
HARMLESS = [
    "AlterModelOptions",
    "AlterModelManagers",
    "AlterModelTableComment",
    "AlterUniqueTogether",
    "AlterIndexTogether",
    "AddIndex",
    "RemoveIndex",
    "RenameIndex",
    "AddConstraint",
    "RemoveConstraint",
    "AlterConstraint",
    "CreateExtension",
    "AddIndexConcurrently",
    "RemoveIndexConcurrently",
    "CreateCollation",
    "RemoveCollation",
    "AddConstraintNotValid",
    "ValidateConstraint",
]
# How the types of numbers begin.
NUMBERS = ("bool", "int", "integer", "smallint", "bigint", "tinyint", "double", "numeric", "decimal")


class Step:
    """One operation that reaches the database, with the states between which it stands."""

    def __init__(self, app: str, operation: "Operation", before: "ProjectState", after: "ProjectState") -> None:
        self.app, self.operation, self.before, self.after = app, operation, before, after

    def old(self, name: str) -> "type[Model]":
        """Give a model as it was."""
        return self.before.apps.get_model(self.app, name)  # type: ignore[no-any-return]  # Django is not typed

    def new(self, name: str) -> "type[Model]":
        """Give a model as it is to be."""
        return self.after.apps.get_model(self.app, name)  # type: ignore[no-any-return]  # Django is not typed


class Teller:
    """Tells what steps do to the database behind *alias*, as its tables and columns are called there."""

    def __init__(self, alias: str) -> None:
        self.alias, self.connection = alias, connections[alias]

    def deeds(self, step: "Step") -> "list[dict[str, Any]]":
        """Tell what a step does; nothing for one that leaves tables, columns and rows as they are."""
        name = type(step.operation).__name__
        if not is_own(step.operation):
            return [{"deed": "unknown", "why": f"{name} has code of its own"}]
        own = [one.__name__ for one in type(step.operation).__mro__ if one.__module__.startswith(OWN)]
        if set(own) & set(HARMLESS):
            return list(self._named(step))
        tellers = {
            "CreateModel": self._create_model,
            "DeleteModel": self._delete_model,
            "RenameModel": self._rename_model,
            "AlterModelTable": self._alter_model_table,
            "AddField": self._add_field,
            "RemoveField": self._remove_field,
            "AlterField": self._alter_field,
            "RenameField": self._rename_field,
            "AlterOrderWithRespectTo": self._alter_order_with_respect_to,
            "RunSQL": self._run_sql,
            "RunPython": self._run_python,
        }
        if own[0] not in tellers:
            return [{"deed": "unknown", "why": f"{name} is not known"}]
        return list(tellers[own[0]](step))

    def _named(self, step: "Step") -> "Iterator[dict[str, Any]]":
        """Tell of indexes and constraints that have names."""
        operation = step.operation
        made = getattr(operation, "index", None) or getattr(operation, "constraint", None)
        name = getattr(made, "name", None) or getattr(operation, "name", None)
        kind = type(operation).__name__
        if not hasattr(operation, "model_name") or not isinstance(name, str) or kind.startswith(("Rename", "Alter")):
            return
        # Elsewhere a constraint, or an index with a condition, may never have been made, without a word.
        plain = made is not None and kind == "AddIndex" and not (made.condition or getattr(made, "expressions", ()))
        model = step.new(operation.model_name)
        known = plain or self.connection.vendor == "postgresql"
        if known and self._allowed(step, model) and not kind.startswith("Validate"):
            deed = "drop_name" if kind.startswith("Remove") else "add_name"
            yield {"deed": deed, "table": model._meta.db_table, "column": name}

    def _allowed(self, step: "Step", model: "type[Model]") -> bool:
        return bool(step.operation.allow_migrate_model(self.alias, model))

    def _type(self, field: "Field") -> "str | None":
        found = field.db_parameters(connection=self.connection)["type"]
        return None if found is None else str(found)

    def _create_model(self, step: "Step") -> "Iterator[dict[str, Any]]":
        model = step.new(step.operation.name)
        if self._allowed(step, model):
            for table in tables_of(model):
                yield {"deed": "create_table", "table": table}

    def _delete_model(self, step: "Step") -> "Iterator[dict[str, Any]]":
        model = step.old(step.operation.name)
        if self._allowed(step, model):
            for table in tables_of(model):
                yield {"deed": "drop_table", "table": table}

    def _rename_model(self, step: "Step") -> "Iterator[dict[str, Any]]":
        old, new = step.old(step.operation.old_name), step.new(step.operation.new_name)
        if not self._allowed(step, new) or old._meta.db_table == new._meta.db_table:
            return
        yield from self._renamed(old, new)
        # Tables between other models and this one have a column that is named for it.
        for link in old._meta.get_fields(include_hidden=True):
            if link.auto_created and link.many_to_many and link.related_model is not old:
                model = link.related_model._meta
                other = step.after.apps.get_model(model.app_label, model.model_name)
                yield from between_renamed(link.field, other._meta.get_field(link.field.name))

    def _alter_model_table(self, step: "Step") -> "Iterator[dict[str, Any]]":
        old, new = step.old(step.operation.name), step.new(step.operation.name)
        if self._allowed(step, new):
            yield from self._renamed(old, new)

    @staticmethod
    def _renamed(old: "type[Model]", new: "type[Model]") -> "Iterator[dict[str, Any]]":
        if old._meta.db_table != new._meta.db_table:
            yield {"deed": "rename_table", "table": old._meta.db_table, "to": new._meta.db_table}
        for one, other in zip(old._meta.local_many_to_many, new._meta.local_many_to_many):
            yield from between_renamed(one, other)

    def _add_field(self, step: "Step") -> "Iterator[dict[str, Any]]":
        model = step.new(step.operation.model_name)
        if not self._allowed(step, model):
            return
        field = model._meta.get_field(step.operation.name)
        if field.many_to_many:
            if field.remote_field.through._meta.auto_created:
                yield {"deed": "create_table", "table": field.remote_field.through._meta.db_table}
        elif self._type(field) is not None:
            deed = {"deed": "add_column", "table": model._meta.db_table, "column": field.column}
            yield {**deed, "computed": getattr(field, "generated", False), **default_of(field, self.connection)}

    def _remove_field(self, step: "Step") -> "Iterator[dict[str, Any]]":
        model = step.old(step.operation.model_name)
        if self._allowed(step, model):
            yield from self._gone(model, model._meta.get_field(step.operation.name))

    def _alter_order_with_respect_to(self, step: "Step") -> "Iterator[dict[str, Any]]":
        old, new = step.old(step.operation.name), step.new(step.operation.name)
        if not self._allowed(step, new):
            return
        had, has = old._meta.order_with_respect_to, new._meta.order_with_respect_to
        if had and not has:
            yield from self._gone(old, old._meta.get_field("_order"))
        elif has and not had:
            yield {"deed": "add_column", "table": new._meta.db_table, "column": "_order"}

    def _gone(self, model: "type[Model]", field: "Field") -> "Iterator[dict[str, Any]]":
        if field.many_to_many:
            if field.remote_field.through._meta.auto_created:
                yield {"deed": "drop_table", "table": field.remote_field.through._meta.db_table}
        elif self._type(field) is not None and not getattr(field, "generated", False):
            deed = {"deed": "drop_column", "table": model._meta.db_table, "column": field.column}
            yield {**deed, **default_of(field, self.connection)}

    def _rename_field(self, step: "Step") -> "Iterator[dict[str, Any]]":
        old, new = step.old(step.operation.model_name), step.new(step.operation.model_name)
        if self._allowed(step, new):
            one, other = old._meta.get_field(step.operation.old_name), new._meta.get_field(step.operation.new_name)
            yield from self._altered(step, old, one, other, {})

    def _alter_field(self, step: "Step") -> "Iterator[dict[str, Any]]":
        old, new = step.old(step.operation.model_name), step.new(step.operation.model_name)
        if self._allowed(step, new):
            one, other = old._meta.get_field(step.operation.name), new._meta.get_field(step.operation.name)
            given = other if step.operation.preserve_default else step.operation.field
            yield from self._altered(step, old, one, other, filled_by(one, given, self.connection))

    def _altered(
        self, step: "Step", model: "type[Model]", old: "Field", new: "Field", filled: "dict[str, Any]"
    ) -> "Iterator[dict[str, Any]]":
        was, will = self._type(old), self._type(new)
        if old.many_to_many and new.many_to_many:
            if old.remote_field.through._meta.auto_created and new.remote_field.through._meta.auto_created:
                yield from between_renamed(old, new)
            return
        if was is None and will is None:
            return
        if was is None or will is None:
            yield {"deed": "unknown", "why": f"{old} becomes another kind of field, which Django refuses"}
            return
        yield from self._column(model, old, new, filled)
        if was != will:
            # The columns of foreign keys that lead here change with it.
            for other in step.before.apps.get_models(include_auto_created=True):
                for key in other._meta.local_concrete_fields:
                    if key.remote_field and key is not old and getattr(key, "target_field", None) is old:
                        deed = {"deed": "alter_column", "table": other._meta.db_table, "column": key.column}
                        yield {**deed, "old": was, "new": will, "was_null": key.null, "null": key.null}

    def _column(
        self, model: "type[Model]", old: "Field", new: "Field", filled: "dict[str, Any]"
    ) -> "Iterator[dict[str, Any]]":
        table, was, will = model._meta.db_table, self._type(old), self._type(new)
        if old.column != new.column:
            yield {"deed": "rename_column", "table": table, "column": old.column, "to": new.column}
        if was != will or old.null != new.null:
            deed = {"deed": "alter_column", "table": table, "column": new.column, "old": was, "new": will}
            yield {**deed, "was_null": old.null, "null": new.null, **filled}

    def _run_sql(self, step: "Step") -> "Iterator[dict[str, Any]]":
        operation = step.operation
        if not self._routed(step):
            return
        given = operation.sql if isinstance(operation.sql, (list, tuple)) else [operation.sql]
        for one in given:
            text, parameters = one if isinstance(one, (list, tuple)) else (one, None)
            if str(text).strip():
                yield {"deed": "sql", "text": str(text), "parameters": parameters is not None}

    def _run_python(self, step: "Step") -> "Iterator[dict[str, Any]]":
        code = step.operation.code
        if code is RunPython.noop or not self._routed(step):
            return
        name = f"{getattr(code, '__module__', '')}.{getattr(code, '__qualname__', repr(code))}"
        optional = ", elidable" if step.operation.elidable else ""
        yield {"deed": "unknown", "why": f"{name}() runs{optional}", "location": place_of(code)}

    def _routed(self, step: "Step") -> bool:
        return bool(router.allow_migrate(self.alias, step.app, **step.operation.hints))


def is_own(operation: "Operation") -> bool:
    """Say whether what an operation does to the database is code of Django's own."""
    maker = next(one for one in type(operation).__mro__ if "database_forwards" in vars(one))
    return str(maker.__module__).startswith(OWN)


def tables_of(model: "type[Model]") -> "list[str]":
    """Name a model's table and those that Django makes between it and others."""
    between = [field.remote_field.through._meta for field in model._meta.local_many_to_many]
    return [*(meta.db_table for meta in between if meta.auto_created), model._meta.db_table]


def between_renamed(old: "Field", new: "Field") -> "Iterator[dict[str, Any]]":
    """Tell how a table between two models, and its columns, are called anew."""
    was, will = old.remote_field.through._meta, new.remote_field.through._meta
    if not (was.auto_created and will.auto_created):
        return
    if was.db_table != will.db_table:
        yield {"deed": "rename_table", "table": was.db_table, "to": will.db_table}
    for one, other in (
        (old.m2m_column_name(), new.m2m_column_name()),
        (old.m2m_reverse_name(), new.m2m_reverse_name()),
    ):
        if one != other:
            yield {"deed": "rename_column", "table": will.db_table, "column": one, "to": other}


def default_of(field: "Field", connection: "BaseDatabaseWrapper") -> "dict[str, Any]":
    """Give the value that a row has in a field nobody filled in, where that is one and the same for all."""
    own = getattr(field, "db_default", NOT_PROVIDED)  # since Django 5.0; a new column has it, whatever `default` says
    if own is not NOT_PROVIDED:
        found = own.value if isinstance(own, Value) else own
    elif field.has_default():
        found = field.default() if field.default in (dict, list) else field.default
    elif field.null:
        found = None
    elif field.empty_strings_allowed:
        found = ""
    else:  # MySQL and MariaDB make up a zero
        found = 0 if connection.vendor == "mysql" and str(field.db_type(connection)).startswith(NUMBERS) else None
    if field.get_internal_type() == "JSONField" and isinstance(found, (str, int, float, bool, dict, list)):
        return {"default": json.dumps(found)}
    found = str(found) if isinstance(found, Decimal) else found
    return {"default": found} if isinstance(found, (str, int, float, bool)) else {}


def filled_by(old: "Field", new: "Field", connection: "BaseDatabaseWrapper") -> "dict[str, Any]":
    """Give what NULL becomes where a field may not be NULL any more: Django fills in a default that it is given."""
    given = new.has_default() or getattr(new, "db_default", NOT_PROVIDED) is not NOT_PROVIDED
    return default_of(new, connection) if old.null and not new.null and given else {}


def place_of(code: "Callable[..., Any]") -> str:
    """Say in which file and line a function begins; empty where that cannot be told."""
    try:
        return f"{inspect.getsourcefile(code)}:{inspect.getsourcelines(code)[1]}"
    except (OSError, TypeError):
        return ""
