"""Mail servers."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar, Final

from ..errors import TargetError, Unreachable
from ..ops import Execution, Mail, Op, OpResult
from .base import MailReader, TargetSpec
from .probe import BaseProbe
from .settings import SmtpSettings
from .surroundings import BaseTarget, Surroundings

if TYPE_CHECKING:
    from smtplib import SMTP

_PORTS: Final = {"starttls": 587, "tls": 465, "none": 25}
_ADDRESS: Final = re.compile(r"[^\s<>,;:\"()\[\]\\@]+@[^\s<>,;:\"()\[\]\\@]+")
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

    def execute(self, op: Op, execution: Execution) -> OpResult:  # noqa: ARG002  # a mail takes no time of its own
        """Send one mail; recipients that the server refused are told in the outputs."""
        if not isinstance(op, Mail):
            raise self.misplaced(op)
        message = self._message(op)
        with self.session() as session:
            refused = session.sendmail(self.settings.sender, list(op.to), message)
        return OpResult(outputs={"refused": sorted(refused)})

    def _message(self, op: Mail) -> bytes:
        from email.message import EmailMessage
        from email.policy import SMTP
        from email.utils import localtime, make_msgid

        if not op.to:
            raise TargetError(f"{self.name}: a mail without recipients", advice="Name them in to:.")
        for address in (self.settings.sender, *op.to):
            if not _ADDRESS.fullmatch(address):
                raise TargetError(
                    f"{self.name}: {address!r} is no mail address", advice="Write it like name@example.org."
                )
        if _BREAKS.search(op.subject):
            raise TargetError(f"{self.name}: the subject has a line break in it", advice="Write one line.")
        message = EmailMessage(policy=SMTP)
        message["From"] = self.settings.sender
        message["To"] = ", ".join(op.to)
        message["Subject"] = self.redactor.text(op.subject)
        message["Date"] = localtime()
        message["Message-ID"] = make_msgid("rollbook", self.settings.sender.rpartition("@")[2])
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(self.redactor.text(op.text))
        return message.as_bytes()

    @contextmanager
    def session(self) -> "Iterator[SMTP]":
        """Log in; raises `Unreachable` or `TargetError`."""
        import smtplib
        import ssl

        try:
            with self._connected() as session:
                if self.settings.user is not None and self.settings.password is not None:
                    session.login(self.settings.user, self.secrets.value(self.settings.password))
                yield session
        except smtplib.SMTPAuthenticationError as error:
            raise TargetError(
                f"{self.name}: {self.place} refused the account: {self.safe(error.smtp_error)}",
                advice="Look at user: and the password's secret.",
            ) from error
        except smtplib.SMTPRecipientsRefused as error:
            raise TargetError(
                f"{self.name}: {self.place} refused every recipient: {self.safe(error.recipients)}",
                advice="Correct the addresses, or ask the server's owner why; nothing was sent.",
            ) from error
        except ssl.SSLError as error:
            raise TargetError(
                f"{self.name}: the connection to {self.place} cannot be trusted: {self.safe(error)}",
                advice="Is the certificate valid for this host, and do port: and tls: fit together?",
            ) from error
        except (smtplib.SMTPResponseException, smtplib.SMTPNotSupportedError) as error:
            raise TargetError(
                f"{self.name}: {self.place} refused: {self.safe(error)}", advice="Look at the server's message."
            ) from error
        except OSError as error:  # smtplib's errors are too
            raise Unreachable(
                f"{self.name}: {self.place} does not answer: {self.safe(error)}",
                advice="Is the server up, and do host:, port: and tls: fit together?",
            ) from error

    def _connected(self) -> "SMTP":
        import smtplib
        import ssl

        host, port = self.settings.host, self.settings.port or _PORTS[self.settings.tls]
        if self.settings.tls == "tls":
            return smtplib.SMTP_SSL(host, port, timeout=self.settings.timeout, context=ssl.create_default_context())
        session = smtplib.SMTP(host, port, timeout=self.settings.timeout)
        if self.settings.tls == "starttls":
            # Raises where the server does not offer it, so a password never goes out in the clear.
            try:
                session.starttls(context=ssl.create_default_context())
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
