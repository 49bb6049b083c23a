"""Commands that read runbooks: `list-runbooks`, `list-playbooks`, `show`, `lint`, `schema`."""

from pathlib import Path

from ..errors import UsageError
from .command import FAILED, OK, command
from .screen import screen, write


@command("list-runbooks", help={"json": "Print JSON for machines."})
def list_runbooks(*, json: bool = False) -> int:
    """
    List the runbooks there are.

    The working folder's own come before the stock ones of the same name. Steps
    are not checked here: lint does that.

    --json prints a list of {name, title, summary, owner, inputs: {NAME: {type,
    help, required}}, file}; one that cannot be read is {name, error}.
    """
    from ..library import Library
    from .booklist import book_lines, books_json

    library = Library()
    if json:
        write(books_json(library, "runbooks"))
        return OK
    for line in book_lines(library, "runbooks", screen()):
        write(line)
    return OK


@command("list-playbooks", help={"json": "Print JSON for machines."})
def list_playbooks(*, json: bool = False) -> int:
    """
    List the playbooks there are: incident scenarios that decide which runbooks are carried out.

    Found and told as `list-runbooks` does.
    """
    from ..library import Library
    from .booklist import book_lines, books_json

    library = Library()
    if json:
        write(books_json(library, "playbooks"))
        return OK
    for line in book_lines(library, "playbooks", screen()):
        write(line)
    return OK


@command("show", help={"name": "The name of a runbook or playbook."})
def show(name: str) -> int:
    """
    Print a runbook or playbook as a checklist to carry out by hand.

    It is Markdown: print it before the day when nothing else works.
    """
    from ..library import Library
    from ..report import to_checklist

    write(to_checklist(Library().book(name)))
    return OK


@command(
    "lint",
    help={"file": "A runbook, playbook or inventory; may be repeated. Without it, all there are."},
    iterable=("file",),
    rest="file",
)
def lint(*, file: tuple[str, ...] = ()) -> int:
    """
    Check runbooks, playbooks and inventories.

    Says every problem with its place; exits 1 when there is an error.
    """
    from ..lint import lint_file
    from .booklist import own_files
    from .words import count

    paths = tuple(Path(name) for name in file) or own_files()
    findings = [finding for path in paths for finding in lint_file(path)]
    for finding in findings:
        write(str(finding))
    errors = sum(finding.severity == "error" for finding in findings)
    others = len(findings) - errors
    write(f"{count(len(paths), 'file')}: {count(errors, 'error')}, {count(others, 'other finding')}.")
    return FAILED if errors else OK


@command("schema", help={"inventory": "The schema of inventory files.", "playbook": "The schema of playbooks."})
def schema(*, inventory: bool = False, playbook: bool = False) -> int:
    """Print the JSON Schema of runbooks, for editors."""
    import json

    from ..reading.schemas import inventory_schema, playbook_schema, runbook_schema

    if inventory and playbook:
        raise UsageError("--inventory and --playbook: name one of them.")
    made = inventory_schema() if inventory else playbook_schema() if playbook else runbook_schema()
    write(json.dumps(made, indent=2, ensure_ascii=False))
    return OK
