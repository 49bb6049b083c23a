"""The command line that fills a database of a part of an archive."""

import subprocess
from pathlib import Path

import pytest

from rollbook.postgres.restoring import PARTLY

PROGRAM = """\
#!/bin/sh
if [ "$1" = --list ]; then
  printf '%s\\n' '; Archive' '5; 1 2 SCHEMA - public admin' '6; 1 3 TABLE public a b\\tc'
  exit {listed}
fi
cat "${{1#--use-list=}}"
echo "$2 $3"
"""


@pytest.mark.parametrize("listed", [0, 1])
def test_a_list_that_breaks_off_restores_nothing(tmp_path: Path, listed: int) -> None:
    """What it lacks would be missing in the database, and nothing else would tell."""
    program = tmp_path / "pg_restore"
    program.write_text(PROGRAM.format(listed=listed))
    program.chmod(0o755)
    argv = ("sh", "-c", PARTLY, "sh", "the archive", " SCHEMA - public ", program, "--jobs=2")

    done = subprocess.run(argv, capture_output=True, text=True, check=False)

    expected = "; Archive\n6; 1 3 TABLE public a b\\tc\n--jobs=2 the archive\n"
    assert (done.returncode, done.stdout) == ((listed, "") if listed else (0, expected))
