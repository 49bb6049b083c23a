"""The installed command `rollbook`: the same commands as under `invoke`, as a program of its own."""

import sys
from collections.abc import Sequence

from ..errors import UsageError
from .command import FAILED, OK, USAGE, Started, describe, guard, program, tell
from .commands import COMMANDS
from .screen import Unwritten, flush, give_up, seat_streams


def main() -> None:
    """Run the command line that was typed."""
    Started.program = "rollbook"
    seat_streams()
    code: str | int | None = FAILED
    try:
        code = _run(sys.argv[1:])
    except SystemExit as ended:
        code = ended.code
    except OSError as error:  # of invoke's own help and list; commands take care of theirs
        give_up(error)
        code = OK
    finally:
        flush()
    if Unwritten.why and Started.journal is None:
        tell(f"It could not be written: {Unwritten.why}.")
        code = FAILED
    sys.exit(code)


def _run(words: Sequence[str]) -> int:
    if not words or words[0].startswith("-"):
        return _invoke(words)
    from .wordline import read_words

    try:
        line = read_words(words, {one.name: one for one in COMMANDS})
    except UsageError as error:
        tell(describe(error))
        return USAGE
    if line.help:
        return _invoke(("--help", line.command.name))
    return guard(lambda: line.command.body(*line.places, **line.options), debug=line.debug)


def _invoke(words: Sequence[str]) -> int:
    """Leave help, lists, completion and whatever else begins with an option to invoke; ends the process."""
    from invoke.exceptions import Exit, ParseError
    from invoke.program import Program

    from .. import __version__
    from .tasks import namespace

    class Told(Program):
        """Tells what was typed wrongly as every other error is told."""

        def parse_tasks(self) -> None:
            """Take in the words that are none of its own options."""
            try:
                super().parse_tasks()
            except ParseError as error:
                advice = f"`{program()} --list` names the commands, `{program()} COMMAND --help` says what one takes."
                tell(describe(UsageError(str(error), advice=advice)))
                raise Exit(code=USAGE) from error

    Told(version=__version__, namespace=namespace(), name="rollbook", binary="rollbook").run([sys.argv[0], *words])
    return 0
