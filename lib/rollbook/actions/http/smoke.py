"""`http.smoke`: several pages at once, and what each of them said."""

from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import timedelta
from typing import ClassVar, Final

from ...action import Assertion, Outcome, Readers, Ref, Subject
from ...dataclass import dataclass
from ...targets.base import HttpReader
from ...values import Plain
from .page import Page, Patience, settle

_AT_ONCE: Final = 16


@dataclass(frozen=True, slots=True)
class SmokeCheck(Page):
    """One page with its name; what is wanted of it is written as in `http.check`."""

    name: str = field(default="", metadata={"help": "by which people know the check"})

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise ValueError("name: expected the name by which people know the check")
        self.check()


@dataclass(frozen=True, slots=True)
class HttpSmoke(Assertion):
    """
    Ask several pages at the same time, each until it answers as it should, at most until `timeout`.

    One that fails, fails the step; the others are asked to their end all the same, and every result is told. With
    `only_look` none does: its output `seen.checks` is for a later step that asks the same, which takes it as `before`.
    """

    kind: ClassVar[str] = "http.smoke"
    example: ClassVar[Mapping[str, Plain]] = {
        "checks": [
            {"name": "Home page", "url": "/", "contains": "Podcasts"},
            {"name": "Search", "url": "/api/v0/search/?q=test", "json": {"results[0].type": "post"}, "latency": "2s"},
        ],
        "consecutive": 2,
        "timeout": "1m",
    }

    checks: tuple[SmokeCheck, ...]
    target: Ref[HttpReader] = Ref("site")
    consecutive: int = field(default=1, metadata={"help": "how many good answers in a row are wanted of each"})
    timeout: timedelta = field(default=timedelta(seconds=30), metadata={"help": "when to give up; 0 looks once"})
    every: timedelta = timedelta(seconds=1)
    only_look: bool = field(default=False, metadata={"help": "pass whatever they answer, to compare with afterwards"})
    before: Mapping[str, Plain] = field(
        default_factory=dict, metadata={"help": "the output `seen.checks` of an earlier http.smoke, to compare with"}
    )

    def __post_init__(self) -> None:
        if not self.checks:
            raise ValueError("checks: expected at least one")
        names = [check.name for check in self.checks]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"checks: each has a name of its own; twice: {', '.join(twice)}")
        self._patience.check()

    @property
    def _patience(self) -> Patience:
        return Patience(self.consecutive, self.timeout, self.every)

    def subjects(self) -> frozenset[Subject]:
        """Name the pages."""
        return frozenset(Subject(self.target.name, "page", check.url) for check in self.checks)

    def describe(self) -> str:
        """Say what is asked."""
        row = f", {self.consecutive} times in a row" if self.consecutive > 1 else ""
        return "\n".join(f"{check.name}: {check.describe()}{row}" for check in self.checks)

    def probe(self, read: Readers) -> Outcome:
        """Ask all of them, and tell each result in the order in which they are written."""
        from concurrent.futures import ThreadPoolExecutor

        site = read[self.target]

        def ask(check: SmokeCheck) -> Outcome:
            return settle(check, self._patience, read, site)

        with ThreadPoolExecutor(min(len(self.checks), _AT_ONCE)) as threads:
            return self._together(list(threads.map(ask, self.checks)))

    def _together(self, outcomes: Sequence[Outcome]) -> Outcome:
        named = list(zip(self.checks, outcomes, strict=True))
        good = sum(outcome.passed for outcome in outcomes)
        lines = [
            f"{'ok    ' if one.passed else 'FAILED'} {check.name}: {one.message}{self._compared(check, one)}"
            for check, one in named
        ]
        seen: dict[str, Plain] = {
            check.name: {"passed": outcome.passed, "message": outcome.message, **outcome.seen}
            for check, outcome in named
        }
        failed = [check.name for check, outcome in named if not outcome.passed]
        told = f", FAILED: {', '.join(failed)}" if failed else ""
        earlier = f", {sum(self._passed(check) is True for check in self.checks)} before" if self.before else ""
        head = f"{good} of {len(outcomes)} checks passed{earlier}{told}"
        return Outcome(
            self.only_look or good == len(outcomes), "\n".join((head, *lines)), {"checks": seen, "passed": good}
        )

    def _passed(self, check: SmokeCheck) -> bool | None:
        """Tell whether a check passed before; None where it was not asked then."""
        found = self.before.get(check.name)
        return bool(found.get("passed")) if isinstance(found, Mapping) else None

    def _compared(self, check: SmokeCheck, outcome: Outcome) -> str:
        """Say how it is beside what it was; nothing where there is nothing to compare with."""
        passed = self._passed(check)
        if not self.before or passed is outcome.passed:
            return "; as before" if self.before and outcome.passed else "; FAILED before, too" if self.before else ""
        if passed is None:
            return "; not asked before"
        return "; FAILED before" if outcome.passed else "; it was well before"
