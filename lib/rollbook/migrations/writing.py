"""
The SQL of a migration's steps, both ways, as Django writes it: the part of `inside` that has it written.

Sent as text before that, so it imports nothing of Rollbook, and is valid for Python 3.8 and Django 3.2.
"""

from typing import Any

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.utils import Error as DatabaseError

from .teller import Step, Teller, is_own

# What changes no name by which a statement that waits for the end is known.
STAYS = ("alter_column", "add_name", "drop_name")


def written(step: "Step") -> bool:
    """Say whether an operation comes to SQL; else it would be carried out, not written down."""
    return bool(is_own(step.operation) and step.operation.reduces_to_sql)


def carried(step: "Step", editor: "BaseDatabaseSchemaEditor", *, back: bool) -> None:
    """Have an editor that only writes down go through a step."""
    if back:
        step.operation.database_backwards(step.app, editor, step.after, step.before)
    else:
        step.operation.database_forwards(step.app, editor, step.before, step.after)


def statements(teller: "Teller", step: "Step") -> "dict[str, Any]":
    """Give the SQL of a step, both ways, where it comes to SQL; *behind* is what its way back leaves to the end."""
    found: dict[str, Any] = {"forwards": [], "backwards": [], "behind": []}
    if not written(step):
        return {**found, "untold": "it is code"}
    try:
        found["forwards"], _ = one(teller, step)
    except (DatabaseError, ValueError) as error:
        found["untold"] = " ".join(str(error).split())
    if not step.operation.reversible:
        return {**found, "irreversible": True}
    try:
        found["backwards"], found["behind"] = one(teller, step, back=True)
    except (DatabaseError, ValueError) as error:
        found["irreversible"] = " ".join(str(error).split())
    return found


def one(teller: "Teller", step: "Step", *, back: bool = False) -> "tuple[list[str], list[dict[str, str]]]":
    """Give the SQL of one step by itself, and what Django would run at the end."""
    with teller.connection.schema_editor(collect_sql=True, atomic=False) as editor:
        carried(step, editor, back=back)
        own, waiting = list(editor.collected_sql), list(editor.deferred_sql)
    return own, named(waiting, editor.collected_sql[len(own) :], sure=True)


def ending(teller: "Teller", steps: "list[Step]", *, back: bool = False) -> "list[dict[str, str]]":
    """
    Give what Django runs when all steps of a migration are over: foreign keys and indexes of what they made.

    One editor goes through all of them, so that a step takes with it what waits for a table or column that it drops.
    Where one of these cannot be gone through, the statements are told, and none of them is known by name.
    """
    sure = True
    with teller.connection.schema_editor(collect_sql=True, atomic=False) as editor:
        for step in reversed(steps) if back else steps:
            sure = sure and is_own(step.operation)
            if not written(step) or (back and not step.operation.reversible):
                continue
            try:
                carried(step, editor, back=back)
            except (DatabaseError, ValueError):
                sure = sure and all(deed["deed"] in STAYS for deed in teller.deeds(step))
        before, waiting = len(editor.collected_sql), list(editor.deferred_sql)
    return named(waiting, editor.collected_sql[before:], sure=sure)


def named(waiting: "list[Any]", texts: "list[str]", *, sure: bool) -> "list[dict[str, str]]":
    """Give statements with the table and the name of the index or constraint that each makes, where they say it."""
    found = []
    for statement, text in zip(waiting, texts):
        parts = getattr(statement, "parts", {}) if sure else {}
        table = getattr(parts.get("table"), "table", "")
        name = str(parts.get("name", "")).strip('`"') if isinstance(table, str) and table else ""
        found.append({"sql": text, "table": table if name else "", "name": name})
    return found
