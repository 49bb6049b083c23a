"""Numbers in the text that Prometheus collects: `name{label="value"} 12`."""

import re
from collections.abc import Mapping
from typing import Final

_LINE: Final = re.compile(r"^([A-Za-z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+-?\d+)?\s*$")
_LABEL: Final = re.compile(r'\s*([A-Za-z_]\w*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*(?:,|$)')
_SELECTOR: Final = re.compile(r"^([A-Za-z_:][\w:]*)(?:\{(.*)\})?$")
_ESCAPES: Final = {"\\n": "\n", '\\"': '"', "\\\\": "\\"}


def read_selector(text: str) -> tuple[str, Mapping[str, str]]:
    """Split `name{label="value"}`; raises ValueError for anything else."""
    found = _SELECTOR.match(text.strip())
    if found is None:
        raise ValueError(f'{text!r}: expected the name of a metric, such as errors_total or errors_total{{app="web"}}')
    return found[1], _labels(found[2] or "")


def metric(text: str, selector: str) -> float | None:
    """Add up the series of a metric that have the selector's labels; None where there is none."""
    name, wanted = read_selector(selector)
    found = None
    for line in text.splitlines():
        if not line.startswith(name) or (series := _LINE.match(line)) is None or series[1] != name:
            continue
        if wanted.items() <= _labels(series[2] or "").items():
            found = (found or 0.0) + float(series[3])
    return found


def _labels(text: str) -> dict[str, str]:
    labels, position = {}, 0
    while position < len(text):
        found = _LABEL.match(text, position)
        if found is None:
            raise ValueError(f'{text!r}: expected labels such as app="web",code="500"')
        labels[found[1]] = re.sub(r"\\.", lambda escape: _ESCAPES.get(escape[0], escape[0]), found[2])
        position = found.end()
    return labels
