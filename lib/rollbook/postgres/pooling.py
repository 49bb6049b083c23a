"""The ops that hold a pooler's clients back while databases change names."""

from typing import ClassVar

from ..dataclass import dataclass
from ..ops import Op


@dataclass(frozen=True, slots=True)
class PoolPause(Op):
    """Have the pools of one database send nothing more; their clients wait. Pools that are paused stay so."""

    op: ClassVar[str] = "pool.pause"
    target: str
    database: str
    patience: float = 30.0  # seconds for what runs in them

    def render(self) -> tuple[str, ...]:
        """Give the console's command."""
        return (f"[{self.target}] PAUSE ‹each pool of {self.database}›  -- within {self.patience:.0f} seconds",)


@dataclass(frozen=True, slots=True)
class PoolRelease(Op):
    """Have the pools of one database connect anew, and their clients go on."""

    op: ClassVar[str] = "pool.release"
    target: str
    database: str

    def render(self) -> tuple[str, ...]:
        """Give the console's commands."""
        return (f"[{self.target}] RECONNECT ‹each pool of {self.database}›; RESUME ‹the same›",)
