"""Commands about places: `doctor` looks at an environment, `init` starts a folder, `demo` and `test` try everything."""

import os
import shlex
import sys
from pathlib import Path
from typing import Final

from ..errors import NotFoundError, UsageError
from .command import FAILED, OK, command, program
from .screen import screen, write

_DEMO_FOLDER: Final = Path(".rollbook/demo")
_FORUM_FOLDER: Final = Path(".rollbook/demo-forum")
_MIGRATION_FOLDER: Final = Path(".rollbook/demo-migration")


@command("doctor", help={"env": "The environment to look at.", "json": "Print JSON for machines."})
def doctor(*, env: str = "", json: bool = False) -> int:
    """
    Look whether an environment's targets can be used.

    Writes nothing; exits 1 when something is missing.
    """
    from ..library import Library
    from .checkup import checkup, finding_lines, findings_json
    from .workspace import choose_environment

    library = Library()
    name, why = (env, "") if env else choose_environment(library)
    inventory = library.inventory(name)
    findings = checkup(inventory)
    if json:
        write(findings_json(name, findings))
    else:
        for line in finding_lines(inventory, findings, screen(), why=why):
            write(line)
    return FAILED if any(finding.severity == "missing" for finding in findings) else OK


@command("init", help={"folder": "The folder to start; made when it is not there."})
def init(folder: str) -> int:
    """
    Start a repository of one's own.

    It holds an example runbook and playbook, an environment and tasks.py, and works right away.
    """
    from .hints import typed
    from .starter import start_repository

    if folder.startswith("-"):
        raise UsageError(f"{folder!r} is no name for a folder.", advice=f"{typed('init')} --help says what it takes.")
    for path in start_repository(Path(folder)):
        write(f"  {path}")
    write()
    write("Next")
    write(f"  cd {shlex.quote(folder)}")
    there = str(Path(program()).absolute()) if "/" in program() else program()
    write(f"  {there} list-runbooks")
    write(f"  {there} plan hello")
    return OK


@command(
    "demo",
    help={
        "undo_": "Take back what the last demo changed.",
        "stay": "Keep the demo's servers up until Ctrl-C, to try other commands on them.",
    },
)
def demo(*, undo_: bool = False, stay: bool = False) -> int:
    """
    Break a course on servers of its own, and bring it back.

    Shows the plan, the run, the report's path and how to undo; the servers are stopped at the end.
    """
    from .demonstration import demonstrate, stay_up, take_back

    if stay:
        return stay_up(_DEMO_FOLDER)
    return take_back(_DEMO_FOLDER) if undo_ else demonstrate(_DEMO_FOLDER)


@command(
    "demo-rollback",
    help={
        "undo_": "Take back what the last demo of this sort changed.",
        "stay": "Keep the forum's servers up until Ctrl-C, to try other commands on them.",
    },
)
def demo_rollback(*, undo_: bool = False, stay: bool = False) -> int:
    """
    Break a forum by a deploy while people write to it, and go back without losing a row.

    Shows the plan, the run, the report's path and how to undo; the servers are stopped at the end.
    """
    from .forum_demonstration import demonstrate, stay_up, take_back

    if stay:
        return stay_up(_FORUM_FOLDER)
    return take_back(_FORUM_FOLDER) if undo_ else demonstrate(_FORUM_FOLDER)


@command(
    "demo-migration",
    help={
        "undo_": "Take back what the last demo of this sort put back.",
        "stay": "Keep the forum's servers up until Ctrl-C, to try other commands on them.",
    },
)
def demo_migration(*, undo_: bool = False, stay: bool = False) -> int:
    """
    Drop a forum's comments by a migration, and put every row back where it was.

    Shows how they are saved before, both plans and runs, the reports' paths and how to undo.
    """
    from .migration_demonstration import demonstrate, stay_up, take_back

    if stay:
        return stay_up(_MIGRATION_FOLDER)
    return take_back(_MIGRATION_FOLDER) if undo_ else demonstrate(_MIGRATION_FOLDER)


@command("test", help={"only": "Only tests whose name contains this."})
def test(*, only: str = "") -> int:  # noqa: PT028  # a command, not a test
    """Run the project's own tests, in a checkout."""
    return _pytest(*(["-k", only] if only else []))


@command("torture", help={"only": "Only those whose name contains this, such as mariadb."})
def torture(*, only: str = "") -> int:
    """
    Kill restores of courses, and deploys being taken back, at every place there is, in a checkout.

    Carries the rows of many random sites over, too. Takes long: minutes for each ledger, hours for the deploys.
    """
    os.environ["ROLLBOOK_TORTURE"] = "1"
    return _pytest("-m", "torture", *(["-k", only] if only else []))


def _pytest(*options: str) -> int:
    root = Path(__file__).resolve().parents[3]
    if not (root / "tests").is_dir() or not (root / "pyproject.toml").is_file():
        raise NotFoundError(
            "This Rollbook was installed without its tests.", advice="Clone the repository and run `make test` there."
        )
    import pytest

    sys.stdout.flush()
    return int(pytest.main(["--rootdir", str(root), str(root / "tests"), *options]))
