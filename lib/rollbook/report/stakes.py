"""What was at risk, saved, destroyed and put back, table by table: folded from the tallies that steps gave."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from ..dataclass import dataclass
from ..errors import SchemaError
from ..run import Run, StepRun
from ..schema import build
from ..tally import Tally
from ..values import Plain
from .account import Sentence, StakeAccount, StepAccount

_MOST = 5


def stakes_of(run: Run, steps: Sequence[StepAccount]) -> tuple[StakeAccount, ...]:
    """Lay together what the steps of *run* tell of each thing, in the order in which it was first told of."""
    found: dict[tuple[str, str], _Stake] = {}
    undone = {step.address for step in steps if step.run == run.id and step.status == "undone"}
    for step in sorted(run.steps, key=lambda one: one.ended_at or run.started_at):
        environment = step.planned.environment or run.plan.environment
        for tally in _tallies(step):
            stake = found.setdefault((environment, tally.thing), _Stake())
            stake.take(tally, undone=step.address in undone)
    return tuple(stake.account(environment, thing) for (environment, thing), stake in found.items())


def stake_sentences(stakes: Sequence[StakeAccount]) -> Iterator[Sentence]:
    """Say in a sentence what was destroyed and came back, or else what was saved."""
    lost = [one for one in stakes if one.destroyed]
    if not lost:
        saved = [one for one in stakes if one.saved is not None]
        if saved:
            yield Sentence(f"Saved, and read back: {_total(one.saved for one in saved)} of {_named(saved)}.", "good")
        return
    what = f"{_total(one.destroyed for one in lost)} of {_named(lost)} were destroyed"
    back = sum(one.recovered or 0 for one in lost)
    if any(one.undone for one in lost):
        yield Sentence(f"{what}; {back:,} came back, and the undo took them out again.", "warn")
        return
    open_ = [one for one in lost if (one.recovered or 0) < (one.destroyed or 0)]
    if not open_:
        yield Sentence(f"{what}, and are back.", "good")
        return
    yield Sentence(f"{what}; {back:,} came back. NOT ALL CAME BACK: {_named(open_)}; the files below tell why.", "bad")


def _total(counts: Iterable[int | None]) -> str:
    return f"{sum(count or 0 for count in counts):,} rows or values"


def _named(stakes: Sequence[StakeAccount]) -> str:
    several = len({one.environment for one in stakes}) > 1
    names = [f"{one.thing} in {one.environment}" if several else one.thing for one in stakes]
    more = len(names) - _MOST
    return ", ".join(names[:_MOST]) + (f" and {more} more" if more > 0 else "")


def _tallies(step: StepRun) -> Iterator[Tally]:
    """Yield what a step that is over gave; an output of that name that is something else is none of ours."""
    outputs: Plain = step.outputs
    content = outputs.get("tally") if isinstance(outputs, Mapping) else None
    if not step.done or not isinstance(content, list):
        return
    try:
        yield from build(tuple[Tally, ...], content)
    except (SchemaError, ValueError):
        return


@dataclass(slots=True)
class _Stake:
    """What is known of one thing so far; *last* is what was there when it was looked for before anything came back."""

    at_risk: int | None = None
    saved: int | None = None
    sha256: str = ""
    whole: bool = True
    last: int | None = None
    recovered: int | None = None
    now: int | None = None
    undone: bool = False

    def take(self, tally: Tally, *, undone: bool) -> None:
        match tally.fate:
            case "saved":
                self.saved, self.sha256, self.whole = tally.count, tally.sha256, tally.of == "rows"
            case "recovered":
                self.recovered = (self.recovered or 0) + tally.count
                self.undone = self.undone or undone
            case "counted" | "absent" if self.recovered is not None:
                self.now = tally.count
            case "counted" if self.at_risk is None and self.saved is None:
                self.at_risk = tally.count
            case "counted" | "absent":
                self.last = tally.count

    def account(self, environment: str, thing: str) -> StakeAccount:
        # A column is saved for every row, and cells that hold nothing need not come back.
        saved = self.saved if self.whole else None
        before = saved if self.at_risk is None else self.at_risk
        now = None if self.undone else self.now  # it was looked before the undo
        destroyed = None if self.last is None or before is None else max(before - self.last, 0)
        return StakeAccount(
            environment, thing, self.at_risk, self.saved, self.sha256, destroyed, self.recovered, now, self.undone
        )
