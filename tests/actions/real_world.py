"""The laws' world made of this machine and one folder of it."""

from pathlib import Path

from rollbook.ops import Op, OpResult
from rollbook.testing import FakeWorld

from .conftest import Machine


class RealWorld(FakeWorld):
    """What the laws use: reading and carrying out for real, and the folder's files to compare."""

    def __init__(self, machine: Machine, folder: Path) -> None:
        super().__init__()
        self.machine = machine
        self.folder = folder
        self.read = machine.read  # type: ignore[assignment]  # has what the laws use

    def carry_out(self, *ops: Op) -> tuple[OpResult, ...]:
        """Carry out *ops*."""
        return self.machine.carry_out(*ops)

    def contents(self) -> object:
        """Give every file."""
        return {str(path): path.read_bytes() for path in sorted(self.folder.rglob("*")) if path.is_file()}
