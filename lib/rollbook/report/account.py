"""The Report as data: everything that the renderers need, computed once."""

from datetime import datetime, tzinfo
from shlex import quote
from typing import Literal

from ..action import Verdict
from ..dataclass import dataclass
from ..ops import OutputRecord, WrittenFile
from ..plan import UndoKind, heading_of
from ..run import RunStatus, StepStatus
from .graph import Graph
from .wording import BY_THEN, Tone

UndoState = Literal["reversible", "reversed", "brought again", "unsure", "not reversed", "left", "refused"]
SpanKind = Literal["work", "wait", "gap"]
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of the summary; *tone* bad or warn asks to be told loudly; *command* follows the text."""

    text: str
    tone: Tone = "calm"
    command: str = ""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time: *ended* None is still open. *address* is the step it belongs to, if any."""

    kind: SpanKind
    began: datetime
    ended: datetime | None
    text: str = ""
    address: str = ""

    def seconds(self, now: datetime) -> float:
        """Seconds it lasted; an open one lasts until *now*."""
        return max(((self.ended or now) - self.began).total_seconds(), 0.0)


@dataclass(frozen=True, slots=True)
class DowntimeAccount:
    """
    A stretch of downtime; *began_by* and *ended_by* name steps, *seconds* runs to the last record if open.

    What began or ended it *by hand* somebody said afterwards to have done: it was so at the latest then.
    """

    run: str
    began: datetime
    began_by: str
    ended: datetime | None
    ended_by: str
    seconds: float
    began_by_hand: bool = False
    ended_by_hand: bool = False

    @property
    def beginner(self) -> str:
        """The step that began it, in words."""
        return f"{self.began_by}{BY_THEN if self.began_by_hand else ''}"

    @property
    def ender(self) -> str:
        """The step that ended it, in words; empty where none did."""
        return f"{self.ended_by}{BY_THEN if self.ended_by_hand else ''}"

    @property
    def open(self) -> bool:
        """Tell whether nobody has ended it."""
        return self.ended is None


@dataclass(frozen=True, slots=True)
class Impact:
    """
    What was measured, in seconds.

    *working*, *waiting* (for people), *stopped* (nothing ran) and *between* (the run's own time
    between steps) add up to *elapsed*.
    """

    elapsed: float
    working: float
    waiting: float
    stopped: float
    between: float
    waits: tuple[Span, ...] = ()
    gaps: tuple[Span, ...] = ()
    downtimes: tuple[DowntimeAccount, ...] = ()

    @property
    def idle(self) -> tuple[Span, ...]:
        """
        The stretches worth a line in which nothing was done, in order.

        Those under a second, as of an answer given beforehand, and those in which somebody was waited
        for anyway are left out.
        """
        waits = [wait for wait in self.waits if _long(wait)]
        gaps = [gap for gap in self.gaps if _long(gap) and not any(_within(gap, wait) for wait in waits)]
        return tuple(sorted((*waits, *gaps), key=lambda span: span.began))

    @property
    def down(self) -> float:
        """Seconds of downtime, open ones up to the last record."""
        return sum(stretch.seconds for stretch in self.downtimes)

    @property
    def still_down(self) -> tuple[DowntimeAccount, ...]:
        """The stretches that nobody has ended."""
        return tuple(stretch for stretch in self.downtimes if stretch.open)


def _long(span: Span) -> bool:
    return span.ended is None or (span.ended - span.began).total_seconds() >= 1


def _within(span: Span, other: Span) -> bool:
    return other.began <= span.began and (other.ended is None or (span.ended or other.ended) <= other.ended)


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field of a state, printed before and after."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class UndoAccount:
    """How an undo treats a step's change, or has treated it: *by* is the undo run, *at* when."""

    kind: UndoKind
    state: UndoState
    reason: str = ""
    by: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class StepAccount:
    """
    What happened to one step. *number* counts from 1 through both runs.

    *fields* are those that bind, *seen* those that are evidence only. *sent* are the commands and
    statements as sent; *ops_done* of *ops_total* writes are known to have been carried out.
    *changed* says that it wrote; *seconds* are its own, without those *waited* for people and those
    in which nothing ran, but for a question. *adopted* is when somebody had done it by hand, *skipped*
    when somebody went past it, *by* and *reason* then say who and why; what it began, sent and took is
    what it did itself before that.
    """

    number: int
    run: str
    address: str
    name: str
    kind: str
    verdict: Verdict
    status: StepStatus
    words: str
    phase: str = ""
    closing: bool = False
    targets: tuple[str, ...] = ()
    began: datetime | None = None
    ended: datetime | None = None
    seconds: float | None = None
    waited: float = 0.0
    attempts: int = 0
    changed: bool = False
    fields: tuple[FieldChange, ...] = ()
    seen: tuple[FieldChange, ...] = ()
    unchanged: tuple[str, ...] = ()
    sent: tuple[str, ...] = ()
    ops_done: int = 0
    ops_total: int = 0
    details: tuple[str, ...] = ()
    error: str = ""
    reason: str = ""
    by: str = ""
    undo: UndoAccount | None = None
    output: OutputRecord | None = None
    files: tuple[WrittenFile, ...] = ()
    spans: tuple[Span, ...] = ()
    graph: Graph | None = None
    stage: str = ""
    environment: str = ""
    adopted: datetime | None = None
    skipped: datetime | None = None

    @property
    def settled(self) -> datetime | None:
        """When somebody had done it by hand or went past it; None where nobody did."""
        return self.adopted or self.skipped

    @property
    def why(self) -> str:
        """Why it did not happen as planned; that a step failed which somebody went past later is told where it did."""
        return self.reason if self.skipped else self.error or self.reason

    @property
    def place(self) -> str:
        """The stage that it belongs to and where that is carried out; empty in a runbook's run."""
        stage, environment = heading_of(self.stage, self.environment)
        return f"{stage}, in {environment}" if environment else stage

    @property
    def title(self) -> str:
        """The step's name, or its address where it has none; with where it looks, if it looks into several places."""
        if not self.name:
            return self.address
        looks = self.environment and self.address.endswith(f"@{self.environment}")
        return f"{self.name} ({self.environment})" if looks else self.name

    @property
    def left(self) -> tuple[WrittenFile | OutputRecord, ...]:
        """The files it left behind, its output last."""
        return (*self.files, self.output) if self.output else self.files

    @property
    def doubt(self) -> str:
        """Say what is not known of its writes, where it did not end well; nothing when all is known."""
        if self.status not in ("failed", "unreachable", "in_doubt", "running") or self.ops_done >= self.ops_total:
            return ""
        return f"{self.ops_done} of {self.ops_total} writes are known to be carried out; look before you rely on it."


@dataclass(frozen=True, slots=True)
class StakeAccount:
    """
    What became of the rows of a table, or the values of a table.column, in one environment; None: nobody told.

    *sha256* is that of the file that they were *saved* to. *destroyed* are those that were missing when it was looked,
    *recovered* those that were put back, *now* what was there at the end. *undone*: what was put back is out again.
    """

    environment: str
    thing: str
    at_risk: int | None = None
    saved: int | None = None
    sha256: str = ""
    destroyed: int | None = None
    recovered: int | None = None
    now: int | None = None
    undone: bool = False

    @property
    def counts(self) -> tuple[int | None, ...]:
        """The counts in the order of a table's columns."""
        return self.at_risk, self.saved, self.destroyed, self.recovered, self.now

    @property
    def told(self) -> tuple[str, ...]:
        """The counts as a reader sees them: a dash for what no step of the run counted."""
        *counted, now = ("–" if count is None else f"{count:,}" for count in self.counts)
        return (*counted, "not counted since" if self.undone and self.now is None else now)


@dataclass(frozen=True, slots=True)
class StageAccount:
    """A stage of a playbook in one *environment*: how it ended, its *first* and *last* step, how many *changed*."""

    title: str
    environment: str
    words: str
    tone: Tone
    began: datetime | None
    ended: datetime | None
    first: int
    last: int
    changed: int

    @property
    def seconds(self) -> float | None:
        """Seconds from its begin to its end; None where it has none."""
        return (self.ended - self.began).total_seconds() if self.began and self.ended else None


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of the chronology; *word* says what kind of thing, *number* the step it belongs to, 0 if none."""

    at: datetime
    word: str
    text: str
    tone: Tone = "calm"
    number: int = 0
    address: str = ""
    targets: tuple[str, ...] = ()
    seconds: float | None = None
    type: str = "step"


@dataclass(frozen=True, slots=True)
class AnswerAccount:
    """An answer: the question as put, what was answered, by whom, when, how, and after how long."""

    run: str
    number: int
    address: str
    question: str
    answer: str
    by: str
    at: datetime
    how: str = ""
    reason: str = ""
    seconds: float | None = None
    wanted: str = ""


@dataclass(frozen=True, slots=True)
class NoteAccount:
    """A note as somebody wrote it."""

    text: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class WrittenSection:
    """A section that people write; *asks* says what belongs there, *command* how to add to it."""

    key: str
    title: str
    asks: str
    command: str
    notes: tuple[NoteAccount, ...] = ()


@dataclass(frozen=True, slots=True)
class RunAccount:
    """
    A run's own facts; *ended* None: it has not ended, *last* is then its last record's time.

    Of a playbook, *elsewhere* are the environments of its stages beside its own, *locks* those of its stages, and else
    of what is included.
    """

    id: str
    runbook: str
    title: str
    environment: str
    status: RunStatus
    words: str
    tone: Tone
    operators: tuple[str, ...]
    began: datetime
    last: datetime
    ended: datetime | None = None
    reason: str = ""
    owner: str = ""
    protected: bool = False
    undo_of: str = ""
    digest: str = ""
    head: str = ""
    records: int = 0
    version: str = ""
    planned_at: str = ""
    planned_by: str = ""
    lock: str = ""
    lock_scope: str = ""
    inputs: tuple[tuple[str, str], ...] = ()
    sources: tuple[tuple[str, str], ...] = ()
    identities: tuple[tuple[str, str], ...] = ()
    playbook: bool = False
    elsewhere: tuple[str, ...] = ()
    locks: tuple[str, ...] = ()

    @property
    def book(self) -> str:
        """What was carried out: a runbook or a playbook."""
        return "Playbook" if self.playbook else "Runbook"

    @property
    def places(self) -> str:
        """The environment that it was for, and those of its stages beside that."""
        told = f"{self.environment} (protected)" if self.protected else self.environment
        return f"{told}; stages in {', '.join(self.elsewhere)}" if self.elsewhere else told

    @property
    def seconds(self) -> float:
        """Seconds from its begin to its end, or to its last record."""
        return max(((self.ended or self.last) - self.began).total_seconds(), 0.0)

    @property
    def verify(self) -> str:
        """The command that recomputes the journal's chain."""
        return f"rollbook verify-journal {self.id} --head {self.head[:16]}"


@dataclass(frozen=True, slots=True)
class Report:
    """A run, and the run that undid it, told as an incident."""

    run: RunAccount
    undo: RunAccount | None
    zone: tzinfo | None
    summary: tuple[Sentence, ...]
    impact: Impact
    steps: tuple[StepAccount, ...]
    moments: tuple[Moment, ...]
    answers: tuple[AnswerAccount, ...]
    written: tuple[WrittenSection, ...]
    stages: tuple[StageAccount, ...] = ()
    stakes: tuple[StakeAccount, ...] = ()
    format: int = FORMAT

    @property
    def runs(self) -> tuple[RunAccount, ...]:
        """The run, and its undo if there is one."""
        return (self.run, self.undo) if self.undo else (self.run,)

    @property
    def changes(self) -> tuple[StepAccount, ...]:
        """The steps that wrote, in order."""
        return tuple(step for step in self.steps if step.changed)

    @property
    def found(self) -> tuple[StepAccount, ...]:
        """The steps that looked and wrote nothing, and told what they saw."""
        told = (step for step in self.steps if step.details and step.status == "ok" and step.verdict != "ask")
        return tuple(step for step in told if not step.changed and not step.adopted)

    @property
    def adopted(self) -> tuple[StepAccount, ...]:
        """The steps that somebody did by hand, in order."""
        return tuple(step for step in self.steps if step.adopted)

    @property
    def missing(self) -> tuple[StepAccount, ...]:
        """The steps that did not happen as planned: skipped, failed, in doubt, waiting or never reached."""
        return tuple(
            step
            for step in self.steps
            if step.status in ("skipped", "failed", "unreachable", "in_doubt", "waiting", "running", "pending")
        )

    @property
    def troubles(self) -> tuple[Moment, ...]:
        """Retries, drift, doubts, warnings and the like, in order."""
        told = ("step", "begin", "end", "downtime")
        return tuple(moment for moment in self.moments if moment.tone in ("warn", "bad") and moment.type not in told)

    @property
    def undoable(self) -> tuple[StepAccount, ...]:
        """The first run's changes, last first, as an undo walks them."""
        return tuple(step for step in reversed(self.steps) if step.undo is not None and step.run == self.run.id)

    @property
    def undo_command(self) -> str:
        """What takes the run back, as far as that can be: down to the last change that is refused, where one is."""
        refused = [step.address for step in self.undoable if step.undo and step.undo.state == "refused"]
        return f"rollbook undo {self.run.id}" + (f" --to {quote(refused[0])}" if refused else "")

    @property
    def evidence(self) -> tuple[StepAccount, ...]:
        """The steps that left output or files."""
        return tuple(step for step in self.steps if step.left)
