"""
The list of runbooks or playbooks, for people and for machines; one that cannot be read is listed with its reason.

Its file is read whole, its steps are not checked: that would import every kind of action that any runbook
uses, to answer who only asks what there is. `lint` checks them, and so does each plan.
"""

from collections.abc import Iterator
from pathlib import Path

from ..errors import RollbookError
from ..library import Library
from ..report.wording import json_text, visible
from ..values import Plain
from .hints import typed
from .screen import Screen


def _books(library: Library, sort: str) -> Iterator[dict[str, Plain]]:
    for name in library.playbook_names() if sort == "playbooks" else library.runbook_names():
        try:
            book = library.cover(name, sort)
        except RollbookError as error:
            yield {"name": name, "error": _short(error)}
            continue
        yield {
            "name": name,
            "title": book.title,
            "summary": book.summary,
            "owner": book.owner,
            "inputs": {
                key: {"type": wanted.type, "help": wanted.help, "required": wanted.required}
                for key, wanted in book.inputs.items()
            },
            "file": next(iter(book.sources), ""),
        }


def _short(error: RollbookError) -> str:
    """Give an error's first line; of a file with many problems the first, and how many there are."""
    problems = getattr(error, "problems", ())
    first = str(problems[0] if problems else error.message).splitlines()[0]
    return f"{first} (and {len(problems) - 1} more: {typed('lint')})" if len(problems) > 1 else first


def own_files() -> tuple[Path, ...]:
    """Give the files of the working folder's runbooks, playbooks and environments, else those of the stock."""
    return Library(stock=False).files() or Library().files()


def books_json(library: Library, sort: str) -> str:
    """Give the list of *sort* (`runbooks` or `playbooks`) as JSON."""
    return json_text(list(_books(library, sort)))


def book_lines(library: Library, sort: str, screen: Screen) -> Iterator[str]:
    """Yield the list of *sort* (`runbooks` or `playbooks`) as people read it."""
    books = tuple(_books(library, sort))
    if not books:
        yield f"There are no {sort} here yet."
        yield f"Put one into {sort}/NAME.yml, or start a folder of your own: {typed('init', 'DIR')}"
        return
    for book in books:
        yield screen.paint(visible(str(book["name"])), "bold")
        if "error" in book:
            for line in screen.wrap(visible(f"cannot be used: {book['error']}"), first="    ", rest="    "):
                yield screen.paint(line, "red")
            continue
        owner = f" (owner: {book['owner']})" if book["owner"] else ""
        yield from screen.wrap(visible(f"{book['title']}{owner}"), first="    ", rest="    ")
        if book["summary"]:
            yield from screen.wrap(visible(str(book["summary"])), first="    ", rest="    ")
        inputs = (f"{name}{'' if wanted['required'] else '?'}" for name, wanted in book["inputs"].items())
        if text := ", ".join(inputs):
            yield from screen.wrap(f"inputs: {text}", first="    ", rest="            ")
    yield ""
    yield f"Inputs with ? may be left out. Next: {typed('plan', 'NAME')}, or {typed('show', 'NAME')} for a checklist."
    if sort == "runbooks" and (others := library.playbook_names()):
        yield f"Playbooks decide which runbooks an incident needs: {', '.join(others)} ({typed('list-playbooks')})."
