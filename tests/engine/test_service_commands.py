"""The runbooks of a site whose services neither systemd nor supervisor has, but commands of its own."""

import sys
from pathlib import Path

import pytest

from rollbook.library import Library, stock_folder
from rollbook.targets.base import TargetSpec

from .workshop import Workshop, nobody

# A service runs while its file is there.
SERVICE = """
import pathlib, sys
word, name = sys.argv[1:]
file = pathlib.Path(__file__).parent / f"{name}.runs"
if word == "start":
    file.touch()
elif word == "stop":
    file.unlink()
sys.exit(0 if word != "status" or file.exists() else 3)
"""
STOCK = ("stop-writers", "rollback-deploy", "rollback-database", "rollback-code", "fix-forward")


@pytest.fixture
def served(workshop: Workshop) -> Workshop:
    """Give a workshop with two services, of which one runs."""
    script = workshop.folder / "service.py"
    script.write_text(SERVICE)
    workshop.variables = {
        "services": ["web", "worker"],
        "service_commands": {
            word: [sys.executable, str(script), word, "{service}"] for word in ("start", "stop", "status")
        },
    }
    workshop.targets = {"host": TargetSpec("host", "local")}
    (workshop.folder / "web.runs").touch()
    return workshop


def running(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("*.runs"))


def test_writers_are_stopped_and_started_by_commands(served: Workshop) -> None:
    """What ran is stopped by the site's own commands, and runs again after the undo, and nothing else does."""
    run = served.run("stop-writers", nobody())
    stopped = running(served.folder)
    undone = served.undo(run)

    assert (run.status, stopped) == ("succeeded", [])
    assert (undone.status, running(served.folder)) == ("undone", ["web"])


@pytest.mark.parametrize("name", STOCK)
def test_every_step_on_services_takes_the_commands(name: str) -> None:
    """No runbook stops services by one manager and starts them by another."""
    text = (stock_folder() / "runbooks" / f"{name}.yml").read_text()

    assert text.count("service.state:") == text.count('commands: "{{ vars.service_commands') > 0
    assert Library(stock_folder()).book(name)
