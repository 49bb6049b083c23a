"""Where servers are required, a test of theirs that skips fails."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
TESTS = """
import pytest

@pytest.mark.server
def test_of_a_server():
    pytest.skip("there is none")

@pytest.mark.server
@pytest.mark.may_skip("it cannot be had here")
def test_that_may():
    pytest.skip("there is none")

def test_of_no_server():
    pytest.skip("not today")
"""


@pytest.mark.parametrize(("required", "outcome"), [("1", "1 failed, 2 skipped"), ("", "3 skipped")])
def test_a_skipped_test_of_servers_fails(tmp_path: Path, required: str, outcome: str) -> None:
    """It says why it was skipped; what may skip, and tests of no server, still do, and so does all where none is required."""
    (tmp_path / "test_some.py").write_text(TESTS)
    settings = ["-c", str(HERE.parent / "pyproject.toml"), "--rootdir", str(tmp_path), "-p", "no:cacheprovider"]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path]),
        "ROLLBOOK_REQUIRE_SERVERS": required,
    }

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "conftest", *settings, str(tmp_path)],
        capture_output=True, text=True, check=False, env=environment,
    )  # fmt: skip

    assert outcome in done.stdout, done.stdout + done.stderr
    assert ("servers are required (ROLLBOOK_REQUIRE_SERVERS=1): Skipped: there is none" in done.stdout) is bool(
        required
    )
