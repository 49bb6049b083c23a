"""The op that migrates a Django site, and names who is in the way of it."""

import re
from dataclasses import field
from typing import ClassVar, Final

from ..dataclass import dataclass
from ..errors import CommandFailed, RollbookError, TargetError
from ..ops import Carriers, Command, Execution, OpResult, Script
from .script import patient

_GAVE_UP: Final = 75
_HALF: Final = 76
_STANDS: Final = "Rollbook: what came before in this migration stands"
_SAYS: Final = re.compile(r"^Rollbook: (to end them|gave up|failed|met): (.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Migrating(Command):
    """
    Run a command of manage.py that migrates, in which each change of a table waits *seconds* for its lock.

    It is tried *tries* times, and who holds a lock is named as soon as it waits. The command of manage.py begins in
    *argv* at *begins*; it is carried out through `manage.py shell`, on the connection *database* of the site.
    """

    op: ClassVar[str] = "django.migrating"
    begins: int = field(default=2, kw_only=True)
    database: str = field(default="default", kw_only=True)
    seconds: float = field(default=5.0, kw_only=True)
    tries: int = field(default=10, kw_only=True)
    back: bool = field(default=False, kw_only=True)  # whether it takes one back

    def render(self) -> tuple[str, ...]:
        """Give the line that a person would type, and how long it waits for others."""
        told = f"each change of a table waits {self.seconds:g} s for its lock, up to {self.tries} times"
        return (*Command.render(self), f"    through manage.py shell: {told}; who holds it is named")

    def carry_out(self, carriers: Carriers, execution: Execution) -> OpResult:
        """Migrate. Raises `TargetError` naming who holds what it waited for."""
        try:
            return carriers.execute(self._sent(), execution)
        except CommandFailed as error:
            if error.exited not in (_GAVE_UP, _HALF):
                raise
            raise (self._given_up(error) if error.exited == _GAVE_UP else self._half(error)) from error

    def _sent(self) -> Script:
        words = [word for word in self.argv[self.begins :] if not word.startswith("--settings=")]
        settings = [word for word in self.argv[self.begins :] if word.startswith("--settings=")]
        text = patient({"words": words, "database": self.database, "seconds": self.seconds, "tries": self.tries})
        return Script(
            self.target,
            (*self.argv[: self.begins], "shell", "-v", "0", "-c", text, *settings),
            directory=self.directory,
            environment=self.environment,
            timeout=self.timeout,
            ok=self.ok,
            run_as=self.run_as,
            no_log=self.no_log,
            says=Command.render(self)[0],
        )

    @property
    def _ways(self) -> str:
        """Say where both ways out are shown."""
        app, name = self.argv[self.begins + 1 : self.begins + 3]
        given = f"--set=app={app}" + (f" --set=after={name}" if self.back else "")
        return (
            f"`run-runbook settle-half-migration {given}` shows how far it came, and both ways out, forwards "
            "and backwards; then resume."
        )

    def _half(self, error: CommandFailed) -> RollbookError:
        said = dict(_SAYS.findall(error.tail))
        if "met" in said:
            return TargetError(
                f"{self.argv[self.begins + 1]} {self.argv[self.begins + 2]} did nothing, for a part of it seems to be "
                f"done already: {said['met']}",
                advice=f"Where an earlier attempt died, {self._ways}",
            )
        return TargetError(
            f"{self.argv[self.begins + 1]} {self.argv[self.begins + 2]} did not come to its end, and what came before "
            f"in it STANDS: {said.get('failed', error.tail)}",
            advice=self._ways,
        )

    def _given_up(self, error: CommandFailed) -> RollbookError:
        said = dict(_SAYS.findall(error.tail))
        stands = _STANDS in error.tail
        ends = f" ({said['to end them']})" if said.get("to end them") else ""
        what = (
            f"What came before it in this migration STANDS, and a resume would meet it. {self._ways}"
            if stands
            else "Nothing of this migration was kept. Then resume."
        )
        return TargetError(
            f"{self.argv[self.begins + 1]} {self.argv[self.begins + 2]}: {said.get('gave up', error.tail)}",
            advice=f"Wait for those sessions, or end them{ends}. {what}",
        )
