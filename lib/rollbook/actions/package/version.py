"""`package.version`: a package at a version, upwards or downwards."""

import json
import re
from collections.abc import Mapping
from dataclasses import field
from typing import ClassVar, Final, Literal, assert_never

from ...action import Action, Change, Leave, Readers, Ref, Reverse, Subject, Undo, Verdict
from ...dataclass import dataclass
from ...errors import TargetError
from ...ops import Command, Op
from ...targets.base import CommandResult, HostReader
from ...values import Plain, Secret

_NAME: Final = re.compile(r"@?[A-Za-z0-9][\w.+/-]*")
_VERSION: Final = re.compile(r"[A-Za-z0-9][\w.+~:!-]*")
_PYTHON: Final = """
import importlib.metadata, sys
try:
    print(importlib.metadata.version(sys.argv[1]))
except importlib.metadata.PackageNotFoundError:
    pass
"""
_SECONDS: Final = 120.0


@dataclass(frozen=True, slots=True)
class Installed:
    """The version that is installed, None for none."""

    version: str | None


@dataclass(frozen=True, slots=True)
class PackageVersion(Action[Installed]):
    """
    Have a package at one version, which may be older than the installed one.

    With pip in the environment of `python`, with apt, or with npm globally. The version is written as the manager
    writes it when it is installed (`1.2.0`, `1.18-6+deb12u1`). An undo installs the former version, or uninstalls what
    was not there; what came along as a dependency stays, and the source must still have the former version.
    """

    kind: ClassVar[str] = "package.version"
    example: ClassVar[Mapping[str, Plain]] = {
        "name": "praw",
        "version": "7.7.1",
        "manager": "pip",
        "python": "/srv/forum/.venv/bin/python",
    }
    by_hand: ClassVar[str] = """
`<python> -m pip install <name>==<version>`, `apt-get install --allow-downgrades <name>=<version>` or `npm install -g
<name>@<version>`; before, write down the version that is there
"""

    name: str
    version: str
    manager: Literal["pip", "apt", "npm"]
    python: str | None = field(default=None, metadata={"help": "pip: the Python of the environment"})
    options: tuple[str, ...] = field(default=(), metadata={"help": "more options for the install, such as --no-deps"})
    environment: Mapping[str, str | Secret] = field(default_factory=dict)
    target: Ref[HostReader] = Ref("local")
    run_as: str | None = None

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError("name: expected the name of a package")
        if not _VERSION.fullmatch(self.version):
            raise ValueError("version: expected one version, as the manager writes it")
        if (self.manager == "pip") != (self.python is not None):
            raise ValueError("python: goes with pip, and names the Python of the environment")

    def subjects(self) -> frozenset[Subject]:
        """Name the package in its environment."""
        return frozenset({Subject(self.target.name, "package", f"{self.python or self.manager} {self.name}")})

    def probe(self, read: Readers) -> Installed:
        """Read the version that is there."""
        host = read[self.target]
        result = host.run(self._look(), timeout=_SECONDS, environment=self.environment, run_as=self.run_as)
        match self.manager:
            case "pip":
                found = None if result.exited else result.stdout.strip()
            case "apt":
                lines = [line.split() for line in result.stdout.splitlines() if line.startswith(("ii ", "hi "))]
                found = lines[0][1] if lines else ""
            case "npm":
                found = _npm_version(result, self.name)
            case never:
                assert_never(never)
        # dpkg-query and npm exit with 1 for a package that is not there.
        if found is None or result.exited not in (0, 1):
            raise TargetError(
                f"{self.manager} on {host.name} does not tell of {self.name}: {result.stderr.strip()[-300:]}",
                advice="Is it installed there? python: must be the Python of the environment.",
            )
        return Installed(found or None)

    def _look(self) -> tuple[str, ...]:
        match self.manager:
            case "pip":
                return (self.python or "python", "-I", "-c", _PYTHON, self.name)
            case "apt":
                return ("dpkg-query", "-W", "-f", "${db:Status-Abbrev} ${Version}\\n", "--", self.name)
            case "npm":
                return ("npm", "ls", "--global", "--json", "--depth=0", self.name)
        assert_never(self.manager)

    def desired(self, before: Installed) -> Installed:  # noqa: ARG002  # whatever is there
        """Want the version."""
        return Installed(self.version)

    def ops(self, old: Installed, new: Installed) -> tuple[Op, ...]:
        """Install the version, or uninstall the package."""
        if old.version == new.version:
            return ()
        argv = self._install(new.version) if new.version else self._uninstall()
        noninteractive = {"DEBIAN_FRONTEND": "noninteractive"} if self.manager == "apt" else {}
        environment = {**noninteractive, **self.environment}
        return (Command(self.target.name, argv, environment=environment, run_as=self.run_as),)

    def _install(self, version: str) -> tuple[str, ...]:
        match self.manager:
            case "pip":
                head = (self.python or "python", "-m", "pip", "install", "--no-input", "--disable-pip-version-check")
                return (*head, *self.options, f"{self.name}=={version}")
            case "apt":
                kept = ("-o", "Dpkg::Options::=--force-confold")
                head = ("apt-get", "install", "--yes", "--allow-downgrades", *kept)
                return (*head, *self.options, f"{self.name}={version}")
            case "npm":
                return ("npm", "install", "--global", *self.options, f"{self.name}@{version}")
        assert_never(self.manager)

    def _uninstall(self) -> tuple[str, ...]:
        match self.manager:
            case "pip":
                return (self.python or "python", "-m", "pip", "uninstall", "--yes", self.name)
            case "apt":
                return ("apt-get", "remove", "--yes", self.name)
            case "npm":
                return ("npm", "uninstall", "--global", self.name)
        assert_never(self.manager)

    def undo(self, change: Change[Installed]) -> Undo[Installed]:
        """Go back to the former version."""
        if not change.ops:
            return Leave("nothing was changed")
        before = change.before.version
        told = f"{before} is installed again, where the source still has it" if before else "it is uninstalled"
        return Reverse(change.before, f"{told}; dependencies that came along stay")

    def verdict(self, change: Change[Installed]) -> Verdict:
        """Sort it."""
        if not change.ops:
            return "noop"
        return "update" if change.before.version else "create"


def _npm_version(result: CommandResult, name: str) -> str | None:
    """Give the version that npm tells, an empty text for none, and None where it tells nothing."""
    try:
        found = json.loads(result.stdout)
    except ValueError:
        return None
    version = found.get("dependencies", {}).get(name, {}).get("version", "")
    return str(version)
