"""`project.build`: what is built from a project's files, once for each state of them."""

import shlex
from collections.abc import Mapping
from dataclasses import field
from hashlib import sha256
from typing import ClassVar, Final, Literal

from ...action import Action, Change, Family, Leave, Readers, Ref, Subject, Undo, Verdict, evidence
from ...dataclass import dataclass
from ...errors import TargetError
from ...ops import Op, Script
from ...targets.base import HostReader
from ...values import Plain, Secret

Preset = Literal["npm", "poetry", "pip", "collectstatic"]

# What was built is remembered by the account that builds, and not in the project, whose tree stays clean.
_COMMON: Final = """\
set -e
cd -- "$1"
key=$2 out=$3 shows=$4 work=$5
shift 5
stamp=${XDG_STATE_HOME:-$HOME/.local/state}/rollbook/builds/$key
hashes() {
  find "$@" \\( -name .git -o -name node_modules -o -name __pycache__ -o -path "./${out:-.git}" \\) -prune \\
    -o -type f -print0 |
    sort -z | xargs -0 -r sha256sum
}
inputs() {
  for each in "$@"; do
    if [ -e "$each" ]; then hashes "$each"; else echo "absent $each"; fi
  done | sha256sum | cut -d ' ' -f 1
}
files() { if [ -n "$out" ] && [ -d "$out" ]; then find "$out" -type f | wc -l; else echo 0; fi; }
result() {
  {
    if [ -n "$out" ] && [ -d "$out" ]; then find "$out" -type f -print0 | sort -z | xargs -0 -r sha256sum; fi
    if [ -n "$shows" ]; then sh -c "$shows" || echo "failed"; fi
  } | sha256sum | cut -d ' ' -f 1
}
"""
_LOOK: Final = (
    _COMMON
    + """\
echo "inputs $(inputs "$@")"
echo "result $(result)"
echo "files $(files)"
if [ -e "$stamp" ]; then cat "$stamp"; fi
"""
)
_BUILD: Final = (
    _COMMON
    + """\
before=$(inputs "$@")
began=$(mktemp)
trap 'rm -f -- "$began"' EXIT
sh -ec "$work"
if [ -n "$out" ] && [ -z "$(find "$out" -type f -newer "$began" 2>/dev/null | head -n 1)" ]; then
  echo "the build left nothing new in $out" >&2; exit 1
fi
mkdir -p -- "$(dirname -- "$stamp")"
printf 'built %s\\nleft %s\\n' "$before" "$(result)" >"$stamp.new"
mv -f -- "$stamp.new" "$stamp"
"""
)
_SECONDS: Final = 300.0


@dataclass(frozen=True, slots=True)
class BuildState:
    """Whether what lies there was built from what lies there; *files* is how many there are."""

    done: bool
    files: int = evidence(default=0)
    inputs: str = evidence(default="")


@dataclass(frozen=True, slots=True)
class ProjectBuild(Action[BuildState]):
    """
    Build a project in its folder, unless that was done from these very files and the result still stands.

    A preset knows the commands, or `commands` gives them, as lists. `when_changed` names files and folders whose
    content decides (without `.git`, `node_modules` and the output), else what the preset reads. What was built is known
    again by its content: that of the `output` folder, and what `shows` prints (`pip freeze`). So a build that somebody
    else made in between is not taken for this one. A build that leaves nothing new in `output` fails.
    `npm`: `npm ci` and `npm run build`. `poetry`: `poetry install`. `pip`: the requirements. `collectstatic`: Django's.
    """

    kind: ClassVar[str] = "project.build"
    family: ClassVar[Family] = "state"
    example: ClassVar[Mapping[str, Plain]] = {
        "directory": "/srv/forum/frontend",
        "preset": "npm",
        "output": "build",
    }
    by_hand: ClassVar[str] = "`cd <directory>`, the commands of the plan one after the other, and `ls -la <output>`"

    directory: str
    preset: Preset | None = None
    commands: tuple[tuple[str, ...], ...] = field(default=(), metadata={"help": "instead of the preset's"})
    output: str | None = field(default=None, metadata={"help": "the folder, in the directory, that the build fills"})
    shows: tuple[str, ...] = field(default=(), metadata={"help": "a looking command that prints what was installed"})
    when_changed: tuple[str, ...] = field(default=(), metadata={"help": "files and folders from which it is built"})
    python: str = field(default="python", metadata={"help": "the Python of pip and collectstatic"})
    environment: Mapping[str, str | Secret] = field(default_factory=dict)
    target: Ref[HostReader] = Ref("local")
    run_as: str | None = None

    def __post_init__(self) -> None:
        if not self.directory:
            raise ValueError("directory: expected the project's folder")
        if not (self.preset or self.commands):
            raise ValueError("expected a preset or commands")
        if not all(command and command[0] for command in self.commands):
            raise ValueError("commands: expected a list of commands, each a list of words")
        if not (self.output or self._shows()):
            raise ValueError("expected output or shows: nothing else tells what was built")
        if self.output and (self.output.startswith(("/", "-")) or ".." in self.output.split("/")):
            raise ValueError("output: expected a folder in the directory")
        if not all(path and not path.startswith("-") for path in self.when_changed):
            raise ValueError("when_changed: expected paths")

    def _work(self) -> tuple[tuple[str, ...], ...]:
        if self.commands:
            return self.commands
        match self.preset:
            case "npm":
                return ("npm", "ci"), ("npm", "run", "build")
            case "poetry":
                return (("poetry", "install", "--no-interaction"),)
            case "pip":
                return ((self.python, "-m", "pip", "install", "--no-input", "-r", "requirements.txt"),)
        return ((self.python, "manage.py", "collectstatic", "--noinput"),)

    def _shows(self) -> tuple[str, ...]:
        if self.shows or self.preset not in ("pip", "poetry"):
            return self.shows
        freeze = (self.python, "-m", "pip", "freeze")
        return freeze if self.preset == "pip" else ("poetry", "run", "python", "-m", "pip", "freeze")

    def _inputs(self) -> tuple[str, ...]:
        if self.when_changed:
            return self.when_changed
        match self.preset:
            case "poetry":
                return "pyproject.toml", "poetry.lock"
            case "pip":
                return ("requirements.txt",)
        return (".",)

    def _line(self) -> str:
        return " && ".join(shlex.join(command) for command in self._work())

    def _argv(self, script: str) -> tuple[str, ...]:
        shown = shlex.join(self._shows())
        key = sha256("\0".join((self.directory, self._line(), self.output or "", shown)).encode()).hexdigest()[:32]
        output = (self.output or "").rstrip("/")
        return ("sh", "-c", script, "sh", self.directory, key, output, shown, self._line(), *self._inputs())

    def subjects(self) -> frozenset[Subject]:
        """Name what is built."""
        return frozenset({Subject(self.target.name, "build", f"{self.directory} {self.output or self._line()}")})

    def probe(self, read: Readers) -> BuildState:
        """Compare what lies there with what was built last."""
        host = read[self.target]
        result = host.run(self._argv(_LOOK), timeout=_SECONDS, environment=self.environment, run_as=self.run_as)
        if result.exited:
            raise TargetError(
                f"{self.directory} on {host.name} cannot be looked at: {result.stderr.strip()[-300:]}",
                advice="Is the project there, and may this account read it?",
            )
        found = dict(line.split(" ", 1) for line in result.stdout.splitlines() if " " in line)
        same = (found["inputs"], found["result"]) == (found.get("built"), found.get("left"))
        files = int(found["files"])
        return BuildState(same and (files > 0 or not self.output), files, found["inputs"])

    def desired(self, before: BuildState) -> BuildState:
        """Want it built."""
        return BuildState(True, before.files, before.inputs)

    def ops(self, old: BuildState, new: BuildState) -> tuple[Op, ...]:
        """Build it, unless that was done."""
        if old.done or not new.done:
            return ()
        says = f"(cd {shlex.quote(self.directory)} && {self._line()})"
        says += f"  and see that it left something new in {self.output}" if self.output else ""
        op = Script(
            self.target.name,
            self._argv(_BUILD),
            environment=dict(self.environment),
            run_as=self.run_as,
            says=says,
        )
        return (op,)

    def undo(self, change: Change[BuildState]) -> Undo[BuildState]:
        """Leave it: what is built follows from the code."""
        if not change.ops:
            return Leave("it was built already")
        return Leave("what is built follows from the code: build again once the code is back")

    def verdict(self, change: Change[BuildState]) -> Verdict:
        """Sort it."""
        return "run" if change.ops else "noop"

    def details(self, change: Change[BuildState]) -> tuple[str, ...]:
        """Say what decides."""
        return (f"built when changed: {', '.join(self._inputs())}",) if change.ops else ()
