"""What was seen of a number over a time."""

import itertools
from collections.abc import Sequence
from typing import Final

from ...dataclass import dataclass

_WIDTH: Final = 60
_BLOCKS: Final = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True, slots=True)
class Sample:
    """One look: *at* in seconds since the first; no *value* where there was none, and *why*."""

    at: float
    value: float | None
    why: str = ""

    @property
    def label(self) -> str:
        """What people read."""
        return f"{self.value:g}" if self.value is not None else f"no number ({self.why})"


def sparkline(samples: Sequence[Sample]) -> str:
    """Draw samples as a line of blocks, the highest of each stretch where there are many; a gap is a dot."""
    width = min(len(samples), _WIDTH)
    bounds = [len(samples) * index // width for index in range(width + 1)]
    stretches = [samples[start:end] for start, end in itertools.pairwise(bounds)]
    tops = [max((one.value for one in stretch if one.value is not None), default=None) for stretch in stretches]
    known = [top for top in tops if top is not None]
    low, high = min(known, default=0.0), max(known, default=0.0)
    scale = (len(_BLOCKS) - 1) / (high - low) if high > low else 0.0
    return "".join("·" if top is None else _BLOCKS[round((top - low) * scale)] for top in tops)
