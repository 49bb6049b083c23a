"""The report as one self-contained HTML page: no script, nothing fetched, all text escaped."""

import os
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemBytecodeCache, PackageLoader, StrictUndefined
from markupsafe import Markup

from .account import Report
from .timeline import to_svg
from .wording import FINE, STEP_MARKS, STEP_TONES, clock, counted, duration, local, size, utc, visible

LONG_TABLE: Final = 60


def to_html(report: Report) -> str:
    """Give the report as an HTML file's text."""
    return (
        _environment(report)
        .get_template("report.html.j2")
        .render(
            report=report,
            run=report.run,
            impact=report.impact,
            timeline=Markup(to_svg(report)),  # noqa: S704  # escapes itself
        )
    )


def _environment(report: Report) -> Environment:
    environment = Environment(
        loader=PackageLoader("rollbook.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
        bytecode_cache=_compiled(),
    )
    environment.globals.update(
        utc=utc,
        clock=lambda at: clock(at, fine=report.impact.elapsed < FINE),
        local=lambda at: local(at, report.zone),
        duration=duration,
        size=size,
        counted=counted,
        tones=STEP_TONES,
        marks=STEP_MARKS,
        shares=_shares(report),
        sections={section.key: section for section in report.written},
        long_table=LONG_TABLE,
    )
    return environment


def _compiled() -> FileSystemBytecodeCache | None:
    """Keep compiled templates between runs, for compiling them takes longer than a small run; None where one cannot."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111  # never raises
    folder = Path(base, "rollbook", "templates")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        seen = folder.stat()
    except OSError:
        return None
    # Code is read from there, so nobody else may write it.
    private = seen.st_uid == os.geteuid() and not seen.st_mode & 0o022 and os.access(folder, os.W_OK)
    return FileSystemBytecodeCache(str(folder)) if private else None


def _finalize(value: object) -> object:
    # Markup is what the templates and the timeline wrote themselves.
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _shares(report: Report) -> tuple[tuple[str, str, float], ...]:
    """Give the parts of the elapsed time: class, words and percent."""
    impact = report.impact
    parts = (
        ("work", "steps at work", impact.working),
        ("wait", "waiting for people", impact.waiting),
        ("stop", "standing still", impact.stopped),
        ("rest", "between steps", impact.between),
    )
    whole = sum(seconds for _, _, seconds in parts)
    return tuple(
        (kind, f"{words} {duration(seconds)}", 100 * seconds / whole) for kind, words, seconds in parts if seconds
    )
