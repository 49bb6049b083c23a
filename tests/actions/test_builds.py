"""Packages at a version, and projects that are built: with real pip and real builds."""

import shutil
import subprocess
import venv
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from rollbook.action import Leave
from rollbook.errors import CommandFailed, SchemaError, TargetError
from rollbook.targets.base import CommandResult
from rollbook.testing import Case, FakeFile, FakeHost, FakeWorld, Law, law_id, laws_of
from rollbook.values import Plain

from .conftest import Machine, use

VERSION = "/version"


class PackageHost(FakeHost):
    """A host with one package, in the words of each manager, and a project to build."""

    def run(self, argv: tuple[str, ...], **_: Any) -> CommandResult:
        """Tell the version, or change it."""
        self.answer()
        there = self.files[VERSION].content.decode() if VERSION in self.files else ""
        match argv:
            case (_, "-I", "-c", _, "praw"):
                return CommandResult(0, f"{there}\n" if there else "")
            case ("dpkg-query", *_):
                return CommandResult(0, f"ii  {there}\n") if there else CommandResult(1, "", "no packages found")
            case ("npm", "ls", *_):
                package = f'"praw": {{"version": "{there}"}}' if there else ""
                return CommandResult(0 if there else 1, f'{{"dependencies": {{{package}}}}}')
            case (*_, "uninstall", "--yes" | "--global", _) | (_, "remove", "--yes", _):
                del self.files[VERSION]
            case (*_, wanted) if "install" in argv:
                version = wanted.removeprefix("praw").lstrip("=@")
                self.files[VERSION] = FakeFile(version.encode())
            case ("sh", "-c", script, *_):
                return self._build(script)
        return CommandResult(0, "")

    def _build(self, script: str) -> CommandResult:
        if "work" in self.files or "mktemp" not in script:
            built = "built one\nleft two\n" if "/built" in self.files else ""
            return CommandResult(0, f"inputs one\nresult two\nfiles 3\n{built}")
        self.files["/built"] = FakeFile()
        return CommandResult(0, "")


def _world(version: str, *, built: bool = False) -> FakeWorld:
    files: dict[str, FakeFile | bytes] = {VERSION: version.encode()} if version else {}
    return FakeWorld(PackageHost(files={**files, **({"/built": b""} if built else {})}))


def _package(name: str, version: str, **arguments: Plain) -> Case:
    given = {"name": "praw", "version": "7.7.1", "manager": "apt", **arguments}
    return Case(f"package.version: {name}", "package.version", given, partial(_world, version))


def _project(name: str, *, built: bool = False, **arguments: Plain) -> Case:
    given = {"directory": "/srv/app", **arguments}
    return Case(f"project.build: {name}", "project.build", given, partial(_world, "", built=built))


PIP: dict[str, Plain] = {"manager": "pip", "python": "/srv/bin/python"}
CASES = [
    _package("pip, none", "", **PIP),
    _package("pip, newer", "8.0.0", **PIP, options=["--no-deps"]),
    _package("pip, there", "7.7.1", **PIP),
    _package("apt, none", ""),
    _package("apt, older", "7.0.0-1"),
    _package("npm, none", "", manager="npm"),
    _package("npm, newer", "8.0.0", manager="npm"),
    _project("npm", preset="npm", output="build"),
    _project("npm, built", built=True, preset="npm", output="build"),
    _project("poetry", preset="poetry"),
    _project("pip", preset="pip"),
    _project("collectstatic", preset="collectstatic", output="static"),
    _project("commands", commands=[["make", "all"]], output="dist", when_changed=["src"]),
]


@pytest.mark.parametrize(("case", "law"), laws_of(CASES), ids=law_id)
def test_laws(case: Case, law: Law) -> None:
    """A kind keeps each law."""
    law(case)


def wheel(folder: Path, version: str) -> None:
    """Write a wheel of a package that holds nothing."""
    folder.mkdir(exist_ok=True)
    name = f"hollow-{version}"
    record = f"{name}.dist-info/METADATA,,\n{name}.dist-info/WHEEL,,\n{name}.dist-info/RECORD,,\n"
    with zipfile.ZipFile(folder / f"{name}-py3-none-any.whl", "w") as file:
        file.writestr(f"{name}.dist-info/METADATA", f"Metadata-Version: 2.1\nName: hollow\nVersion: {version}\n")
        file.writestr(f"{name}.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr(f"{name}.dist-info/RECORD", record)


@pytest.fixture
def package(tmp_path: Path) -> Callable[..., Any]:
    """Give what makes an action on a package of which two versions can be had, in an environment of its own."""
    venv.create(tmp_path / "venv", with_pip=True)
    for version in ("1.0", "2.0"):
        wheel(tmp_path / "wheels", version)

    def make(version: str) -> Any:
        options = ["--no-index", "--find-links", str(tmp_path / "wheels")]
        python = str(tmp_path / "venv" / "bin" / "python")
        return use("package.version", name="hollow", version=version, manager="pip", python=python, options=options)

    return make


def test_a_package_goes_down_and_up_again(machine: Machine, package: Callable[..., Any]) -> None:
    """A package is installed, taken to an older version, back by an undo, and is gone by the undo of its install."""
    first, down = package("2.0"), package("1.0")

    installed = machine.apply(first)
    lowered = machine.apply(down)
    low = down.probe(machine.read).version
    machine.undo(down, lowered)
    high = down.probe(machine.read).version
    machine.undo(first, installed)

    assert (installed.before.version, low, high) == (None, "1.0", "2.0")
    assert first.probe(machine.read).version is None


def test_a_version_that_cannot_be_had_leaves_the_other(machine: Machine, package: Callable[..., Any]) -> None:
    """Where the source does not have the version, the installed one stays."""
    machine.apply(package("2.0"))

    with pytest.raises(CommandFailed):
        machine.apply(package("3.0"))

    assert package("3.0").probe(machine.read).version == "2.0"


def test_an_environment_that_is_not_there_is_told(machine: Machine) -> None:
    """Without the Python of the environment nothing is taken for not installed."""
    action = use("package.version", name="x", version="1", manager="pip", python="/nowhere/python")

    with pytest.raises(TargetError, match="does not tell"):
        machine.plan(action)


@pytest.mark.skipif(shutil.which("dpkg-query") is None, reason="no Debian")
def test_apt_packages_are_read_from_dpkg(machine: Machine) -> None:
    """What dpkg has is told, and what it has not is not there."""
    wanted = ["dpkg-query", "-W", "-f", "${Version}", "dpkg"]
    version = subprocess.run(wanted, check=True, capture_output=True, text=True).stdout

    there, absent = (
        use("package.version", name=name, version="1", manager="apt") for name in ("dpkg", "no-such-thing")
    )

    assert there.probe(machine.read).version == version
    assert absent.probe(machine.read).version is None


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Give what makes an action on a project whose build copies its source and counts."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    folder = tmp_path / "project"
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "page").write_text("one")

    def make(**arguments: Any) -> Any:
        build = ["sh", "-c", "echo built >>../builds; mkdir -p out; cp src/page out/page"]
        return use("project.build", **{"directory": str(folder), "commands": [build], "output": "out", **arguments})

    return make


@pytest.fixture
def machine(project: Callable[..., Any], machine: Machine) -> Machine:
    """Give this machine, which knows where builds are remembered."""
    return machine


def builds(folder: Path) -> int:
    return (folder / "builds").read_text().count("built") if (folder / "builds").exists() else 0


def test_the_same_files_are_built_once(machine: Machine, project: Callable[..., Any], tmp_path: Path) -> None:
    """A build is done once, again when a file changed, and its tree holds nothing but the build."""
    action = project()

    machine.apply(action)
    second = machine.apply(action)
    (tmp_path / "project" / "src" / "page").write_text("two")
    machine.apply(action)

    assert (builds(tmp_path), second.ops) == (2, ())
    assert (tmp_path / "project" / "out" / "page").read_text() == "two"
    assert sorted(entry.name for entry in (tmp_path / "project").iterdir()) == ["out", "src"]
    assert isinstance(action.undo(machine.plan(action)), Leave)


def test_a_build_of_somebody_else_is_not_taken_for_ours(
    machine: Machine, project: Callable[..., Any], tmp_path: Path
) -> None:
    """Where the output is another one, or what was installed is, it is built again though its files are the same."""
    installed = tmp_path / "installed"
    installed.write_text("praw 7")
    action = project(shows=["cat", str(installed)])
    machine.apply(action)

    (tmp_path / "project" / "out" / "page").write_text("theirs")
    first = machine.apply(action)
    installed.write_text("praw 8")
    second = machine.apply(action)

    assert (len(first.ops), len(second.ops), len(machine.plan(action).ops)) == (1, 1, 0)


@pytest.mark.parametrize("build", ["true", "mkdir -p out", "false"])
def test_a_build_that_leaves_nothing_new_fails(machine: Machine, project: Callable[..., Any], build: str) -> None:
    """A build that fails, or that leaves an empty or an old output behind, is no build, and is not remembered."""
    action = project(commands=[["sh", "-c", build]])

    with pytest.raises(CommandFailed):
        machine.apply(action)

    assert not action.probe(machine.read).done


def test_the_requirements_are_installed_by_the_pip_of_the_environment(
    machine: Machine, project: Callable[..., Any], tmp_path: Path
) -> None:
    """The preset of pip installs once, and again when somebody took the package away."""
    python = str(tmp_path / "venv" / "bin" / "python")
    venv.create(tmp_path / "venv", with_pip=True)
    wheel(tmp_path / "wheels", "1.0")
    (tmp_path / "project" / "requirements.txt").write_text(f"--no-index\n--find-links {tmp_path}/wheels\nhollow\n")
    action = use("project.build", directory=str(tmp_path / "project"), preset="pip", python=python)

    first = machine.apply(action)
    again = machine.plan(action)
    subprocess.run([python, "-m", "pip", "uninstall", "-qy", "hollow"], check=True)
    gone = machine.plan(action)

    assert (len(first.ops), len(again.ops), len(gone.ops)) == (1, 0, 1)


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        ("package.version", {"name": "-x", "version": "1", "manager": "apt"}, "name of a package"),
        ("package.version", {"name": "x", "version": "--pre", "manager": "apt"}, "one version"),
        ("package.version", {"name": "x", "version": "1", "manager": "pip"}, "goes with pip"),
        ("package.version", {"name": "x", "version": "1", "manager": "npm", "python": "p"}, "goes with pip"),
        ("project.build", {"directory": "", "preset": "npm", "output": "x"}, "project's folder"),
        ("project.build", {"directory": "/x", "output": "x"}, "a preset or commands"),
        ("project.build", {"directory": "/x", "commands": [[]], "output": "x"}, "list of words"),
        ("project.build", {"directory": "/x", "preset": "npm"}, "output or shows"),
        ("project.build", {"directory": "/x", "preset": "npm", "output": "../x"}, "folder in the directory"),
        ("project.build", {"directory": "/x", "preset": "pip", "when_changed": ["-x"]}, "expected paths"),
    ],
)
def test_misuse_is_refused(kind: str, arguments: dict[str, Any], message: str) -> None:
    """What makes no sense is refused before anything runs."""
    with pytest.raises(SchemaError, match=message):
        use(kind, **arguments)
