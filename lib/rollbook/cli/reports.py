"""A run's report on disk, in every format, and on the screen in one."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Literal, get_args

from ..beside import write_beside
from ..errors import UsageError
from ..report import report_of, to_html, to_json, to_markdown
from ..report.account import Report
from ..run import Run
from ..runs import RunFolder, Runs
from .options import check_out, unwritable
from .undone import undo_of

Format = Literal["md", "html", "json"]
FORMATS: Final = get_args(Format)
_RENDERERS: Final[Mapping[str, Callable[[Report], str]]] = {"md": to_markdown, "html": to_html, "json": to_json}


def render(run: Run, format_: str) -> str:
    """Tell *run* as a report, with the undo that took it back if there is one. Raises `UsageError`."""
    if format_ not in _RENDERERS:
        raise UsageError(f"--format {format_}: expected {', '.join(FORMATS)}.")
    return _RENDERERS[format_](_report(run))


def _report(run: Run) -> Report:
    here = run.started_at.astimezone()
    return report_of(run, undo=undo_of(run), local_zone=here.tzinfo if here.utcoffset() else None)


def write_reports(run: Run, folder: RunFolder) -> Mapping[str, Path]:
    """Write `report.md`, `report.html` and `report.json` into the run's folder; that of a run undone anew as well."""
    if run.plan.undo_of:
        undone = Runs().find(run.plan.undo_of)
        _write(undone.read(), undone)
    return _write(run, folder)


def _write(run: Run, folder: RunFolder) -> Mapping[str, Path]:
    report = _report(run)
    paths = {}
    for format_, renderer in _RENDERERS.items():
        path = folder.path / f"report.{format_}"
        save_private(path, renderer(report))
        paths[format_] = path
    return paths


def save_named(path: Path, text: str) -> None:
    """Write *text* to a file that the operator named. Raises `UsageError` where that cannot be."""
    check_out(path)
    try:
        save_private(path, text)
    except OSError as error:
        raise unwritable(path, error.strerror or str(error)) from error


def save_private(path: Path, text: str) -> None:
    """Write *text* so that its owner only can read it; a half-written file never has the name."""
    write_beside(path, (text.encode(),))
