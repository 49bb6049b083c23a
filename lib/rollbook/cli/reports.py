"""A run's report on disk, in every format, and on the screen in one."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, Literal, get_args

from ..beside import write_beside
from ..errors import UsageError
from ..report import html_pieces, json_pieces, markdown_pieces, report_of
from ..report.account import Report
from ..run import Run
from ..runs import RunFolder, Runs
from ..undos import fates_of
from .options import check_out, unwritable
from .undone import turns_of, undo_of

Format = Literal["md", "html", "json"]
FORMATS: Final = get_args(Format)
_RENDERERS: Final[Mapping[str, Callable[[Report], Iterator[str]]]] = {
    "md": markdown_pieces,
    "html": html_pieces,
    "json": json_pieces,
}


def render(run: Run, format_: str) -> str:
    """Tell *run* as a report, with the undo that took it back if there is one. Raises `UsageError`."""
    if format_ not in _RENDERERS:
        raise UsageError(f"--format {format_}: expected {', '.join(FORMATS)}.")
    return "".join(_RENDERERS[format_](_report(run)))


def _report(run: Run) -> Report:
    here = run.started_at.astimezone()
    undo = _undo_of(run)
    zone = here.tzinfo if here.utcoffset() else None
    if undo is None:
        return report_of(run, local_zone=zone)
    return report_of(run, undo=undo, turns=(*turns_of(undo),), fates=fates_of(Runs(), run), local_zone=zone)


def _undo_of(run: Run) -> Run | None:
    return undo_of(run) if _named_by_another(run) else None


def _named_by_another(run: Run) -> bool:
    """Tell whether the plan of another run names *run*: most runs nobody undoes, and to read every plan takes long."""
    return any(folder.id != run.id and run.id.encode() in _first_line(folder) for folder in Runs().all())


def _first_line(folder: RunFolder) -> bytes:
    try:
        with folder.journal.open("rb") as journal:
            return journal.readline()
    except OSError:  # it is no undo that could be told of
        return b""


def write_reports(run: Run, folder: RunFolder) -> Mapping[str, Path]:
    """Write `report.md`, `report.html` and `report.json` into the run's folder; those of runs undone anew as well."""
    earlier, place = run, folder
    while (undone := place.first(earlier.plan)) is not None:
        earlier, place = undone, place.beside(undone.id)
        _write(earlier, place)
    return _write(run, folder)


def _write(run: Run, folder: RunFolder) -> Mapping[str, Path]:
    report = _report(run)
    paths = {}
    for format_, renderer in _RENDERERS.items():
        path = folder.path / f"report.{format_}"
        # They can be told anew from the journal at any time, so nobody waits for the disk.
        write_beside(path, _encoded(renderer(report)), lasting=False)
        paths[format_] = path
    return paths


def _encoded(pieces: Iterable[str]) -> Iterator[bytes]:
    return (piece.encode() for piece in pieces)


def save_named(path: Path, text: str) -> None:
    """Write *text* to a file that the operator named, for its owner only. Raises `UsageError` where that cannot be."""
    check_out(path)
    try:
        write_beside(path, (text.encode(),))
    except OSError as error:
        raise unwritable(path, error.strerror or str(error)) from error
