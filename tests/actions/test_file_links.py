"""Symbolic links, what files hold, and whose they are."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rollbook.action import Outcome, Ref
from rollbook.errors import CommandFailed, SchemaError, StepFailed, TargetError
from rollbook.targets import Redactor, SecretStore, TargetPool
from rollbook.targets.base import TargetSpec

from .conftest import Machine, use


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Make a folder with two releases and a link to the first."""
    for name in ("one", "two"):
        (tmp_path / "releases" / name).mkdir(parents=True)
    (tmp_path / "current").symlink_to("releases/one")
    return tmp_path


def test_a_link_is_led_elsewhere_and_back(machine: Machine, site: Path) -> None:
    """The link leads to the new release, and after the undo to the old one as it was written; nothing else is left."""
    action = use("file.symlink", path=str(site / "current"), to="releases/two")

    change = machine.apply(action)
    led = str((site / "current").readlink())
    machine.undo(action, change)

    assert led == "releases/two"
    assert str((site / "current").readlink()) == "releases/one"
    assert sorted(entry.name for entry in site.iterdir()) == ["current", "releases"]


def test_a_link_that_was_not_there_goes_again(machine: Machine, site: Path) -> None:
    """Undoing a new link removes it and not what it led to."""
    action = use("file.symlink", path=str(site / "next"), to=str(site / "releases" / "two"))

    change = machine.apply(action)
    there = (site / "next").is_dir()
    machine.undo(action, change)

    assert there
    assert not (site / "next").is_symlink()
    assert (site / "releases" / "two").is_dir()


def test_a_link_to_nothing_is_refused(machine: Machine, site: Path) -> None:
    """A link that would lead nowhere leaves the old one, unless that is meant."""
    with pytest.raises(CommandFailed, match="nowhere"):
        machine.apply(use("file.symlink", path=str(site / "current"), to="releases/three"))
    kept = str((site / "current").readlink())
    machine.apply(use("file.symlink", path=str(site / "current"), to="releases/three", dangling=True))

    assert kept == "releases/one"
    assert str((site / "current").readlink()) == "releases/three"


@pytest.mark.parametrize("thing", ["file", "folder"])
def test_only_a_link_is_replaced(machine: Machine, site: Path, thing: str) -> None:
    """A file or a folder in the place of the link is left alone, also where it came after the plan."""
    action = use("file.symlink", path=str(site / "thing"), to="releases/two")
    planned = machine.plan(action)
    path = site / "thing"
    path.mkdir() if thing == "folder" else path.write_text("x")

    with pytest.raises(TargetError, match=f"is a {thing}"):
        machine.plan(action)
    with pytest.raises(CommandFailed, match="no link"):
        machine.carry_out(*planned.ops)

    assert not path.is_symlink()


def look(machine: Machine, **arguments: Any) -> Outcome:
    found = use("file.contains", **arguments).probe(machine.read)
    assert isinstance(found, Outcome)
    return found


@pytest.mark.parametrize(
    ("arguments", "passed", "line"),
    [
        ({"text": "praw"}, True, 2),
        ({"text": "pr.w"}, False, 0),
        ({"text": "praw", "absent": True}, False, 2),
        ({"text": "gone", "absent": True}, True, 0),
        ({"pattern": "^praw = .*$"}, True, 2),
        ({"pattern": "^raw"}, False, 0),
        ({"pattern": "^raw", "absent": True}, True, 0),
    ],
)
def test_what_a_file_holds(
    machine: Machine, tmp_path: Path, arguments: dict[str, Any], passed: bool, line: int
) -> None:
    """A text is looked for as it stands and a pattern line by line, there or absent."""
    (tmp_path / "file").write_text("[tool]\npraw = '7'\n")

    found = look(machine, path=str(tmp_path / "file"), **arguments)

    assert (found.passed, found.seen["line"]) == (passed, line)


@pytest.mark.parametrize("absent", [False, True])
def test_a_file_that_is_not_there_holds_nothing(machine: Machine, tmp_path: Path, absent: bool) -> None:
    """Of a file that is not there nothing is told to be absent either."""
    assert not look(machine, path=str(tmp_path / "file"), text="x", absent=absent).passed


def test_a_pattern_has_a_time_limit(machine: Machine, tmp_path: Path) -> None:
    """A pattern that would take for ever fails the step, and says so."""
    (tmp_path / "file").write_text("a" * 40 + "!")

    with pytest.raises(StepFailed, match="took longer"):
        look(machine, path=str(tmp_path / "file"), pattern="(a+)+$")


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        ("file.contains", {"path": "/x"}, "either text or pattern"),
        ("file.contains", {"path": "/x", "text": "a", "pattern": "b"}, "either text or pattern"),
        ("file.contains", {"path": "/x", "text": ""}, "empty"),
        ("file.contains", {"path": "/x", "pattern": "("}, "regular expression"),
        ("file.symlink", {"path": "/x/", "to": "y"}, "path of a file"),
        ("file.symlink", {"path": "/x", "to": ""}, "leads to"),
        ("file.copy", {"source": "/x", "path": "/y", "owner": "root"}, "user:group"),
        ("file.copy", {"source": "/x", "path": "/y", "owner": "-R:x"}, "user:group"),
    ],
)
def test_misuse_is_refused(kind: str, arguments: dict[str, Any], message: str) -> None:
    """What makes no sense is refused before anything runs."""
    with pytest.raises(SchemaError, match=message):
        use(kind, **arguments)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_copy_with_an_owner_is_undone_with_the_old_one(machine: Machine, tmp_path: Path) -> None:
    """Owner and mode are set on the copy, and come back with the earlier content."""
    source, path = tmp_path / "new", tmp_path / "old"
    source.write_text("new")
    path.write_text("old")
    os.chown(path, 1, 2)
    path.chmod(0o640)
    action = use("file.copy", source=str(source), path=str(path), owner="nobody:nogroup", mode="0600")

    change = machine.apply(action)
    copied = path.read_text(), path.owner(), path.group(), path.stat().st_mode & 0o777
    again = machine.plan(action).ops
    machine.undo(action, change)

    assert copied == ("new", "nobody", "nogroup", 0o600)
    assert again == ()
    assert (path.read_text(), path.stat().st_uid, path.stat().st_gid) == ("old", 1, 2)
    assert path.stat().st_mode & 0o777 == 0o640


def test_an_owner_that_does_not_exist_is_told(machine: Machine, tmp_path: Path) -> None:
    """A copy for an account that is not there leaves the file as it was."""
    (tmp_path / "new").write_text("new")
    (tmp_path / "old").write_text("old")
    arguments = {"source": str(tmp_path / "new"), "path": str(tmp_path / "old")}

    with pytest.raises(TargetError, match="no account"):
        machine.apply(use("file.copy", **arguments, owner="nobody-there:nogroup"))

    assert (tmp_path / "old").read_text() == "old"


AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files to other accounts")
WRITES = {
    "present": lambda path, _: use("file.present", path=path, content="new"),
    "absent": lambda path, _: use("file.absent", path=path),
    "copy": lambda path, source: use("file.copy", path=path, source=source),
}


def whose(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_uid, found.st_gid


@AS_ROOT
@pytest.mark.parametrize("target", ["local", "inside"])
@pytest.mark.parametrize("kind", WRITES)
@pytest.mark.parametrize("owner", [(1, 2), (54321, 65432)], ids=["named", "without a name"])
def test_a_file_stays_whose_it_is(tmp_path: Path, kind: str, target: str, owner: tuple[int, int]) -> None:
    """What root replaces, keeps beside and brings back belongs to whose it was, here and through commands."""
    path, source = tmp_path / "app.conf", tmp_path / "source"
    source.write_text("new")
    path.write_text("old")
    os.chown(path, *owner)
    path.chmod(0o4700)
    there = with_target("inside", ["env"])
    action = replace(WRITES[kind](str(path), str(source)), target=Ref(target))

    change = there.apply(action)
    (kept,) = tmp_path.glob(".app.conf.*.kept")
    after = whose(kept), whose(path) if path.exists() else owner, kept.stat().st_mode & 0o7777
    there.undo(action, change)
    there.pool.close()

    assert after == (owner, owner, 0o700)
    assert (path.read_text(), whose(path), path.stat().st_mode & 0o7777) == ("old", owner, 0o4700)
    told = "owner daemon:bin" if owner == (1, 2) else "owner 54321:65432"
    assert any(told in line for op in change.ops for line in op.render())
    assert there.execution.output == b""


@AS_ROOT
@pytest.mark.parametrize("target", ["local", "inside"])
def test_who_may_not_give_a_file_away_is_warned(open_folder: Path, target: str) -> None:
    """An account that replaces what belongs to another goes on, and its output says whose it was."""
    path = open_folder / "app.conf"
    path.write_text("old")
    path.chmod(0o644)
    os.chown(path, 1, 1)
    there = with_target("inside", ["setpriv", "--reuid=2", "--regid=2", "--clear-groups"])
    action = replace(use("file.present", path=str(path), content="new", keep=False), target=Ref(target))
    (op,) = there.plan(action).ops

    if target == "local":
        with as_account(2):
            there.carry_out(op)
    else:
        there.carry_out(op)
    there.pool.close()

    assert (path.read_text(), whose(path)) == ("new", (2, 2))
    assert b"belonged to daemon:daemon" in there.execution.output


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Give a folder of account 2, on a way that every account may go."""
    with tempfile.TemporaryDirectory() as folder:
        os.chown(folder, 2, 2)
        yield Path(folder)


def with_target(name: str, prefix: list[str]) -> Machine:
    """Give this machine, and once more behind a command."""
    redactor = Redactor()
    specs = {"local": TargetSpec("local", "local"), name: TargetSpec(name, "command", {"prefix": prefix})}
    return Machine(TargetPool(specs, SecretStore({}, redactor), redactor))


@contextmanager
def as_account(number: int) -> Iterator[None]:
    """Go on as another account within this block."""
    os.setegid(number)
    os.seteuid(number)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


def test_a_path_that_a_shell_would_fill_in_is_refused() -> None:
    """It had been taken for a folder of that name, below the working folder."""
    with pytest.raises(SchemaError, match="what ~ stands for is not filled in"):
        use("file.present", path="~/app.conf", content="x")
