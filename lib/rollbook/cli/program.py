"""The installed command `rollbook`: the same namespace as under `invoke`, as a program of its own."""

import sys
from collections.abc import Sequence

from invoke.program import Program

from .. import __version__
from ..errors import UsageError
from . import namespace
from .command import USAGE, Started, describe, tell
from .screen import deaf, flush


def main() -> None:
    """Run the command line that was typed."""
    Started.program = "rollbook"
    program = Program(version=__version__, namespace=namespace, name="rollbook", binary="rollbook")
    try:
        program.run([sys.argv[0], *_words(sys.argv[1:])])
    except BrokenPipeError:  # of invoke's own help and list; commands take care of theirs
        deaf()
    finally:
        flush()


def _words(given: list[str]) -> Sequence[str]:
    if not given or given[0].startswith("-"):
        return given
    from .wordline import plain_words

    try:
        return plain_words(given, {str(one.name): one for one in namespace.to_contexts()})
    except UsageError as error:
        tell(describe(error))
        sys.exit(USAGE)
