"""The report as one self-contained HTML page: no script, nothing fetched, all text escaped."""

from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined
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
