"""`notify.send`: a message through whatever channel the environment has."""

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import ClassVar

from ...action import Action, Change, Family, Leave, Readers, Ref, Subject, Undo, Verdict, evidence
from ...dataclass import dataclass
from ...errors import Dispensable, RefusedError, TargetError
from ...ops import Carriers, ChatMessage, Execution, HttpCall, Mail, Op, OpResult
from ...targets.base import ChannelReader
from ...values import Plain, Secret


@dataclass(frozen=True, slots=True)
class Notify(Op):
    """Send one message, of whichever kind is given; the run goes on without one that is not *required*."""

    op: ClassVar[str] = "notify"
    target: str
    call: HttpCall | None = None
    mail: Mail | None = None
    chat: ChatMessage | None = None
    required: bool = False

    def _message(self) -> Op:
        message = self.call or self.mail or self.chat
        if message is None:
            raise ValueError("a notification needs a message")
        return message

    def render(self) -> tuple[str, ...]:
        """Give the message, and that the run may go on without it."""
        ending = () if self.required else ("(the run goes on if this fails)",)
        return (f"through {self.target}:", *self._message().render(), *ending)

    def carry_out(self, carriers: Carriers, execution: Execution) -> OpResult:
        """Send it. Raises `Dispensable` where it cannot be sent, unless it is required: then what that failed of."""
        try:
            result = carriers.execute(self._message(), execution)
        except TargetError as error:
            if self.required:
                raise
            warning = f"not sent: {error.message}"
            raise Dispensable(warning, advice=error.advice, outputs={"sent": False, "warning": warning}) from error
        refused = result.outputs.get("refused")
        warning = f"refused for {', '.join(refused)}" if refused else ""
        if warning:
            execution.write_output(f"warning: {warning}\n".encode())
        return OpResult(outputs={"sent": True, "warning": warning})


@dataclass(frozen=True, slots=True)
class NotifyState:
    """Whether the message was sent; None, for no channel can be asked. *channel* is the target's kind."""

    done: bool | None
    channel: str = evidence(default="")


@dataclass(frozen=True, slots=True)
class NotifySend(Action[NotifyState]):
    """
    Send a message: a webhook through an http target, a mail through smtp, anything else through apprise.

    The target's kind decides, so that one runbook serves environments with different channels. A
    message that cannot be sent is told as failed and the run goes on, unless it is `required`.
    After a crash it may be sent twice, which is better than asking a tired person about it.

    `recipients` names a list of people's addresses, such as that of `postgres.affected_users`. It stays a file: no
    address comes into plan, journal or report. Mails go out fifty recipients at a time, hidden from each other, and who
    has one is noted beside the list, so that a resume goes on with the others. It takes `approved_by`, which a question
    before it gives: users are never mailed because a run came to that step.
    """

    kind: ClassVar[str] = "notify.send"
    family: ClassVar[Family] = "command"
    example: ClassVar[Mapping[str, Plain]] = {
        "target": "channel",
        "subject": "Course restored",
        "text": "The outline is back as of Monday.",
        "to": ["course-team@example.org"],
    }
    output_names: ClassVar[tuple[str, ...] | None] = ("sent", "warning")

    text: str
    subject: str = ""
    target: Ref[ChannelReader] = Ref("channel")
    to: tuple[str, ...] = field(default=(), metadata={"help": "recipients, where the channel is mail"})
    recipients: str = field(
        default="", metadata={"help": "a CSV file with a column email: all of them are mailed, hidden from each other"}
    )
    approved_by: str = field(default="", metadata={"help": "who approved that, for recipients: the output by"})
    url: str | Secret = field(default="", metadata={"help": "for a webhook: its address, or a path below the target's"})
    body: Mapping[str, Plain] | None = field(default=None, metadata={"help": "for a webhook: its JSON, else {text: …}"})
    headers: Mapping[str, str | Secret] = field(default_factory=dict)
    required: bool = field(default=False, metadata={"help": "stop the run when it cannot be sent"})

    def __post_init__(self) -> None:
        if not self.text.strip():
            raise ValueError("text: expected a message")
        if "\n" in self.subject or "\r" in self.subject:
            raise ValueError("subject: expected one line")
        if self.recipients and not self.approved_by.strip():
            raise ValueError(
                "approved_by: users are not mailed unless somebody approved it: {{ steps.ASKED.outputs.by }}"
            )
        if self.recipients and self.to:
            raise ValueError("recipients: expected either these or to")

    def subjects(self) -> frozenset[Subject]:
        """Name the channel."""
        return frozenset({Subject(self.target.name, self.kind)})

    def probe(self, read: Readers) -> NotifyState:
        """Look what kind of channel it is. Raises `RefusedError` when it is mail and nobody is named."""
        channel = read[self.target].kind
        if self.recipients and channel != "smtp":
            raise RefusedError(
                f"The channel {self.target} is no mail, and recipients: are to be mailed.",
                advice="Name a target of kind smtp, or leave recipients: out.",
            )
        if channel == "smtp" and not self.to and not self.recipients:
            raise RefusedError(
                f"The channel {self.target} is mail, and the message names no recipients.",
                advice="Give the step `to:` with addresses.",
            )
        return NotifyState(done=None, channel=channel)

    def desired(self, before: NotifyState) -> NotifyState:
        """Want it sent."""
        return NotifyState(done=True, channel=before.channel)

    def ops(self, old: NotifyState, new: NotifyState) -> tuple[Op, ...]:
        """Send it, by what the channel is."""
        if old.done or not new.done:
            return ()
        name = self.target.name
        match new.channel:
            case "smtp":
                subject = self.subject or self.text.strip().splitlines()[0][:78]
                mail = Mail(name, self.to, subject, self.text, self.recipients, self.approved_by)
                return (Notify(name, mail=mail, required=self.required),)
            case "apprise":
                return (Notify(name, chat=ChatMessage(name, self.subject, self.text), required=self.required),)
        body = (
            dict(self.body) if self.body is not None else {"text": "\n".join(filter(None, (self.subject, self.text)))}
        )
        call = HttpCall(name, "POST", self.url, headers=dict(self.headers), body=body)
        return (Notify(name, call=call, required=self.required),)

    def undo(self, change: Change[NotifyState]) -> Undo[NotifyState]:  # noqa: ARG002  # always the same
        """Leave it: what people may have read cannot be taken back."""
        return Leave("a message that people may have read cannot be taken back")

    def outputs(self, after: NotifyState, results: Sequence[OpResult]) -> Mapping[str, Plain]:  # noqa: ARG002  # results tell
        """Tell whether it was sent, and why not."""
        given: dict[str, Plain] = {"sent": bool(results), "warning": ""}
        for result in results:
            given.update({name: value for name, value in result.outputs.items() if name in given})
        return given

    def verdict(self, change: Change[NotifyState]) -> Verdict:
        """Sort it: something is sent, or has been."""
        return "run" if change.ops else "noop"
