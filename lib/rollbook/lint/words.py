"""Rules on what is written: names, owners, inputs, secrets, statements."""

import re
from collections.abc import Mapping
from typing import Final

from ..expressions import in_shell_quotes
from ..reading.references import texts
from ..source.document import Path
from ..values import Plain, Secret
from .rule import Found, InventoryFile, RunbookFile

_STATEMENTS: Final = frozenset(("sql", "statement", "statements", "query", "queries"))
_SECRET_KEY: Final = re.compile(r"(?i)(^|[_-])(password|passwd|passphrase|secret|token|api_?key|private_?key)($|[_-])")
_SECRET_TEXT: Final = re.compile(
    r"\bAKIA[0-9A-Z]{16}\b|-----BEGIN [A-Z ]*PRIVATE KEY-----|\bgh[pousr]_\w{36,}|\bxox[abpr]-[\w-]{10,}"
    r"|[a-z][a-z+.-]*://[^/\s:@{]*:[^/\s@{]+@"
)
_REASON_WORDS: Final = 3
_LONGEST_NAME: Final = 120


def statement_with_expression(file: RunbookFile) -> Found:
    """Find `{{ }}` inside SQL: it belongs into `params:`."""
    for use in file.uses:
        if use.step.kind.startswith("search."):  # its queries are addresses of pages
            continue
        path: Path = (*use.step.path, use.step.kind)
        for place, text in texts(dict(use.step.arguments), path):
            if "{{" in text and _STATEMENTS.intersection(map(str, place[len(path) :])):
                yield place, {}


def raw_in_command(file: RunbookFile) -> Found:
    """Find `| raw` in a command that goes to a shell."""
    for use in file.uses:
        command = use.step.arguments.get("command")
        if isinstance(command, str) and re.search(r"\{\{[^}]*\|\s*raw\b", command):
            yield (*use.step.path, use.step.kind, "command"), {}


def expression_in_quotes(file: RunbookFile) -> Found:
    """Find `{{ }}` inside the quotes of a command that goes to a shell: the planner refuses it."""
    for use in file.uses:
        command = use.step.arguments.get("command")
        unsafe = in_shell_quotes(command) if isinstance(command, str) else ""
        if unsafe:
            yield (*use.step.path, use.step.kind, "command"), {"expression": unsafe}


def no_owner(file: RunbookFile) -> Found:
    """Find a runbook that nobody keeps right."""
    if not file.runbook.owner.strip():
        yield (), {}


def no_summary(file: RunbookFile) -> Found:
    """Find a runbook that does not say when to use it."""
    if not file.runbook.summary.strip():
        yield (), {}


def no_sentence(file: RunbookFile) -> Found:
    """Find a step's name that is no sentence."""
    for use in file.uses:
        name = use.step.name.strip()
        sentence = name[:1].isupper() and " " in name and len(name) <= _LONGEST_NAME
        if name and not sentence:
            yield (*use.step.path, "name"), {"name": name}


def expression_in_name(file: RunbookFile) -> Found:
    """Find a name with an expression, which would be shown as it is written."""
    for use in file.uses:
        if "{{" in use.step.name:
            yield (*use.step.path, "name"), {}


def unused_input(file: RunbookFile) -> Found:
    """Find an input that no expression uses."""
    used = {path[1] for path in file.paths if path[0] == "inputs" and len(path) > 1}
    if ("inputs",) in file.paths:
        return
    for name in file.runbook.inputs:
        if name not in used:
            yield ("inputs", name), {"name": name}


def block_tag(file: RunbookFile) -> Found:
    """Find a tag of other template languages beside an expression; here it is text."""
    for path, text in texts(file.document.content, ()):
        if "{{" in text and "{%" in text:
            yield path, {}


def thin_reason(file: RunbookFile) -> Found:
    """Find an irreversible step whose reason says nothing."""
    for use in file.uses:
        undo = use.step.undo
        for word in ("refuse", "leave"):
            reason = getattr(undo, word, "")
            if reason and len(reason.split()) < _REASON_WORDS:
                yield (*use.step.path, "undo", word), {"reason": reason}


def literal_secret(file: RunbookFile | InventoryFile) -> Found:
    """Find a text that is a secret, or stands where one should."""
    secret_inputs = {"inputs"} if isinstance(file, RunbookFile) else set()
    for path, text in texts(file.document.content, ()):
        if path and path[0] in secret_inputs:
            continue
        if _SECRET_TEXT.search(text) or (
            _is_secret_place(path) and text.strip() and "{{" not in text and not _is_reference(path, file)
        ):
            yield path, {}


def _is_secret_place(path: Path) -> bool:
    key = next((part for part in reversed(path) if isinstance(part, str)), "")
    return bool(_SECRET_KEY.search(key))


def _is_reference(path: Path, file: RunbookFile | InventoryFile) -> bool:
    """Tell whether the text is that of `{secret: REFERENCE}`."""
    found: Plain = file.document.content
    for part in path[:-1]:
        found = found[part]
    if not isinstance(found, Mapping) or set(found) != {"secret"}:
        return False
    try:
        Secret.__convert__(found)
    except ValueError:
        return False
    return True
