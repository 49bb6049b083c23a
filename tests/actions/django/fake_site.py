"""A fake host with a Django site whose database is a list of migrations in a file."""

import ast
import json
from collections.abc import Mapping
from typing import Any

from rollbook.targets.base import CommandResult
from rollbook.testing import FakeFile, FakeHost, FakeWorld

APPLIED = "/site/applied"
FORTH = ("one.0001", "one.0002", "two.0001", "one.0003", "one.0004")
STUCK = "one.0004"
PREVIOUS: Mapping[str, str] = {"one.0002": "0001", "one.0003": "0002", "one.0004": "0003"}


def world(applied: tuple[str, ...], answers: Mapping[str, Any] | None = None, files: tuple[str, ...] = ()) -> FakeWorld:
    """Give a host whose site has these migrations applied, and answers other scripts as given."""
    given: dict[str, FakeFile | bytes] = {APPLIED: json.dumps(applied).encode(), **dict.fromkeys(files, b"")}
    return FakeWorld(DjangoHost(given, answers))


class DjangoHost(FakeHost):
    """Runs manage.py."""

    def __init__(self, files: Mapping[str, FakeFile | bytes], answers: Mapping[str, Any] | None) -> None:
        super().__init__(files=files)
        self.answers = answers

    def run(self, argv: tuple[str, ...], **_: Any) -> CommandResult:
        """Run a command of manage.py."""
        self.answer()
        match argv[2:]:
            case ("shell", "-c", script):
                given = ast.literal_eval(script.split("json.loads(", 1)[1].split(")\n", 1)[0])
                found = self.answers if self.answers is not None else self._history(**json.loads(given))
                return CommandResult(0, f"noise\n@@rollbook@@\n{json.dumps(found)}\n@@rollbook@@\n")
            case ("shell", "-v", "0", "-c", script):
                given = json.loads(ast.literal_eval(script.rsplit("json.loads(", 1)[1].removesuffix("))\n")))
                self._migrate(*given["words"][1:3])
            case ("work",):
                self.files["/site/done"] = FakeFile()
            case ("look",):
                return CommandResult(0 if "/site/done" in self.files else 1, "")
        return CommandResult(0, "System check identified no issues (0 silenced).\n")

    @property
    def applied(self) -> set[str]:
        """What is applied."""
        return set(json.loads(self.files[APPLIED].content))

    def _history(self, *, app: str, to: str, **_: Any) -> Mapping[str, Any]:
        names = [name for name in FORTH if name.startswith(app)]
        wanted = (
            set(FORTH)
            if not app
            else set()
            if to == "zero"
            else {name for name in names if name <= f"{app}.{to or '9'}"}
        )
        if app == "one" and not wanted & {"one.0002"}:
            names.append("two.0001")  # it leans on one.0002
        passed = [name for name in FORTH if (name in names or not app) and (name in wanted) != (name in self.applied)]
        split = [name.split(".") for name in sorted(self.applied)]
        return {
            "applied": {app: [name for owner, name in split if owner == app] for app in ("one", "two")},
            "order": [_described(name) for name in FORTH if name in passed],
            "pending": [name for name in FORTH if name not in self.applied],
            "unknown": [],
        }

    def _migrate(self, app: str, name: str) -> None:
        own = {each for each in FORTH if each.startswith(f"{app}.")}
        keep = {each for each in own if name != "zero" and each <= f"{app}.{name}"}
        content = sorted((self.applied - own) | keep)
        self.files[APPLIED] = FakeFile(json.dumps(content).encode())


def _described(full: str) -> Mapping[str, Any]:
    app, name = full.split(".")
    stuck = ["Raw SQL operation"] if full == STUCK else []
    previous = PREVIOUS.get(full, "zero")
    return {"app": app, "name": name, "previous": previous, "operations": ["do it"], "irreversible": stuck}
