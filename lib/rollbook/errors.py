"""
Every error that Rollbook raises, one tree.

RollbookError
├── SourceError          a YAML file cannot be read: every problem of it at once
├── SchemaError          plain content does not fit a type: every problem at once
├── ExpressionError      a {{ }} or when: cannot be evaluated
├── NotFoundError        no such runbook, environment, run, step or action
├── UsageError           the command line was misused (exit 64)
├── RefusedError         nothing was started, and why (exit 4)
│   ├── PreflightError   a target, tool, right or secret is missing
│   ├── PlanDrift        the world, the runbook or the inputs are not as planned
│   ├── LockHeld         somebody else holds the lock
│   └── UndoRefused      a change of the run cannot be taken back
├── SecretError          a secret cannot be looked up, or is too short to be one
├── TargetError          a target answered wrongly
│   ├── Unreachable      it did not answer at all
│   ├── CommandFailed    a command ended otherwise than wanted
│   ├── CommandTimeout   a command was stopped for its time limit
│   └── ConflictError    a compare-and-set found something else: somebody else wrote
├── StepFailed           an assertion did not hold, a verify did not show the change
│   ├── Dispensable      what the run can do without
│   ├── Overtaken        what an earlier step brought about does not stand any more
│   └── AnswerNeeded     the step cannot go on before somebody answers what it met
├── JournalError         the journal cannot be written, or is not as it was written
└── Interrupted          Ctrl-C or SIGTERM (exit 130)
"""

from collections.abc import Mapping, Sequence


class RollbookError(Exception):
    """Anything an operator should be told in words; *advice* says what to do now."""

    def __init__(self, message: str, *, advice: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice

    def __str__(self) -> str:
        return f"{self.message}\n  {self.advice}" if self.advice else self.message


class _Problems(RollbookError):
    """Carries every problem found in one input."""

    def __init__(self, problems: Sequence[object], *, advice: str = "") -> None:
        super().__init__("\n".join(str(problem) for problem in problems), advice=advice)
        self.problems = tuple(problems)


class SourceError(_Problems):
    """A YAML file cannot be used; *problems* are `source.Problem`s."""


class SchemaError(_Problems):
    """Content does not fit its type; *problems* name the path of each misfit."""


class ExpressionError(RollbookError):
    """A template or condition cannot be evaluated."""


class NotFoundError(RollbookError):
    """The thing named does not exist."""


class UsageError(RollbookError):
    """The command line asks for something that makes no sense."""


class RefusedError(RollbookError):
    """Nothing was written: the run may not start or go on."""


class PreflightError(RefusedError):
    """Something the run needs is not there."""


class PlanDrift(RefusedError):
    """The world is not as planned; *differences* name each field."""

    def __init__(self, message: str, *, differences: Sequence[str] = (), advice: str = "") -> None:
        super().__init__(message, advice=advice)
        self.differences = tuple(differences)


class LockHeld(RefusedError):
    """Another run holds the lock; *holder* says who, as far as that is known."""

    def __init__(self, message: str, *, holder: str = "", advice: str = "") -> None:
        super().__init__(message, advice=advice)
        self.holder = holder


class UndoRefused(RefusedError):
    """A change between here and the wanted state cannot be taken back."""


class SecretError(RollbookError):
    """A secret's reference leads to nothing usable; never holds the value."""


class TargetError(RollbookError):
    """A target was reached and could not do what was asked."""


class Unreachable(TargetError):
    """A target did not answer; nothing is known about what it did."""


class CommandFailed(TargetError):
    """A command ended with another exit code than wanted; *exited* and *tail* are the evidence."""

    def __init__(self, message: str, *, exited: int, tail: str = "", advice: str = "") -> None:
        super().__init__(message, advice=advice)
        self.exited = exited
        self.tail = tail


class CommandTimeout(TargetError):
    """A command ran past its time limit and its process group was killed."""


class ConflictError(TargetError):
    """A compare-and-set did not match: the thing was changed by somebody else since it was read."""


class StepFailed(RollbookError):
    """A step did not reach the state it promises; *outputs* are what was seen, for the journal."""

    def __init__(self, message: str, *, advice: str = "", outputs: Mapping[str, object] | None = None) -> None:
        super().__init__(message, advice=advice)
        self.outputs = outputs


class Dispensable(StepFailed):
    """A step did not do what the run can do without: it is passed over, and told as failed."""


class Overtaken(StepFailed):
    """
    What earlier steps brought about does not stand any more, and must come again before this step can be carried out.

    *things* are the kinds and names of their subjects, on the step's own targets. *blameless*: nobody did anything that
    a person should look at first, so they may come again at once.
    """

    def __init__(
        self, message: str, *, things: Sequence[tuple[str, str]], blameless: bool = False, advice: str = ""
    ) -> None:
        super().__init__(message, advice=advice)
        self.things = tuple(things)
        self.blameless = blameless


class AnswerNeeded(StepFailed):
    """
    A step at work met what only a person can decide; nothing of the op that raises it was kept.

    *kind* and *arguments* are the question, one that takes a single answer. The op is carried out again once that is
    given, and finds it in `Execution.answers`. *seen* are lines for whoever is asked, and for no journal. *fails*:
    nobody is asked now, only an answer at hand is taken.
    """

    def __init__(
        self,
        message: str,
        *,
        kind: str,
        arguments: Mapping[str, object],
        seen: Sequence[str] = (),
        fails: bool = False,
        advice: str = "",
    ) -> None:
        super().__init__(message, advice=advice)
        self.kind = kind
        self.arguments = arguments
        self.seen = tuple(seen)
        self.fails = fails


class JournalError(RollbookError):
    """The journal could not be written or does not verify."""


class Interrupted(RollbookError):
    """The operator or the system asked the run to stop."""
