"""Mail servers."""

import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar, Final

from ..errors import TargetError, Unreachable
from ..ops import Execution, Mail, Op, OpResult
from .base import MailReader, TargetSpec
from .probe import BaseProbe
from .settings import MAIL_ADDRESS, SmtpSettings
from .surroundings import BaseTarget, Surroundings
from .tls import advice_for, make_context

if TYPE_CHECKING:
    from smtplib import SMTP

_GO_ON: Final = 334
_LOGGED_IN: Final = 235
_PORTS: Final = {"starttls": 587, "tls": 465, "none": 25}
_BREAKS: Final = re.compile(r"[\r\n\0]")


class SmtpTarget(BaseTarget[SmtpSettings]):
    """A mail server, able to send."""

    kind_name: ClassVar[str] = "smtp"

    def __init__(self, spec: TargetSpec, settings: SmtpSettings, surroundings: Surroundings) -> None:
        super().__init__(spec, settings, surroundings)
        self._reader = MailProbe(self)

    def reader(self) -> "MailProbe":
        """Give the side that only asks."""
        return self._reader

    @property
    def place(self) -> str:
        """The server's host and port."""
        return f"{self.settings.host}:{self.settings.port or _PORTS[self.settings.tls]}"

    def execute(self, op: Op, execution: Execution) -> OpResult:
        """Send one mail; recipients that the server refused are told in the outputs."""
        if not isinstance(op, Mail):
            raise self.misplaced(op)
        if op.listed:
            from .mail_list import send_listed

            return send_listed(self, op, execution)
        if not op.to:
            raise TargetError(f"{self.name}: a mail without recipients", advice="Name them in to:.")
        message = self.message(op, ", ".join(op.to))
        with self.session() as session:
            refused = session.sendmail(self.settings.sender, list(op.to), message)
        return OpResult(outputs={"refused": sorted(refused)})

    def is_address(self, text: str) -> bool:
        """Tell whether a mail can be sent to *text*, and to nobody besides."""
        return MAIL_ADDRESS.fullmatch(text) is not None

    def message(self, op: Mail, to: str) -> bytes:
        """Write the mail as it goes over the wire, *to* in its head. Raises `TargetError` for what is no address."""
        from email.message import EmailMessage
        from email.policy import SMTP
        from email.utils import localtime, make_msgid

        for address in (self.settings.sender, *op.to):
            if not self.is_address(address):
                raise TargetError(
                    f"{self.name}: {address!r} is no mail address", advice="Write it like name@example.org."
                )
        if _BREAKS.search(op.subject):
            raise TargetError(f"{self.name}: the subject has a line break in it", advice="Write one line.")
        # Seven bits, for not every server takes eight.
        message = EmailMessage(policy=SMTP.clone(cte_type="7bit"))
        message["From"] = self.settings.sender
        message["To"] = to
        message["Subject"] = self.redactor.text(op.subject)
        message["Date"] = localtime()
        message["Message-ID"] = make_msgid("rollbook", self.settings.sender.rpartition("@")[2])
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(self.redactor.text(op.text))
        return message.as_bytes()

    @contextmanager
    def session(self) -> "Iterator[SMTP]":
        """Log in; raises `Unreachable` or `TargetError`."""
        try:
            with self._connected() as session:
                if self.settings.user is not None and self.settings.password is not None:
                    self._log_in(session, self.settings.user, self.secrets.value(self.settings.password))
                yield session
        except OSError as error:  # smtplib's errors are too
            raise self._explained(error) from error

    def _explained(self, error: OSError) -> TargetError:
        """Say what went wrong with the server, and what to look at."""
        import smtplib
        import ssl

        match error:
            case smtplib.SMTPAuthenticationError():
                said = f"refused the account: {self._said(error.smtp_code, error.smtp_error)}"
                advice = "Look at user: and the password's secret."
            case smtplib.SMTPRecipientsRefused():
                each = (f"{to}: {self._said(*answer)}" for to, answer in error.recipients.items())
                said = f"refused every recipient: {'; '.join(each)}"
                advice = "Correct the addresses, or ask the server's owner why; nothing was sent."
            case ssl.SSLError():
                told = f"the connection to {self.place} cannot be trusted, nothing was sent: {self.safe(error)}"
                return TargetError(f"{self.name}: {told}", advice=advice_for(str(error)))
            case smtplib.SMTPResponseException():
                said = f"refused: {self._said(error.smtp_code, error.smtp_error)}"
                advice = "Look at the server's message."
            case smtplib.SMTPNotSupportedError():
                said = f"cannot do it: {self.safe(error)}"
                advice = "Do port: and tls: fit together, and does the server know the account's way to log in?"
            case _:
                said = f"does not answer: {self.safe(error)}"
                advice = "Is the server up, and do host:, port: and tls: fit together?"
                return Unreachable(f"{self.name}: {self.place} {said}", advice=advice)
        return TargetError(f"{self.name}: {self.place} {said}", advice=advice)

    def _said(self, code: int, text: bytes | str) -> str:
        return self.safe(f"{code} {text.decode(errors='replace') if isinstance(text, bytes) else text}")

    def _log_in(self, session: "SMTP", user: str, password: str) -> None:
        from smtplib import SMTPAuthenticationError

        if (user + password).isascii():
            session.login(user, password)
            return
        # smtplib writes passwords in ASCII only; PLAIN is defined as UTF-8 (RFC 4616), and LOGIN is taken so.
        session.ehlo_or_helo_if_needed()
        offered = session.esmtp_features.get("auth", "").upper().split()
        words = ((f"\0{user}\0{password}",), (user, password))
        for mechanism, answers in zip(("PLAIN", "LOGIN"), words, strict=True):
            if mechanism in offered:
                code, said = session.docmd("AUTH", mechanism)
                for answer in answers:
                    if code == _GO_ON:
                        code, said = session.docmd(b64encode(answer.encode()).decode())
                if code == _LOGGED_IN:
                    return
                raise SMTPAuthenticationError(code, said)
        raise TargetError(
            f"{self.name}: {self.place} offers no way to log in with an account or password beyond ASCII: "
            f"{' '.join(offered) or 'no AUTH at all'}",
            advice="Have it offer PLAIN or LOGIN, or give the account a password of ASCII letters.",
        )

    def _connected(self) -> "SMTP":
        import smtplib

        host, port = self.settings.host, self.settings.port or _PORTS[self.settings.tls]
        context = None if self.settings.tls == "none" else make_context(self.name, self.settings.ca)
        if self.settings.tls == "tls":
            return smtplib.SMTP_SSL(host, port, timeout=self.settings.timeout, context=context)
        session = smtplib.SMTP(host, port, timeout=self.settings.timeout)
        if context is not None:
            # Raises where the server does not offer it, so a password never goes out in the clear.
            try:
                session.starttls(context=context)
            except BaseException:
                session.close()
                raise
        return session


class MailProbe(BaseProbe, MailReader):
    """The asking side of a mail server."""

    kinds: ClassVar[tuple[str, ...]] = ("smtp",)

    def __init__(self, target: SmtpTarget) -> None:
        super().__init__(target)
        self._session = target.session
        self._place = target.place

    def identity(self) -> Mapping[str, str]:
        """Give the host and port, once the server answered and took the account; raises `Unreachable`."""
        with self._session() as session:
            session.noop()
        return {"host": self._place}
