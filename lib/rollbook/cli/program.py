"""The installed command `rollbook`: the same namespace as under `invoke`, as a program of its own."""

from invoke.program import Program

from .. import __version__
from . import namespace
from .command import Started


def main() -> None:
    """Run the command line that was typed."""
    Started.program = "rollbook"
    Program(version=__version__, namespace=namespace, name="rollbook", binary="rollbook").run()
