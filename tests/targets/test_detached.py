"""Commands that go on when their connection ends, and the shells that wait for them."""

import subprocess
import time
from pathlib import Path

from rollbook.ops import Command
from rollbook.targets.detached import detached


def test_whoever_came_last_takes_the_result(tmp_path: Path) -> None:
    """A shell that outlived its connection would take it for nobody, and the next one would find nothing."""
    text = "echo begun >>begun; while [ ! -e go ]; do sleep 0.05; done; echo told; exit 5"
    argv = detached(Command("there", ("it",)), ("sh", "-c", text))

    def wait() -> "subprocess.Popen[bytes]":
        place = {"XDG_STATE_HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
        return subprocess.Popen(argv, cwd=tmp_path, env=place, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)

    with wait() as left:
        while not (tmp_path / "begun").exists():
            time.sleep(0.02)
        with wait() as last:
            try:
                ended = left.wait(20)
            finally:
                (tmp_path / "go").touch()
            out, _ = last.communicate(timeout=20)

    assert (ended, last.returncode, out) == (255, 5, b"told\n")
    assert (tmp_path / "begun").read_text() == "begun\n"
