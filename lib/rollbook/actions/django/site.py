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
_NO_PROGRAM: Final = 127
_ADVICE: Final = "Correct the names of app and migration, or mend the migrations of the code there."


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
        name = read[self.target].name
        answer = _answer(result.stdout)
        if answer is None:
            said = (result.stdout + result.stderr).strip()[-_TAIL:]
            last = said.splitlines()[-1] if said else "it said nothing"
            raise CommandFailed(
                f"the site's {' '.join(self.argv('shell'))} on {name} does not answer: {last[:300]}",
                exited=result.exited,
                tail=said,
                advice=_advice(result, self.directory),
            )
        if "error" in answer:
            raise TargetError(f"{name}: {answer['error']}", advice=str(answer.get("advice", _ADVICE)))
        return answer


def _answer(printed: str) -> dict[str, Plain] | None:
    """Find the answer among whatever else was printed; None where it is not whole."""
    _, found, rest = printed.partition(f"{_MARK}\n")
    text, ended, _ = rest.partition(f"\n{_MARK}")
    if not (found and ended):
        return None
    try:
        answer: dict[str, Plain] = json.loads(text)
    except ValueError:  # something else wrote in between
        return None
    return answer


def _advice(result: CommandResult, directory: str | None) -> str:
    """Say what to correct, by what Python and Django say where they do not start."""
    said = result.stdout + result.stderr
    if result.exited == _NO_PROGRAM:
        return "There is no such program there: python: (or manage:) names what starts manage.py."
    if "can't open file" in said and "manage.py" in said:
        return f"There is no manage.py in {directory or 'the folder that the command starts in'}: correct directory:."
    if "import Django" in said or "No module named 'django'" in said:
        return "That Python has no Django: name the one of the site's own environment in python:."
    if "No module named" in said or "ImproperlyConfigured" in said:
        return "Its settings do not load: correct settings:, directory: and environment:, and try `manage.py check`."
    if _MARK in said:
        return "Its answer was mixed with what else it prints: have the site print less when it starts, and try again."
    return "Run it there by hand with `check`; directory:, python:, settings: and environment: say how."


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
