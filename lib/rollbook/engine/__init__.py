"""The engine: (Plan, targets) → Journal. The only caller of anything that writes."""

from .engine import Engine
from .inbox import put_answer, put_note, put_pause
from .ports import Asker, Decision, Given, Nobody, Silent, Watcher
from .preflight import preflight

__all__ = [
    "Asker",
    "Decision",
    "Engine",
    "Given",
    "Nobody",
    "Silent",
    "Watcher",
    "preflight",
    "put_answer",
    "put_note",
    "put_pause",
]
