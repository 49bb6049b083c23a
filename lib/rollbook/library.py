"""The library: where runbooks, playbooks and inventories are found, and the reading of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .beside import list_folder
from .errors import NotFoundError, SchemaError, UsageError
from .runbook import Runbook
from .source import Document, load_yaml, read_yaml

if TYPE_CHECKING:
    from .inventory import Inventory

_ENDINGS: Final = (".yml", ".yaml")
DEEPEST: Final = 20
"""Runbooks that may include one another in a row."""
_PACKAGE: Final = Path(__file__).parent

Find = Callable[[str], Document]
Parse = Callable[[Document, Callable[[str], Runbook]], Runbook]


def stock_folder() -> Path:
    """Give the folder of the runbooks that come with Rollbook: in the package, or in a checkout above it."""
    packed = _PACKAGE / "stock"
    return packed if packed.is_dir() else _PACKAGE.parents[1]


class Library:
    """
    Finds files by name in the `runbooks/`, `playbooks/` and `inventory/` of *folders*, the first that has it.

    Without *folders* in the working folder. With *stock*, behind them in what comes with Rollbook.
    Nothing is kept: each call reads anew.
    """

    def __init__(self, *folders: Path, stock: bool = True) -> None:
        own = folders or (Path(),)
        behind = () if not stock or stock_folder() in (folder.resolve() for folder in own) else (stock_folder(),)
        self.folders = (*own, *behind)

    def runbook_names(self) -> tuple[str, ...]:
        """Name every runbook, sorted."""
        return self._names("runbooks")

    def playbook_names(self) -> tuple[str, ...]:
        """Name every playbook, sorted."""
        return self._names("playbooks")

    def files(self) -> tuple[Path, ...]:
        """Give the file of every runbook, playbook and environment."""
        named = (
            *(("runbooks", name) for name in self.runbook_names()),
            *(("playbooks", name) for name in self.playbook_names()),
            *(("inventory", name) for name in self.environments()),
        )
        return tuple(path for sort, name in named if (path := self.find(sort, name)))

    def environments(self) -> tuple[str, ...]:
        """Name every environment, sorted."""
        return self._names("inventory")

    def runbook(self, name: str) -> Runbook:
        """
        Read the runbook *name*, or the one in the file *name* (`./mine.yml`), with all that it includes.

        Raises `NotFoundError`, and `SourceError` or `SchemaError` with every problem of the file.
        """
        if name.endswith(_ENDINGS):
            return self.runbook_file(Path(name))
        return _Reading(self._runbook_document).read(name)

    def playbook(self, name: str) -> Runbook:
        """Read the playbook *name*, or the one in the file *name*, with the runbooks of its stages; raises likewise."""
        if name.endswith(_ENDINGS):
            return self.runbook_file(Path(name))
        return _Reading(self._runbook_document).playbook(self._document("playbooks", name))

    def book(self, name: str) -> Runbook:
        """
        Read the runbook or playbook *name*.

        Raises likewise, and `UsageError` where there is one of each.
        """
        there = self.find("playbooks", name)
        if there is None:
            return self.runbook(name)
        if self.find("runbooks", name) is not None:
            raise UsageError(
                f"{name} is the name of a runbook and of a playbook.",
                advice=f"Name the file that you mean: {there}. Better, rename one of them.",
            )
        return self.playbook(name)

    def cover(self, name: str, sort: str = "runbooks") -> Runbook:
        """
        Read the runbook *name*, or the playbook of *sort* `playbooks`, without its steps, for a list.

        Raises as `runbook` does, except for what is wrong inside a step, a stage or an include.
        """
        from .reading.head import parse_cover

        document = self._document(sort, name)
        cover = parse_cover(document)
        _check_name(document, sort.removesuffix("s"), name)
        return replace(cover, sources=_source(name, document))

    def runbook_file(self, path: Path) -> Runbook:
        """Read the runbook or playbook in a file; what it includes is looked for beside it first."""
        from .reading.head import is_playbook

        document = read_yaml(path, keep=True)
        beside = path.parent.parent / "runbooks" if is_playbook(document) else path.parent

        def find(name: str) -> Document:
            if name == path.stem and not is_playbook(document):
                return document
            found = _file_in(beside, name)
            return read_yaml(found, keep=True) if found else self._runbook_document(name)

        return _Reading(find).playbook(document) if is_playbook(document) else _Reading(find).read(path.stem)

    def inventory(self, environment: str) -> "Inventory":
        """Read the inventory of *environment*; raises `NotFoundError`, `SourceError` or `SchemaError`."""
        path = self.find("inventory", environment)
        if path is None:
            raise _not_found("environment", environment, self.environments(), "inventory", self.folders)
        return inventory_file(path)

    @staticmethod
    def parse(sources: Mapping[str, str]) -> Runbook:
        """Rebuild a runbook or playbook from the texts that a plan or journal holds; see `runbook_from_sources`."""
        return runbook_from_sources(sources)

    def find(self, sort: str, name: str) -> Path | None:
        """Find the file of a runbook (`runbooks`), a playbook (`playbooks`) or an environment (`inventory`)."""
        for folder in self.folders:
            if found := _file_in(folder / sort, name):
                return found
        return None

    def _runbook_document(self, name: str) -> Document:
        return self._document("runbooks", name)

    def _document(self, sort: str, name: str) -> Document:
        path = self.find(sort, name)
        if path is None:
            raise self._not_there(sort, name)
        return read_yaml(path, keep=True)

    def _not_there(self, sort: str, name: str) -> NotFoundError:
        other = "playbooks" if sort == "runbooks" else "runbooks"
        if self.find(other, name):
            word = other.removesuffix("s")
            return NotFoundError(
                f"{name} is no {sort.removesuffix('s')}: it is a {word}.",
                advice=f"Carry it out with `run-{word} {name}`.",
            )
        return _not_found(sort.removesuffix("s"), name, self._names(sort), sort, self.folders)

    def _names(self, sort: str) -> tuple[str, ...]:
        files = (path for folder in self.folders for path in list_folder(folder / sort) if path.suffix in _ENDINGS)
        return tuple(sorted({path.stem for path in files if path.is_file()}))


def inventory_file(path: Path) -> "Inventory":
    """Read the inventory in a file, whose environment must be named as the file is."""
    from .reading.inventory import parse_inventory

    document = read_yaml(path, keep=True)
    inventory = parse_inventory(document)
    _check_name(document, "environment", path.stem)
    return inventory


def runbook_from_sources(sources: Mapping[str, str]) -> Runbook:
    """
    Rebuild a runbook or playbook from the texts that a plan or journal holds, its own first.

    Raises `NotFoundError` when an included one is not among them.
    """
    from .reading.head import is_playbook

    own, text = next(iter(sources.items()))

    def find(name: str) -> Document:
        for ending in _ENDINGS:
            if (file := f"{name}{ending}") in sources:
                return load_yaml(sources[file], file, keep=True)
        raise NotFoundError(
            f"There is no runbook {name!r} among the sources.", advice=f"There is {', '.join(sources)}."
        )

    document = load_yaml(text, own, keep=True)
    return _Reading(find).playbook(document) if is_playbook(document) else _Reading(find).read(Path(own).stem)


class _Reading:
    """One reading of a runbook with its includes."""

    def __init__(self, find: Find) -> None:
        self.find = find
        self.open: list[str] = []
        self.read_already: dict[str, Runbook] = {}

    def read(self, name: str) -> Runbook:
        """Read *name*; raises `NotFoundError` where it would include itself, or is included too deep."""
        if name in self.open:
            way = " → ".join((*self.open[self.open.index(name) :], name))
            raise NotFoundError(f"The runbook {name!r} would include itself: {way}.", advice="Take one include out.")
        if name in self.read_already:
            return self.read_already[name]
        if len(self.open) > DEEPEST:
            way = " → ".join((*self.open[:3], "…", name))
            raise NotFoundError(
                f"Includes are nested more than {DEEPEST} deep: {way}.",
                advice="Have the first runbook include the last ones itself.",
            )
        from .reading.runbook import parse_runbook  # a list of runbooks needs no actions

        document = self.find(name)
        self.open.append(name)
        self.read_already[name] = self._with_includes(name, "runbook", document, parse_runbook)
        self.open.pop()
        return self.read_already[name]

    def playbook(self, document: Document) -> Runbook:
        """Read a playbook; its text stands under its folder's name, for a runbook may have the same."""
        from .reading.playbook import parse_playbook

        return self._with_includes(Path(document.file).stem, "playbook", document, parse_playbook)

    def _with_includes(self, name: str, word: str, document: Document, parse: Parse) -> Runbook:
        included: dict[str, Runbook] = {}

        def include(other: str) -> Runbook:
            included[other] = self.read(other)
            return included[other]

        runbook = parse(document, include)
        _check_name(document, word, name)
        sources = _source(f"playbooks/{name}" if runbook.playbook else name, document)
        for other in included.values():
            sources |= other.sources
        return replace(runbook, sources=sources, includes=included)


def _source(name: str, document: Document) -> dict[str, str]:
    return {f"{name}{Path(document.file).suffix or '.yml'}": document.text}


def _check_name(document: Document, key: str, name: str) -> None:
    """Refuse a file that is not named as what it holds."""
    found = document.content.get(key)
    if found != name:
        problem = document.problem((key,), f"the file is named {name!r}, so this must be {name!r} too; found {found!r}")
        raise SchemaError((problem,))


def _file_in(folder: Path, name: str) -> Path | None:
    if "/" in name or name.startswith("."):
        return None
    return next((path for ending in _ENDINGS if (path := folder / f"{name}{ending}").is_file()), None)


def _not_found(word: str, name: str, known: Sequence[str], sort: str, folders: Sequence[Path]) -> NotFoundError:
    from difflib import get_close_matches  # only mistakes need it

    if near := get_close_matches(name, known, n=3, cutoff=0.5):
        advice = f"Did you mean {' or '.join(near)}?"
    else:
        there = f"There is {', '.join(known)}." if known else "There is none at all."
        advice = f"{there} Looked in {', '.join(str(folder / sort) for folder in folders)}."
    return NotFoundError(f"There is no {word} {name!r}.", advice=advice)
