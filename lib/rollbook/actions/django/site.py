"""How a Django site is asked: by its manage.py, on its host, with its code and settings."""

import json
from collections.abc import Mapping
from dataclasses import field
from typing import Final, TypeVar

from ...action import Action, Readers, Ref
from ...dataclass import dataclass
from ...errors import CommandFailed, TargetError
from ...ops import Command
from ...targets.base import CommandResult, HostReader
from ...values import Plain, Secret

S = TypeVar("S")

_MARK: Final = "@@rollbook@@"
_SECONDS: Final = 300.0
_TAIL: Final = 2000


@dataclass(frozen=True, slots=True)
class DjangoSite(Action[S]):
    """A kind that works through a site's manage.py; the fields say how that is called."""

    directory: str | None = field(default=None, kw_only=True, metadata={"help": "the folder of manage.py"})
    python: str = field(default="python", kw_only=True, metadata={"help": "the site's own Python"})
    manage: tuple[str, ...] = field(
        default=(), kw_only=True, metadata={"help": "instead of python manage.py: [poetry, run, python, manage.py]"}
    )
    settings: str | None = field(default=None, kw_only=True, metadata={"help": "the settings module"})
    database: str = field(default="default", kw_only=True, metadata={"help": "the alias in DATABASES"})
    environment: Mapping[str, str | Secret] = field(default_factory=dict, kw_only=True)
    target: Ref[HostReader] = field(default=Ref("local"), kw_only=True, metadata={"help": "where the site's code is"})
    run_as: str | None = field(default=None, kw_only=True)

    def argv(self, *words: str) -> tuple[str, ...]:
        """Give the command line of a manage.py command."""
        settings = (f"--settings={self.settings}",) if self.settings else ()
        return (*(self.manage or (self.python, "manage.py")), *words, *settings)

    def command(self, *words: str, ok: tuple[int, ...] = (0,), no_log: bool = False) -> Command:
        """Give the op that runs a manage.py command."""
        return Command(
            self.target.name,
            self.argv(*words),
            directory=self.directory,
            environment=dict(self.environment),
            ok=ok,
            run_as=self.run_as,
            no_log=no_log,
        )

    def look(self, read: Readers, *words: str) -> CommandResult:
        """Run a manage.py command that only reads."""
        return read[self.target].run(
            self.argv(*words),
            timeout=_SECONDS,
            directory=self.directory,
            environment=self.environment,
            run_as=self.run_as,
        )

    def ask(self, read: Readers, script: str, **given: Plain) -> dict[str, Plain]:
        """
        Run a script in the site's own `manage.py shell` and give what its `answer` function was called with.

        Raises `CommandFailed` where the site does not start, `TargetError` where the script says `error`.
        """
        result = self.look(read, "shell", "-c", _script(script, {"database": self.database, **given}))
        _, found, rest = result.stdout.partition(f"{_MARK}\n")
        text, ended, _ = rest.partition(f"\n{_MARK}")
        if not (found and ended):
            name = read[self.target].name
            tail = (result.stdout + result.stderr).strip()[-_TAIL:]
            last = tail.splitlines()[-1] if tail else "it said nothing"
            raise CommandFailed(
                f"the site's {' '.join(self.argv('shell'))} on {name} does not answer: {last[:300]}",
                exited=result.exited,
                tail=tail,
                advice="Run it there by hand with `check`; directory:, python:, settings: and environment: say how.",
            )
        answer: dict[str, Plain] = json.loads(text)
        if "error" in answer:
            raise TargetError(
                f"{read[self.target].name}: {answer['error']}",
                advice="Correct the names of app and migration, or mend the migrations of the code there.",
            )
        return answer


def _script(script: str, given: Mapping[str, Plain]) -> str:
    """Put before a script what it is given, and what prints its answer apart from whatever else is printed."""
    head = f"""\
import json
given = json.loads({json.dumps(given)!r})
def answer(**found):
    print("\\n{_MARK}")
    print(json.dumps(found))
    print("{_MARK}", flush=True)
"""
    return head + script
