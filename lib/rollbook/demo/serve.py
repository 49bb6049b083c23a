"""
Keep the demo's servers up in the foreground, so that its runs can be looked at, undone and done again by hand.

`python -m rollbook.demo.serve [--folder FOLDER] [--rebuild]` prints the variables to export, and ends with Ctrl-C.
"""

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from rollbook.demo.keeping import wait_for_ctrl_c
from rollbook.demo.place import DemoPlace
from rollbook.errors import RollbookError

FOLDER = Path(".rollbook/demo")


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until Ctrl-C or SIGTERM; the sample is as the last demo left it unless a rebuild is asked for."""
    parser = argparse.ArgumentParser(prog="rollbook.demo.serve", description="Keep the demo's servers up.")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--rebuild", action="store_true", help="begin with a freshly destroyed course")
    options = parser.parse_args(argv)
    try:
        with DemoPlace(options.folder, keep=not options.rebuild) as place:
            for name, value in place.environment().items():
                sys.stdout.write(f"export {name}={shlex.quote(value)}\n")
            sys.stdout.write("# The servers are up; Ctrl-C stops them.\n")
            sys.stdout.flush()
            wait_for_ctrl_c()
    except RollbookError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
