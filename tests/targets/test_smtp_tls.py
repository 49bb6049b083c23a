"""Laws of smtp targets over TLS and with accounts, against the mail server aiosmtpd."""

import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult
from authority import Authority, Certified

from rollbook.errors import TargetError
from rollbook.ops import Mail

PASSWORDS = ("correct horse battery", "gehäim→wört")


@dataclass
class Box:
    """Takes mails, but none for refused.example; remembers whether they came by TLS, and from which account."""

    password: str
    mails: list[tuple[list[str], bytes, bool]] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802  # so aiosmtpd calls it
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        if address.endswith("refused.example"):
            return "550 nobody of that name"
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  # as above
        self.mails.append(
            (envelope.rcpt_tos, envelope.content, server.transport.get_extra_info("ssl_object") is not None)
        )
        return "250 ok"

    def authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, given: Any) -> AuthResult:
        right = (given.login, given.password) == (b"ops", self.password.encode())
        return AuthResult(success=right, handled=False, auth_data="ops")


class Server(Controller):
    """A mail server with STARTTLS, or TLS from the first byte."""

    def __init__(self, box: Box, shown: Certified, tls: str) -> None:
        self._shown, self._tls, self._box = shown.context(), tls, box
        super().__init__(box, "127.0.0.1", 0)

    def factory(self) -> SMTP:
        if self._tls == "tls":
            return SMTP(self._box, authenticator=self._box.authenticate, auth_require_tls=False)
        return SMTP(
            self._box,
            authenticator=self._box.authenticate,
            auth_required=True,
            require_starttls=True,
            tls_context=self._shown,
        )

    def _create_server(self) -> Any:
        context: ssl.SSLContext | None = self._shown if self._tls == "tls" else None
        return self.loop.create_server(self._factory_invoker, host=self.hostname, port=0, ssl=context)

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        if self._tls != "tls":
            super()._trigger_server()
            return
        anybody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
        with socket.create_connection((self.hostname, self.port)) as plain, anybody.wrap_socket(plain) as session:
            session.recv(100)


Serve = Callable[..., Server]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def serve() -> Iterator[Serve]:
    servers: list[Server] = []

    def start(box: Box, shown: Certified, tls: str) -> Server:
        servers.append(Server(box, shown, tls))
        servers[-1].start()
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


def settings(server: Server, authority: Authority, tls: str, **more: Any) -> tuple[str, dict[str, Any]]:
    place = {"host": "127.0.0.1", "port": server.port, "tls": tls, "sender": "ops@example.org"}
    account = {"user": "ops", "password": {"secret": "env:PASS"}, "ca": str(authority.path)}
    return "smtp", {**place, **account, **more}


@pytest.mark.parametrize("password", PASSWORDS)
@pytest.mark.parametrize("tls", ["starttls", "tls"])
def test_a_mail_goes_through_tls_with_an_account(
    authority: Authority, serve: Serve, make_pool: Any, execution: Any, tls: str, password: str
) -> None:
    """With the account's password, in whatever script, the mail arrives once, by TLS and in seven bits."""
    box = Box(password)
    server = serve(box, authority.certify("127.0.0.1"), tls)
    pool = make_pool({"PASS": password}, mail=settings(server, authority, tls))

    op = Mail("mail", ("a@example.org", "b@refused.example"), "Kurs zurück ✓", "Zeile eins → ü\n.\nzwei\n")
    result = pool.execute(op, execution)

    ((recipients, content, by_tls),) = box.mails
    message: Any = message_from_bytes(content, policy=policy.default)
    assert by_tls
    assert recipients == ["a@example.org"]
    assert result.outputs == {"refused": ["b@refused.example"]}
    assert content.isascii()
    assert message["subject"] == "Kurs zurück ✓"
    assert (message["from"], message["to"]) == ("ops@example.org", "a@example.org, b@refused.example")
    assert message.get_content().splitlines() == ["Zeile eins → ü", ".", "zwei"]
    assert all(message[name] for name in ("date", "message-id"))
    assert [finding.severity for finding in pool.target("mail").check()] == ["ok"]


@pytest.mark.parametrize("wrong", ["not the password", "nicht das Wört"])
def test_a_wrong_password_is_told(
    authority: Authority, serve: Serve, make_pool: Any, execution: Any, wrong: str
) -> None:
    """A refused account is told with the server's words and without the password; nothing is sent."""
    box = Box(PASSWORDS[0])
    server = serve(box, authority.certify("127.0.0.1"), "starttls")
    pool = make_pool({"PASS": wrong}, mail=settings(server, authority, "starttls"))

    with pytest.raises(TargetError, match="refused the account: 535") as caught:
        pool.execute(Mail("mail", ("a@example.org",), "s", "t"), execution)

    assert wrong not in str(caught.value)
    assert not box.mails
    assert pool.target("mail").check()[0].severity == "missing"


def test_no_account_and_no_recipient_are_told(
    authority: Authority, serve: Serve, make_pool: Any, execution: Any
) -> None:
    """A server that wants an account, or refuses all recipients, is quoted."""
    box = Box(PASSWORDS[0])
    server = serve(box, authority.certify("127.0.0.1"), "starttls")
    own = settings(server, authority, "starttls")
    pool = make_pool({"PASS": PASSWORDS[0]}, mail=own, open=("smtp", {**own[1], "user": None, "password": None}))

    with pytest.raises(TargetError, match=r"b@refused\.example: 550 nobody of that name"):
        pool.execute(Mail("mail", ("b@refused.example",), "s", "t"), execution)
    with pytest.raises(TargetError, match="530"):
        pool.execute(Mail("open", ("a@example.org",), "s", "t"), execution)

    assert not box.mails


@pytest.mark.parametrize("tls", ["starttls", "tls"])
@pytest.mark.parametrize("bad", ["expired", "other", "self", "unknown"])
def test_a_bad_certificate_gets_no_password(
    authority: Authority, serve: Serve, make_pool: Any, execution: Any, tls: str, bad: str
) -> None:
    """A server whose certificate is not right gets neither a password nor a mail; the error says what to do."""
    shown = {
        "expired": lambda: authority.certify("127.0.0.1", days=-30),
        "other": lambda: authority.certify("other.example"),
        "self": lambda: authority.self_signed("127.0.0.1"),
        "unknown": lambda: authority.certify("127.0.0.1"),
    }[bad]()
    box = Box(PASSWORDS[0])
    server = serve(box, shown, tls)
    more = {"ca": None} if bad == "unknown" else {}
    pool = make_pool({"PASS": PASSWORDS[0]}, mail=settings(server, authority, tls, **more))

    with pytest.raises(TargetError, match="cannot be trusted, nothing was sent") as caught:
        pool.execute(Mail("mail", ("a@example.org",), "s", "t"), execution)

    assert caught.value.advice
    assert not box.mails
