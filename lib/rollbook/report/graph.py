"""A number that a step watched, drawn as a small line over time."""

from typing import Final

from ..dataclass import dataclass
from ..values import Plain
from .markup import Html, form, joined

_WIDTH: Final = 600
_HEIGHT: Final = 80
_PAD: Final = 6
_LARGEST: Final = 1e100  # beyond it, a picture would tell nothing
_SVG: Final = form("""\
<figure class="graph"><svg viewBox="0 0 {0} {1}" width="{0}" height="{1}" role="img" aria-label="{2}">
{3}{4}</svg><figcaption class="soft small">{2}</figcaption></figure>
""")
_LINE: Final = form('<polyline class="samples" points="{}"/>\n')
_DOT: Final = form('<circle class="sample" cx="{}" cy="{}" r="2"/>\n')
_GAP: Final = form('<line class="gap" x1="{0}" y1="0" x2="{0}" y2="{1}"/>\n')
_LIMIT: Final = form('<line class="limit" x1="0" y1="{0}" x2="{1}" y2="{0}"/>\n')


@dataclass(frozen=True, slots=True)
class Graph:
    """Samples as (seconds, value), None where a look gave no number; the limits that they had to keep."""

    samples: tuple[tuple[float, float | None], ...]
    limits: tuple[float, ...] = ()

    @property
    def caption(self) -> str:
        """What people read."""
        known = [value for _, value in self.samples if value is not None]
        gaps = len(self.samples) - len(known)
        missing = f", {gaps} without a number" if gaps else ""
        limit = f"; limit {' and '.join(f'{limit:g}' for limit in self.limits)}" if self.limits else ""
        between = f"{min(known):g} to {max(known):g}" if known else "no number"
        return f"{len(self.samples)} looks in {self.samples[-1][0]:.0f} s: {between}{missing}{limit}"


def graph_of(outputs: Plain) -> Graph | None:
    """Read the samples that an assertion kept; None for steps that kept none."""
    seen = outputs.get("seen") if isinstance(outputs, dict) else None
    samples = seen.get("samples") if isinstance(seen, dict) else None
    if not isinstance(seen, dict) or not isinstance(samples, list) or not samples or not all(map(_is_sample, samples)):
        return None
    limits = tuple(float(seen[name]) for name in ("below", "above") if _is_number(seen.get(name)))
    return Graph(tuple((float(at), None if value is None else float(value)) for at, value in samples), limits)


def _is_sample(sample: Plain) -> bool:
    match sample:
        case [at, value]:
            return _is_number(at) and (value is None or _is_number(value))
    return False


def _is_number(value: Plain) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _LARGEST


def drawn(graph: Graph) -> Html:
    """Draw it as SVG: a line through the samples, a stroke where a look gave no number, a broken line at a limit."""
    known = [value for _, value in graph.samples if value is not None]
    low, high = min((*known, *graph.limits), default=0.0), max((*known, *graph.limits), default=1.0)
    last, span = graph.samples[-1][0] or 1.0, (high - low) or 1.0

    def across(at: float) -> float:
        return _PAD + at / last * (_WIDTH - 2 * _PAD)

    def up(value: float) -> float:
        return _HEIGHT - _PAD - (value - low) / span * (_HEIGHT - 2 * _PAD)

    places = [(across(at), None if value is None else up(value)) for at, value in graph.samples]
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places if y is not None)
    marks = [_DOT(x, y) if y is not None else _GAP(x, _HEIGHT) for x, y in places]
    limits = joined(_LIMIT(up(limit), _WIDTH) for limit in graph.limits)
    return _SVG(_WIDTH, _HEIGHT, graph.caption, joined((limits, _LINE(points))), joined(marks))
